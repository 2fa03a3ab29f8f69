/* SPDX-License-Identifier: GPL-2.0 */
/* Stand-in for the kernel's: gs is set to the area of the one CPU there is. */
/* clang-format off */
#define PER_CPU_VAR(var)	%gs:var
