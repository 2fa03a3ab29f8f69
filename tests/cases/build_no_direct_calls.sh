# SPDX-License-Identifier: GPL-2.0
# description: a kernel without direct calls is refused when the module is built, in so many words
# timeout: 120
. "$FSESSION_TESTS/lib.sh"

# As by hand, without dkms, which would not have begun.
cp -r /usr/src/fsession-*/ "$tmp/src" || die "no source of the module"
status_is 2 make -C "/lib/modules/$(uname -r)/build" M="$tmp/src" \
	CONFIG_DEBUG_INFO_BTF_MODULES= CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS=
match stderr "$(cat "$tmp/err")" \
	'not for this kernel: it has no ftrace direct calls .CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS'
[[ ! -e $tmp/src/fsession.ko ]] || failed "there is a module"
