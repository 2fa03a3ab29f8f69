# SPDX-License-Identifier: GPL-2.0
# description: fsession status: healthy, live sessions, draining ones
. "$FSESSION_TESTS/lib.sh"

status_is 0 fsession status
match "status without sessions" "$(head -n 1 "$tmp/out")" '^module [0-9.]+, ABI [0-9]+, healthy: 0 live, 0 draining$'

fsession run "$progs/recorder_wait.bpf.o" >"$tmp/run.out" 2>"$tmp/run.err" &
pid=$!
wait_for grep -q attached "$tmp/run.err"
"$tm" sleep >"$tmp/sleeper" &
sleeper=$!
waiting() {
	[[ $("$tm" waiting) == 1 ]]
}
wait_for waiting

status_is 0 fsession status
match "status with a session" "$(cat "$tmp/out")" fsession_test_wait
match "status with a session" "$(cat "$tmp/out")" "$pid"
status_is 0 fsession status --json
match "its JSON" "$(cat "$tmp/out")" '"(target|name)": *"[^"]*fsession_test_wait'

kill -TERM $pid
wait $pid
status_is 0 fsession status
match "status while draining" "$(cat "$tmp/out")" draining
match "status while draining" "$(cat "$tmp/out")" fsession_test_wait
status_is 1 fsession status --wait 0.5
# Also where no other could be attached, or would be by the module.
for backend in module auto; do
	FSESSION_BACKEND=$backend status_is 1 setpriv \
		--bounding-set=-all,+bpf,+perfmon fsession status --wait 0.5
	match "waiting, without rights" "$(cat "$tmp/err")" 'still draining'
	FSESSION_BACKEND=$backend status_is 1 setpriv --reuid=65534 \
		--regid=65534 --clear-groups \
		--inh-caps=-all,+bpf,+perfmon --ambient-caps=-all,+bpf,+perfmon \
		fsession status --wait 0.5
	match "waiting, kept from the device" "$(cat "$tmp/err")" \
		'cannot wait .*Permission denied'
done


# Ctrl-Z, and on in the background.
fsession status --wait 60 >"$tmp/out" 2>"$tmp/err" &
pid=$!
blocked() {
	[[ $(ps -o stat= $pid) == "$1"* ]]
}
wait_for blocked S
sleep 0.5
kill -STOP $pid
wait_for blocked T
kill -CONT $pid
sleep 0.5
"$tm" wake
wait $pid
equal "the status of what was stopped meanwhile" $? 0
wait $sleeper
status_is 0 fsession status --wait 20
status_is 0 fsession status
[[ $(cat "$tmp/out") != *fsession_test_wait* ]] ||
	failed "still there: $(cat "$tmp/out")"
