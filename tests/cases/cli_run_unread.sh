# SPDX-License-Identifier: GPL-2.0
# description: fsession run ends its sessions also if nobody reads what it prints
# timeout: 300
. "$FSESSION_TESTS/lib.sh"

pid=
cleanup() {
	[[ ! $pid ]] || kill -KILL "$pid"
}
mkfifo "$tmp/fifo"
# It could be read, and is not.
exec 9<>"$tmp/fifo"

# start OPTION...: and have it print more than a pipe takes, and more than it keeps.
start() {
	: >"$tmp/err"
	fsession run "$progs/lines.bpf.o" "$@" \
		9>&- >"$tmp/fifo" 2>"$tmp/err" </dev/null &
	pid=$!
	wait_for grep -q attached "$tmp/err"
	"$tm" call fsession_test_arg1 20000 >/dev/null || failed "calls go wrong"
}

detached() {
	fsession status --json | grep -q '"sessions": *\[\]' &&
		! grep -q fsession_test_arg1 /sys/kernel/tracing/enabled_functions
}

start --duration 1
wait_for detached
kill -0 $pid || failed "it has not waited for who reads it"
kill -TERM $pid
{ wait $pid; } 2>/dev/null
status=$?
# By the signal, or, where that came in the middle of the end, by itself.
((status == 143 || status == 2)) || failed "status after SIGTERM is $status"
pid=
# What it has printed.
dd if="$tmp/fifo" of=/dev/null bs=65536 count=1 2>/dev/null

start
kill -TERM $pid
wait_for detached
kill -0 $pid || failed "it has not waited for who reads it"
exec 8<"$tmp/fifo" 9>&-
cat <&8 >"$tmp/out" &
reader=$!
exec 8<&-
wait $pid
equal "status when it was read" $? 0
pid=
wait $reader
grep -q 'call 1 of tm\.$' "$tmp/out" || failed "the first line is missing"
match "the last line" "$(tail -n 1 "$tmp/out")" \
	'^session on_arg1 on fsession_test_arg1 .*: (20000 entries, 20000 exits|native)'
