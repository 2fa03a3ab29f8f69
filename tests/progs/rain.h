/* SPDX-License-Identifier: GPL-2.0 */
/* The stacks that rain.bpf.c saw. */
#ifndef RAIN_H
#define RAIN_H

#include <linux/types.h>

#define RAIN_DEPTH 40

struct rain {
	__u64 runs[2]; /* entry, exit */
	__u64 failed;  /* runs that got none, or less than who called */
	__u64 full;    /* got RAIN_DEPTH */
};

#endif /* RAIN_H */
