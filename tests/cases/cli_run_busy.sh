# SPDX-License-Identifier: GPL-2.0
# description: a busy function: status 2, the function and EBUSY are named
. "$FSESSION_TESTS/lib.sh"

"$FSESSION_TESTS/native" "$progs/no_session.bpf.o" >"$tmp/native" &
pid=$!
wait_for grep -q attached "$tmp/native"
status_is 2 fsession run "$progs/fentry_tests.bpf.o" --prog test1 -- true
kill $pid
wait $pid
match stderr "$(cat "$tmp/err")" 'bpf_fentry_test1'
match stderr "$(cat "$tmp/err")" 'EBUSY'
