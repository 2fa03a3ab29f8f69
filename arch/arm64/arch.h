/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the C code has to know of arm64 beyond the frame: where a function's
 * ftrace site lies, and where its arguments are.
 */
#ifndef FSESSION_ARM64_ARCH_H
#define FSESSION_ARM64_ARCH_H

#include <linux/bpf.h>
#include <linux/build_bug.h>
#include <linux/math.h>
#include <linux/uaccess.h>
#include <asm/insn.h>
#include <asm/memory.h>

/* How the names of functions that are system calls begin. */
#define FSESSION_SYSCALL_PREFIX	"__arm64_sys_"

/*
 * A function begins with two instructions for ftrace, perhaps after a BTI: one
 * that keeps its return address in x9, and the site, which calls. Both are nops
 * while nobody has traced the function yet. In the place of the first one may be
 * a kprobe's breakpoint, never in that of the second.
 */
#define FSESSION_INSN_NOP	0xd503201f
#define FSESSION_INSN_MOV_X9	0xaa1e03e9	/* mov x9, x30 */

static inline bool fsession_arch_is_site(unsigned long ip)
{
	__le32 raw[2];
	u32 first, insn;

	if (copy_from_kernel_nofault(raw, (void *)(ip - AARCH64_INSN_SIZE),
				     sizeof(raw)))
		return false;
	first = le32_to_cpu(raw[0]);
	insn = le32_to_cpu(raw[1]);
	return (first == FSESSION_INSN_NOP || first == FSESSION_INSN_MOV_X9 ||
		aarch64_insn_is_brk(first)) &&
	       (insn == FSESSION_INSN_NOP || aarch64_insn_is_bl(insn));
}

/*
 * Address of the ftrace site of the function at @func, or 0. The later one is
 * tried first, for two nops after a BTI may look like a site one too early.
 * ftrace has the last word: it refuses an address that is no site.
 */
static inline unsigned long fsession_arch_site(unsigned long func)
{
	if (IS_ENABLED(CONFIG_ARM64_BTI_KERNEL) &&
	    fsession_arch_is_site(func + 2 * AARCH64_INSN_SIZE))
		return func + 2 * AARCH64_INSN_SIZE;
	if (fsession_arch_is_site(func + AARCH64_INSN_SIZE))
		return func + AARCH64_INSN_SIZE;
	return 0;
}

/*
 * Is @frame in the last quarter of its stack? That is left to what the kernel would
 * do there by itself: with most of its functions traced, a call from the network in
 * an interrupt of an interrupt has forty frames below each other. All stacks that
 * functions are traced on have one size, and begin at a multiple of it.
 */
#ifdef CONFIG_VMAP_STACK
#define FSESSION_STACK_BITS	(THREAD_SIZE - THREAD_SIZE / 4)
static_assert(IRQ_STACK_SIZE == THREAD_SIZE);
static_assert(THREAD_ALIGN % THREAD_SIZE == 0);
#endif

static inline bool fsession_arch_stack_low(const struct fsession_frame *frame)
{
#ifdef FSESSION_STACK_BITS
	return !((unsigned long)frame & FSESSION_STACK_BITS);
#else
	return false;
#endif
}

/* The stub can run a program by itself, if nothing preempts that: see fsession.h. */
#ifndef CONFIG_PREEMPT_RT
#define FSESSION_ARCH_SOLO_STUB
#endif

#ifdef FSESSION_STACK_BITS
#define FSESSION_STACK_OFFSETS() \
	DEFINE(FSESSION_STACK_BITS, FSESSION_STACK_BITS)
#else
#define FSESSION_STACK_OFFSETS() do { } while (0)
#endif

/* What the stub has to know of structures that only arm64 has: see offsets.c. */
#define FSESSION_ARCH_OFFSETS() \
do { \
	FSESSION_STACK_OFFSETS(); \
	DEFINE(FSESSION_RCU_WATCHING_BIT, ilog2(FSESSION_RCU_WATCHING)); \
	OFFSET(FSESSION_TASK_PREEMPT, task_struct, thread_info.preempt_count); \
	OFFSET(FSESSION_TASK_PREEMPT_COUNT, task_struct, \
	       thread_info.preempt.count); \
} while (0)

/* The numbers of argument words for which there is a stub, in registers. */
#define FSESSION_ARCH_STUBS(STUB) \
	STUB(0) STUB(1) STUB(2) STUB(3) STUB(4) STUB(5) STUB(6) STUB(7) STUB(8)

/* What the bl at the site leaves in x30: the key of the site table. */
static inline unsigned long fsession_arch_body(unsigned long site)
{
	return site + AARCH64_INSN_SIZE;
}

/* Does the site call something? False when ftrace did not patch it. */
static inline bool fsession_arch_site_armed(unsigned long site)
{
	__le32 insn;

	return !copy_from_kernel_nofault(&insn, (void *)site, sizeof(insn)) &&
	       aarch64_insn_is_bl(le32_to_cpu(insn));
}

/* The caller's stack-passed arguments lie right above the frame. */
static inline u64 *fsession_arch_stack_args(struct fsession_frame *frame)
{
	return (u64 *)(frame + 1);
}

/*
 * Where AAPCS64 puts the next argument, @words long: returns the number of its
 * register, or of its word on the stack + FSESSION_ARG_REGS. @regs and @stack
 * are what is taken of each. Once an argument has gone to the stack, all that
 * follow do. An __int128, or a struct with one in it (@even), begins at an even
 * register or stack word.
 */
static inline u32 fsession_arch_place(u32 *regs, u32 *stack, u32 words,
				      bool even)
{
	u32 at = even ? round_up(*regs, 2) : *regs;

	if (at + words <= FSESSION_ARG_REGS) {
		*regs = at + words;
		return at;
	}
	*regs = FSESSION_ARG_REGS;
	at = even ? round_up(*stack, 2) : *stack;
	*stack = at + words;
	return FSESSION_ARG_REGS + at;
}

#endif /* FSESSION_ARM64_ARCH_H */
