# SPDX-License-Identifier: GPL-2.0
# description: dkms builds for a kernel newer than all we know if it has what the module needs, else skips it
# timeout: 300
. "$FSESSION_TESTS/lib.sh"

version=$(modinfo -F version fsession)
release=9.1.0-1-fsession

# The build itself, which takes an emulated machine minutes, is begun and no more.
mkdir "$tmp/bin"
cat >"$tmp/bin/make" <<END
#!/bin/sh
case "\$*" in
*sane.o*) ;;
*clean*) exit 0 ;;
*M=*) echo "\$*" >>"$tmp/begun"; exit 1 ;;
esac
exec $(command -v make) "\$@"
END
chmod +x "$tmp/bin/make"
PATH=$tmp/bin:$PATH

# This kernel's headers, under another name. DKMS before 3.1 does not mind what is
# said before the build, and Kbuild says it again.
skips=1
dpkg --compare-versions "$(dpkg-query -W -f '${Version}' dkms)" lt 3.1 && skips=0
build() {
	rm -f "$tmp/begun"
	dkms build -m fsession -v "$version" -k "$release" \
		--kernelsourcedir "/lib/modules/$(uname -r)/build" \
		>"$tmp/out" 2>&1
	status=$?
	cat "/var/lib/dkms/fsession/$version/build/make.log" >>"$tmp/out" 2>&1
}

build
[[ -e $tmp/begun ]] || failed "not begun: $(cat "$tmp/out")"
((status != 77)) || failed "skipped: $(cat "$tmp/out")"

# A function that the module needs is not what it was.
export KCPPFLAGS=-Dftrace_set_filter_ips=
build
match 'what is said' "$(cat "$tmp/out")" 'fsession: not for this kernel: '
if ((skips)); then
	equal 'the status' "$status" 77
	[[ ! -e $tmp/begun ]] || failed "begun: $(cat "$tmp/begun")"
else
	((status)) || failed "built"
fi
unset KCPPFLAGS

dkms remove -m fsession -v "$version" -k "$release" >/dev/null 2>&1
equal 'what dkms has of others' \
	"$(dkms status -m fsession | grep -v "$(uname -r)")" ''
match "what dkms has installed" \
	"$(dkms status -m fsession -k "$(uname -r)")" 'installed'
