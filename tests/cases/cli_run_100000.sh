# SPDX-License-Identifier: GPL-2.0
# description: fsession run and 100,000 calls: none is lost, no wrong cookie
# timeout: 120
. "$FSESSION_TESTS/lib.sh"

# Twice: the same object in a row.
for _ in 1 2; do
	status_is 0 fsession run "$progs/shapes.bpf.o" --prog on_arg1 --json \
		-- "$tm" call fsession_test_arg1 100000
	json_equal 'd["programs"][0]["calls"]' 100000 \
		'd["programs"][0]["entries"]' 100000 \
		'd["programs"][0]["exits"]' 100000 \
		'd["globals"]["entries"]' 100000 \
		'd["globals"]["exits"]' 100000 \
		'd["globals"]["wrong"]' 0
done
