/* SPDX-License-Identifier: GPL-2.0 */
/* What the kfuncs answered in programs that no session runs. */
#ifndef ELSEWHERE_H
#define ELSEWHERE_H

#include <linux/types.h>

struct elsewhere {
	__u64 runs;
	__u64 is_return; /* times the answer was true */
	__u64 cookies;	 /* times it was not NULL */
	__u64 timer_runs;
	__u64 timer_is_return;
	__u64 timer_cookies;
	__u64 tp_runs;
	__u64 tp_is_return;
	__u64 tp_cookies;
	/* bpf_fsession_cookie() in a session, by the size asked for */
	__u64 sizes_ok[9]; /* not NULL */
	__u64 size_9, size_4096;
	__u64 session_runs[2];
	__u64 wrong_cookies;
	__u32 only_tgid;
	__u32 timers_to_start;
	__u32 only_at_entry; /* start_timer() */
};

#endif /* ELSEWHERE_H */
