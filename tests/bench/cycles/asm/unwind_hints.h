/* SPDX-License-Identifier: GPL-2.0 */
/* Stand-in for the kernel's: nobody unwinds here. */
#define UNWIND_HINT_FUNC
#define UNWIND_HINT_SAVE
#define UNWIND_HINT_RESTORE
