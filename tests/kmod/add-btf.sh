#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# add-btf.sh BTFGEN KERNEL KDIR MODULE.ko: see that the module has BTF.
#
# Kbuild makes it where the headers have a vmlinux. Debian's 6.1 headers have
# none: there pahole makes it from the module's DWARF and the BTF of the kernel.
set -eu

btfgen=$1 kernel=$2 kdir=$3 module=$4
btf_base=$(cd "$(dirname "$0")/../.." && pwd)/tools/btfgen/btf-base
base=$(dirname "$module")/base.btf

has_btf() {
	objdump -h "$module" | grep -q ' \.BTF '
}

if ! has_btf; then
	"$btf_base" "$btfgen" "$kernel" "$kdir" "$base"
	LLVM_OBJCOPY=objcopy pahole -J --btf_base "$base" "$module"
	rm -f "$base"
fi
has_btf || {
	echo "add-btf.sh: $module has no BTF" >&2
	exit 1
}
strip -g "$module"
