# SPDX-License-Identifier: GPL-2.0
# description: fsession run starts its command with the signals ignored that its caller ignores, and no others
. "$FSESSION_TESTS/lib.sh"

# as "SIGNAL..." COMMAND...: with those ignored and none else. A shell could not set
# back what it was started with.
as() {
	python3 -c '
import os, signal, sys
names, command = sys.argv[1].split(), sys.argv[2:]
for s in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE,
          signal.SIGCHLD, signal.SIGALRM, signal.SIGUSR1):
    signal.signal(s, signal.SIG_IGN if s.name in names else signal.SIG_DFL)
os.execvp(command[0], command)' "$@"
}

for ignored in "" "SIGHUP" "SIGINT SIGPIPE" \
	"SIGTERM SIGCHLD SIGALRM SIGUSR1"; do
	expected=$(as "$ignored" grep SigIgn /proc/self/status)
	status_is 0 as "$ignored" fsession run "$progs/shapes.bpf.o" \
		--prog on_arg1 -- grep SigIgn /proc/self/status
	equal "what is ignored of '$ignored'" "$(grep SigIgn "$tmp/out")" \
		"$expected"
done
