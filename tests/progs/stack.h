/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel stacks that stack.bpf.c saw. */
#ifndef STACK_H
#define STACK_H

#include <linux/types.h>

#define STACK_DEPTH 32

struct stack {
	__u64 runs[2]; /* entry, exit */
	__s64 size[2]; /* of the last run; bytes, or a negative errno */
	__u64 ip[2][STACK_DEPTH];
};

#endif /* STACK_H */
