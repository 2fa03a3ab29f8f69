// SPDX-License-Identifier: GPL-2.0
/*
 * Is an ops_func told the address of the function? In 7.x it is, in 6.12 it is
 * not.
 */
#include <linux/ftrace.h>

_Static_assert(__builtin_types_compatible_p(ftrace_ops_func_t,
		int (*)(struct ftrace_ops *, unsigned long,
			enum ftrace_ops_cmd)), "");
