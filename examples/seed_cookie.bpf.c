// SPDX-License-Identifier: GPL-2.0
/*
 * Eight bytes handed from the entry of icmp_rcv() to its exit.
 *
 *	fsession run build/examples/seed_cookie.bpf.o -- ping -c1 127.0.0.1
 */
#include <fsession/fsession.bpf.h>

char LICENSE[] SEC("license") = "GPL";

struct sk_buff;

/* As it was published. */
/* clang-format off */
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
