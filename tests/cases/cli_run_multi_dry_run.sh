# SPDX-License-Identifier: GPL-2.0
# description: fsession run --dry-run lists what the program would be on
# timeout: 240
. "$FSESSION_TESTS/lib.sh"

mod=fsession_testmod

names() {
	grep -v '^#' "$tmp/out" | sed "s/^$mod://" | LC_ALL=C sort | tr '\n' ' '
}

# dry_run STATUS OPTION...: the command is not run.
dry_run() {
	local expected=$1
	shift
	rm -f "$tmp/ran"
	status_is "$expected" fsession run "$progs/glob.bpf.o" "$@" --dry-run -- \
		touch "$tmp/ran"
	[[ ! -e $tmp/ran ]] || failed "the command was run: $*"
}

dry_run 0 --prog on_module
equal "what it would be on" "$(names)" \
	"$(echo fsession_test_arg{0..9} '')"
dry_run 0 --prog on_any --on "$mod:fsession_test_arg1?" \
	--on "$mod:fsession_test_notrace" -x fsession_test_arg12
equal "with exclusions" "$(names)" "fsession_test_arg10 fsession_test_arg11 "
grep -qE "^# ($mod:)?fsession_test_notrace: No such file or directory: ." \
	"$tmp/out" || failed "nothing of notrace: $(cat "$tmp/out")"

# What the program reads of its context counts.
dry_run 0 --prog on_typed --on "$mod:fsession_test_arg?"
equal "where there is an argument" "$(names)" \
	"$(echo fsession_test_arg{1..9} '')"
grep -qE "^# ($mod:)?fsession_test_arg0: Protocol error: ." "$tmp/out" ||
	failed "nothing of arg0: $(cat "$tmp/out")"

# What is said can be fed back.
grep -v '^#' "$tmp/out" >"$tmp/list"
status_is 0 fsession run "$progs/glob.bpf.o" --prog on_typed --from "$tmp/list" \
	--json -- "$tm" call fsession_test_arg7 4
json_equal 'd["programs"][0]["functions"]' 9 \
	'd["globals"]["of_typed"]["attach_cookies"]' 10

# The same with -y and for programs.
status_is 0 fsession run "$progs/glob.bpf.o" --prog on_module -y --json
match JSON "$(tail -n 1 "$tmp/out")" '^\{.*fsession_test_arg5.*\}$'
json_equal 'isinstance(d, dict)' True

# Several programs are in one object, each by its name; and all of them or nothing.
status_is 0 fsession run "$progs/glob.bpf.o" --prog on_module --prog on_kernel \
	--dry-run --json
equal "lines" "$(wc -l <"$tmp/out")" 1
json_equal '[p["name"] for p in d["programs"]]' "['on_module', 'on_kernel']" \
	'[len(p["functions"]) >= 8 for p in d["programs"]]' '[True, True]' \
	'{f["name"][:13] for f in d["programs"][1]["functions"]}' \
	"{'bpf_fentry_te'}"
status_is 2 fsession run "$progs/glob.bpf.o" --prog on_module --prog on_any \
	--dry-run --json
equal "half of it" "$(cat "$tmp/out")" ''

status_is 0 fsession status --json
json_equal 'd["sessions"]' '[]'
