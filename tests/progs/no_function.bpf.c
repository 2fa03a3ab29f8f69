// SPDX-License-Identifier: GPL-2.0
/* A session on a function that no kernel has. */
#include <fsession/fsession.bpf.h>

char LICENSE[] SEC("license") = "GPL";

SEC("fsession/no_such_function")
int lost(void *ctx)
{
	return 0;
}
