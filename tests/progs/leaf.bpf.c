// SPDX-License-Identifier: GPL-2.0
/*
 * Programs that call nothing, and so cannot ask which half it is either.
 */
#include <fsession/fsession.bpf.h>

#include "leaf.h"

char LICENSE[] SEC("license") = "GPL";

struct leaf leaf;

SEC("fsession")
int runs(void *ctx)
{
	__sync_fetch_and_add(&leaf.runs, 1);
	return 0;
}

/* For a function with that many arguments: they and the result. */
#define WORDS(n)                                                             \
	SEC("fsession")                                                      \
	int words_##n(u64 *ctx)                                              \
	{                                                                    \
		u64 *word = leaf.word[leaf.runs++ & 1];                      \
		int i;                                                       \
                                                                             \
		_Pragma("unroll") for (i = 0; i <= n; i++) word[i] = ctx[i]; \
		return 0;                                                    \
	}

WORDS(0)
WORDS(1)
WORDS(2)
WORDS(3)
WORDS(4)
WORDS(5)
WORDS(6)
WORDS(7)
WORDS(8)

/* It calls nothing by itself, but what it goes on to does. */
SEC("fsession")
int callee(void *ctx)
{
	leaf.runs++;
	leaf.attach_cookie = bpf_get_attach_cookie(ctx);
	return 0;
}

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u32);
} callees SEC(".maps");

SEC("fsession")
int tail_caller(void *ctx)
{
	bpf_tail_call(ctx, &callees, 0);
	return 0;
}
