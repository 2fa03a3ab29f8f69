# SPDX-License-Identifier: GPL-2.0
# description: fsession run exits with 2 and says why when it cannot run
. "$FSESSION_TESTS/lib.sh"

# fails REGEX ARGUMENT...: with status 2, naming it; the command is not run.
fails() {
	local regex=$1
	shift
	rm -f "$tmp/ran"
	status_is 2 fsession run "$@" -- touch "$tmp/ran"
	match "what it says of '$*'" "$(cat "$tmp/err")" "$regex"
	[[ ! -e $tmp/ran ]] || failed "the command was run: $*"
}

fails 'no-such-file' /no-such-file.bpf.o
fails '/etc/passwd' /etc/passwd
fails 'no_such_prog' "$progs/shapes.bpf.o" --prog no_such_prog
fails 'no_such_prog' "$progs/shapes.bpf.o" --prog on_arg0 --prog no_such_prog
fails 'option' "$progs/shapes.bpf.o" --no-such-option
# No session in it.
fails 'no program in an fsession section' "$progs/no_session.bpf.o"
# One that is to be asked for, of a section that has a ? first.
LC_ALL=C sed 's,fentry/bpf_fentry_test1,?fsession/icmp_rcv\x00\x00\x00\x00\x00,g' \
	"$progs/no_session.bpf.o" >"$tmp/optional.bpf.o"
fails 'optional.*--prog' "$tmp/optional.bpf.o"
status_is 0 fsession run "$tmp/optional.bpf.o" --prog not_a_session -- true
fails 'no_such_function' "$progs/no_function.bpf.o"

status_is 2 fsession
status_is 2 fsession no-such-verb
status_is 2 fsession run
