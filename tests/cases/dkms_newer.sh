# SPDX-License-Identifier: GPL-2.0
# description: dkms builds for a kernel newer than all we know if it has what the module needs, else skips it
# timeout: 600
. "$FSESSION_TESTS/lib.sh"

version=$(modinfo -F version fsession)

# What make answers when it is asked about the kernel is known by build_needed; here
# it is what dkms makes of the answer. No build goes further than its beginning.
mkdir "$tmp/bin"
cat >"$tmp/bin/make" <<END
#!/bin/sh
case "\$*" in
*sane.o*) echo "\$*" >>"$tmp/asked"; cat "$tmp/answer"; test ! -s "$tmp/answer" ;;
*clean*) ;;
*M=*) echo "\$*" >>"$tmp/begun"; exit 1 ;;
*) exec $(command -v make) "\$@" ;;
esac
END
chmod +x "$tmp/bin/make"
PATH=$tmp/bin:$PATH

# build ANSWER: this kernel's headers, under another name.
build() {
	rm -f "$tmp/begun"
	printf %s "$1" >"$tmp/answer"
	dkms build -m fsession -v "$version" -k "$release" \
		--kernelsourcedir "/lib/modules/$(uname -r)/build" \
		>"$tmp/out" 2>&1
	status=$?
	cat "/var/lib/dkms/fsession/$version/build/make.log" >>"$tmp/out" 2>&1
}

# Whether or not the name has a third number.
for release in 6.7-amd64 6.19-rc1+ 7.0-rc4-amd64 9.1.0-1-fsession; do
	build ''
	[[ -e $tmp/begun ]] || failed "not begun: $(cat "$tmp/out")"
	((status != 77)) || failed "skipped: $(cat "$tmp/out")"
	dkms remove -m fsession -v "$version" -k "$release" >/dev/null 2>&1
done

# DKMS before 3.1 does not mind.
if dpkg --compare-versions "$(dpkg-query -W -f '${Version}' dkms)" ge 3.1; then
	build 'Kbuild:1: *** fsession: not for this kernel: so it is.  Stop.'
	equal 'the status' "$status" 77
	match 'what is said' "$(cat "$tmp/out")" 'not for this kernel: so it is'
	[[ ! -e $tmp/begun ]] || failed "begun: $(cat "$tmp/begun")"
	# Something else is wrong: no reason to skip.
	build 'cc1: not found'
	((status && status != 77)) || failed "status $status for no compiler"
fi

# A kernel that clang built is asked by clang.
mkdir "$tmp/clang"
cp "/lib/modules/$(uname -r)/build/.config" "$tmp/clang/"
cd "/usr/src/fsession-$version" || die "no source of the module"
: >"$tmp/answer"
status_is 0 tools/dkms-probe "$tmp/clang"
equal 'what gcc is asked' "$(grep -c LLVM=1 "$tmp/asked")" 0
echo CONFIG_CC_IS_CLANG=y >>"$tmp/clang/.config"
status_is 0 tools/dkms-probe "$tmp/clang"
equal 'what clang is asked' "$(grep -c LLVM=1 "$tmp/asked")" 1

dkms remove -m fsession -v "$version" -k "$release" >/dev/null 2>&1
equal 'what dkms has of others' \
	"$(dkms status -m fsession | grep -v "$(uname -r)")" ''
match "what dkms has installed" \
	"$(dkms status -m fsession -k "$(uname -r)")" 'installed'
