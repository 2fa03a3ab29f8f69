/* SPDX-License-Identifier: GPL-2.0 */
/* Stand-in for the kernel's: what it patches in where no mitigation asks for more. */
/* clang-format off */
#define CALL_NOSPEC		call *%
#define JMP_NOSPEC		jmp *%
#define CONFIG_CALL_DEPTH_TRACKING 1
/* A no-op of nine bytes, and two: longer than any, so a jump. */
#define CALL_DEPTH_ACCOUNT	.byte 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0
.macro ALTERNATIVE old, new, feature
	.byte 0xeb, 16
	.skip 16, 0xcc
.endm
