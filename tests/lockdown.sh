# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# In a guest that is lost afterwards, since there is no way back: the kernel is locked down, first for integrity, then for
# confidentiality. Says "lockdown: fine" when sessions go on as before and the module is no way around it.

FSESSION_TESTS=$(dirname "$0")
. "$FSESSION_TESTS/lib.sh"
export FSESSION_BACKEND=module
lockdown=/sys/kernel/security/lockdown

# session_runs: five calls are seen, with their results.
session_runs() {
	status_is 0 fsession run "$progs/shapes.bpf.o" --prog on_arg1 --json -- "$tm" call fsession_test_arg1 5
	json_equal "d['programs'][0]['entries']" 5 "d['programs'][0]['exits']" 5 "d['globals']['wrong']" 0
}

modprobe fsession_testmod || die "no test module"
mount -t securityfs securityfs /sys/kernel/security 2>/dev/null
[[ -w $lockdown ]] || die "no $lockdown"
session_runs
for level in integrity confidentiality; do
	echo $level >$lockdown || die "cannot lock down for $level"
	session_runs
	status_is 0 fsession list 'icmp_rc?'
	equal "what can be attached to" "$(cat "$tmp/out")" icmp_rcv
	status_is 0 fsession doctor
	match "doctor" "$(cat "$tmp/out")" "lockdown +$level"
done
# What it took without a lockdown, an unsigned module, it does not take any more.
rmmod fsession_testmod fsession || failed "the modules do not go"
! modprobe fsession 2>/dev/null || failed "the module loads, though it is not signed"
status_is 1 fsession doctor
match "doctor" "$(cat "$tmp/out")" 'FAIL +signature'
((case_failed)) || echo "lockdown: fine"
