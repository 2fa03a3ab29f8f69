# SPDX-License-Identifier: GPL-2.0
# description: without the module: status says so, run fails and tells what to do
# log: yes
. "$FSESSION_TESTS/lib.sh"

minor=$(awk '$2 == "fsession" { print $1 }' /proc/misc)
rmmod fsession || die "rmmod failed"
status_is 1 fsession status
match "what status says" "$(cat "$tmp/out" "$tmp/err")" '[Nn]ot loaded'
status_is 2 fsession run "$examples/seed_cookie.bpf.o" -- true
match "what run says" "$(cat "$tmp/err")" 'modprobe fsession'
# A node that outlived it, as in a container, changes nothing.
mknod /dev/fsession c 10 "$minor" || die "mknod failed"
status_is 1 fsession status --wait 1
equal "what waiting says" "$(grep -c wait "$tmp/err")" 0
rm /dev/fsession
modprobe fsession || die "modprobe failed"
status_is 0 fsession status
