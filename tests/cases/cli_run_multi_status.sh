# SPDX-License-Identifier: GPL-2.0
# description: fsession status tells how many functions a session is on
# timeout: 240
. "$FSESSION_TESTS/lib.sh"

fsession run "$progs/glob.bpf.o" --prog on_module >"$tmp/run.out" \
	2>"$tmp/run.err" &
pid=$!
wait_for grep -q attached "$tmp/run.err"
for i in 0 1 2 3 4 5 6 7 8 9 12; do
	"$tm" call fsession_test_arg$i 5 >/dev/null || failed "arg$i"
done

status_is 0 fsession status
match "status" "$(grep on_module "$tmp/out")" \
	'fsession_test_arg[0-9] \[fsession_testmod\] and 9 more'
match "status" "$(grep on_module "$tmp/out")" ' 50 +50 +0 +0 '
status_is 0 fsession status --json
json_equal 'len(d["sessions"])' 1 \
	'd["sessions"][0]["sites"]' 10 \
	'd["sessions"][0]["calls"]' 50 \
	'd["sessions"][0]["entries"]' 50 \
	'd["sessions"][0]["exits"]' 50 \
	'd["sessions"][0]["owner_pid"]' $pid
grep -q fsession_test_arg7 /sys/kernel/tracing/enabled_functions ||
	failed "the functions are not traced"

# Killed, it leaves nothing.
kill -KILL $pid
{ wait $pid; } 2>/dev/null
status_is 0 fsession status --wait 20 --json
json_equal 'd["sessions"]' '[]'
gone() {
	! grep -q fsession_test_ /sys/kernel/tracing/enabled_functions
}
wait_for gone
# Its trace instance is named after it; nobody else can remove it now.
rmdir "/sys/kernel/tracing/instances/fsession-$pid" 2>/dev/null
"$tm" call fsession_test_arg1 5 >/dev/null || failed "calls go wrong"
