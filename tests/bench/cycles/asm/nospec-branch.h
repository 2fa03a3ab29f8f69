/* SPDX-License-Identifier: GPL-2.0 */
/* Stand-in for the kernel's: what it patches in where no mitigation asks for more. */
/* clang-format off */
#define CALL_NOSPEC		call *%
/* A no-op of nine bytes. */
#define CALL_DEPTH_ACCOUNT	.byte 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0
