# SPDX-License-Identifier: GPL-2.0
# description: fsession run --skip goes on without what is refused; else it ends
# timeout: 240
. "$FSESSION_TESTS/lib.sh"

mod=fsession_testmod

# run STATUS OPTION...: on_any, and a command that is run if that is 0.
run() {
	local expected=$1
	shift
	rm -f "$tmp/ran"
	status_is "$expected" fsession run "$progs/glob.bpf.o" --prog on_any \
		--json "$@" -- touch "$tmp/ran"
	[[ $expected == 0 || ! -e $tmp/ran ]] ||
		failed "the command was run: $*"
	[[ $expected != 0 || -e $tmp/ran ]] ||
		failed "the command was not run: $*"
}

# A name that cannot be traced, and a pattern that matches it.
names=(--on "$mod:fsession_test_arg?" --on "$mod:fsession_test_notrace")
run 2 "${names[@]}"
match stderr "$(cat "$tmp/err")" 'fsession_test_notrace'
match stderr "$(cat "$tmp/err")" 'ENOENT'
match stderr "$(cat "$tmp/err")" 'on_any'
run 0 "${names[@]}" --skip
json_equal 'd["programs"][0]["functions"]' 10
run 0 --on "$mod:fsession_test_n*"
run 2 --on "$mod:fsession_test_notrace" --skip

# One that is busy, in a pattern.
status_is 0 fsession list 'bpf_fentry_test?'
n=$(grep -vc '^#' "$tmp/out")
run 0 --on 'bpf_fentry_test?'
json_equal 'd["programs"][0]["functions"]' "$n"
"$FSESSION_TESTS/native" "$progs/no_session.bpf.o" >"$tmp/native" &
pid=$!
wait_for grep -q attached "$tmp/native"
run 2 --on 'bpf_fentry_test?'
match stderr "$(cat "$tmp/err")" 'bpf_fentry_test1'
match stderr "$(cat "$tmp/err")" 'EBUSY'
run 0 --on 'bpf_fentry_test?' -s
json_equal 'd["programs"][0]["functions"]' $((n - 1))
run 0 --on 'bpf_fentry_test?' -x bpf_fentry_test1
json_equal 'd["programs"][0]["functions"]' $((n - 1))
kill $pid
wait $pid

# What the program cannot be on, as it reads its argument.
typed=("$progs/glob.bpf.o" --prog on_typed --on "$mod:fsession_test_arg?" --json)
status_is 2 fsession run "${typed[@]}" -- true
match stderr "$(cat "$tmp/err")" 'fsession_test_arg0'
match stderr "$(cat "$tmp/err")" 'EPROTO'
status_is 0 fsession run "${typed[@]}" --skip -- true
json_equal 'd["programs"][0]["functions"]' 9
