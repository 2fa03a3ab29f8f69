/* SPDX-License-Identifier: GPL-2.0 */
/* What sleepable.bpf.c and its cases share. */
#ifndef SLEEPABLE_H
#define SLEEPABLE_H

#include <linux/types.h>

struct sleepable {
	/* Set by the case: where to copy from, at entry and at exit. */
	__u64 user[2];
	__u32 only_tgid;
	__u32 pad;
	__u32 tids[2]; /* on_stack(): of whom; the second one copies at entry */

	__u64 runs[2];
	__u64 copied[2]; /* the value of the last run */
	__s64 err[2];
	__u64 bad;	 /* runs whose arguments, result or cookie were wrong */
	__u64 others[2]; /* runs of the program that does not sleep */
};

#endif /* SLEEPABLE_H */
