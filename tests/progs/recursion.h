/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RECURSION_H
#define RECURSION_H

#include <linux/types.h>

struct recursion {
	__u32 only_tgid;
	__u32 pad;
	__u64 runs[2];	 /* entry, exit */
	__u64 deletes;	 /* calls of the traced function by the program */
	__u64 others[2]; /* runs of the second program */
};

#endif /* RECURSION_H */
