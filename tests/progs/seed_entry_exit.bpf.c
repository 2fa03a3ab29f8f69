// SPDX-License-Identifier: GPL-2.0
/*
 * One of the two programs that the project began with: nothing but the includes
 * and the licence differs from what was published for Linux 7.0.
 */
/* clang-format off */
#include <fsession/fsession.bpf.h>

char LICENSE[] SEC("license") = "GPL";

struct sk_buff;

SEC("fsession/icmp_rcv")
int BPF_PROG(fsession__icmp_rcv, struct sk_buff *skb)
{
    if (bpf_session_is_return(ctx))
        bpf_printk("fsession exit.\n");
    else
        bpf_printk("fsession entry.\n");
    return BPF_OK;
}
