# SPDX-License-Identifier: GPL-2.0
# description: the BTF of the target kernel is found, and no other kernel's is taken
# timeout: 120
. "$FSESSION_TESTS/lib.sh"

source=$(echo /usr/src/fsession-*)
btf_base=$source/tools/btfgen/btf-base
btfgen=$source/build/btfgen
release=$(uname -r)
build=/lib/modules/$release/build
[[ -x $btf_base && -x $btfgen ]] || die "no $btf_base or no $btfgen"

base() {
	status_is "$1" "$btf_base" "$btfgen" "$2" "$3" "$tmp/base"
}

# What is running serves for its own release when there is nothing else...
for dir in /boot "/lib/modules/$release"; do
	mount -t tmpfs none "$dir" || die "cannot hide $dir"
done
base 0 "$release" /nonexistent
equal "the last resort" "$(cat "$tmp/out")" /sys/kernel/btf/vmlinux
# ...and never for another.
base 1 9.9.9 /nonexistent
match stderr "$(cat "$tmp/err")" 'no BTF of kernel 9\.9\.9 found'
umount /boot "/lib/modules/$release"

# The target's headers or image come first, and hold the same BTF.
base 0 "$release" "$(realpath "$build")"
match "the first choice" "$(cat "$tmp/out")" 'vmlinu[xz]'
cp "$tmp/base" "$tmp/target"
"$btfgen" "$tmp/target" "$tmp/a.h" || failed "btfgen: $tmp/target"
"$btfgen" /sys/kernel/btf/vmlinux "$tmp/b.h" ||
	failed "btfgen: /sys/kernel/btf/vmlinux"
cmp "$tmp/a.h" "$tmp/b.h" || failed "two bases of one kernel, two BTFs"

# A module's BTF is no base, nor is a file without any.
status_is 1 "$btfgen" /sys/kernel/btf/fsession
match stderr "$(cat "$tmp/err")" 'holds no kernel BTF|not the BTF of a kernel'
status_is 1 "$btfgen" /bin/true
match stderr "$(cat "$tmp/err")" 'holds no kernel BTF'
FSESSION_BTF_BASE=/nonexistent status_is 1 "$btf_base" "$btfgen" "$release" \
	"$build" "$tmp/base"
