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
    u64 *cookie = bpf_session_cookie(ctx);

    if (!bpf_session_is_return(ctx))
        *cookie = 0xDEADBEEF;
    else
        bpf_printk("fsession cookie: 0x%llx\n", *cookie);
    return BPF_OK;
}
