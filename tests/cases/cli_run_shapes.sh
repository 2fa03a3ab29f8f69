# SPDX-License-Identifier: GPL-2.0
# description: fsession run on functions of every shape, of a module
# timeout: 120
. "$FSESSION_TESTS/lib.sh"

# on PROGRAM CALLS [RESULT]
on() {
	local function=fsession_test_${1#on_}

	status_is 0 fsession run "$progs/shapes.bpf.o" --prog "$1" --json -- \
		"$tm" call "$function" "$2"
	json_equal 'len(d["programs"])' 1 \
		'd["programs"][0]["target"]' "$function [fsession_testmod]" \
		'd["programs"][0]["entries"]' "$2" \
		'd["programs"][0]["exits"]' "$2" \
		'd["programs"][0]["misses"]' 0 \
		'd["globals"]["entries"]' "$2" \
		'd["globals"]["exits"]' "$2" \
		'd["globals"]["wrong"]' 0
	[[ -z ${3-} ]] ||
		match "$1: result" "$(grep -v '^{' "$tmp/out")" "$3"
}

on on_arg0 1000 '^600df00d '
on on_arg1 1000
on on_arg3 1000
on on_arg6 1000
on on_void 1000
on on_int 1000
on on_ptr 1000 '^11a77e4 '
# The last call's first word is its number; the second register is 2.
on on_two_regs 1000 '^3e8 2$'
# Verifiers of later kernels do not let functions be traced that say so.
fsession run "$progs/shapes.bpf.o" --prog on_u128 -- true 2>&1 |
	grep -q '>8 byte return value is not supported' ||
	on on_u128 1000 '^3e8 2$'
