/* SPDX-License-Identifier: GPL-2.0 */
/* Stand-in for the kernel's: nobody unwinds here. */
#define ANNOTATE_NOENDBR
#define ANNOTATE_INTRA_FUNCTION_CALL
