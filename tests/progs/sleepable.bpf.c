// SPDX-License-Identifier: GPL-2.0
/* Programs that may sleep, and one on the same function that may not. */
#include <fsession/fsession.bpf.h>

#include "sleepable.h"

char LICENSE[] SEC("license") = "GPL";

struct sleepable sleepable;

static __always_inline bool for_others(void)
{
	return sleepable.only_tgid != bpf_get_current_pid_tgid() >> 32;
}

SEC("fsession.s/bpf_fentry_test1")
int BPF_PROG(sleeps, int a, int ret)
{
	__u64 *cookie = bpf_session_cookie(ctx), value = 0;
	long err;

	if (for_others())
		return 0;
	if (bpf_session_is_return(ctx)) {
		err = bpf_copy_from_user(&value, sizeof(value),
					 (void *)sleepable.user[1]);
		/* The call before this one may have slept. */
		cookie = bpf_session_cookie(ctx);
		if (a != 1 || ret != 2 || *cookie != 0x5eed ||
		    !bpf_session_is_return(ctx))
			sleepable.bad++;
		sleepable.err[1] = err;
		sleepable.copied[1] = value;
		sleepable.runs[1]++;
	} else {
		if (*cookie)
			sleepable.bad++;
		err = bpf_copy_from_user(&value, sizeof(value),
					 (void *)sleepable.user[0]);
		cookie = bpf_session_cookie(ctx);
		if (a != 1 || ret || *cookie || bpf_session_is_return(ctx))
			sleepable.bad++;
		*cookie = 0x5eed;
		sleepable.err[0] = err;
		sleepable.copied[0] = value;
		sleepable.runs[0]++;
	}
	return 0;
}

/* Reads nothing of its context by itself. */
SEC("fsession.s/bpf_fentry_test1")
int anywhere(void *ctx)
{
	if (for_others())
		return 0;
	if (bpf_session_is_return(ctx))
		sleepable.runs[1]++;
	else
		sleepable.runs[0]++;
	return 0;
}

/* Has more on its stack than fits beside another run. */
SEC("fsession.s/bpf_fentry_test1")
int on_stack(void *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid(), i;
	volatile __u64 marks[16];
	__u64 value;

	if (tid != sleepable.tids[0] && tid != sleepable.tids[1])
		return 0;
	for (i = 0; i < 16; i++)
		marks[i] = tid + i;
	if (tid == sleepable.tids[1] && !bpf_session_is_return(ctx))
		bpf_copy_from_user(&value, sizeof(value),
				   (void *)sleepable.user[0]);
	for (i = 0; i < 16; i++)
		if (marks[i] != tid + i)
			sleepable.bad++;
	sleepable.runs[bpf_session_is_return(ctx)]++;
	return 0;
}

SEC("fsession/bpf_fentry_test1")
int BPF_PROG(does_not, int a, int ret)
{
	__u64 *cookie = bpf_session_cookie(ctx);

	if (for_others())
		return 0;
	if (bpf_session_is_return(ctx)) {
		if (*cookie != 0xc0ffee || ret != 2)
			sleepable.bad++;
		sleepable.others[1]++;
	} else {
		if (*cookie || ret)
			sleepable.bad++;
		*cookie = 0xc0ffee;
		sleepable.others[0]++;
	}
	return 0;
}

/* For many functions. */
SEC("fsession.multi.s")
int on_many(void *ctx)
{
	if (for_others())
		return 0;
	sleepable.runs[bpf_session_is_return(ctx)]++;
	return 0;
}
