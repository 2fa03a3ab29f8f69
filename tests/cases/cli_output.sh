# SPDX-License-Identifier: GPL-2.0
# description: every command exits with 2, and says why, if not all of its output could be written
# timeout: 240
. "$FSESSION_TESTS/lib.sh"

# full COMMAND...
full() {
	# shellcheck disable=SC2016 # for the other shell
	status_is 2 sh -c '"$@" >/dev/full' sh "$@"
	match "what it says of '$*'" "$(cat "$tmp/err")" 'standard output'
}

full fsession status
full fsession status --json
full fsession doctor
full fsession doctor --json
full fsession list bpf_fentry_test1
full fsession list --json bpf_fentry_test1
full fsession run "$progs/glob.bpf.o" --prog on_module --dry-run
full fsession run "$progs/glob.bpf.o" --prog on_module --dry-run --json
full fsession run "$progs/shapes.bpf.o" --prog on_arg1 -- true
full fsession run "$progs/shapes.bpf.o" --prog on_arg1 --json -- true
full fsession version
full fsession help
