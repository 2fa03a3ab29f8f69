// SPDX-License-Identifier: GPL-2.0
/*
 * Programs that are no session programs, each for one reason.
 */
#include <fsession/fsession.bpf.h>

char LICENSE[] SEC("license") = "GPL";

SEC("fentry/bpf_fentry_test1")
int prog_fentry(void *ctx)
{
	return 0;
}

SEC("fmod_ret/bpf_modify_return_test")
int prog_fmod_ret(void *ctx)
{
	return 0;
}

SEC("tp_btf/sched_switch")
int prog_tp_btf(void *ctx)
{
	return 0;
}

SEC("kprobe/bpf_fentry_test1")
int prog_kprobe(void *ctx)
{
	return 0;
}

SEC("socket")
int prog_socket(void *ctx)
{
	return 0;
}

SEC("raw_tp/sched_switch")
int prog_raw_tp(void *ctx)
{
	return 0;
}

/* An ordinary fexit program, for the functions that the case names. */
SEC("fexit")
int prog_fexit(void *ctx)
{
	return 0;
}

SEC("fentry")
int prog_fentry_any(void *ctx)
{
	return 0;
}

/* A BPF program to be traced: two functions, the second of them global. */
__noinline int target_subprog(struct __sk_buff *skb)
{
	volatile int ret = skb->len;

	return ret;
}

SEC("tc")
int target_prog(struct __sk_buff *skb)
{
	return target_subprog(skb) ? 0 : 1;
}
