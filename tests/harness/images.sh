# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # shares variables with common.sh and with the program that sources both
# SPDX-License-Identifier: GPL-2.0
#
# What a guest boots from, built on first use. To be sourced after common.sh.
#
# A guest's root is an overlay of up to three layers, each an ext4 image:
#
#   product  this tree, built and installed for one kernel     one per content of the tree and kernel
#   kernel   a kernel with its modules and headers             one per kernel version
#   base     a Debian root with a toolchain                    one per suite
#
# so that an edit of the sources costs a build of the sources, and a new kernel one package installation. The layers are
# built the way the guest sees them, each in a chroot on an overlay (the program `layer`).

mirror=${FSESSION_MIRROR:-http://deb.debian.org/debian}
security_mirror=${FSESSION_SECURITY_MIRROR:-http://deb.debian.org/debian-security}

# --- package indices ---

# Where a libbpf may be that no release has.
readonly NEXT_SUITE=forky

# apt_dir: prints where the indices of kernel_suite live. They serve both the host's apt-cache, to resolve versions, and
# apt in the chroots, so they are downloaded once and the two never disagree.
apt_dir() {
	printf '%s\n' "$cache/apt/$kernel_suite-$deb_arch"
}

apt_prepare() {
	local dir signed='[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]'
	dir=$(apt_dir)
	[[ -e /usr/share/keyrings/debian-archive-keyring.gpg ]] ||
		die "no Debian archive keyring; run tests/harness/install-deps"
	mkdir -p "$dir"/{lists/partial,cache,state}
	: >"$dir/status"
	cat >"$dir/sources.list" <<-END
		deb $signed $mirror $kernel_suite main
		deb $signed $mirror $kernel_suite-updates main
		deb $signed $mirror $kernel_suite-backports main
		deb $signed $security_mirror $kernel_suite-security main
	END
	# The next release: it has nothing beside it yet, and a mirror that is two weeks old is as good.
	[[ $kernel_suite != "$NEXT_SUITE" ]] ||
		echo "deb ${signed/]/ check-valid-until=no]} $mirror $kernel_suite main" >"$dir/sources.list"
	# Of the host's apt configuration only the way to the network counts; its hooks and sources must not act here.
	apt-config dump | grep -E '^Acquire::(http|https)(::[^ ]*)?::Proxy' >"$dir/proxy.conf" || true
	cat >"$dir/apt.conf" - "$dir/proxy.conf" <<-END
		Dir::Etc::Parts "/dev/null";
		Dir::Etc::SourceList "$dir/sources.list";
		Dir::Etc::SourceParts "/dev/null";
		Dir::Etc::Preferences "/dev/null";
		Dir::Etc::PreferencesParts "/dev/null";
		Dir::State "$dir/state";
		Dir::State::Lists "$dir/lists";
		Dir::State::Status "$dir/status";
		Dir::Cache "$dir/cache";
		APT::Architecture "$deb_arch";
		APT::Architectures "$deb_arch";
		APT::Sandbox::User "root";
		Acquire::Languages "none";
		Acquire::Retries "3";
	END
}

# apt_refresh MINUTES: makes the indices at most MINUTES old. Without a network, older ones do.
apt_refresh() {
	local dir
	dir=$(apt_dir)
	with_lock "apt-$kernel_suite-$deb_arch" apt_refresh_locked "$1" "$dir"
}

apt_refresh_locked() {
	local max_age=$1 dir=$2
	[[ -n $(find "$dir/stamp" -mmin "-$max_age" 2>/dev/null) ]] && return
	apt_prepare
	say "fetching the package indices of $kernel_suite ($deb_arch)"
	# --error-on=any: by default apt-get update calls a download error a warning.
	if APT_CONFIG=$dir/apt.conf apt-get -q -o APT::Update::Error-Mode=any update >"$dir/log" 2>&1; then
		touch "$dir/stamp"
	elif [[ -e $dir/stamp ]]; then
		say "could not refresh them, going on with those of $(date -r "$dir/stamp" +%F)"
	else
		cat "$dir/log" >&2
		die "cannot fetch the package indices of $kernel_suite"
	fi
}

apt_query() {
	APT_CONFIG=$(apt_dir)/apt.conf apt-cache "$@"
}

# apt_versions PACKAGE: prints the versions of PACKAGE on offer, if any.
apt_versions() {
	apt_query madison "$1" 2>/dev/null | awk '{ print $3 }'
}

# kernel_offers: prints what kernel_packages may be now, "VERSION IMAGE" a line, the newest of a pattern first.
kernel_offers() {
	local package image version
	for package in ${kernel_packages//,/ }; do
		if [[ $package == *'*'* ]]; then
			while read -r image; do
				# shellcheck disable=SC2053 # a glob is meant
				[[ $image == $package ]] || continue
				apt_versions "$image" | sed "s/\$/ $image/"
			done < <(apt_query pkgnames linux-image- | sort -rV)
		else
			while read -r version; do
				apt_query show "$package=$version" |
					sed -n "s/^Depends:.*\(linux-image-[0-9][^ ,]*\).*/$version \1/p"
			done < <(apt_versions "$package")
		fi
	done
}

# kernel_from_source: is it one that we build ourselves?
kernel_from_source() {
	[[ $kernel_packages == linux-source-* ]]
}

# kernel_resolve: sets kernel_release (what uname -r says) and kernel_version (of the Debian package).
kernel_resolve() {
	local version image
	kernel_release='' kernel_version=''
	if kernel_from_source; then
		while read -r version; do
			# shellcheck disable=SC2053 # a glob is meant
			[[ $version == $kernel_versions ]] || continue
			kernel_release=${version%%-*}-fsession-${kernel_name#*-}
			kernel_version=$version
			return
		done < <(apt_versions "$kernel_packages")
		return 1
	fi
	while read -r version image; do
		# shellcheck disable=SC2053 # a glob is meant
		[[ $version == $kernel_versions ]] || continue
		[[ -z $kernel_version ]] || dpkg --compare-versions "$version" gt "$kernel_version" || continue
		# The header package can lag behind, or be gone from the archive before the image is.
		apt_versions "${image/image/headers}" | grep -xF "$version" >/dev/null || continue
		kernel_release=${image#linux-image-}
		kernel_version=$version
	done < <(kernel_offers)
	[[ -n $kernel_release ]]
}

# --- layers ---

# run_layer LOG ARGUMENT...: runs `layer` with its output in LOG, which is shown if it fails.
#
# The mount namespace holds every mount of the build, and the PID namespace every process: both vanish with it,
# however it ends. Nothing is ever to be unmounted or killed by hand.
run_layer() {
	local log=$1 status=0
	shift
	((EUID == 0)) || die "building needs root (chroot, mounts)"
	[[ $deb_arch == "$(dpkg --print-architecture)" ]] || ensure_emulation
	if ((verbose)); then
		exec {layer_output}> >(tee "$log" >&2)
	else
		exec {layer_output}>"$log"
	fi
	# Being tied, the first unshare takes the namespaces with it; the build of a product needs no network and gets none.
	local namespaces=(--mount --propagation private --pid --fork --kill-child)
	[[ $1 != product ]] || namespaces+=(--net)
	tied unshare "${namespaces[@]}" "$harness_dir/layer" "$@" </dev/null >&"$layer_output" 2>&1 &
	local layer=$!
	exec {layer_output}>&-
	wait "$layer" || status=$?
	if ((status)); then
		((verbose)) || tail -n 400 "$log" >&2
		die "$1 layer failed (exit $status); log: $log"
	fi
}

# ensure_layer KIND KEY FUNCTION: makes sure $cache/KIND/KEY exists; FUNCTION DIR fills DIR when it does not. Sets
# layer_dir.
ensure_layer() {
	layer_dir=$cache/$1/$2
	if [[ ! -d $layer_dir ]]; then
		with_lock "$1-$2" ensure_layer_locked "$@"
	fi
	touch "$layer_dir"	# evict() goes by this
}

ensure_layer_locked() {
	local new start=$SECONDS
	[[ ! -d $layer_dir ]] || return 0	# somebody else built it while we waited
	new=$(fresh_dir "$layer_dir")
	say "building $1 layer $2"
	# set -e does not reach in here (with_lock tests our status), so failures have to be said.
	"$3" "$new" || die "cannot build $1 layer $2"
	mv "$new" "$layer_dir" || die "cannot write $layer_dir"
	say "built $1 layer $2 in $((SECONDS - start)) s"
}

# checksum FILE...: a short hash of the contents, for cache keys.
checksum() {
	cat "$@" | sha256sum | cut -c1-12
}

base_key() {
	printf '%s-%s-%s\n' "$kernel_suite" "$deb_arch" \
		"$(checksum "$harness_dir"/{base-packages,layer,layers/base} <(printf '%s\n' "$mirror"))"
}

ensure_base() {
	ensure_layer base "$(base_key)" fill_base
	base_dir=$layer_dir
}

fill_base() {
	apt_refresh 60
	run_layer "$cache/log/base-$kernel_suite-$deb_arch" base "$1" "$(apt_dir)" "$kernel_suite" "$deb_arch" "$mirror"
	evict 1 "$cache/base/$kernel_suite-$deb_arch-"
}

# source_configs: prints which options a kernel that we build has.
source_configs() {
	printf '%s\n' "$harness_dir/guest.config" "$harness_dir/${kernel_name#*-}.config"
}

source_key() {
	local configs
	mapfile -t configs < <(source_configs)
	printf '%s_%s-%s-%s\n' "$kernel_release" "$kernel_version" "$(base_key)" \
		"$(checksum "$harness_dir/layers/source" "${configs[@]}")"
}

# That takes an hour, so it is kept apart from what is made of it.
fill_source() {
	local configs
	mapfile -t configs < <(source_configs)
	apt_refresh 60
	run_layer "$cache/log/source-$kernel_release" source "$1" "$(apt_dir)" "$base_dir" "$kernel_release" \
		"$kernel_packages" "$kernel_version" "${configs[@]}"
	evict 4 "$cache/source/"
}

kernel_key() {
	local files=("$harness_dir/layers/kernel") source=
	if kernel_from_source; then
		files+=("$harness_dir/layers/packages" -)
		source=$(source_key)
	fi
	printf '%s_%s-%s-%s\n' "$kernel_release" "$kernel_version" "$(base_key)" "$(checksum "${files[@]}" <<<"$source")"
}

ensure_kernel() {
	# A day-old idea of which kernel is current will do, unless it has to be downloaded.
	apt_refresh 1440
	kernel_resolve || true
	if [[ -z $kernel_release || ! -d $cache/kernel/$(kernel_key) ]]; then
		apt_refresh 10
		kernel_resolve || die "no $kernel_versions kernel with headers in $kernel_suite ($kernel_packages)"
	fi
	ensure_base
	ensure_layer kernel "$(kernel_key)" fill_kernel
	kernel_dir=$layer_dir
}

fill_kernel() {
	if kernel_from_source; then
		local layer_dir
		ensure_layer source "$(source_key)" fill_source
		run_layer "$cache/log/kernel-$kernel_release" packages "$1" "$base_dir" "$kernel_release" \
			"$layer_dir/packages"
		return
	fi
	run_layer "$cache/log/kernel-$kernel_release" kernel "$1" "$(apt_dir)" "$base_dir" "$kernel_suite" \
		"$kernel_release" "$kernel_version"
	# Room for all rows in two versions.
	evict $((2 * $(kernel_rows | wc -l))) "$cache/kernel/"
}

# --- QEMU ---

# Before 8.1, QEMU's TCG could translate an instruction while another of its threads overwrote it, and keep the outdated
# translation. A kernel that patches itself then trips over its own breakpoints ("Oops: int3"), and to attach to a
# function is to patch the kernel. Emulating all CPUs in one thread avoids it, at a price.
readonly QEMU_WANTED=8.1

# ensure_qemu: sets the array qemu to a command, and tcg to the accelerator to use with it.
ensure_qemu() {
	local version=''
	tcg=tcg,thread=multi
	if [[ ${FSESSION_QEMU:-} ]]; then
		qemu=("$FSESSION_QEMU")
		return
	fi
	if command -v "$qemu_name" >/dev/null; then
		version=$("$qemu_name" --version | sed -n 's/^QEMU emulator version \([0-9.]*\).*/\1/p')
	fi
	qemu=("$qemu_name")
	[[ -z $version ]] || ! dpkg --compare-versions "$version" ge "$QEMU_WANTED" || return 0

	if ensure_own_qemu; then
		return
	fi
	[[ $version ]] || die "no $qemu_name; run tests/harness/install-deps"
	say "QEMU $version is older than $QEMU_WANTED: emulating all CPUs in one thread"
	tcg=tcg,thread=single
}

# ensure_own_qemu: takes QEMU from Debian 12's backports, for Debian 12 itself has 7.2. It runs on this machine, with its
# own libraries, whatever the guest's suite is.
ensure_own_qemu() {
	local kernel_suite=bookworm deb_arch base_dir layer_dir qemu_version multiarch
	deb_arch=$(dpkg --print-architecture)
	apt_refresh 1440
	qemu_version=$(apt_versions "$qemu_package" | head -n 1)
	[[ $qemu_version ]] && dpkg --compare-versions "$qemu_version" ge "1:$QEMU_WANTED" || return
	ensure_base
	# Without the epoch: its colon would end a path below.
	ensure_layer qemu "${qemu_package}_${qemu_version#*:}-$(base_key)-$(checksum "$harness_dir/layers/qemu")" fill_qemu

	local root=$layer_dir/root base=$base_dir/root
	for multiarch in "$base"/usr/lib/*-linux-gnu; do
		multiarch=${multiarch##*/}
	done
	qemu=(
		env "QEMU_MODULE_DIR=$root/usr/lib/$multiarch/qemu"
		"$(echo "$base"/usr/lib/"$multiarch"/ld-linux-*.so.*)"
		--inhibit-cache --library-path "$root/usr/lib/$multiarch:$base/usr/lib/$multiarch"
		"$root/usr/bin/$qemu_name" -L "$root/usr/share/qemu" -L "$root/usr/share/seabios"
	)
}

fill_qemu() {
	apt_refresh 10
	run_layer "$cache/log/qemu" qemu "$1" "$(apt_dir)" "$base_dir" "$kernel_suite" "$qemu_package" "$qemu_version"
	evict 2 "$cache/qemu/${qemu_package}_"
}

# --- programs of another architecture ---

# To build for another architecture is to run its programs; the kernel hands them to QEMU's user emulation. That is this
# machine's, if it has one that will do, else one of our own, which stays registered until the machine is restarted.
ensure_emulation() {
	local dir=/proc/sys/fs/binfmt_misc
	[[ -e $dir/register ]] || mount -t binfmt_misc binfmt_misc "$dir" ||
		die "cannot run $kernel_arch programs: no binfmt_misc"
	! emulated "$dir/$qemu_user" && ! emulated "$dir/fsession-$qemu_user" || return 0
	with_lock "emulation-$qemu_user" emulation_register "$dir"
}

# emulated ENTRY: whether ENTRY of binfmt_misc is there and good enough. It has to have the flag F: the kernel has opened
# the emulator then, and it acts in every chroot without being in there.
emulated() {
	local interpreter version
	[[ -e $1 ]] && grep -qx enabled "$1" && grep -q '^flags:.*F' "$1" || return
	[[ ${1##*/} != fsession-* ]] || return 0
	interpreter=$(sed -n 's/^interpreter //p' "$1")
	version=$("$interpreter" --version 2>/dev/null | sed -n 's/^qemu-.* version \([0-9.]*\).*/\1/p') || true
	[[ $version ]] && dpkg --compare-versions "$version" ge "$QEMU_WANTED"
}

# emulation_register BINFMT_MISC: the package says itself how its programs are to be registered; the path is to be ours.
emulation_register() {
	local kernel_suite=bookworm deb_arch layer_dir qemu_version
	! emulated "$1/fsession-$qemu_user" || return 0	# somebody else did while we waited
	deb_arch=$(dpkg --print-architecture)
	apt_refresh 1440
	qemu_version=$(apt_versions qemu-user | head -n 1)
	ensure_layer qemu "${qemu_user}_${qemu_version#*:}" fill_qemu_user
	[[ ! -e $1/fsession-$qemu_user ]] || echo -1 >"$1/fsession-$qemu_user"
	sed -e "s|^:[^:]*:|:fsession-$qemu_user:|" -e "s|:[^:]*:\([A-Z]*\)\$|:$layer_dir/$qemu_user:\1|" \
		"$layer_dir/binfmt" >"$1/register" || die "cannot register $qemu_user in $1"
}

fill_qemu_user() {
	local package
	apt_refresh 10
	(cd "$1" && APT_CONFIG=$(apt_dir)/apt.conf apt-get -q download "qemu-user=$qemu_version") \
		>"$cache/log/qemu-user" 2>&1 || { cat "$cache/log/qemu-user" >&2; return 1; }
	package=("$1"/*.deb)
	dpkg-deb --fsys-tarfile "${package[0]}" |
		tar -xf - -C "$1" --transform 's|.*/||' "./usr/bin/$qemu_user" || return
	dpkg-deb --fsys-tarfile "${package[0]}" |
		tar -xOf - "./usr/share/qemu/binfmt.d/$qemu_user.conf" >"$1/binfmt" || return
	rm "${package[0]}"
	evict 1 "$cache/qemu/${qemu_user}_"
}

# ensure_native: sets the array native to what `layer product` needs to run compilers without emulation: Debian's for this
# machine that make programs for kernel_arch, of the guest's suite. With FSESSION_NATIVE=0 there are none.
ensure_native() {
	local triplet=$kernel_arch-linux-gnu packages
	native=()
	[[ ${FSESSION_NATIVE:-1} != 0 && $deb_arch != "$(dpkg --print-architecture)" ]] || return 0
	packages=("$base_dir/root/usr/bin/$triplet"-cpp-[0-9]*)
	packages=("${packages[0]##*/}")
	packages=("cpp-${packages[0]##*-}-${triplet//_/-}" "binutils-${triplet//_/-}")

	local deb_arch base_dir layer_dir
	deb_arch=$(dpkg --print-architecture)
	ensure_base
	ensure_layer native "$triplet-$(base_key)-$(checksum "$harness_dir/layers/native")" fill_native
	native=("$triplet" "$layer_dir/root" "$base_dir/root")
}

fill_native() {
	apt_refresh 60
	run_layer "$cache/log/native" native "$1" "$(apt_dir)" "$base_dir" "${packages[@]}"
	evict 2 "$cache/native/"
}

# --- another libbpf ---

# ensure_libbpf VERSION: sets libbpf_dir to where its packages are, those of this version that Debian has somewhere, for
# the product to be built and run with instead of the suite's.
ensure_libbpf() {
	local suite=$kernel_suite kernel_suite layer_dir libbpf_version
	for kernel_suite in "$suite" "$NEXT_SUITE"; do
		apt_refresh 1440
		libbpf_version=$(apt_versions libbpf-dev | grep -m 1 "^\([0-9]*:\)\?${1//./\\.}-") && break
	done
	[[ $libbpf_version ]] || die "no libbpf $1 in $suite or $NEXT_SUITE"
	# Without the epoch: see ensure_own_qemu.
	ensure_layer libbpf "${libbpf_version#*:}-$deb_arch" fill_libbpf
	libbpf_dir=$layer_dir
}

fill_libbpf() {
	apt_refresh 10
	(cd "$1" && APT_CONFIG=$(apt_dir)/apt.conf apt-get -q download {libbpf-dev,libbpf1}"=$libbpf_version") \
		>"$cache/log/libbpf" 2>&1 || { cat "$cache/log/libbpf" >&2; return 1; }
	evict 6 "$cache/libbpf/"
}

# --- the product ---

source_dir=${FSESSION_SRC:-$project_dir}

# source_files: the tree's files that can matter to the product, NUL-separated and sorted. What only the host reads is
# left out: to edit the harness, a list of expected skips, or what is written about all this, is no reason to build the module
# again.
source_files() {
	(
		cd "$source_dir" || exit
		if git -c safe.directory='*' rev-parse --git-dir >/dev/null 2>&1; then
			git -c safe.directory='*' ls-files -coz --exclude-standard
		else
			find . -name .git -prune -o ! -type d -printf '%P\0'
		fi |
			LC_ALL=C sort -zu |
			grep -zvE '^(\.ci/|docs/|tests/(README\.md|vm|run|harness-selftest|harness/.*|expect/.*|mutations/.*)$)' |
			# Listed by git, but deleted in the working tree.
			while IFS= read -rd '' file; do
				[[ ! -e $file && ! -L $file ]] || printf '%s\0' "$file"
			done
	)
}

# ensure_product: the archive is made first and named by its own hash, so that a file saved meanwhile cannot end up in
# a layer that claims to be of the tree before.
ensure_product() {
	[[ -e $source_dir/dkms.conf ]] || die "no dkms.conf in $source_dir"
	source_tar=$work/source.tar
	(cd "$source_dir" && source_files |
		tar --no-recursion --owner 0 --group 0 --mtime 2000-01-01 -cf "$source_tar" --null -T -) ||
		die "cannot copy $source_dir"
	ensure_layer product "$(kernel_key)${libbpf_dir:+-libbpf-${libbpf_dir##*/}}-$(checksum \
		"$harness_dir/layers/product" "$source_tar")" fill_product
	product_dir=$layer_dir
}

fill_product() {
	local native
	ensure_native
	mv "$source_tar" "$1/source.tar"
	[[ ! $libbpf_dir ]] || cp -r "$libbpf_dir" "$1/packages"
	run_layer "$cache/log/product-$kernel_release" product "$1" "$base_dir" "$kernel_dir" "$kernel_release" \
		"${native[@]}"
	evict 4 "$cache/product/$kernel_release"
}
