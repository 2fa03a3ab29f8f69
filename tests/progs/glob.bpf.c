// SPDX-License-Identifier: GPL-2.0
/*
 * Programs for many functions, by their sections' patterns and without one. Each
 * counts its runs at entry and exit and adds up what the cookie brings.
 */
#include <fsession/fsession.bpf.h>

#include "glob.h"

char LICENSE[] SEC("license") = "GPL";

struct glob_counts of_module, of_kernel, of_any, of_typed;
struct glob_number of_number[GLOB_NUMBERS];

static __always_inline void count(void *ctx, struct glob_counts *c)
{
	__u64 *cookie = bpf_session_cookie(ctx), ret = 0;
	bool is_return = bpf_session_is_return(ctx);

	if (!is_return) {
		*cookie = bpf_get_func_ip(ctx);
	} else {
		bpf_get_func_ret(ctx, &ret);
		if (*cookie != bpf_get_func_ip(ctx))
			__sync_fetch_and_add(&c->wrong, 1);
	}
	__sync_fetch_and_add(&c->runs[is_return], 1);
	__sync_fetch_and_add(&c->attach_cookies, bpf_get_attach_cookie(ctx));
}

SEC("fsession.multi/fsession_testmod:fsession_test_arg?")
int on_module(void *ctx)
{
	count(ctx, &of_module);
	return 0;
}

SEC("fsession.multi/bpf_fentry_test*")
int on_kernel(void *ctx)
{
	count(ctx, &of_kernel);
	return 0;
}

SEC("fsession.multi")
int on_any(void *ctx)
{
	count(ctx, &of_any);
	return 0;
}

/* Reads its context by itself: for functions whose first argument is the same. */
SEC("fsession.multi/fsession_testmod:fsession_test_arg1")
int on_typed(__u64 *ctx)
{
	if (!bpf_session_is_return(ctx))
		__sync_fetch_and_add(&of_typed.attach_cookies, ctx[0]);
	return 0;
}

/* Knows the function by its attach cookie. */
SEC("fsession.multi")
int by_number(void *ctx)
{
	__u64 number = bpf_get_attach_cookie(ctx), ip = bpf_get_func_ip(ctx);
	struct glob_number *one = &of_number[number & (GLOB_NUMBERS - 1)];
	__u64 value = 0;

	if (one->ip && one->ip != ip)
		__sync_fetch_and_add(&one->wrong, 1);
	one->ip = ip;
	if (bpf_session_is_return(ctx)) {
		__sync_fetch_and_add(&one->runs[1], 1);
		bpf_get_func_ret(ctx, &value);
		one->ret = value;
	} else {
		__sync_fetch_and_add(&one->runs[0], 1);
		bpf_get_func_arg(ctx, 0, &value);
		one->arg = value;
	}
	return 0;
}
