/* SPDX-License-Identifier: GPL-2.0 */
/* The context as stack_args.bpf.c read it, without helpers. */
#ifndef STACK_ARGS_H
#define STACK_ARGS_H

#include <linux/types.h>

#define STACK_ARGS_WORDS 12 /* arguments, and the result if it fits */

struct stack_args {
	__u64 runs[2]; /* entry, exit */
	__u64 ctx[2][STACK_ARGS_WORDS];
};

#endif /* STACK_ARGS_H */
