/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the C code has to know of x86_64 beyond the frame: where a function's
 * ftrace site lies, and where its arguments are.
 */
#ifndef FSESSION_X86_ARCH_H
#define FSESSION_X86_ARCH_H

#include <linux/ftrace.h>
#include <linux/math.h>
#include <linux/uaccess.h>

/* How the names of functions that are system calls begin. */
#define FSESSION_SYSCALL_PREFIX	"__x64_sys_"

#define FSESSION_ENDBR_SIZE	4

#define FSESSION_INSN_CALL	0xe8
#define FSESSION_INSN_JMP	0xe9
#define FSESSION_INSN_INT3	0xcc

/*
 * A site is a five-byte nop while nobody traces the function and a call
 * otherwise, or from 6.19 on a jump for a tracer that asks for one; a breakpoint
 * while it is being changed from one to the other.
 */
static inline bool fsession_arch_is_site(unsigned long ip)
{
	static const u8 nop5[MCOUNT_INSN_SIZE] = { 0x0f, 0x1f, 0x44, 0x00, 0x00 };
	u8 insn[MCOUNT_INSN_SIZE];

	if (copy_from_kernel_nofault(insn, (void *)ip, sizeof(insn)))
		return false;
	return insn[0] == FSESSION_INSN_CALL || insn[0] == FSESSION_INSN_JMP ||
	       insn[0] == FSESSION_INSN_INT3 ||
	       !memcmp(insn, nop5, sizeof(nop5));
}

/*
 * Address of the ftrace site of the function at @func, or 0. The site is the
 * first instruction, or the second one after an ENDBR, in whichever form the
 * kernel left that. ftrace has the last word: it refuses an address that is no
 * site.
 */
static inline unsigned long fsession_arch_site(unsigned long func)
{
	if (fsession_arch_is_site(func))
		return func;
	if (fsession_arch_is_site(func + FSESSION_ENDBR_SIZE))
		return func + FSESSION_ENDBR_SIZE;
	return 0;
}

/*
 * Is @frame in the last quarter of the task's stack? That is left to what the kernel
 * would do there by itself: with most of its functions traced, a connection that is
 * closed on a PREEMPT_RT kernel, where soft interrupts run on the task's stack, has
 * sixty frames below each other. Of an interrupt's stack, which may begin at any page
 * and which the kernel shows no module, an address does not tell.
 */
#define FSESSION_STACK_LOW	(THREAD_SIZE / 4)

/* None of them are set in an address there, and seldom elsewhere. */
#define FSESSION_STACK_BITS	(THREAD_SIZE - FSESSION_STACK_LOW)

static inline bool fsession_arch_stack_low(const struct fsession_frame *frame)
{
	return (unsigned long)frame - (unsigned long)task_stack_page(current) <
	       FSESSION_STACK_LOW;
}

/* The stub can run a program by itself: see fsession.h. */
#ifdef CONFIG_PREEMPT_COUNT
#define FSESSION_ARCH_SOLO_STUB
#endif

/* What the stub has to know of structures that only x86 has: see offsets.c. */
#ifdef HAVE_PCPU_HOT
#define FSESSION_HOT_OFFSETS() \
do { \
	OFFSET(FSESSION_HOT_CURRENT, pcpu_hot, current_task); \
	OFFSET(FSESSION_HOT_PREEMPT, pcpu_hot, preempt_count); \
} while (0)
#else
#define FSESSION_HOT_OFFSETS() do { } while (0)
#endif

#define FSESSION_ARCH_OFFSETS() \
do { \
	DEFINE(FSESSION_STACK_LOW, FSESSION_STACK_LOW); \
	DEFINE(FSESSION_STACK_BITS, FSESSION_STACK_BITS); \
	OFFSET(FSESSION_TASK_STACK, task_struct, stack); \
	FSESSION_HOT_OFFSETS(); \
} while (0)

/* The numbers of argument words for which there is a stub, in registers. */
#define FSESSION_ARCH_STUBS(STUB) \
	STUB(0) STUB(1) STUB(2) STUB(3) STUB(4) STUB(5) STUB(6)

/* What the call at the site pushes: the key of the site table. */
static inline unsigned long fsession_arch_body(unsigned long site)
{
	return site + MCOUNT_INSN_SIZE;
}

/* Does the site call something? False when ftrace did not patch it. */
static inline bool fsession_arch_site_armed(unsigned long site)
{
	u8 insn;

	return !copy_from_kernel_nofault(&insn, (void *)site, sizeof(insn)) &&
	       (insn == FSESSION_INSN_CALL || insn == FSESSION_INSN_INT3);
}

/* The caller's stack-passed arguments lie right above the frame. */
static inline u64 *fsession_arch_stack_args(struct fsession_frame *frame)
{
	return (u64 *)(frame + 1);
}

/*
 * Where the System V ABI puts the next argument, @words long: returns the number
 * of its register, or of its word on the stack + FSESSION_ARG_REGS. @regs and
 * @stack are what is taken of each. An argument that does not fit into the
 * registers that are left goes to the stack whole, to an even word if it is
 * aligned (@even), and later ones may still get the registers.
 */
static inline u32 fsession_arch_place(u32 *regs, u32 *stack, u32 words,
				      bool even)
{
	u32 at = *regs;

	if (at + words <= FSESSION_ARG_REGS) {
		*regs += words;
		return at;
	}
	at = even ? round_up(*stack, 2) : *stack;
	*stack = at + words;
	return FSESSION_ARG_REGS + at;
}

#endif /* FSESSION_X86_ARCH_H */
