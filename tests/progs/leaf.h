/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What programs that call nothing leave: shared with the cases.
 */
#ifndef PROGS_LEAF_H
#define PROGS_LEAF_H

#include <linux/types.h>

#define LEAF_WORDS 9 /* of arguments and the result */

struct leaf {
	__u64 runs;
	/* Of the last run with an even number, which is an entry, and an odd one. */
	__u64 word[2][LEAF_WORDS];
	__u64 attach_cookie;
};

#endif /* PROGS_LEAF_H */
