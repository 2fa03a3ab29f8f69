// SPDX-License-Identifier: GPL-2.0
/* As a profiler: what has been interrupted? */
#include <fsession/fsession.bpf.h>

#include "rain.h"

char LICENSE[] SEC("license") = "GPL";

struct rain rain;

SEC("fsession")
int drop(void *ctx)
{
	u64 ip[RAIN_DEPTH];
	long size = bpf_get_stack(ctx, ip, sizeof(ip), 0);

	if (size < 2 * (long)sizeof(ip[0]))
		__sync_fetch_and_add(&rain.failed, 1);
	else if (size == sizeof(ip))
		__sync_fetch_and_add(&rain.full, 1);
	if (bpf_session_is_return(ctx))
		__sync_fetch_and_add(&rain.runs[1], 1);
	else
		__sync_fetch_and_add(&rain.runs[0], 1);
	return 0;
}
