// SPDX-License-Identifier: GPL-2.0
/*
 * How long icmp_rcv() takes: a histogram in powers of two, kept without a map
 * from task to start time, as the cookie carries it.
 *
 *	fsession run build/examples/icmp_latency.bpf.o -- ping -c9 127.0.0.1
 */
#include <fsession/fsession.bpf.h>

char LICENSE[] SEC("license") = "GPL";

__u64 calls, total_ns;
__u64 below_2_to_the[32]; /* [n]: calls that took less than 2^n ns */

SEC("fsession/icmp_rcv")
int BPF_PROG(icmp_latency)
{
	u64 *start = bpf_session_cookie(ctx), ns, n;

	if (!bpf_session_is_return(ctx)) {
		*start = bpf_ktime_get_ns();
		return BPF_OK;
	}

	ns = bpf_ktime_get_ns() - *start;
	for (n = 0; n < 31 && ns >> n; n++)
		;
	__sync_fetch_and_add(&below_2_to_the[n & 31], 1);
	__sync_fetch_and_add(&total_ns, ns);
	__sync_fetch_and_add(&calls, 1);
	return BPF_OK;
}
