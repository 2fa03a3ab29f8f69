/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * fsession_testmod: functions to be traced, and a device that calls them.
 *
 * /dev/fsession_testmod (mode 0600). Every file of it is independent; the ones
 * that wait (FSESSION_TM_CALL of fsession_test_wait) are woken for all files.
 */
#ifndef FSESSION_TESTMOD_H
#define FSESSION_TESTMOD_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define FSESSION_TM_WORDS	12
#define FSESSION_TM_SCRATCH	8
#define FSESSION_TM_RETURNED	4

/* Where the calls are made from. */
enum fsession_tm_context {
	FSESSION_TM_TASK	= 0,	/* the task that does the ioctl */
	FSESSION_TM_KTHREAD	= 1,	/* a kernel thread */
	FSESSION_TM_SOFTIRQ	= 2,	/* a tasklet */
	FSESSION_TM_HARDIRQ	= 3,	/* an irq_work */
	FSESSION_TM_NMI		= 4,	/* an NMI; x86 only */
};

/* fsession_tm_call.flags */
#define FSESSION_TM_VARY	(1U << 0)	/* call i gets args[0] + i */
#define FSESSION_TM_IRQS_OFF	(1U << 1)	/* task: interrupts disabled */
/* Hard interrupt, NMI: each call in one of its own, on all CPUs. No scratch, ret, seen. */
#define FSESSION_TM_AROUND	(1U << 2)

/**
 * struct fsession_tm_call - FSESSION_TM_CALL: call a function, many times
 * @name:	[in] one of the target functions
 * @args:	[in] argument words: the first six go to registers (eight on
 *		arm64), the others to the stack
 * @scratch_mask: [in] bit n: word n is replaced by the address of @scratch's
 *		kernel copy
 * @flags:	[in] FSESSION_TM_*
 * @context:	[in] enum fsession_tm_context
 * @reserved:	0
 * @count:	[in] calls to make [out] calls made
 * @scratch:	[in, out] FSESSION_TM_SCRATCH words of memory for the function
 * @ret:	[out] both return registers after the last call, or all words of
 *		what it returned in memory (fsession_test_indirect)
 * @bad:	[out] calls whose result was not what the function computes
 * @leaks:	[out] calls that returned with another preemption count,
 *		interrupt state, RCU nesting, BPF context or register that is
 *		to be kept than they were made with
 * @seen:	[out] argument words that the function itself saw in the last
 *		call (functions named fsession_test_arg*)
 *
 * Returns 0; ENOENT: no such function; EOPNOTSUPP: no such context here;
 * EINTR: killed, after @count calls.
 */
struct fsession_tm_call {
	char name[40];
	__u64 args[FSESSION_TM_WORDS];
	__u32 scratch_mask;
	__u32 flags;
	__u32 context;
	__u32 reserved;
	__u64 count;
	__u64 scratch[FSESSION_TM_SCRATCH];
	__u64 ret[FSESSION_TM_RETURNED];
	__u64 bad;
	__u64 leaks;
	__u64 seen[FSESSION_TM_WORDS];
};

#define FSESSION_TM_CALL	_IOWR('F', 0x90, struct fsession_tm_call)
/* Let every task go that sleeps in fsession_test_wait. */
#define FSESSION_TM_WAKE	_IO('F', 0x91)
/* Returns how many tasks sleep there. */
#define FSESSION_TM_WAITING	_IO('F', 0x92)
/*
 * Probe the function of this name (a user pointer; NULL for none) with a kprobe
 * that has a post handler, until told otherwise or the file is closed.
 */
#define FSESSION_TM_PROBE	_IO('F', 0x93)
/* Returns how often it was hit. */
#define FSESSION_TM_PROBED	_IO('F', 0x94)
/*
 * Have calls of the function of this name (a user pointer; NULL for none) return
 * FSESSION_TM_OVERRIDDEN without running it, as bpf_override_return() does, until told
 * otherwise or the file is closed. Instead of FSESSION_TM_PROBE.
 */
#define FSESSION_TM_OVERRIDE	_IO('F', 0x97)
#define FSESSION_TM_OVERRIDDEN	0x0e55
/* The same with a post handler, which is how fail_function does it. */
#define FSESSION_TM_FAIL	_IO('F', 0x98)
/*
 * Have the calling task oops when it calls the function of this name (a user pointer;
 * NULL for none). Instead of FSESSION_TM_PROBE.
 */
#define FSESSION_TM_OOPS	_IO('F', 0x99)
/*
 * Have ftrace continue in another function when that of this name is called (a
 * user pointer; NULL for none), until told otherwise or the file is closed. For
 * fsession_test_patched, fsession_test_arg12 and cmdline_proc_show. The first
 * then returns its argument + 0x10000, the second what it ever does.
 */
#define FSESSION_TM_REDIRECT	_IO('F', 0x95)
/* Returns how many calls of all of them came to the other function. */
#define FSESSION_TM_REDIRECTED	_IO('F', 0x96)

/* One step of what the functions of many arguments compute from their words. */
static inline __u64 fsession_tm_mix(__u64 hash, __u64 word)
{
	return (hash ^ word) * 0x100000001b3ULL + 0x9e3779b97f4a7c15ULL;
}

#endif /* FSESSION_TESTMOD_H */
