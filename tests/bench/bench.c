// SPDX-License-Identifier: GPL-2.0
/*
 * What the benchmarks share; see bench.h.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/bpf.h>

#include "bench.h"

/* BPF_LINK_CREATE's arguments, of all that are attached here. */
struct link_create {
	__u32 prog_fd;
	__u32 target_fd;
	__u32 attach_type;
	__u32 flags;
	union {
		struct {
			__u32 flags;
			__u32 cnt;
			__aligned_u64 syms;
			__aligned_u64 addrs;
			__aligned_u64 cookies;
		} kprobe_multi;
		struct {
			__aligned_u64 ids;
			__aligned_u64 cookies;
			__u32 cnt;
		} tracing_multi;
	};
};

void die(const char *fmt, ...)
{
	int err = errno;
	va_list args;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, ": %s\n", strerror(err));
	exit(2);
}

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static int link_create(struct link_create *attr)
{
	int fd = syscall(__NR_bpf, BPF_LINK_CREATE, attr, sizeof(*attr));

	return fd < 0 ? -errno : fd;
}

int link_native(int prog_fd)
{
	struct link_create attr = {
		.prog_fd = prog_fd,
		.attach_type = TRACE_FSESSION,
	};

	return link_create(&attr);
}

int link_native_multi(int prog_fd, const uint32_t *ids, unsigned int count)
{
	struct link_create attr = {
		.prog_fd = prog_fd,
		.attach_type = TRACE_FSESSION_MULTI,
		.tracing_multi.cnt = count,
		.tracing_multi.ids = (uintptr_t)ids,
	};

	return link_create(&attr);
}

int link_kprobes(int prog_fd, unsigned int attach_type, int exit,
		 const uint64_t *addrs, unsigned int count)
{
	struct link_create attr = {
		.prog_fd = prog_fd,
		.attach_type = attach_type,
		.kprobe_multi.flags = exit ? BPF_F_KPROBE_MULTI_RETURN : 0,
		.kprobe_multi.cnt = count,
		.kprobe_multi.addrs = (uintptr_t)addrs,
	};

	return link_create(&attr);
}

int link_kprobe_on(int prog_fd, unsigned int attach_type, int exit,
		   const char *name)
{
	const uint64_t syms[] = { (uintptr_t)name };
	struct link_create attr = {
		.prog_fd = prog_fd,
		.attach_type = attach_type,
		.kprobe_multi.flags = exit ? BPF_F_KPROBE_MULTI_RETURN : 0,
		.kprobe_multi.cnt = 1,
		.kprobe_multi.syms = (uintptr_t)syms,
	};

	return link_create(&attr);
}

const char *why_missing(int err)
{
	switch (-err) {
	case EINVAL:
		return "not in this kernel";
	case EOPNOTSUPP:
	case 524: /* the kernel's own ENOTSUPP */
		return "not in this kernel's config, or not for its architecture";
	default:
		return strerror(-err);
	}
}
