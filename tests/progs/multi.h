/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the programs of multi.bpf.c add up.
 */
#ifndef MULTI_H
#define MULTI_H

#include <linux/types.h>

struct multi {
	__u64 sum;
};

#endif /* MULTI_H */
