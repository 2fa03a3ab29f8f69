# SPDX-License-Identifier: GPL-2.0
# description: the seed's other program: entry and exit of every ping, in turn
. "$FSESSION_TESTS/lib.sh"

calls=6
status_is 0 fsession run "$examples/seed_entry_exit.bpf.o" -- \
	ping -c 3 -i 0.2 127.0.0.1
equal "entry lines" "$(grep -c 'fsession entry\.' "$tmp/out")" $calls
equal "exit lines" "$(grep -c 'fsession exit\.' "$tmp/out")" $calls
match "what ping says" "$(cat "$tmp/out")" '3 packets transmitted, 3 received'
match stderr "$(cat "$tmp/err")" 'fsession: attached 1 session'
# One CPU handles a packet from entry to exit, so they come in pairs.
equal "first line" "$(grep -om1 'fsession e[a-z]*' "$tmp/out")" "fsession entry"
