/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Is there call depth tracking to account for? It is an assembler macro, which
 * no #ifdef can see. In 6.12 there is, in 6.1 there is not.
 */
#include <linux/linkage.h>
#include <asm/nospec-branch.h>

	CALL_DEPTH_ACCOUNT
