/* SPDX-License-Identifier: GPL-2.0 */
/* Stand-in for the kernel's: ENDBR is with linkage.h. */
