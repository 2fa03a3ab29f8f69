/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Stand-in for the kernel's: what it patches in on a processor without IBT, and with
 * MODEL_IBT on one that has it; neither needs retpolines.
 */
/* clang-format off */
#define ALT_NOT(feature)	feature

.macro ALTERNATIVE_2 old, no_retpoline, feature1, ibt, feature2
#ifdef MODEL_IBT
	\ibt
#else
	\no_retpoline
#endif
.endm
