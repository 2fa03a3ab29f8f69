# SPDX-License-Identifier: GPL-2.0
# description: fsession run goes on after a signal that its caller ignores
. "$FSESSION_TESTS/lib.sh"

# start [-- COMMAND...]: with SIGHUP and SIGINT ignored.
start() {
	rm -f "$tmp/err"
	(
		trap '' HUP INT
		exec fsession run "$progs/shapes.bpf.o" --prog on_arg1 --json \
			"$@" >"$tmp/out" 2>"$tmp/err"
	) &
	pid=$!
	wait_for grep -q attached "$tmp/err"
}

start
kill -HUP $pid
kill -INT $pid
"$tm" call fsession_test_arg1 5 >/dev/null
kill -TERM $pid
wait $pid
equal "the status, without a command" $? 0
json_equal 'd["programs"][0]["entries"]' 5

# While a command runs, which is not to get them either.
# shellcheck disable=SC2016 # for the other shell
start -- sh -c 'until [ -e "$0" ]; do sleep 0.1; done; exit 7' "$tmp/over"
kill -HUP $pid
kill -INT $pid
"$tm" call fsession_test_arg1 5 >/dev/null
sleep 0.5
touch "$tmp/over"
wait $pid
equal "the status, with a command" $? 7
json_equal 'd["programs"][0]["entries"]' 5
