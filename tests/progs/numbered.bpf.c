// SPDX-License-Identifier: GPL-2.0
/*
 * A program for many sessions, told apart by their attach cookies, which are
 * numbers below NUMBERED. What each leaves in its cookie depends on its number
 * and on the call, so that another's shows.
 */
#include <fsession/fsession.bpf.h>

#include "numbered.h"

char LICENSE[] SEC("license") = "GPL";

struct numbered numbered;

SEC("fsession")
int session(void *ctx)
{
	bool is_return = bpf_session_is_return(ctx);
	__u64 number = bpf_get_attach_cookie(ctx);
	__u64 *cookie = bpf_session_cookie(ctx);
	__u64 arg0 = 0, left, n;
	struct numbered_one *one;

	bpf_get_func_arg(ctx, 0, &arg0);
	left = (number << 48 ^ bpf_get_current_pid_tgid() ^
		arg0 * 0x9e3779b97f4a7c15ULL) |
	       1;
	one = &numbered.one[number & (NUMBERED - 1)];
	if (is_return) {
		__sync_fetch_and_add(&one->runs[1], 1);
		if (*cookie != left)
			__sync_fetch_and_add(&one->wrong_cookies, 1);
	} else {
		__sync_fetch_and_add(&one->runs[0], 1);
		if (*cookie)
			__sync_fetch_and_add(&one->dirty_cookies, 1);
		*cookie = left;
	}
	if (!numbered.log_wanted)
		return 0;
	n = __sync_fetch_and_add(&numbered.log_len, 1);
	if (n < NUMBERED_LOG) {
		numbered.log[n].who = number;
		numbered.log[n].is_return = is_return;
	}
	return 0;
}
