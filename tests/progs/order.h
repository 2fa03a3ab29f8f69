/* SPDX-License-Identifier: GPL-2.0 */
/* The log that the programs of order.bpf.c share. */
#ifndef ORDER_H
#define ORDER_H

#include <linux/types.h>

#define ORDER_LOG 64

struct order_entry {
	__u32 who;
	__u32 is_return;
	__u64 attach_cookie;
};

struct order {
	__u64 len; /* may be more than fits */
	struct order_entry log[ORDER_LOG];
};

#endif /* ORDER_H */
