# SPDX-License-Identifier: GPL-2.0
# description: fsession run exits with the command's status
. "$FSESSION_TESTS/lib.sh"

run() {
	local expected=$1
	shift
	status_is "$expected" fsession run "$progs/shapes.bpf.o" \
		--prog on_arg0 "$@"
}

run 0 -- true
run 7 -- sh -c 'exit 7'
run 2 -- sh -c 'exit 2'
run 143 -- sh -c 'kill -TERM $$'
run 137 -- sh -c 'kill -KILL $$'
run 127 -- /no/such/command
run 126 -- /etc/passwd
