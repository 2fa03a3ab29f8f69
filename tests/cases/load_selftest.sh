# SPDX-License-Identifier: GPL-2.0
# description: a kernel whose functions call the stub in another way: insmod fails and one line says so
# log: yes
. "$FSESSION_TESTS/lib.sh"
. "$FSESSION_TESTS/load.sh"

refused "$FSESSION_TESTS/fsession_estranged.ko" \
	'self-test: .*this kernel is not supported, not loading'
