# SPDX-License-Identifier: GPL-2.0
# description: a kernel that has what the module needs in another form is refused when the module is built
# timeout: 1200
. "$FSESSION_TESTS/lib.sh"

cp -r /usr/src/fsession-*/ "$tmp/src" || die "no source of the module"
# It does not get far enough to build more than the file that is asked for.
export KCPPFLAGS=-Dftrace_set_filter_ips=
status_is 2 make -C "/lib/modules/$(uname -r)/build" M="$tmp/src" \
	CONFIG_DEBUG_INFO_BTF_MODULES= module/probe/sane.o
match stderr "$(cat "$tmp/err")" \
	'fsession: not for this kernel: it does not have what the module needs'
[[ ! -e $tmp/src/module/probe/sane.o ]] || failed "something was built"
