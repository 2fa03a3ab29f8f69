# SPDX-License-Identifier: GPL-2.0
# description: fsession list: names that can be attached to, the others behind a #
# timeout: 240
. "$FSESSION_TESTS/lib.sh"

mod=fsession_testmod

# names: of the functions that can be attached to, as the last command said.
names() {
	grep -v '^#' "$tmp/out" | sed "s/^$mod://" | LC_ALL=C sort
}

# refused NAME ERROR: it is, with this error, and reasons are given.
refused() {
	grep -qE "^# ($mod:)?$1: $2: .+" "$tmp/out" ||
		failed "'$1' is not refused with '$2': $(grep "$1" "$tmp/out")"
}

digits() {
	for i in "$@"; do
		echo "fsession_test_arg$i"
	done
}

status_is 0 fsession list "$mod:fsession_test_arg?" \
	"$mod:fsession_test_notrace" "$mod:fsession_test_variadic"
equal "the list" "$(names)" "$(digits 0 1 2 3 4 5 6 7 8 9)"
refused fsession_test_notrace 'No such file or directory'
refused fsession_test_variadic 'Operation not supported'
equal "lines" "$(wc -l <"$tmp/out")" 12
match "what it sums up" "$(cat "$tmp/err")" '10 of 12 '

# Each once, however often it was asked for; and without some.
status_is 0 fsession list "$mod:fsession_test_arg?" "$mod:fsession_test_arg1*" \
	--exclude "$mod:fsession_test_arg2" -x 'fsession_test_arg1?'
equal "the list with exclusions" "$(names)" "$(digits 0 1 3 4 5 6 7 8 9)"

status_is 0 fsession list bpf_fentry_test1 do_exit migrate_disable
equal "the kernel's" "$(names)" bpf_fentry_test1
refused do_exit 'Resource deadlock avoided'
refused migrate_disable 'Permission denied'

# Busy, for as long as it is.
"$FSESSION_TESTS/native" "$progs/no_session.bpf.o" >"$tmp/native" &
pid=$!
wait_for grep -q attached "$tmp/native"
status_is 0 fsession list bpf_fentry_test1 bpf_fentry_test2
equal "what is not busy" "$(names)" bpf_fentry_test2
refused bpf_fentry_test1 'Device or resource busy'
status_is 1 fsession list bpf_fentry_test1
kill $pid
wait $pid
free_again() {
	! grep -q '^bpf_fentry_test1 ' /sys/kernel/tracing/enabled_functions
}
wait_for free_again
status_is 0 fsession list bpf_fentry_test1

# There is none.
status_is 1 fsession list "$mod:fsession_test_notrace"
refused fsession_test_notrace 'No such file or directory'
equal "names" "$(names)" ''
# For which the verifier takes no program at all.
status_is 1 fsession list "$mod:fsession_test_variadic"
refused fsession_test_variadic 'Operation not supported'
# Nothing was left to look at: that is not what was meant.
status_is 2 fsession list "$mod:fsession_test_arg1" -x "$mod:fsession_test_arg1"
equal "lines of nothing" "$(cat "$tmp/out")" ''
match "what it says of nothing" "$(cat "$tmp/err")" excluded

# Nobody was attached.
match "tracing" "$(grep -c fsession_test_ /sys/kernel/tracing/enabled_functions)" \
	'^0$'
