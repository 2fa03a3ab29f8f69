// SPDX-License-Identifier: GPL-2.0
/*
 * Programs that say who ran when. "any" says it by its attach cookie: of it
 * there can be many.
 */
#include <fsession/fsession.bpf.h>

#include "order.h"

char LICENSE[] SEC("license") = "GPL";

struct order order;

static __always_inline void say(void *ctx, __u32 who)
{
	__u64 n = __sync_fetch_and_add(&order.len, 1);

	if (n >= ORDER_LOG)
		return;
	order.log[n].who = who;
	order.log[n].is_return = bpf_session_is_return(ctx);
	order.log[n].attach_cookie = bpf_get_attach_cookie(ctx);
}

#define PROGRAM(n)           \
	SEC("fsession")      \
	int p##n(void *ctx)  \
	{                    \
		say(ctx, n); \
		return 0;    \
	}

PROGRAM(1)
PROGRAM(2)
PROGRAM(3)
PROGRAM(4)

SEC("fsession")
int any(void *ctx)
{
	say(ctx, bpf_get_attach_cookie(ctx));
	return 0;
}
