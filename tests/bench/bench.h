/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the benchmarks share.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>

/* Attach types that the headers here may not have. */
#define TRACE_KPROBE_SESSION 56 /* Linux 6.10 */
#define TRACE_FSESSION	     58 /* Linux 7.0 */
#define TRACE_FSESSION_MULTI 61 /* Linux 7.2 */

/* Says the program's name, @fmt and what errno means, and exits. */
void __attribute__((noreturn, format(printf, 1, 2))) die(const char *fmt, ...);

/* Of the monotonic clock. */
uint64_t now_ns(void);

/*
 * bpf(BPF_LINK_CREATE) for attach types that libbpf may not know. All return a
 * file descriptor or a negative errno.
 */
int link_native(int prog_fd);
int link_native_multi(int prog_fd, const uint32_t *ids, unsigned int count);
/* @attach_type: BPF_TRACE_KPROBE_MULTI, its exit if @exit, or that of sessions */
int link_kprobes(int prog_fd, unsigned int attach_type, int exit,
		 const uint64_t *addrs, unsigned int count);
int link_kprobe_on(int prog_fd, unsigned int attach_type, int exit,
		   const char *name);

/* Why attaching or loading came to @err, a negative errno, for a table. */
const char *why_missing(int err);

#endif /* BENCH_H */
