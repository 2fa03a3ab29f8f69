// SPDX-License-Identifier: GPL-2.0
/*
 * A line for each call, with the name of the task that made it.
 */
#include <fsession/fsession.bpf.h>

char LICENSE[] SEC("license") = "GPL";

SEC("fsession/fsession_testmod:fsession_test_arg1")
int BPF_PROG(on_arg1, __u64 a, __u64 ret)
{
	char comm[16];

	if (bpf_session_is_return(ctx))
		return 0;
	bpf_get_current_comm(comm, sizeof(comm));
	bpf_printk("call %llu of %s.", a, comm);
	return 0;
}
