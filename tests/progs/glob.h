/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What each program of glob.bpf.c counts.
 */
#ifndef GLOB_H
#define GLOB_H

#include <linux/types.h>

struct glob_counts {
	__u64 runs[2];	      /* at entry, at exit */
	__u64 attach_cookies; /* their sum; of on_typed(), of arguments */
	__u64 wrong; /* exits whose cookie is not that of their entry */
};

/*
 * What by_number() writes down, by attach cookies below GLOB_NUMBERS: one function
 * each.
 */
#define GLOB_NUMBERS 32

struct glob_number {
	__u64 runs[2]; /* at entry, at exit */
	__u64 ip;
	__u64 arg;   /* the first, of the last call */
	__u64 ret;   /* of the last call */
	__u64 wrong; /* runs on another function than the first of them */
};

#endif /* GLOB_H */
