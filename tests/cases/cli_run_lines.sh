# SPDX-License-Identifier: GPL-2.0
# description: what others chose is shown with nothing in it that a terminal would obey
. "$FSESSION_TESTS/lib.sh"

# A task may call itself anything. What is a character stays as it is.
name=$'\e[31m\xc2\x9bm\xc3\xa9\xff\x7f'
cp "$tm" "$tmp/$name"

status_is 0 fsession run "$progs/lines.bpf.o" -- \
	"$tmp/$name" call fsession_test_arg1 1
python3 -c '
import re, sys
out = open(sys.argv[1], "rb").read()
shown = rb"\x1b[31m\xc2\x9bm" + b"\xc3\xa9" + rb"\xff\x7f"
assert b"call 1 of " + shown + b"." in out, out
assert not re.search(b"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]", out), out
' "$tmp/out" || failed "text is not as it should be"

status_is 0 fsession run "$progs/lines.bpf.o" --json -- \
	"$tmp/$name" call fsession_test_arg1 1
python3 -c '
import json, re, sys
out = open(sys.argv[1], "rb").read()
assert not re.search(b"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]", out), out
line, = json.loads(out.splitlines()[-1])["printk"]
assert line.endswith("call 1 of \x1b[31m\x9bm\xe9\xff\x7f."), line
' "$tmp/out" || failed "JSON is not as it should be"

# In what else is said, too.
status_is 2 fsession run "$tmp/"$'\e[31m.bpf.o'
match stderr "$(cat "$tmp/err")" '\\x1b\[31m.bpf.o'
[[ $(cat "$tmp/err") != *$'\e'* ]] || failed "stderr has an escape sequence"

# And of whom a session is.
mkdir "$tmp/owner"
cp "$(command -v fsession)" "$tmp/owner/$name"
"$tmp/owner/$name" run "$progs/recorder_wait.bpf.o" >"$tmp/run.out" 2>"$tmp/run.err" &
pid=$!
wait_for grep -q attached "$tmp/run.err"
status_is 0 fsession status
python3 -c '
import re, sys
out = open(sys.argv[1], "rb").read()
assert rb"\x1b[31m\xc2\x9bm" + b"\xc3\xa9" + rb"\xff\x7f" in out, out
assert not re.search(b"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]", out), out
' "$tmp/out" || failed "the status is not as it should be"
kill -TERM $pid
wait $pid
