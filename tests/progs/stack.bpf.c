// SPDX-License-Identifier: GPL-2.0
/* Where are we called from? */
#include <fsession/fsession.bpf.h>

#include "stack.h"

char LICENSE[] SEC("license") = "GPL";

struct stack stack;

SEC("fsession")
int look(void *ctx)
{
	if (bpf_session_is_return(ctx)) {
		stack.runs[1]++;
		stack.size[1] =
			bpf_get_stack(ctx, stack.ip[1], sizeof(stack.ip[1]), 0);
	} else {
		stack.runs[0]++;
		stack.size[0] =
			bpf_get_stack(ctx, stack.ip[0], sizeof(stack.ip[0]), 0);
	}
	return 0;
}
