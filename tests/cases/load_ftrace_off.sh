# SPDX-License-Identifier: GPL-2.0
# description: where ftrace is switched off the module does not load, and takes nothing with it
# log: yes
. "$FSESSION_TESTS/lib.sh"
. "$FSESSION_TESTS/load.sh"

switch=/proc/sys/kernel/ftrace_enabled
[[ -e $switch ]] || skip "ftrace cannot be switched off any more"

cleanup() {
	echo 1 >$switch
	[[ -e /dev/fsession ]] || modprobe fsession
}

unpack_module "$tmp/fsession.ko"
rmmod fsession || die "rmmod failed"
echo 0 >$switch || die "ftrace cannot be switched off"
# What is used too late is not always seen to be.
for i in 1 2 3 4 5; do
	said=$(dmesg | grep -c '^\[[^]]*\] fsession: ')
	! insmod "$tmp/fsession.ko" 2>"$tmp/err" || failed "insmod succeeded"
	match "what insmod says" "$(cat "$tmp/err")" 'No such device'
	match "the log" "$(dmesg | grep '^\[[^]]*\] fsession: ' | tail -n "+$((said + 1))")" \
		'^[^:]*: self-test: attach [^:]*: -ENODEV \(reason 12\): not loading$'
done
echo 1 >$switch
modprobe fsession || failed "the module does not load again"
