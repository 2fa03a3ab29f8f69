// SPDX-License-Identifier: GPL-2.0
/*
 * Both seed programs in one object: two sessions on one function, each with a
 * cookie of its own.
 *
 *	fsession run build/examples/seed_demo.bpf.o -- ping -c1 127.0.0.1
 */
#include <fsession/fsession.bpf.h>

char LICENSE[] SEC("license") = "GPL";

struct sk_buff;

SEC("fsession/icmp_rcv")
int BPF_PROG(entry_exit, struct sk_buff *skb)
{
	if (bpf_session_is_return(ctx))
		bpf_printk("fsession exit.\n");
	else
		bpf_printk("fsession entry.\n");
	return BPF_OK;
}

SEC("fsession/icmp_rcv")
int BPF_PROG(cookie, struct sk_buff *skb)
{
	u64 *cookie = bpf_session_cookie(ctx);

	if (!bpf_session_is_return(ctx))
		*cookie = 0xDEADBEEF;
	else
		bpf_printk("fsession cookie: 0x%llx\n", *cookie);
	return BPF_OK;
}
