# SPDX-License-Identifier: GPL-2.0
# description: fsession run exits with 2 and says why when its command cannot be started
. "$FSESSION_TESTS/lib.sh"

# no_fork COMMAND...: where that can have no other process.
no_fork() {
	python3 -c '
import ctypes, errno, os, platform, struct, sys

def insn(code, jt, jf, k):
    return struct.pack("=HBBI", code, jt, jf, k)

LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
# fork, vfork, clone and clone3
numbers = {"x86_64": (57, 58, 56, 435)}.get(platform.machine(), (220, 435))
code = insn(LOAD, 0, 0, 0)
for i, nr in enumerate(numbers):
    code += insn(EQUAL, len(numbers) - i, 0, nr)
code += insn(RETURN, 0, 0, 0x7fff0000)
code += insn(RETURN, 0, 0, 0x00050000 | errno.EAGAIN)
text = ctypes.create_string_buffer(code)
filter = struct.pack("@HP", len(code) // 8, ctypes.addressof(text))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(22, 2, ctypes.c_char_p(filter), 0, 0):
    sys.exit("seccomp: " + os.strerror(ctypes.get_errno()))
os.execvp(sys.argv[1], sys.argv[1:])' "$@"
}

for json in '' --json; do
	status_is 2 no_fork fsession run "$progs/shapes.bpf.o" --prog on_arg1 \
		$json -- touch "$tmp/ran"
	match "what it says" "$(cat "$tmp/err")" "'touch': Resource temporarily"
	[[ ! -e $tmp/ran ]] || failed "it has been run"
done
status_is 127 fsession run "$progs/shapes.bpf.o" --prog on_arg1 -- /no/such/command
status_is 126 fsession run "$progs/shapes.bpf.o" --prog on_arg1 -- /etc/passwd
status_is 0 fsession status --json
json_equal 'd["sessions"]' '[]'
