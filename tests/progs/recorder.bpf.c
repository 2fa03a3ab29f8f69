// SPDX-License-Identifier: GPL-2.0
/*
 * Programs for any function: they look at it through helpers only.
 */
#include <fsession/fsession.bpf.h>

#include "recorder.h"

char LICENSE[] SEC("license") = "GPL";

struct recorder rec;

/*
 * What the entry run leaves for the exit run. Both can work it out, so that a
 * cookie of another call, task or program shows.
 */
static __always_inline u64 cookie_of(u64 arg0)
{
	return (bpf_get_current_pid_tgid() ^ arg0 * 0x9e3779b97f4a7c15ULL ^
		rec.salt) |
	       1;
}

static __always_inline bool for_others(void)
{
	return rec.only_tgid &&
	       rec.only_tgid != bpf_get_current_pid_tgid() >> 32;
}

static __always_inline void check_cookie(void *ctx, bool is_return, u64 arg0)
{
	u64 *cookie = bpf_session_cookie(ctx);

	if (!is_return) {
		if (*cookie)
			__sync_fetch_and_add(&rec.dirty_cookies, 1);
		*cookie = cookie_of(arg0);
	} else if (*cookie != cookie_of(arg0)) {
		__sync_fetch_and_add(&rec.wrong_cookies, 1);
	}
}

/* Counts, and checks the cookies. */
SEC("fsession")
int count(void *ctx)
{
	bool is_return = bpf_session_is_return(ctx);
	u64 arg0 = 0;

	if (for_others())
		return 0;
	if (is_return)
		__sync_fetch_and_add(&rec.at[1].runs, 1);
	else
		__sync_fetch_and_add(&rec.at[0].runs, 1);
	bpf_get_func_arg(ctx, 0, &arg0);
	check_cookie(ctx, is_return, arg0);
	return 0;
}

static __always_inline void write_down(void *ctx, struct recorder_run *run)
{
	int i;

	__sync_fetch_and_add(&run->runs, 1);
	run->cookie = *bpf_session_cookie(ctx);
	run->pid_tgid = bpf_get_current_pid_tgid();
	run->arg_cnt = bpf_get_func_arg_cnt(ctx);
	run->ip = bpf_get_func_ip(ctx);
	run->attach_cookie = bpf_get_attach_cookie(ctx);
#pragma unroll
	for (i = 0; i < RECORDER_ARGS; i++) {
		u64 value = 0;

		run->arg_err[i] = bpf_get_func_arg(ctx, i, &value);
		run->arg[i] = value;
	}
	{
		u64 value = 0;

		run->ret_err = bpf_get_func_ret(ctx, &value);
		run->ret = value;
	}
}

/* All that the helpers tell. */
SEC("fsession")
int record(void *ctx)
{
	bool is_return = bpf_session_is_return(ctx);
	u64 arg0 = 0;

	if (for_others())
		return 0;
	if (is_return) {
		write_down(ctx, &rec.at[1]);
	} else {
		write_down(ctx, &rec.at[0]);
		if (rec.at[0].ret)
			__sync_fetch_and_add(&rec.early_returns, 1);
	}
	bpf_get_func_arg(ctx, 0, &arg0);
	check_cookie(ctx, is_return, arg0);
	return 0;
}

/* A program that uses nothing of a session. */
SEC("fsession")
int empty(void *ctx)
{
	__sync_fetch_and_add(&rec.at[0].runs, 1);
	return 0;
}
