# SPDX-License-Identifier: GPL-2.0
# description: no BTF in the kernel's hands: insmod fails and one line says so
# log: yes
. "$FSESSION_TESTS/lib.sh"
. "$FSESSION_TESTS/load.sh"

unpack_module "$tmp/fsession.ko"
# Not BTF that the kernel rejects, which it does with lines of its own.
objcopy --remove-section .BTF "$tmp/fsession.ko" || die "cannot remove the BTF"
refused "$tmp/fsession.ko" "the kernel did not take the module's BTF"
