// SPDX-License-Identifier: GPL-2.0
/*
 * Does register_ftrace_direct() take a struct ftrace_ops? In 6.1 it does not,
 * and register_ftrace_direct_multi() does; in 6.12 it does. To be deleted with
 * the last kernel before 6.4.
 */
#include <linux/ftrace.h>

_Static_assert(__builtin_types_compatible_p(typeof(&register_ftrace_direct),
		int (*)(struct ftrace_ops *, unsigned long)), "");
