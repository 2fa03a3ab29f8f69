# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# In a guest that is lost afterwards: a task oopses inside a traced function, one in a
# program at the entry, and one in a program at the exit. Says "oops: fine" when nothing
# of it is left.

FSESSION_TESTS=$(dirname "$0")
. "$FSESSION_TESTS/lib.sh"
export FSESSION_BACKEND=module

modprobe fsession_testmod || die "no test module"
# The signal that the task dies of.
signal=KILL
[[ $(uname -m) != aarch64 ]] || signal=SEGV
status_is $((128 + $(kill -l $signal))) fsession run "$progs/shapes.bpf.o" --prog on_oops --json -- \
	"$tm" call fsession_test_oops 1
json_equal "d['programs'][0]['entries']" 1 \
	"d['programs'][0]['exits']" 0 \
	"d['programs'][0]['abandoned']" 1 \
	"d['programs'][0]['inside']" 0 \
	"d['globals']['wrong']" 0
# What had run has; what was running never comes back; what was to come never does.
# On a CPU each, as kprobes take the one for busy for ever.
oops=htab_map_delete_elem
status_is $((128 + $(kill -l $signal))) fsession run "$progs/oops.bpf.o" --json -- \
	sh -c "taskset -c 0 $tm oops $oops call fsession_test_arg1 1
		taskset -c 1 $tm oops $oops call fsession_test_arg2 1"
json_equal \
	"[[p[k] for k in ('name', 'entries', 'exits', 'abandoned')] for p in d['programs']]" \
	"[['behind_entry', 0, 0, 0], ['at_entry', 1, 0, 1], ['ahead_entry', 1, 0, 1], $(
	)['behind_exit', 1, 0, 1], ['at_exit', 1, 0, 1], ['ahead_exit', 1, 1, 0]]" \
	"[p['calls'] for p in d['programs']]" '[0, 1, 1, 1, 1, 1]' \
	"[p['inside'] + p['misses'] + p['dropped'] for p in d['programs']]" '[0, 0, 0, 0, 0, 0]'
status_is 0 fsession status --wait 60
rmmod fsession || failed "the module is still in use"
modprobe fsession || failed "the module does not load again"
status_is 0 fsession run "$progs/shapes.bpf.o" --prog on_arg1 --json -- \
	"$tm" call fsession_test_arg1 10
json_equal "d['programs'][0]['exits']" 10
((case_failed)) || echo "oops: fine"
