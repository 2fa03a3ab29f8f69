/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the programs of differ.bpf.c write down of each run, in order; shared with
 * differ.c.
 */
#ifndef DIFFER_H
#define DIFFER_H

#include <linux/types.h>

#define DIFFER_EVENTS 256
#define DIFFER_ARGS   13 /* one more than a function can have */
#define DIFFER_STACK  16

struct differ_event {
	__u32 prog; /* which of the programs, by its letter */
	__u32 is_return;
	__u64 ip;
	__s64 arg_cnt;
	__u64 arg[DIFFER_ARGS];
	__s64 arg_err[DIFFER_ARGS];
	__u64 ret;
	__s64 ret_err;
	__u64 cookie; /* as found */
	__u64 attach_cookie;
	/* What the program itself finds in its context, where it looks. */
	__u64 ctx_arg;
	__u64 ctx_ret;
	__s64 stack_size; /* bytes, 0 where nobody asked */
	__u64 stack[DIFFER_STACK];
};

struct differ_log {
	__u32 only_tgid; /* set by user space; 0 for everyone */
	__u32 cnt;
	struct differ_event event[DIFFER_EVENTS];
};

#endif /* DIFFER_H */
