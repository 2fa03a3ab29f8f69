// SPDX-License-Identifier: GPL-2.0
/*
 * Upstream's fsession selftest, re-expressed: programs that read their context
 * directly, on the functions that BPF_PROG_TEST_RUN calls. entry_ok and exit_ok
 * of test N count the runs that saw what that run must see.
 */
#include <fsession/fsession.bpf.h>

#include "fentry_tests.h"

char LICENSE[] SEC("license") = "GPL";

extern const void bpf_fentry_test1 __ksym;

struct fentry_tests t;

/* The barriers keep clang from computing with pointers, which may not be. */
#define SAW(n, args_ok, ret, expected)                                        \
	do {                                                                  \
		bool args_ok_ = (args_ok);                                    \
		bool ret_ok_ = (ret) ==                                       \
			       (bpf_session_is_return(ctx) ? (expected) : 0); \
		barrier_var(args_ok_);                                        \
		barrier_var(ret_ok_);                                         \
		if (bpf_session_is_return(ctx)) {                             \
			if (args_ok_ && ret_ok_)                              \
				t.exit_ok[n]++;                               \
			t.exits[n]++;                                         \
		} else {                                                      \
			if (args_ok_ && ret_ok_)                              \
				t.entry_ok[n]++;                              \
			t.entries[n]++;                                       \
		}                                                             \
	} while (0)

SEC("fsession/bpf_fentry_test1")
int BPF_PROG(test1, int a, int ret)
{
	SAW(1, a == 1, ret, 2);
	return 0;
}

SEC("fsession/bpf_fentry_test2")
int BPF_PROG(test2, int a, __u64 b, int ret)
{
	SAW(2, a == 2 && b == 3, ret, 5);
	return 0;
}

SEC("fsession/bpf_fentry_test3")
int BPF_PROG(test3, char a, int b, __u64 c, int ret)
{
	SAW(3, a == 4 && b == 5 && c == 6, ret, 15);
	return 0;
}

SEC("fsession/bpf_fentry_test4")
int BPF_PROG(test4, void *a, char b, int c, __u64 d, int ret)
{
	SAW(4, a == (void *)7 && b == 8 && c == 9 && d == 10, ret, 34);
	return 0;
}

SEC("fsession/bpf_fentry_test5")
int BPF_PROG(test5, __u64 a, void *b, short c, int d, __u64 e, int ret)
{
	SAW(5, a == 11 && b == (void *)12 && c == 13 && d == 14 && e == 15, ret,
	    65);
	return 0;
}

SEC("fsession/bpf_fentry_test6")
int BPF_PROG(test6, __u64 a, void *b, short c, int d, void *e, __u64 f, int ret)
{
	SAW(6,
	    a == 16 && b == (void *)17 && c == 18 && d == 19 &&
		    e == (void *)20 && f == 21,
	    ret, 111);
	return 0;
}

struct bpf_fentry_test_t {
	struct bpf_fentry_test_t *a;
};

SEC("fsession/bpf_fentry_test7")
int BPF_PROG(test7, struct bpf_fentry_test_t *arg, long ret)
{
	SAW(7, !arg, ret, 0);
	return 0;
}

/* The pointer is followed at entry and at exit. */
SEC("fsession/bpf_fentry_test8")
int BPF_PROG(test8, struct bpf_fentry_test_t *arg, long ret)
{
	SAW(8, arg && arg->a == 0, ret, 0);
	return 0;
}

/* bpf_get_func_ip is the symbol, in both runs. */
SEC("fsession/bpf_fentry_test1")
int BPF_PROG(func_ip, int a, int ret)
{
	__u64 ip = bpf_get_func_ip(ctx);

	SAW(9, ip == (__u64)&bpf_fentry_test1, ret, 2);
	return 0;
}

/* Two programs on one function, each with a cookie of its own. */
SEC("fsession/bpf_fentry_test1")
int BPF_PROG(cookie_one, int a, int ret)
{
	__u64 *cookie = bpf_session_cookie(ctx);

	SAW(10, *cookie == (bpf_session_is_return(ctx) ? 0xaaaabbbb : 0), ret,
	    2);
	if (!bpf_session_is_return(ctx))
		*cookie = 0xaaaabbbb;
	return 0;
}

SEC("fsession/bpf_fentry_test1")
int BPF_PROG(cookie_two, int a, int ret)
{
	__u64 *cookie = bpf_session_cookie(ctx);

	SAW(11,
	    *cookie == (bpf_session_is_return(ctx) ? 0x1111222233334444 : 0),
	    ret, 2);
	if (!bpf_session_is_return(ctx))
		*cookie = 0x1111222233334444;
	return 0;
}

/* A program without a cookie between them has another stack layout upstream. */
SEC("fsession/bpf_fentry_test1")
int BPF_PROG(cookie_none, int a, int ret)
{
	SAW(12, a == 1, ret, 2);
	return 0;
}

/* The cookie is writable at exit, too. */
SEC("fsession/bpf_fentry_test1")
int BPF_PROG(cookie_exit_write, int a, int ret)
{
	__u64 *cookie = bpf_session_cookie(ctx);
	bool ok = *cookie == 0 || bpf_session_is_return(ctx);

	*cookie = 0x5555;
	SAW(13, ok && *(volatile __u64 *)cookie == 0x5555, ret, 2);
	*cookie = ~0ULL;
	return 0;
}

/* The helpers: how many arguments, the first, one too many, the result. */
SEC("fsession/bpf_fentry_test1")
int func_args(void *ctx)
{
	__u64 cnt = bpf_get_func_arg_cnt(ctx);
	__u64 a = 0, z = 0, ret = 0;
	__s64 err = bpf_get_func_arg(ctx, 0, &a);
	__s64 err_z = bpf_get_func_arg(ctx, 1, &z);
	__s64 err_r = bpf_get_func_ret(ctx, &ret);

	SAW(14, cnt == 1 && !err && (int)a == 1 && err_z == -22 && !err_r,
	    (int)ret, 2);
	return 0;
}

/* The attach cookie is the same in both runs, and not the call's cookie. */
SEC("fsession/bpf_fentry_test1")
int BPF_PROG(attach_cookie, int a, int ret)
{
	__u64 *cookie = bpf_session_cookie(ctx);

	*cookie = 1;
	SAW(15, bpf_get_attach_cookie(ctx) == t.attach_cookie, ret, 2);
	return 0;
}
