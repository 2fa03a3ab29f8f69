// SPDX-License-Identifier: GPL-2.0
/* A session on the function in which tasks sleep. */
#include <fsession/fsession.bpf.h>

char LICENSE[] SEC("license") = "GPL";

__u64 entries, exits;

SEC("fsession/fsession_testmod:fsession_test_wait")
int on_wait(void *ctx)
{
	if (bpf_session_is_return(ctx))
		__sync_fetch_and_add(&exits, 1);
	else
		__sync_fetch_and_add(&entries, 1);
	return 0;
}
