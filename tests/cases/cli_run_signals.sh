# SPDX-License-Identifier: GPL-2.0
# description: a signal ends fsession run whatever it is at, and a lost terminal its command
. "$FSESSION_TESTS/lib.sh"

ended() {
	! kill -0 "$pid" 2>/dev/null
}

# ends STATUS [SIGNAL]: what runs as $pid does, with that status.
ends() {
	[[ ! ${2:-} ]] || kill "-$2" "$pid"
	wait_for ended
	{ wait "$pid"; } 2>/dev/null
	equal "the status" $? "$1"
}

reads_from() {
	[[ $(readlink "/proc/$pid/fd/0") == "$1" &&
		$(cat "/proc/$pid/comm") == fsession &&
		$(cat "/proc/$pid/wchan") == *read* ]]
}

# Nobody ever writes.
mkfifo "$tmp/silent"
exec 9<>"$tmp/silent"
for signal in TERM HUP; do
	fsession run "$progs/glob.bpf.o" --prog on_any --from - \
		<"$tmp/silent" >"$tmp/out" 2>"$tmp/err" &
	pid=$!
	wait_for reads_from "$tmp/silent"
	ends $((128 + $(kill -l $signal))) $signal
done

# It would take hours.
fsession run "$progs/fentry_tests.bpf.o" --prog test1 --test-run test1 \
	--repeat 1000000000 --json -- touch "$tmp/ran" >"$tmp/out" 2>"$tmp/err" &
pid=$!
wait_for grep -q attached "$tmp/err"
sleep 0.5
ends 2 TERM
match "what it says" "$(cat "$tmp/err")" "interrupted; 'touch' is not run"
[[ ! -e $tmp/ran ]] || failed "the command was run"
json_equal 'd["programs"][0]["entries"] == d["programs"][0]["exits"] > 0' True

# The leader of the terminal's session is the only one that is told.
python3 - "$progs/shapes.bpf.o" "$tmp/sleeper" <<'END' >"$tmp/out" 2>&1 || failed "$(cat "$tmp/out")"
import os, pty, sys, time

pid, terminal = pty.fork()
if not pid:
    os.execvp("fsession", ["fsession", "run", sys.argv[1], "--prog", "on_arg1",
                           "--", "sh", "-c", 'echo $$ >"$0"; exec sleep 1000',
                           sys.argv[2]])
for i in range(400):
    if os.path.exists(sys.argv[2]) and os.path.getsize(sys.argv[2]):
        break
    time.sleep(0.05)
os.close(terminal)
for i in range(400):
    if os.waitpid(pid, os.WNOHANG)[0]:
        sys.exit()
    time.sleep(0.05)
os.kill(int(open(sys.argv[2]).read()), 9)
os.waitpid(pid, 0)
sys.exit("its command went on without a terminal")
END
sleeper=$(cat "$tmp/sleeper")
[[ $sleeper ]] && ! kill -0 "$sleeper" 2>/dev/null || failed "the command is there still"

status_is 0 fsession status --wait 20 --json
json_equal 'd["sessions"]' '[]'
