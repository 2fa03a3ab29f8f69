# SPDX-License-Identifier: GPL-2.0
# description: BTF made on another kernel's: insmod fails and one line says so
# log: yes
. "$FSESSION_TESTS/lib.sh"
. "$FSESSION_TESTS/load.sh"

unpack_module "$tmp/fsession.ko"
size=$(stat -c %s /sys/kernel/btf/vmlinux)
# What the module compares the size of the running kernel's BTF with.
python3 - "$tmp/fsession.ko" "$size" <<'EOF' || die "no record of the base"
import struct, sys
path, size = sys.argv[1], int(sys.argv[2])
data = open(path, "rb").read()
if struct.pack("<I", size) not in data:
    sys.exit(1)
data = data.replace(struct.pack("<I", size), struct.pack("<I", size + 8))
open(path, "wb").write(data)
EOF
refused "$tmp/fsession.ko" "built against the BTF of another kernel"
