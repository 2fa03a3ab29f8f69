# SPDX-License-Identifier: GPL-2.0
# description: fsession run killed with -9 leaves no session behind
. "$FSESSION_TESTS/lib.sh"

fsession run "$progs/lines.bpf.o" >"$tmp/out" 2>"$tmp/err" &
pid=$!
instance=/sys/kernel/tracing/instances/fsession-$pid
wait_for grep -q attached "$tmp/err"
grep -q fsession_test_arg1 /sys/kernel/tracing/enabled_functions ||
	failed "the function is not traced"
kill -KILL $pid
{ wait $pid; } 2>/dev/null
status_is 0 fsession status --wait 20 --json
match status "$(cat "$tmp/out")" '"sessions": *\[\]'
"$tm" call fsession_test_arg1 5 >/dev/null || failed "calls go wrong"
# Its trace instance goes with the next run.
[[ -e $instance ]] || failed "it had no trace instance"
status_is 0 fsession run "$progs/lines.bpf.o" -- true
[[ ! -e $instance ]] || failed "its trace instance is left"
