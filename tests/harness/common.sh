# shellcheck shell=bash
# shellcheck disable=SC2034 # sets variables for the program that sources it
# SPDX-License-Identifier: GPL-2.0
#
# Shared by the harness's programs: messages, the kernel table, the cache directory and its locks. To be sourced.

# Exit statuses of tests/vm that are not the guest command's own.
readonly STATUS_SPLAT=99	# the command ended, but the kernel log holds a splat
readonly STATUS_BROKEN=125	# there is no result: guest died, hung, or could not be built

harness_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
project_dir=$(cd "$harness_dir/../.." && pwd)
program=${0##*/}
verbose=${verbose:-0}

say() {
	printf '%s: %s\n' "$program" "$*" >&2
}

die() {
	say "$@"
	exit "$STATUS_BROKEN"
}

# --- what must not outlive us ---

# A temporary directory, made by clean_up_on_exit.
work=

# tied COMMAND...: becomes COMMAND, which is killed with the process that started it, even if that one had no chance to
# clean up. Only for background commands: it replaces the shell.
tied() {
	exec setpriv --pdeathsig KILL -- "$@"
}

# clean_up_on_exit: for the main program. A trap has to wait for the command in the foreground, so what takes long is
# started in the background and waited for.
clean_up_on_exit() {
	work=$(mktemp -d "${TMPDIR:-/tmp}/fsession.XXXXXX") || die "cannot make a temporary directory"
	trap clean_up EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
}

clean_up() {
	local status=$? child
	trap '' HUP INT TERM
	# The shell's own list, not remembered numbers: those may be somebody else's by now.
	for child in $(jobs -pr); do
		kill "$child" 2>/dev/null || true
	done
	wait
	rm -rf "$work"
	exit "$status"
}

# --- the cache ---

# The cache lies outside the checkout, so that `git clean` does not cost ten minutes and clones share it.
cache=${FSESSION_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/fsession}

cache_init() {
	# These paths end up in overlayfs mount options and QEMU option strings, neither of which quotes.
	[[ $cache == /* ]] || die "cache directory '$cache' must be an absolute path (FSESSION_CACHE)"
	[[ $cache =~ [^A-Za-z0-9/._+@-] ]] &&
		die "cache directory '$cache' has a character other than A-Za-z0-9/._+@- (set FSESSION_CACHE)"
	mkdir -p "$cache"/{apt,base,kernel,libbpf,native,product,qemu,source,lock,log} || die "cannot create cache directory '$cache'"
}

# with_lock NAME COMMAND...: runs COMMAND in this shell while no other process holds NAME.
with_lock() {
	local name=$1 fd status=0
	shift
	exec {fd}>"$cache/lock/$name" || die "cannot open lock '$cache/lock/$name'"
	if ! flock -n "$fd"; then
		say "waiting for another process that builds $name"
		flock "$fd"
	fi
	# The lock lives as long as any copy of the descriptor, so long-lived children must not inherit it; none is
	# started under a lock.
	"$@" || status=$?
	exec {fd}>&-
	return "$status"
}

# fresh_dir TARGET: makes an empty directory beside TARGET and prints its name. What is complete is renamed to TARGET;
# so TARGET is complete or absent. Call under TARGET's lock: leftovers of a killed build are removed here.
fresh_dir() {
	rm -rf --one-file-system "$1".new
	mkdir -p "$1".new
	printf '%s\n' "$1".new
}

# evict KEEP PREFIX: of the cache entries whose path starts with PREFIX, removes all but the KEEP used last. Entries used
# within the last two hours stay in any case: another process may be about to boot from one. (A guest that runs
# already keeps its images: it holds them open.)
evict() {
	local keep=$1 entry
	shift
	# Builds that were cut short, and whose key nobody asked for again.
	find "$(dirname "$1")" -mindepth 1 -maxdepth 1 -name '*.new' -mmin +1440 -exec rm -rf --one-file-system {} +
	while IFS= read -r entry; do
		[[ -n $(find "$entry" -maxdepth 0 -mmin +120) ]] || continue
		rm -rf --one-file-system "$entry"
	done < <(find "$(dirname "$1")" -mindepth 1 -maxdepth 1 -path "$1*" ! -name '*.new' -printf '%T@ %p\n' |
		sort -rn | tail -n "+$((keep + 1))" | cut -d' ' -f2-)
}

# --- the kernel table ---

# kernel_rows: prints the table without comments.
kernel_rows() {
	sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$harness_dir/kernels"
}

# kernel_select NAME[/ARCH] [ARCH]: sets kernel_{name,arch,suite,packages,versions} from the table, and what follows from ARCH.
kernel_select() {
	local want_name=${1%%/*} want_arch=${2:-}
	[[ $1 != */* ]] || want_arch=${1#*/}
	want_arch=$(arch_name "$want_arch")
	while read -r kernel_name kernel_arch kernel_suite kernel_packages kernel_versions; do
		[[ $kernel_name == "$want_name" ]] || continue
		[[ -z $want_arch || $kernel_arch == "$want_arch" ]] || continue
		arch_select "$kernel_arch"
		return
	done < <(kernel_rows)
	die "unknown kernel '$want_name'${want_arch:+ for $want_arch}; known: $(kernel_rows | awk '{ printf "%s%s (%s)", s, $1, $2; s = ", " }')"
}

# arch_name ARCH: prints the table's name for it; Debian's names do as well.
arch_name() {
	case $1 in
	amd64) echo x86_64 ;;
	arm64) echo aarch64 ;;
	*) printf '%s\n' "$1" ;;
	esac
}

# tsc_rate: how fast the emulated time stamp counter counts, as a word more for the kernel's command line. It counts as this
# machine's does. A kernel that finds out by itself, on emulated processors that have to wait for real ones, may be off by a
# factor of fifty; then its clock runs as much too fast, and whoever waits for a time in the guest gives up too early.
tsc_rate() {
	awk '/^flags/ { constant = / constant_tsc / } /^bogomips/ { mega = $3 / 2 }
		END { if (constant && mega) printf " tsc_early_khz=%d\n", mega * 1000 }' /proc/cpuinfo
}

# arch_select ARCH: sets what depends on the architecture.
arch_select() {
	case $1 in
	x86_64)
		deb_arch=amd64
		qemu_name='qemu-system-x86_64'
		qemu_package='qemu-system-x86'
		qemu_user='qemu-x86_64'
		# pc boots faster than q35: fewer devices to look for.
		machine=pc
		# Without fast string instructions: QEMU takes a step for every byte of them, and the kernel, which has other
		# ways to clear a page, takes these wherever they are.
		cpu=max,-erms,-fsrm
		console=ttyS0
		# It may be relied on: it is the host's. Every look at another clock leaves the emulated processor.
		clock=tsc=reliable$(tsc_rate)
		;;
	aarch64)
		deb_arch=arm64
		qemu_name='qemu-system-aarch64'
		qemu_package='qemu-system-arm'
		qemu_user='qemu-aarch64'
		machine=virt,gic-version=3
		# Pointer authentication by the architecture's own algorithm takes an emulator much longer.
		cpu=max,pauth-impdef=on
		console=ttyAMA0
		clock=''
		;;
	*)
		die "unknown architecture '$1'"
		;;
	esac
}
