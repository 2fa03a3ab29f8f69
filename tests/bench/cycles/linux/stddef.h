/* SPDX-License-Identifier: GPL-2.0 */
/* Stand-in for the kernel's. */
#include <stddef.h>
