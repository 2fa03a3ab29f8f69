# SPDX-License-Identifier: GPL-2.0
# description: fsession run on many functions: by the section, --on and --exclude
# timeout: 240
. "$FSESSION_TESTS/lib.sh"

mod=fsession_testmod
# shellcheck disable=SC2016 # for the other shell
counted=(sh -c 'for i in 1 2 3 4 10 11; do
	"$0" call fsession_test_arg$i $i || exit
done' "$tm")

# run PROGRAM OPTION...: with the calls above.
run() {
	local prog=$1
	shift
	status_is 0 fsession run "$progs/glob.bpf.o" --prog "$prog" --json "$@" \
		-- "${counted[@]}"
}

# saw FUNCTIONS CALLS PROGRAM: so many of both, and nothing went wrong.
saw() {
	json_equal 'len(d["programs"])' 1 \
		'd["programs"][0]["functions"]' "$1" \
		'd["programs"][0]["calls"]' "$2" \
		'd["programs"][0]["entries"]' "$2" \
		'd["programs"][0]["exits"]' "$2" \
		'd["programs"][0]["misses"]' 0 \
		"d['globals']['of_$3']['runs']" "[$2, $2]" \
		"d['globals']['of_$3']['wrong']" 0
}

# What the section says.
run on_module
saw 10 10 module
# What the line says, instead of the section and without one.
run on_module --on "$mod:fsession_test_arg1?"
saw 3 21 module
run on_any -o "$mod:fsession_test_arg?"
saw 10 10 any
run on_any --on "$mod:fsession_test_arg?" --on "$mod:fsession_test_arg11"
saw 11 21 any
run on_any --on "$mod:fsession_test_arg*" --exclude "$mod:fsession_test_arg?" \
	-x "$mod:fsession_test_arg_*" -x "fsession_test_arg10" \
	-x '*two_regs'
saw 2 11 any
printf '# not this one\n\n%s:fsession_test_arg4\n' $mod >"$tmp/names"
run on_any --on "$mod:fsession_test_arg1?" --from "$tmp/names"
saw 4 25 any

# For who reads: one of them is named.
status_is 0 fsession run "$progs/glob.bpf.o" --prog on_module -- "${counted[@]}"
match "the session's line" "$(grep ^session "$tmp/out")" \
	'^session on_module on fsession_test_arg[0-9] \[fsession_testmod\] and 9 more: 10 entries, 10 exits, 0 misses$'
match stderr "$(cat "$tmp/err")" 'attached 1 session'
status_is 0 fsession run "$progs/glob.bpf.o" --prog on_any \
	--on "$mod:fsession_test_arg1" -- "${counted[@]}"
match "the line of a session on one" "$(grep ^session "$tmp/out")" \
	'^session on_any on fsession_test_arg1 \[fsession_testmod\]: 1 entries'

# Two programs, each with what is its own.
status_is 0 fsession run "$progs/glob.bpf.o" --prog on_module --prog on_kernel \
	--json -- "${counted[@]}"
json_equal 'len(d["programs"])' 2 \
	'd["globals"]["of_module"]["runs"]' '[10, 10]' \
	'[p["functions"] for p in d["programs"] if p["name"] == "on_module"]' \
	'[10]' \
	'[p["functions"] >= 8 for p in d["programs"] if p["name"] == "on_kernel"]' \
	'[True]'

# The command's status is passed on, as of one function.
status_is 7 fsession run "$progs/glob.bpf.o" --prog on_module -- sh -c 'exit 7'
