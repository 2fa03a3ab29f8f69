# SPDX-License-Identifier: GPL-2.0
# description: one object on the kernel's own fsession and on the module, where there are both
# timeout: 120
. "$FSESSION_TESTS/lib.sh"

# on BACKEND: every call has an entry and an exit, and one cookie for both.
on() {
	FSESSION_BACKEND=$1 status_is 0 fsession run "$progs/shapes.bpf.o" \
		--prog on_arg1 --json -- "$tm" call fsession_test_arg1 1000
	json_equal 'd["globals"]["entries"]' 1000 \
		'd["globals"]["exits"]' 1000 \
		'd["globals"]["wrong"]' 0
}

on module
if (($(uname -r | cut -d. -f1) >= 7)); then
	on native
	on auto
	# The module is not needed for that.
	rmmod fsession || die "a native session holds the module"
	on native
	modprobe fsession || die "modprobe failed"
else
	on auto
	status_is 2 fsession run --backend native "$progs/shapes.bpf.o" \
		--prog on_arg1 -- true
	match stderr "$(cat "$tmp/err")" 'no fsession of its own'
fi
