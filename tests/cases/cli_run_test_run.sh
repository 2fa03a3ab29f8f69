# SPDX-License-Identifier: GPL-2.0
# description: fsession run --test-run, --repeat, and several programs at once
. "$FSESSION_TESTS/lib.sh"

status_is 0 fsession run "$progs/fentry_tests.bpf.o" --prog test1 \
	--prog test6 --test-run test1 --json
json_equal 'len(d["programs"])' 2 \
	'[p["exits"] for p in d["programs"]]' "[1, 1]" \
	'd["globals"]["t"]["exit_ok"][1]' 1 \
	'd["globals"]["t"]["entry_ok"][6]' 1 \
	'd["globals"]["t"]["entries"][2]' 0

status_is 0 fsession run "$progs/fentry_tests.bpf.o" --prog test1 \
	--test-run test1 --repeat 25 --json
json_equal 'd["programs"][0]["entries"]' 25 \
	'd["globals"]["t"]["entry_ok"][1]' 25 \
	'd["globals"]["t"]["exit_ok"][1]' 25

# All of its programs, as many as there are: eight of them on one function.
status_is 0 fsession run "$progs/fentry_tests.bpf.o" --test-run test1 --json
json_equal 'len(d["programs"])' 15 \
	'set(p["exits"] for p in d["programs"])' "{1}"

# So many would take days.
status_is 0 fsession run "$progs/fentry_tests.bpf.o" --prog test1 \
	--test-run test1 --repeat 1000000000 --duration 1 --json
json_equal 'd["programs"][0]["entries"] > 0' True
