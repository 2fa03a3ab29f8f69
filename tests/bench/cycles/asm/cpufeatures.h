/* SPDX-License-Identifier: GPL-2.0 */
/* Stand-in for the kernel's: of a kernel that knows call depth tracking. */
#define X86_FEATURE_CALL_DEPTH 1
