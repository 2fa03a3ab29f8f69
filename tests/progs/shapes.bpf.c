// SPDX-License-Identifier: GPL-2.0
/*
 * A program for each function that the command is shown to handle, with the
 * function in its section. Arguments and results are read directly.
 */
#include <fsession/fsession.bpf.h>

char LICENSE[] SEC("license") = "GPL";

__u64 entries, exits;
__u64 wrong; /* runs that saw what they should not see */

/* What to leave in the cookie: the calls' first argument counts up from 1. */
#define COOKIE(n) ((n)*0x9e3779b97f4a7c15ULL | 1)

static __always_inline int run(__u64 *cookie, bool is_return, __u64 n, bool ok)
{
	if (is_return) {
		__sync_fetch_and_add(&exits, 1);
		if (!ok || *cookie != COOKIE(n))
			__sync_fetch_and_add(&wrong, 1);
	} else {
		__sync_fetch_and_add(&entries, 1);
		if (!ok || *cookie)
			__sync_fetch_and_add(&wrong, 1);
		*cookie = COOKIE(n);
	}
	return 0;
}

#define RUN(n, at_entry, at_exit)                                   \
	run(bpf_session_cookie(ctx), bpf_session_is_return(ctx), n, \
	    bpf_session_is_return(ctx) ? (at_exit) : (at_entry))

#define MODULE "fsession/fsession_testmod:"

SEC(MODULE "fsession_test_arg0")
int BPF_PROG(on_arg0, __u64 ret)
{
	return RUN(0, ret == 0, ret == 0x600df00d);
}

SEC(MODULE "fsession_test_oops")
int BPF_PROG(on_oops, __u64 a, __u64 ret)
{
	return RUN(a, a == 1 && ret == 0, false);
}

SEC(MODULE "fsession_test_arg1")
int BPF_PROG(on_arg1, __u64 a, __u64 ret)
{
	return RUN(a, a && ret == 0, a && ret != 0);
}

SEC(MODULE "fsession_test_arg3")
int BPF_PROG(on_arg3, __u64 a, __u64 b, __u64 c, __u64 ret)
{
	return RUN(a, b == 2 && c == 3 && ret == 0,
		   b == 2 && c == 3 && ret != 0);
}

SEC(MODULE "fsession_test_arg6")
int BPF_PROG(on_arg6, __u64 a, __u64 b, __u64 c, __u64 d, __u64 e, __u64 f,
	     __u64 ret)
{
	bool ok = b == 2 && c == 3 && d == 4 && e == 5 && f == 6;

	return RUN(a, ok && ret == 0, ok && ret != 0);
}

/* The result of a function without one is not to be read. */
SEC(MODULE "fsession_test_void")
int BPF_PROG(on_void, __u64 *where, __u64 a)
{
	return RUN(a, a == 2, a == 2);
}

SEC(MODULE "fsession_test_int")
int BPF_PROG(on_int, int a, int ret)
{
	return RUN(a, ret == 0, ret == -a);
}

struct fsession_test_obj {
	__u64 value;
	struct fsession_test_obj *next;
};

SEC(MODULE "fsession_test_ptr")
int BPF_PROG(on_ptr, struct fsession_test_obj *obj,
	     struct fsession_test_obj *ret)
{
	return RUN(obj->value, !ret, ret == obj->next);
}

#define BOTH_REGISTERS(name)                                               \
	SEC(MODULE "fsession_test_" #name)                                 \
	int on_##name(void *ctx)                                           \
	{                                                                  \
		__u64 lo = 0, hi = 0, ret = 0;                             \
                                                                           \
		bpf_get_func_arg(ctx, 0, &lo);                             \
		bpf_get_func_arg(ctx, 1, &hi);                             \
		bpf_get_func_ret(ctx, &ret);                               \
		return RUN(lo, hi == 2 && ret == 0, hi == 2 && ret == lo); \
	}

BOTH_REGISTERS(u128)
BOTH_REGISTERS(two_regs)
