/* SPDX-License-Identifier: GPL-2.0 */
/* What the many sessions of numbered.bpf.c write down, by their numbers. */
#ifndef NUMBERED_H
#define NUMBERED_H

#include <linux/types.h>

#define NUMBERED     1024
#define NUMBERED_LOG 128

/* A session's own line of the cache: there may be many on many CPUs. */
struct numbered_one {
	__u64 runs[2]; /* entry, exit */
	__u64 dirty_cookies;
	__u64 wrong_cookies;
	__u64 pad[4];
};

struct numbered_entry {
	__u32 who;
	__u32 is_return;
};

struct numbered {
	__u64 log_wanted;
	__u64 log_len; /* may be more than fits */
	struct numbered_entry log[NUMBERED_LOG];
	struct numbered_one one[NUMBERED];
};

#endif /* NUMBERED_H */
