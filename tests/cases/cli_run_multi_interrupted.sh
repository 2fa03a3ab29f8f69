# SPDX-License-Identifier: GPL-2.0
# description: Ctrl-C while it attaches to everything: status 2, and nothing is left
# timeout: 600
. "$FSESSION_TESTS/lib.sh"

# In these a kernel thread may sleep for hours, and the session would drain as long. All
# that a new one ever does is in the last.
but=(-x '*schedule*' -x '*kthread*' -x '*worker_thread*' -x '*wait_work*' -x ret_from_fork)

started() {
	[[ $(cat "/proc/$pid/comm" 2>/dev/null) == fsession ]] ||
		! kill -0 "$pid" 2>/dev/null
}

nothing_enabled() {
	[[ -z $(head -n 1 /sys/kernel/tracing/enabled_functions) ]]
}

# The later it comes, the more has been done. It must have come before the end of
# the attach once at least, and in the end it has been attached.
interrupted=0
for delay in 0.25 1 2 4 8 16 32 64; do
	# A background job of a script ignores SIGINT; this one must not.
	python3 -c '
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])' \
		fsession run "$progs/glob.bpf.o" --prog on_any --on '*' \
		"${but[@]}" --skip >"$tmp/out" 2>"$tmp/err" &
	pid=$!
	wait_for started
	# Stopped for a while, as by Ctrl-Z, it goes on.
	sleep "$(awk "BEGIN { print $delay / 2 }")"
	kill -STOP $pid
	sleep 0.1
	kill -CONT $pid
	sleep "$(awk "BEGIN { print $delay / 2 }")"
	kill -INT $pid
	{ wait $pid; } 2>/dev/null
	status=$?
	until=$((SECONDS + 60))
	while ! nothing_enabled; do
		((SECONDS < until)) || {
			failed "$(wc -l </sys/kernel/tracing/enabled_functions)" \
				"functions are still traced, $delay s"
			break
		}
		sleep 0.2
	done
	echo "after $delay s: status $status, functions back" \
		"$((SECONDS - until + 60)) s later"
	if grep -q 'attached 1 session' "$tmp/err"; then
		equal "the status after $delay s, attached" $status 0
		grep -q '^session on_any on .* more: ' "$tmp/out" ||
			failed "no line of the session: $(cat "$tmp/out")"
		break
	fi
	((status == 130)) && continue # before there was anything to end
	equal "the status after $delay s" $status 2
	((status == 2)) || sed 's/^/  stderr: /' "$tmp/err"
	equal "output of what was interrupted" "$(cat "$tmp/out")" ''
	match "what it says, interrupted" "$(cat "$tmp/err")" 'EINTR|nterrupt'
	interrupted=$((interrupted + 1))
done
grep -q 'attached 1 session' "$tmp/err" || failed "it never came to attach"
((interrupted)) || failed "it was never interrupted"

status_is 0 fsession status --json
json_equal '[s for s in d["sessions"] if s["state"] == "live"]' '[]'
# System calls that wait were traced when they began, those of others, too.
fsession status --wait 100 >/dev/null
