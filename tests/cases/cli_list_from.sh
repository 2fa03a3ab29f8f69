# SPDX-License-Identifier: GPL-2.0
# description: fsession list --from; what it prints is what run --from takes
# timeout: 240
. "$FSESSION_TESTS/lib.sh"

mod=fsession_testmod

count() {
	grep -vc '^#' "$1"
}

cat >"$tmp/names" <<END
# A comment, and an empty line.

$mod:fsession_test_arg1
$mod:fsession_test_arg1?
# $mod:fsession_test_arg2
END
status_is 0 fsession list --from "$tmp/names"
equal "names from a file" "$(count "$tmp/out")" 4
status_is 0 fsession list -f "$tmp/names" "$mod:fsession_test_u8" \
	-x "$mod:fsession_test_arg11"
equal "names from a file and the line" "$(count "$tmp/out")" 4
fsession list --from - <"$tmp/names" >"$tmp/out" 2>"$tmp/err" ||
	failed "from standard input: $(cat "$tmp/err")"
equal "names from standard input" "$(count "$tmp/out")" 4

# What can be read once only, and is more than fits in one read.
{
	for ((i = 0; i < 200; i++)); do
		echo "# $i, some bytes that say nothing at all about a function"
	done
	cat "$tmp/names"
} >"$tmp/long"
status_is 0 fsession list --from <(cat "$tmp/long")
equal "names from a pipe" "$(count "$tmp/out")" 4
status_is 0 fsession list --from <(echo "$mod:fsession_test_u8") \
	--from <(cat "$tmp/long")
equal "names from pipes" "$(count "$tmp/out")" 5
echo "$mod:fsession_test_u8" | fsession list --from "$tmp/names" --from - \
	--from - >"$tmp/out" 2>"$tmp/err" ||
	failed "from standard input, once more: $(cat "$tmp/err")"
equal "names from a file and standard input" "$(count "$tmp/out")" 5
# Where a copy has no room nothing is left out.
exec 8<"$tmp/long"
status_is 2 unshare -m sh -c 'mount -t tmpfs -o size=4k none /tmp &&
	cat <&8 | fsession list --from -'
exec 8<&-
match "without room" "$(cat "$tmp/err")" 'No space left'

# run_from: run what $tmp/list says; the last command called them as often.
run_from() {
	local prog=$1
	shift
	status_is 0 fsession run "$progs/glob.bpf.o" --prog "$prog" \
		--from "$tmp/list" --json "$@"
	json_equal 'd["programs"][0]["functions"]' "$(count "$tmp/list")"
}

# A module's, with such that are refused among them.
status_is 0 fsession list "$mod:fsession_test_*"
mv "$tmp/out" "$tmp/list"
(($(count "$tmp/list") > 12)) || failed "too few: $(count "$tmp/list")"
grep -q '^#' "$tmp/list" || failed "none was refused"
run_from on_any -- "$tm" call fsession_test_arg3 7
json_equal 'd["globals"]["of_any"]["runs"]' '[7, 7]'
run_from on_module -- "$tm" call fsession_test_arg3 7
json_equal 'd["globals"]["of_module"]["runs"]' '[7, 7]'

# The kernel's.
status_is 0 fsession list 'bpf_fentry_test?' do_exit
mv "$tmp/out" "$tmp/list"
run_from on_any --test-run on_any
n=$(count "$tmp/list")
((n >= 8)) || failed "too few: $n"
json_equal 'd["globals"]["of_any"]["runs"]' "[$n, $n]"

# By a pipe, in one go.
fsession list "$mod:fsession_test_arg?" 2>"$tmp/err" |
	fsession run "$progs/glob.bpf.o" --prog on_any --from - --json -- \
		"$tm" call fsession_test_arg9 4 >"$tmp/out" 2>"$tmp/run.err" ||
	failed "by a pipe: $(cat "$tmp/err" "$tmp/run.err")"
json_equal 'd["programs"][0]["functions"]' 10 \
	'd["globals"]["of_any"]["runs"]' '[4, 4]'

# The command has nothing open but what it was given, and its own /proc/self/fd.
fsession run "$progs/glob.bpf.o" --prog on_any --from - -- ls /proc/self/fd \
	<"$tmp/list" >"$tmp/out" 2>"$tmp/err" || failed "$(cat "$tmp/err")"
equal "what the command has open" "$(grep -x '[0-9]\+' "$tmp/out" | paste -sd ' ')" \
	"$(ls /proc/self/fd </dev/null 2>"$tmp/err" | paste -sd ' ')"
