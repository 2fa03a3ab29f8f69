# SPDX-License-Identifier: GPL-2.0
# description: each fsession run has its own bpf_printk() lines, also where pids are used again
# timeout: 300
. "$FSESSION_TESTS/lib.sh"

instances=/sys/kernel/tracing/instances
stale=$instances/fsession-1

cleanup() {
	touch "$tmp/stop"
	wait
	rmdir "$instances"/fsession-* 2>/dev/null
}

# first ARGUMENT...: fsession run, as the first process of a pid namespace.
first() {
	unshare --pid --fork --mount-proc \
		fsession run "$progs/lines.bpf.o" --json "$@"
}

# Left behind, as by a run that was killed, with lines in it: its pid is in use.
# shellcheck disable=SC2016 # for the other shell
status_is 0 fsession run "$progs/lines.bpf.o" -- sh -c '
	mkdir $1 && echo 1 >$1/events/bpf_trace/bpf_trace_printk/enable &&
	$2 call fsession_test_arg1 5' sh "$stale" "$tm"
grep -q bpf_trace_printk "$stale/trace" || failed "there is nothing left behind"
status_is 0 first -- "$tm" call fsession_test_arg1 3
json_equal 'len(d["printk"])' 3
[[ ! -e $stale ]] || failed "what was left behind is still there"

# Two with one pid, at once.
# shellcheck disable=SC2016 # for the other shell
first -- sh -c 'until [ -e $1/stop ]; do sleep 0.1; done' sh "$tmp" \
	>"$tmp/one.out" 2>"$tmp/one.err" </dev/null &
wait_for grep -q attached "$tmp/one.err"
status_is 0 first -- "$tm" call fsession_test_arg1 4
# Both sessions print.
json_equal 'len(d["printk"])' 8
touch "$tmp/stop"
wait $! || failed "the one fails: $(cat "$tmp/one.err")"
mv "$tmp/one.out" "$tmp/out"
json_equal 'len(d["printk"])' 8

compgen -G "$instances/fsession-*" && failed "an instance is left behind"
true
