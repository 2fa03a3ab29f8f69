/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a program is told that has something on its stack for a while.
 */
#ifndef HALF_DONE_H
#define HALF_DONE_H

#include <linux/types.h>

struct half_done {
	__u32 slow_tid; /* a run in this thread takes its time */
	__u32 quick_tid;
	__u64 slow_runs;
	__u64 quick_runs;
	__u64 bad; /* runs after which the stack was not as before */
};

#endif /* HALF_DONE_H */
