/* SPDX-License-Identifier: GPL-2.0 */
/* Stand-in for the kernel's: what arch/x86/stub.S takes from it. */
/* clang-format off */
#define SYM_L_GLOBAL(name)	.globl name
#define SYM_L_LOCAL(name)
#define SYM_A_ALIGN		.balign 16, 0x90

#define SYM_START(name, linkage, align...)	\
	linkage(name) ASM_NL align ASM_NL name:
#define SYM_FUNC_END(name)	.size name, . - name
#define ASM_NL			;
#define ENDBR			endbr64
/* What the kernel patches in where no mitigation asks for more. */
#define RET			ret
