/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the programs of recorder.bpf.c write down; shared with the cases.
 */
#ifndef RECORDER_H
#define RECORDER_H

#include <linux/types.h>

#define RECORDER_ARGS 13 /* one more than a function can have */

/* One kind of run, the last of it. */
struct recorder_run {
	__u64 runs;
	__u64 arg[RECORDER_ARGS];
	__s64 arg_err[RECORDER_ARGS];
	__s64 arg_cnt;
	__u64 ret;
	__s64 ret_err;
	__u64 ip;
	__u64 attach_cookie;
	__u64 cookie; /* as found when the run began */
	__u64 pid_tgid;
};

struct recorder {
	/* Set by the case. */
	__u32 only_tgid; /* 0 for everyone */
	__u32 pad;
	__u64 salt; /* a part of the cookies: tells programs apart */

	/* entry, exit */
	struct recorder_run at[2];

	__u64 dirty_cookies; /* not zero at entry */
	__u64 wrong_cookies; /* at exit, not what the entry run left */
	__u64 early_returns; /* a return value at entry that is not zero */
};

#endif /* RECORDER_H */
