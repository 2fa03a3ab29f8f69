# SPDX-License-Identifier: GPL-2.0
# description: fsession run ends after --duration, and at Ctrl-C
. "$FSESSION_TESTS/lib.sh"

status_is 0 fsession run "$progs/shapes.bpf.o" --prog on_arg1 --duration 0.5 \
	--json
json_equal 'd["programs"][0]["entries"]' 0

# The command that takes longer is ended by SIGTERM.
status_is 143 fsession run "$progs/shapes.bpf.o" --prog on_arg1 \
	--duration 0.5 -- sleep 100

for signal in INT TERM; do
	# A background job of a script ignores SIGINT; this one must not.
	python3 -c '
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])' \
		fsession run "$progs/shapes.bpf.o" --prog on_arg1 --json \
		>"$tmp/out" 2>"$tmp/err" &
	pid=$!
	wait_for grep -q attached "$tmp/err"
	"$tm" call fsession_test_arg1 5 >/dev/null
	kill -s "$signal" $pid
	wait $pid
	equal "status after SIG$signal" $? 0
	json_equal 'd["programs"][0]["entries"]' 5
done
