# SPDX-License-Identifier: GPL-2.0
# description: a kernel that unwinds stacks by frame pointers is refused when the module is built for x86
# timeout: 240
. "$FSESSION_TESTS/lib.sh"

[[ $(uname -m) == x86_64 ]] || skip "frame pointers are what this architecture has"
cp -r /usr/src/fsession-*/ "$tmp/src" || die "no source of the module"
status_is 2 make -C "/lib/modules/$(uname -r)/build" M="$tmp/src" \
	CONFIG_DEBUG_INFO_BTF_MODULES= CONFIG_UNWINDER_FRAME_POINTER=y
match stderr "$(cat "$tmp/err")" \
	'not for this kernel: it unwinds stacks by frame pointers .CONFIG_UNWINDER_FRAME_POINTER'
[[ ! -e $tmp/src/fsession.ko ]] || failed "there is a module"
