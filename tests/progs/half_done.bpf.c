// SPDX-License-Identifier: GPL-2.0
/*
 * A program that has something on its stack for a while.
 */
#include <fsession/fsession.bpf.h>

#include "half_done.h"

char LICENSE[] SEC("license") = "GPL";

#define WORDS	32
#define SLOW_NS 2000000

struct half_done half_done;

static long wait_until(u64 i, u64 *end)
{
	return bpf_ktime_get_ns() >= *end;
}

SEC("fsession")
int half_done_for_long(void *ctx)
{
	volatile u64 word[WORDS];
	u32 tid = bpf_get_current_pid_tgid();
	u64 mark, end, i;

	if (tid == half_done.slow_tid)
		mark = __sync_fetch_and_add(&half_done.slow_runs, 1) << 32;
	else if (tid == half_done.quick_tid)
		mark = __sync_fetch_and_add(&half_done.quick_runs, 1) << 48;
	else
		return 0;
	for (i = 0; i < WORDS; i++)
		word[i] = mark + i;
	if (tid == half_done.slow_tid) {
		end = bpf_ktime_get_ns() + SLOW_NS;
		bpf_loop(1 << 20, wait_until, &end, 0);
	}
	for (i = 0; i < WORDS; i++) {
		if (word[i] != mark + i) {
			__sync_fetch_and_add(&half_done.bad, 1);
			break;
		}
	}
	return 0;
}
