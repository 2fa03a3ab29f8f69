# SPDX-License-Identifier: GPL-2.0
# description: without --json: the variables by name, a line for every session
. "$FSESSION_TESTS/lib.sh"

status_is 0 fsession run "$progs/shapes.bpf.o" --prog on_arg1 -- \
	"$tm" call fsession_test_arg1 123
match stdout "$(cat "$tmp/out")" 'entries[^a-z0-9]*123'
match stdout "$(cat "$tmp/out")" 'exits[^a-z0-9]*123'
match stdout "$(cat "$tmp/out")" 'wrong[^a-z0-9]*0'
grep -q 'fsession_test_arg1.*123' "$tmp/out" ||
	failed "no line for the session: $(cat "$tmp/out")"
match stderr "$(cat "$tmp/err")" 'attached 1 session'

# JSON is a line of its own, whatever the command has printed.
status_is 0 fsession run "$progs/shapes.bpf.o" --prog on_arg1 --json -- printf x
json_equal 'd["status"]' 0
equal "what the command printed" "$(head -n 1 "$tmp/out")" x
