// SPDX-License-Identifier: GPL-2.0
/*
 * One program at the entry and at the exit of icmp_rcv(), told which it is.
 *
 *	fsession run build/examples/seed_entry_exit.bpf.o -- ping -c1 127.0.0.1
 */
#include <fsession/fsession.bpf.h>

char LICENSE[] SEC("license") = "GPL";

struct sk_buff;

/* As it was published. */
/* clang-format off */
SEC("fsession/icmp_rcv")
int BPF_PROG(fsession__icmp_rcv, struct sk_buff *skb)
{
    if (bpf_session_is_return(ctx))
        bpf_printk("fsession exit.\n");
    else
        bpf_printk("fsession entry.\n");
    return BPF_OK;
}
