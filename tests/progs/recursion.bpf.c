// SPDX-License-Identifier: GPL-2.0
/*
 * A program whose helper calls the function that it traces, and one that
 * watches the same function without doing so.
 */
#include <fsession/fsession.bpf.h>

#include "again.bpf.h"
#include "recursion.h"

char LICENSE[] SEC("license") = "GPL";

struct recursion recursion;

static __always_inline bool for_others(void)
{
	return recursion.only_tgid != bpf_get_current_pid_tgid() >> 32;
}

SEC("fsession/htab_map_delete_elem")
int recurse(void *ctx)
{
	if (for_others())
		return 0;
	if (bpf_session_is_return(ctx))
		__sync_fetch_and_add(&recursion.runs[1], 1);
	else
		__sync_fetch_and_add(&recursion.runs[0], 1);
	call_again();
	__sync_fetch_and_add(&recursion.deletes, 1);
	return 0;
}

SEC("fsession/htab_map_delete_elem")
int watch(void *ctx)
{
	if (for_others())
		return 0;
	if (bpf_session_is_return(ctx))
		__sync_fetch_and_add(&recursion.others[1], 1);
	else
		__sync_fetch_and_add(&recursion.others[0], 1);
	return 0;
}
