# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# reboot.sh HOW: in a guest that ends with it: the machine goes down while functions are called, with sessions on them, single
# and on many, and with tasks asleep inside.
#
#   now      reboot(2), everything as it is
#   sysrq    the emergency reboot, which asks nobody
#   orderly  as an init does it: processes are told to end, those that do not are killed, then the power goes off
#
# Says "reboot: HOW: ..." in the kernel log when all is set, for nothing else can be seen after the end.

FSESSION_TESTS=$(dirname "$0")
. "$FSESSION_TESTS/lib.sh"
export FSESSION_BACKEND=module
how=$1

# attached OPTION...: a session in the background, with nothing to end it.
attached() {
	local log
	log=$(mktemp -p "$tmp")
	fsession run "$@" >"$log" 2>&1 &
	wait_for grep -q attached "$log"
}

modprobe fsession_testmod || die "no test module"
attached "$progs/shapes.bpf.o" --prog on_arg1
attached "$progs/glob.bpf.o" --prog on_module
attached "$progs/glob.bpf.o" --prog on_any --on 'fsession_testmod:fsession_test_wait' --on 'fsession_testmod:fsession_test_arg*'
attached "$progs/glob.bpf.o" --prog on_kernel
for _ in 1 2 3; do
	"$tm" sleep >/dev/null &
done
for function in fsession_test_arg1 fsession_test_arg6 fsession_test_arg12; do
	while "$tm" call $function 20000 >/dev/null; do
		:
	done &
done
sleeping() {
	(($("$tm" waiting) == 3))
}
wait_for sleeping
status_is 0 fsession status --json
json_equal 'len(d["sessions"])' 4 'sum(s["inside"] for s in d["sessions"]) >= 3' True
((case_failed)) && exit 1
echo "reboot: $how: four sessions are live, and tasks are inside" >/dev/kmsg

case $how in
now)
	busybox reboot -f
	;;
sysrq)
	echo b >/proc/sysrq-trigger
	;;
orderly)
	# This one is told, too.
	trap '' TERM
	kill -TERM -1
	sleep 1
	# Everybody but the first process and the one that asks.
	kill -KILL -1
	sync
	busybox poweroff -f
	;;
esac
# Out of luck, if it comes here.
sleep 60
die "the machine did not go down"
