/* SPDX-License-Identifier: GPL-2.0 */
/* Stand-in for the kernel's. */
/* clang-format off */
#define __stringify_1(x...)	#x
#define __stringify(x...)	__stringify_1(x)
