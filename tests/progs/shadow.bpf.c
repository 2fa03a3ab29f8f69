// SPDX-License-Identifier: GPL-2.0
/* Programs on two functions of the same name. */
#include <fsession/fsession.bpf.h>

char LICENSE[] SEC("license") = "GPL";

__u64 runs[2]; /* on the kernel's, on the module's */

SEC("fsession/bpf_fentry_test5")
int on_kernel(void *ctx)
{
	__sync_fetch_and_add(&runs[0], 1);
	return 0;
}

SEC("fsession/fsession_testmod:bpf_fentry_test5")
int on_module(void *ctx)
{
	__sync_fetch_and_add(&runs[1], 1);
	return 0;
}
