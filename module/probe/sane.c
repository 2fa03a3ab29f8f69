// SPDX-License-Identifier: GPL-2.0
/* Asks nothing: fails only when the compiler or the headers do. */
#include <linux/module.h>
