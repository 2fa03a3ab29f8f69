# SPDX-License-Identifier: GPL-2.0
# description: fsession run on many exits with 2 and says why when it cannot run
# timeout: 240
. "$FSESSION_TESTS/lib.sh"

mod=fsession_testmod

# fails REGEX PROGRAM ARGUMENT...: with status 2, naming it; nothing is run.
fails() {
	local regex=$1 prog=$2
	shift 2
	rm -f "$tmp/ran"
	status_is 2 fsession run "$progs/glob.bpf.o" --prog "$prog" "$@" -- \
		touch "$tmp/ran"
	match "what it says of '$*'" "$(cat "$tmp/err")" "$regex"
	[[ ! -e $tmp/ran ]] || failed "the command was run: $*"
}

# No function is named, here and there.
fails 'on_any' on_any
fails '--on' on_any
fails 'fsession_test_\[ab\]' on_any --on "$mod:fsession_test_[ab]*"
fails 'no_such_' on_any --on 'no_such_*'
fails 'no_such_' on_any --on no_such_function
fails 'no_such_module' on_any --on 'no_such_module:*'
fails 'x-y' on_any --on bpf_fentry_test1 --exclude x-y
fails '/no/such/file' on_any --from /no/such/file
printf '%s\n' "$mod:fsession_test_arg1" "$mod:no_such_line" >"$tmp/names"
fails 'no_such_line' on_any --from "$tmp/names"
# All of the kernel proper or all of one module.
fails "$mod|bpf_fentry_test1" on_any --on "$mod:fsession_test_arg1" \
	--on bpf_fentry_test1
fails 'names no functions' on_any --dry-run
fails 'on_any' on_any --dry-run
# From what?
fails '--exclude' on_module --exclude "$mod:fsession_test_arg4"
# Nothing is left.
fails . on_any --on bpf_fentry_test1 --exclude 'bpf_fentry_test*'
fails 'do_exit' on_any --on do_exit

status_is 2 fsession run "$progs/glob.bpf.o" --prog on_any --on
status_is 2 fsession run "$progs/glob.bpf.o" --prog on_any --from
# There is no program for many in it.
status_is 2 fsession run "$progs/shapes.bpf.o" --prog on_arg1 \
	--on "$mod:fsession_test_arg1" -- true
match stderr "$(cat "$tmp/err")" 'fsession\.multi'

status_is 0 fsession status --json
json_equal 'd["sessions"]' '[]'
