/* SPDX-License-Identifier: GPL-2.0 */
/* Stand-in for the kernel's: nothing of it is needed. */
