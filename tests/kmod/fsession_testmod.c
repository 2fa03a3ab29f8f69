// SPDX-License-Identifier: GPL-2.0
/*
 * Functions of every shape for the tests to trace, and a misc device through
 * which user space has them called and learns what the caller got back.
 *
 * The callers hold every target by a pointer and call it with twelve words, so
 * that both the words and the two return registers are under the tests' control
 * whatever the prototype is. That is what the calling conventions allow for
 * every function that takes no more than these words.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bpf.h>
#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/ftrace.h>
#include <linux/interrupt.h>
#include <linux/irq_work.h>
#include <linux/kprobes.h>
#include <linux/kthread.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#ifdef CONFIG_X86_64
#include <asm/apic.h>
#include <asm/nmi.h>
#endif

#include "fsession_testmod.h"

/* linux/ftrace.h: its name up to 6.1. */
#ifdef ftrace_instruction_pointer_set
#define ftrace_regs_set_instruction_pointer ftrace_instruction_pointer_set
#endif

/*
 * A target is called as its prototype says, or not at all: no inlining, no
 * dropped arguments, no clones.
 */
#if __has_attribute(noipa)
#define TARGET static noinline __used __attribute__((noipa))
#else
#define TARGET static noinline __used __attribute__((optnone))
#endif

typedef unsigned __int128 u128_t;

struct fsession_test_s8 {
	u32 a;
	s32 b;
};

struct fsession_test_s12 {
	u64 a;
	u32 b;
};

struct fsession_test_s16 {
	u64 a;
	u64 b;
};

/* Aligned to 16 by what is in it, which BTF tells... */
struct fsession_test_s128 {
	u128_t a;
};

/* ...and by an attribute, which it does not. */
struct fsession_test_aligned {
	u64 a;
	u64 b;
} __aligned(16);

struct fsession_test_s24 {
	u64 a;
	u64 b;
	u64 c;
};

/* Returned in memory. */
struct fsession_test_s32 {
	u64 word[4];
};

/* What BPF programs look at through a typed pointer. */
struct fsession_test_obj {
	u64 value;
	struct fsession_test_obj *next;
};

/* Of the last call of an fsession_test_arg* function in this context. */
static DEFINE_PER_CPU(u64 [FSESSION_TM_WORDS], seen_words);

static DECLARE_WAIT_QUEUE_HEAD(wake_queue);
static unsigned long wake_generation;
static atomic_t waiting = ATOMIC_INIT(0);

/*
 * Targets
 */

/* Keep the words, as the function sees them, and boil them down to one. */
static __always_inline u64 see(const u64 *words, unsigned int n)
{
	u64 hash = n;
	unsigned int i;

	for (i = 0; i < n; i++) {
		this_cpu_write(seen_words[i], words[i]);
		hash = fsession_tm_mix(hash, words[i]);
	}
	return hash;
}

#define WORDS(...)	((const u64[]){ __VA_ARGS__ })
#define SEE(...)	see(WORDS(__VA_ARGS__), ARRAY_SIZE(WORDS(__VA_ARGS__)))

TARGET u64 fsession_test_arg0(void)
{
	return 0x600df00d;
}

TARGET u64 fsession_test_arg1(u64 a)
{
	return SEE(a);
}

TARGET u64 fsession_test_arg2(u64 a, u64 b)
{
	return SEE(a, b);
}

TARGET u64 fsession_test_arg3(u64 a, u64 b, u64 c)
{
	return SEE(a, b, c);
}

TARGET u64 fsession_test_arg4(u64 a, u64 b, u64 c, u64 d)
{
	return SEE(a, b, c, d);
}

TARGET u64 fsession_test_arg5(u64 a, u64 b, u64 c, u64 d, u64 e)
{
	return SEE(a, b, c, d, e);
}

TARGET u64 fsession_test_arg6(u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
{
	return SEE(a, b, c, d, e, f);
}

TARGET u64 fsession_test_arg7(u64 a, u64 b, u64 c, u64 d, u64 e, u64 f, u64 g)
{
	return SEE(a, b, c, d, e, f, g);
}

TARGET u64 fsession_test_arg8(u64 a, u64 b, u64 c, u64 d, u64 e, u64 f, u64 g,
			      u64 h)
{
	return SEE(a, b, c, d, e, f, g, h);
}

TARGET u64 fsession_test_arg9(u64 a, u64 b, u64 c, u64 d, u64 e, u64 f, u64 g,
			      u64 h, u64 i)
{
	return SEE(a, b, c, d, e, f, g, h, i);
}

TARGET u64 fsession_test_arg10(u64 a, u64 b, u64 c, u64 d, u64 e, u64 f, u64 g,
			       u64 h, u64 i, u64 j)
{
	return SEE(a, b, c, d, e, f, g, h, i, j);
}

TARGET u64 fsession_test_arg11(u64 a, u64 b, u64 c, u64 d, u64 e, u64 f, u64 g,
			       u64 h, u64 i, u64 j, u64 k)
{
	return SEE(a, b, c, d, e, f, g, h, i, j, k);
}

TARGET u64 fsession_test_arg12(u64 a, u64 b, u64 c, u64 d, u64 e, u64 f, u64 g,
			       u64 h, u64 i, u64 j, u64 k, u64 l)
{
	return SEE(a, b, c, d, e, f, g, h, i, j, k, l);
}

/* Narrow arguments, in registers and on the stack. */
TARGET u64 fsession_test_arg_narrow(u8 a, s16 b, bool c, int d, void *e, s8 f,
				    u16 g, s32 h, u8 i)
{
	return SEE(a, b, c, d, (unsigned long)e, f, g, h, i);
}

/* Structures by value: one word, two words, two words of which one is half. */
TARGET u64 fsession_test_arg_s8(u64 a, struct fsession_test_s8 b)
{
	return SEE(a, b.a | (u64)(u32)b.b << 32);
}

TARGET u64 fsession_test_arg_s12(u64 a, struct fsession_test_s12 b, u64 c)
{
	return SEE(a, b.a, b.b, c);
}

TARGET u64 fsession_test_arg_s16(struct fsession_test_s16 a, u64 b)
{
	return SEE(a.a, a.b, b);
}

/* The structure begins at an odd register, with and without a gap before it. */
TARGET u64 fsession_test_arg_s16_odd(u64 a, struct fsession_test_s16 b, u64 c)
{
	return SEE(a, b.a, b.b, c);
}

TARGET u64 fsession_test_arg_s128(u64 a, struct fsession_test_s128 b, u64 c)
{
	return SEE(a, b.a, b.a >> 64, c);
}

/*
 * One register is left when the structure comes: x86-64 puts all of it on the
 * stack and gives the register to the argument behind it.
 */
TARGET u64 fsession_test_arg_s16_edge(u64 a, u64 b, u64 c, u64 d, u64 e,
				      struct fsession_test_s16 f, u64 g)
{
	return SEE(a, b, c, d, e, f.a, f.b, g);
}

/*
 * Their last word is a structure, for pahole: in a function that takes none it
 * counts a register a parameter, and gives it no BTF if that does not come out.
 */
TARGET u64 fsession_test_arg_u128(u64 a, u128_t b, struct fsession_test_s8 c)
{
	return SEE(a, b, b >> 64, c.a | (u64)(u32)c.b << 32);
}

/* The same as with the structure: no half of it in the last register. */
TARGET u64 fsession_test_arg_u128_edge(u64 a, u64 b, u64 c, u64 d, u64 e,
				       u128_t f, struct fsession_test_s8 g)
{
	return SEE(a, b, c, d, e, f, f >> 64, g.a | (u64)(u32)g.b << 32);
}

/* On the stack a 16-byte integer is aligned to 16: a word may be skipped. */
TARGET u64 fsession_test_arg_u128_stack(u64 a, u64 b, u64 c, u64 d, u64 e,
					u64 f, u64 g, u128_t h)
{
	return SEE(a, b, c, d, e, f, g, h, h >> 64);
}

/*
 * The same two where there are eight registers. AAPCS64 leaves the last of them
 * empty then, for whatever comes.
 */
TARGET u64 fsession_test_arg_s16_last(u64 a, u64 b, u64 c, u64 d, u64 e, u64 f,
				      u64 g, struct fsession_test_s16 h, u64 i)
{
	return SEE(a, b, c, d, e, f, g, h.a, h.b, i);
}

TARGET u64 fsession_test_arg_u128_last(u64 a, u64 b, u64 c, u64 d, u64 e,
				       u64 f, u64 g, u128_t h, u64 i)
{
	return SEE(a, b, c, d, e, f, g, h, h >> 64, i);
}

/* Behind an odd number of words on the stack, on every architecture. */
TARGET u64 fsession_test_arg_u128_gap(u64 a, u64 b, u64 c, u64 d, u64 e, u64 f,
				      u64 g, u64 h, u64 i, u128_t j)
{
	return SEE(a, b, c, d, e, f, g, h, i, j, j >> 64);
}

TARGET u64 fsession_test_arg_s128_gap(u64 a, u64 b, u64 c, u64 d, u64 e, u64 f,
				      u64 g, u64 h, u64 i,
				      struct fsession_test_s128 j)
{
	return SEE(a, b, c, d, e, f, g, h, i, j.a, j.a >> 64);
}

TARGET u64 fsession_test_arg_aligned(u64 a, u64 b, u64 c, u64 d, u64 e, u64 f,
				     u64 g, struct fsession_test_aligned h,
				     u64 i)
{
	return SEE(a, b, c, d, e, f, g, h.a, h.b, i);
}

/* Shapes that nobody traces. */
TARGET u64 fsession_test_s24(struct fsession_test_s24 a)
{
	return a.a + a.b + a.c;
}

TARGET struct fsession_test_s24 fsession_test_ret_s24(u64 a)
{
	return (struct fsession_test_s24){ a, a + 1, a + 2 };
}

TARGET u64 fsession_test_variadic(u64 n, ...)
{
	return n;
}

TARGET notrace u64 fsession_test_notrace(u64 a)
{
	return a + 1;
}

/* Returns of every width. */
TARGET void fsession_test_void(u64 *where, u64 a)
{
	*where = a;
}

TARGET int fsession_test_int(int a)
{
	return -a;
}

TARGET u8 fsession_test_u8(u64 a)
{
	return a;
}

TARGET s16 fsession_test_s16(u64 a)
{
	return a;
}

TARGET bool fsession_test_bool(u64 a)
{
	return a & 1;
}

TARGET struct fsession_test_obj *
fsession_test_ptr(struct fsession_test_obj *obj)
{
	return obj->next;
}

TARGET u128_t fsession_test_u128(u64 lo, u64 hi)
{
	return (u128_t)hi << 64 | lo;
}

/*
 * Returns two registers like the one above, but nobody can see it from outside:
 * there are verifiers that do not let functions of wider results be traced.
 */
TARGET u64 fsession_test_two_regs(u64 lo, u64 hi)
{
#ifdef CONFIG_X86_64
	register u64 second asm("rdx") = hi;
#else
	register u64 second asm("x1") = hi;
#endif

	asm volatile("" : : "r"(second));
	return lo;
}

/* With arguments on the stack as well; the last of them is what it adds. */
TARGET u64 fsession_test_arg8_two_regs(u64 a, u64 b, u64 c, u64 d, u64 e,
				       u64 f, u64 g, u64 h)
{
	/* Not SEE(): the stack protector would take the register for itself. */
	u64 ret = fsession_tm_mix(fsession_tm_mix(fsession_tm_mix(
			fsession_tm_mix(8, a), b), c), d);
#ifdef CONFIG_X86_64
	register u64 second asm("rdx") = h;
#else
	register u64 second asm("x1") = h;
#endif

	ret = fsession_tm_mix(fsession_tm_mix(fsession_tm_mix(
			fsession_tm_mix(ret, e), f), g), h);
	asm volatile("" : "+r"(ret) : "r"(second));
	return ret;
}

/*
 * Returns struct fsession_test_s32, which its callers know and its BTF does not:
 * no verifier lets a function be traced that says so. Where the result is to go
 * the caller says in a register: on x86-64 in that of the first argument, on
 * arm64 in x8, which is no argument's.
 */
#ifdef CONFIG_X86_64
TARGET struct fsession_test_s32 *
fsession_test_indirect(struct fsession_test_s32 *where, u64 a, u64 b)
{
#else
TARGET u64 fsession_test_indirect(u64 a, u64 b)
{
	register struct fsession_test_s32 *where asm("x8");

	asm volatile("" : "=r"(where));
#endif
	where->word[0] = a;
	where->word[1] = b;
	where->word[2] = ~a;
	where->word[3] = ~b;
#ifdef CONFIG_X86_64
	return where;
#else
	return a;
#endif
}

TARGET struct fsession_test_s16 fsession_test_ret_s16(u64 a, u64 b)
{
	return (struct fsession_test_s16){ a, b };
}

/* Nesting. */
static u64 (*volatile nested_fn)(u64 depth);
static u64 (*volatile arg1_fn)(u64 a) = fsession_test_arg1;

TARGET u64 fsession_test_nested(u64 depth)
{
	if (!depth)
		return 0;
	return depth + nested_fn(depth - 1);
}

/* An oops: the task exits from the top of its stack, with this call below. */
TARGET u64 fsession_test_oops(u64 a)
{
	u64 *volatile nowhere = NULL;

	return *nowhere + a;
}

/* The kernel has another function of this name, which nobody declares. */
TARGET u64 bpf_fentry_test5(u64 a)
{
	return a + 7;
}

/* What fsession_testlp replaces. */
TARGET u64 fsession_test_patched(u64 a)
{
	return a + 1;
}

TARGET u64 fsession_test_outer(u64 a)
{
	return arg1_fn(a) + 1;
}

/* Sleepers. */
TARGET u64 fsession_test_sleep(u64 ms)
{
	return msleep_interruptible(ms);
}

TARGET u64 fsession_test_wait(u64 key)
{
	unsigned long generation = READ_ONCE(wake_generation);
	int err;

	atomic_inc(&waiting);
	err = wait_event_killable(wake_queue, READ_ONCE(wake_generation) !=
						      generation);
	atomic_dec(&waiting);
	return err ? 0 : key;
}

static u64 (*volatile exit_fn)(struct completion *done, u64 levels);

/*
 * A task that does not come back, from so many levels down, which have next to
 * nothing on the stack. Only for FSESSION_TM_KTHREAD.
 */
TARGET u64 fsession_test_exit(struct completion *done, u64 levels)
{
	if (levels > 1)
		return 1 + exit_fn(done, levels - 1);
	if (levels)
		kthread_complete_and_exit(done, 0);
	return 0;
}

/*
 * What each of them computes, written a second time
 */

static void model_words(unsigned int n, const u64 *w, u64 *out)
{
	unsigned int i;

	out[0] = n;
	for (i = 0; i < n; i++)
		out[0] = fsession_tm_mix(out[0], w[i]);
}

#define MODEL_WORDS(n)							\
	static void model_##n(const u64 *w, u64 *out)			\
	{								\
		model_words(n, w, out);					\
	}
MODEL_WORDS(1)
MODEL_WORDS(2)
MODEL_WORDS(3)
MODEL_WORDS(4)
MODEL_WORDS(5)
MODEL_WORDS(6)
MODEL_WORDS(7)
MODEL_WORDS(8)
MODEL_WORDS(9)
MODEL_WORDS(10)
MODEL_WORDS(11)
MODEL_WORDS(12)

static void model_0(const u64 *w, u64 *out)
{
	out[0] = 0x600df00d;
}

static void model_narrow(const u64 *w, u64 *out)
{
	u64 v[9] = { (u8)w[0],	(s16)w[1], (u8)w[2], (int)w[3], w[4],
		     (s8)w[5],	(u16)w[6], (s32)w[7],  (u8)w[8] };

	model_words(9, v, out);
}

static void model_s12(const u64 *w, u64 *out)
{
	u64 v[4] = { w[0], w[1], (u32)w[2], w[3] };

	model_words(4, v, out);
}

/* Which of the caller's words are the function's, where not the first @n. */
static void model_picked(unsigned int n, const u8 *place, const u64 *w, u64 *out)
{
	u64 v[FSESSION_TM_WORDS];
	unsigned int i;

	for (i = 0; i < n; i++)
		v[i] = w[place[i]];
	model_words(n, v, out);
}

#define MODEL_PICKED(name, ...)						\
	static void model_##name(const u64 *w, u64 *out)		\
	{								\
		static const u8 place[] = { __VA_ARGS__ };		\
									\
		model_picked(ARRAY_SIZE(place), place, w, out);		\
	}

#ifdef CONFIG_X86_64
/* Register 6 holds g; the stack's first two words hold f. */
MODEL_PICKED(s16_edge, 0, 1, 2, 3, 4, 6, 7, 5)
MODEL_PICKED(u128_edge, 0, 1, 2, 3, 4, 6, 7, 5)
MODEL_PICKED(aligned_odd, 0, 1, 2, 3)
/* g is word 6, on the stack; what is not aligned follows... */
MODEL_PICKED(s16_last, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
#else
MODEL_PICKED(s16_edge, 0, 1, 2, 3, 4, 5, 6, 7)
/* AAPCS64: a register pair begins with an even one. */
MODEL_PICKED(u128_edge, 0, 1, 2, 3, 4, 6, 7, 8)
MODEL_PICKED(aligned_odd, 0, 2, 3, 4)
/* Register 8 is not used. The stack begins at word 8... */
MODEL_PICKED(s16_last, 0, 1, 2, 3, 4, 5, 6, 8, 9, 10)
#endif
/* ...and so does what is aligned, on both. */
MODEL_PICKED(u128_stack, 0, 1, 2, 3, 4, 5, 6, 8, 9)
MODEL_PICKED(u128_last, 0, 1, 2, 3, 4, 5, 6, 8, 9, 10)
MODEL_PICKED(u128_gap, 0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11)

static void model_arg8_two_regs(const u64 *w, u64 *out)
{
	model_words(8, w, out);
	out[1] = w[7];
}

static void model_int(const u64 *w, u64 *out)
{
	out[0] = -(int)w[0];
}

static void model_first(const u64 *w, u64 *out)
{
	out[0] = w[0];
}

static void model_bool(const u64 *w, u64 *out)
{
	out[0] = w[0] & 1;
}

static void model_pair(const u64 *w, u64 *out)
{
	out[0] = w[0];
	out[1] = w[1];
}

static void model_indirect(const u64 *w, u64 *out)
{
	out[0] = w[0];
	out[1] = w[1];
	out[2] = ~w[0];
	out[3] = ~w[1];
}

static void model_nested(const u64 *w, u64 *out)
{
	out[0] = w[0] * (w[0] + 1) / 2;
}

static void model_outer(const u64 *w, u64 *out)
{
	model_words(1, w, out);
	out[0]++;
}

struct target {
	const char *name;
	void *fn;
	void (*model)(const u64 *w, u64 *out);
	unsigned int ret_bits;	/* of the return value; 0 for nothing to check */
	bool sleeps;
	bool needs_scratch;	/* word 0 is a pointer that is followed */
	bool indirect;		/* returns struct fsession_test_s32 */
};

#define T(func, mod, bits, ...)						\
	{ .name = "fsession_test_" #func, .fn = fsession_test_##func,	\
	  .model = mod, .ret_bits = bits, __VA_ARGS__ }

static const struct target targets[] = {
	T(arg0, model_0, 64),
	T(arg1, model_1, 64),
	T(arg2, model_2, 64),
	T(arg3, model_3, 64),
	T(arg4, model_4, 64),
	T(arg5, model_5, 64),
	T(arg6, model_6, 64),
	T(arg7, model_7, 64),
	T(arg8, model_8, 64),
	T(arg9, model_9, 64),
	T(arg10, model_10, 64),
	T(arg11, model_11, 64),
	T(arg12, model_12, 64),
	T(arg_narrow, model_narrow, 64),
	T(arg_s8, model_2, 64),
	T(arg_s12, model_s12, 64),
	T(arg_s16, model_3, 64),
	T(arg_s16_odd, model_4, 64),
	T(arg_s128, model_aligned_odd, 64),
	T(arg_s16_edge, model_s16_edge, 64),
	T(arg_u128_edge, model_u128_edge, 64),
	T(arg_s16_last, model_s16_last, 64),
	T(arg_u128_last, model_u128_last, 64),
	T(arg_u128_gap, model_u128_gap, 64),
	T(arg_s128_gap, model_u128_gap, 64),
	T(arg_aligned, model_u128_last, 64),
	T(arg8_two_regs, model_arg8_two_regs, 128),
	T(patched, NULL, 0),
	{ .name = "bpf_fentry_test5", .fn = bpf_fentry_test5 },
	T(arg_u128, model_aligned_odd, 64),
	T(arg_u128_stack, model_u128_stack, 64),
	T(notrace, NULL, 0),
	T(void, NULL, 0, .needs_scratch = true),
	T(int, model_int, 32),
	T(u8, model_first, 8),
	T(s16, model_first, 16),
	T(bool, model_bool, 8),
	T(ptr, NULL, 0, .needs_scratch = true),
	T(u128, model_pair, 128),
	T(two_regs, model_pair, 128),
	T(ret_s16, model_pair, 128),
	T(indirect, model_indirect, 256, .indirect = true),
	T(nested, model_nested, 64),
	T(outer, model_outer, 64),
	T(sleep, NULL, 0, .sleeps = true),
	T(wait, NULL, 0, .sleeps = true),
	T(exit, NULL, 0, .sleeps = true),
	T(oops, NULL, 0, .sleeps = true),
};

/*
 * Calling them
 */

typedef u128_t (*any_fn)(u64, u64, u64, u64, u64, u64,
			 u64, u64, u64, u64, u64, u64);
typedef struct fsession_test_s32 (*indirect_fn)(u64, u64, u64, u64, u64, u64,
						u64, u64, u64, u64, u64, u64);

/*
 * The registers that a function has to leave as they were, but for the frame
 * pointer, which unwinding needs. A variable that is given one stays in it, since
 * the compiler has nothing better to do with it around a call.
 */
#ifdef CONFIG_X86_64
#define KEPT_REGISTERS(R)						\
	R(rbx, 1) R(r12, 2) R(r13, 3) R(r14, 4) R(r15, 5)
#else
#define KEPT_REGISTERS(R)						\
	R(x19, 1) R(x20, 2) R(x21, 3) R(x22, 4) R(x23, 5) R(x24, 6)	\
	R(x25, 7) R(x26, 8) R(x27, 9) R(x28, 10)
#endif
#define KEPT_VALUE(n)	(0x4e9700000000UL + 0x1111 * (n))
#define KEPT_DECLARE(reg, n)						\
	register unsigned long kept_##reg asm(#reg) = KEPT_VALUE(n);
#define KEPT_SET(reg, n)	asm volatile("" : "+r"(kept_##reg));
#define KEPT_CHECK(reg, n)						\
	asm volatile("" : "+r"(kept_##reg));				\
	changed |= kept_##reg ^ KEPT_VALUE(n);

/* Returns whether a register was changed that was to be kept. */
static noinline __nocfi bool call_words(const struct target *target,
					const u64 *w, u64 *ret)
{
	unsigned long changed = 0;
	KEPT_REGISTERS(KEPT_DECLARE)
	u128_t pair;

	KEPT_REGISTERS(KEPT_SET)
	pair = ((any_fn)target->fn)(w[0], w[1], w[2], w[3], w[4], w[5],
				    w[6], w[7], w[8], w[9], w[10], w[11]);
	KEPT_REGISTERS(KEPT_CHECK)
	ret[0] = pair;
	ret[1] = pair >> 64;
	return changed;
}

static noinline __nocfi bool call_indirect(const struct target *target,
					   const u64 *w, u64 *ret)
{
	unsigned long changed = 0;
	KEPT_REGISTERS(KEPT_DECLARE)
	struct fsession_test_s32 s;

	KEPT_REGISTERS(KEPT_SET)
	s = ((indirect_fn)target->fn)(w[0], w[1], w[2], w[3], w[4], w[5],
				      w[6], w[7], w[8], w[9], w[10], w[11]);
	KEPT_REGISTERS(KEPT_CHECK)
	memcpy(ret, &s, sizeof(s));
	return changed;
}

struct run {
	struct fsession_tm_call *call;
	const struct target *target;
	u64 scratch[FSESSION_TM_SCRATCH];
	u64 done;		/* calls made */
	u64 batch;		/* calls to make in this interrupt */
	struct irq_work irq_work;
	struct tasklet_struct tasklet;
	struct completion completion;
};

/* What a call must leave as it was. */
struct surroundings {
	int preempt;
	bool irqs_off;
	int rcu;
	void *bpf_ctx;
};

static void look_around(struct surroundings *s)
{
	s->preempt = preempt_count();
	s->irqs_off = irqs_disabled();
#ifdef CONFIG_PREEMPT_RCU
	s->rcu = current->rcu_read_lock_nesting;
#else
	s->rcu = 0;
#endif
	s->bpf_ctx = current->bpf_ctx;
}

/* Are the first @bits the same? */
static bool same_bits(const u64 *a, const u64 *b, unsigned int bits)
{
	for (; bits >= 64; bits -= 64)
		if (*a++ != *b++)
			return false;
	return !bits || !((*a ^ *b) & (BIT_ULL(bits) - 1));
}

static void call_once(struct run *run)
{
	struct fsession_tm_call *call = run->call;
	const struct target *target = run->target;
	u64 w[FSESSION_TM_WORDS], out[FSESSION_TM_RETURNED] = {};
	struct surroundings before, after;
	unsigned int i;
	bool changed;

	memcpy(w, call->args, sizeof(w));
	for (i = 0; i < ARRAY_SIZE(w); i++)
		if (call->scratch_mask & BIT(i))
			w[i] = (unsigned long)run->scratch;
	if (call->flags & FSESSION_TM_VARY)
		w[0] += run->done;

	memset(&before, 0, sizeof(before));
	memset(&after, 0, sizeof(after));
	memset(call->ret, 0, sizeof(call->ret));
	look_around(&before);
	if (target->indirect)
		changed = call_indirect(target, w, call->ret);
	else
		changed = call_words(target, w, call->ret);
	look_around(&after);

	if (changed || memcmp(&before, &after, sizeof(before)))
		call->leaks++;
	if (target->model) {
		target->model(w, out);
		if (!same_bits(call->ret, out, target->ret_bits))
			call->bad++;
	}
	run->done++;
}

/*
 * Migration between the call and this would take another CPU's words. Those that
 * the function does not write are zero.
 */
static void last_call(struct run *run)
{
	preempt_disable();
	memset(this_cpu_ptr(seen_words), 0, sizeof(seen_words));
	call_once(run);
	memcpy(run->call->seen, this_cpu_ptr(seen_words),
	       sizeof(run->call->seen));
	preempt_enable();
}

static int calls_in_task(struct run *run)
{
	u64 count = run->call->count;
	unsigned long flags;

	while (run->done < count) {
		if (run->call->flags & FSESSION_TM_IRQS_OFF) {
			local_irq_save(flags);
			call_once(run);
			local_irq_restore(flags);
		} else if (run->done == count - 1 && !run->target->sleeps) {
			last_call(run);
		} else {
			call_once(run);
		}
		if (!(run->done % 256)) {
			cond_resched();
			if (fatal_signal_pending(current))
				return -EINTR;
		}
	}
	return 0;
}

static int kthread_calls(void *data)
{
	struct run *run = data;

	/* The one function that takes what only this thread has. */
	if (run->target->fn == fsession_test_exit)
		run->call->args[0] = (unsigned long)&run->completion;
	calls_in_task(run);
	kthread_complete_and_exit(&run->completion, 0);
}

static int calls_in_kthread(struct run *run)
{
	struct task_struct *task;

	init_completion(&run->completion);
	task = kthread_run(kthread_calls, run, "fsession_test");
	if (IS_ERR(task))
		return PTR_ERR(task);
	wait_for_completion(&run->completion);
	return 0;
}

static void batch_of_calls(struct run *run)
{
	while (run->batch) {
		run->batch--;
		if (run->done == run->call->count - 1)
			last_call(run);
		else
			call_once(run);
	}
}

static void softirq_calls(struct tasklet_struct *tasklet)
{
	struct run *run = from_tasklet(run, tasklet, tasklet);

	batch_of_calls(run);
	complete(&run->completion);
}

static void hardirq_calls(struct irq_work *work)
{
	batch_of_calls(container_of(work, struct run, irq_work));
}

static int in_batches(struct run *run, u64 size,
		      int (*trigger)(struct run *run))
{
	int err;

	while (run->done < run->call->count) {
		run->batch = min(size, run->call->count - run->done);
		err = trigger(run);
		if (err)
			return err;
		cond_resched();
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	return 0;
}

static int trigger_softirq(struct run *run)
{
	reinit_completion(&run->completion);
	tasklet_schedule(&run->tasklet);
	wait_for_completion(&run->completion);
	tasklet_unlock_wait(&run->tasklet);
	return 0;
}

static int calls_in_softirq(struct run *run)
{
	tasklet_setup(&run->tasklet, softirq_calls);
	init_completion(&run->completion);
	return in_batches(run, 16, trigger_softirq);
}

static int trigger_hardirq(struct run *run)
{
	irq_work_queue(&run->irq_work);
	irq_work_sync(&run->irq_work);
	return 0;
}

/*
 * Calls in interrupts all around: one on each CPU at a time, and none waits for another
 * CPU's, since the processor of a guest may not be running.
 */
struct around {
	struct run run;
	struct fsession_tm_call call;
	call_single_data_t csd;
	bool pending;
};

struct around_how {
	/* Unless one is pending there. Is it now? */
	bool (*send)(struct around *a, unsigned int cpu);
	bool (*pending)(struct around *a, unsigned int cpu);
};

static void ipi_calls(void *data)
{
	struct around *a = data;

	batch_of_calls(&a->run);
	smp_store_release(&a->pending, false);
}

static bool ipi_send(struct around *a, unsigned int cpu)
{
	if (smp_load_acquire(&a->pending))
		return false;
	a->run.batch = 1;
	a->pending = true;
	if (!smp_call_function_single_async(cpu, &a->csd))
		return true;
	a->pending = false;
	return false;
}

static bool ipi_pending(struct around *a, unsigned int cpu)
{
	return smp_load_acquire(&a->pending);
}

static const struct around_how around_hardirq = { ipi_send, ipi_pending };

static struct around *around_alloc(const struct run *run)
{
	struct around *all = kvcalloc(nr_cpu_ids, sizeof(*all), GFP_KERNEL);
	unsigned int cpu;

	for (cpu = 0; all && cpu < nr_cpu_ids; cpu++) {
		struct around *a = &all[cpu];

		a->call = *run->call;
		a->call.count = 0;
		a->run.call = &a->call;
		a->run.target = run->target;
		INIT_CSD(&a->csd, ipi_calls, a);
	}
	return all;
}

/* Of our own CPU we know what it is at. */
static int around_send(struct around *all, const struct around_how *how, u64 count)
{
	bool alone = num_online_cpus() == 1;
	unsigned int cpu;

	while (count) {
		u64 before = count;

		for_each_online_cpu(cpu) {
			if (cpu == raw_smp_processor_id() && !alone)
				continue;
			if (count && how->send(&all[cpu], cpu))
				count--;
		}
		if (count == before)
			usleep_range(20, 100);
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	return 0;
}

static int calls_around(struct run *run, const struct around_how *how)
{
	struct around *all = around_alloc(run);
	unsigned int cpu;
	int err;

	if (!all)
		return -ENOMEM;
	cpus_read_lock();
	err = around_send(all, how, run->call->count);
	for_each_online_cpu(cpu) {
		while (how->pending(&all[cpu], cpu))
			usleep_range(20, 100);
	}
	cpus_read_unlock();
	for (cpu = 0; cpu < nr_cpu_ids; cpu++) {
		run->done += all[cpu].run.done;
		run->call->bad += all[cpu].call.bad;
		run->call->leaks += all[cpu].call.leaks;
	}
	kvfree(all);
	return err;
}

static int calls_in_hardirq(struct run *run)
{
	if (run->call->flags & FSESSION_TM_AROUND)
		return calls_around(run, &around_hardirq);
	run->irq_work = IRQ_WORK_INIT_HARD(hardirq_calls);
	return in_batches(run, 16, trigger_hardirq);
}

#ifdef CONFIG_X86_64
/* Whose calls a CPU's next NMI makes: there is one NMI at a time that is ours. */
static DEFINE_PER_CPU(struct run *, nmi_run);

static int nmi_calls(unsigned int type, struct pt_regs *regs)
{
	struct run *run = this_cpu_read(nmi_run);

	if (!run)
		return NMI_DONE;
	batch_of_calls(run);
	smp_store_release(this_cpu_ptr(&nmi_run), NULL);
	return NMI_HANDLED;
}

static bool nmi_take(struct run *run, unsigned int cpu)
{
	return !cmpxchg(per_cpu_ptr(&nmi_run, cpu), NULL, run);
}

static bool nmi_taken(struct run *run, unsigned int cpu)
{
	return smp_load_acquire(per_cpu_ptr(&nmi_run, cpu)) == run;
}

static int trigger_nmi(struct run *run)
{
	unsigned long until = jiffies + 5 * HZ;
	unsigned int cpu = get_cpu();
	int err = 0;

	while (!nmi_take(run, cpu))
		cpu_relax();
	apic->send_IPI_mask(cpumask_of(cpu), NMI_VECTOR);
	while (nmi_taken(run, cpu)) {
		if (time_after(jiffies, until)) {
			this_cpu_write(nmi_run, NULL);
			err = -ETIMEDOUT;
			break;
		}
		cpu_relax();
	}
	put_cpu();
	return err;
}

static bool nmi_send(struct around *a, unsigned int cpu)
{
	if (nmi_taken(&a->run, cpu))
		return false;
	a->run.batch = 1;
	if (!nmi_take(&a->run, cpu))
		return false;
	apic->send_IPI_mask(cpumask_of(cpu), NMI_VECTOR);
	return true;
}

static bool nmi_pending(struct around *a, unsigned int cpu)
{
	return nmi_taken(&a->run, cpu);
}

static const struct around_how around_nmi = { nmi_send, nmi_pending };

static int calls_in_nmi(struct run *run)
{
	if (run->call->flags & FSESSION_TM_AROUND)
		return calls_around(run, &around_nmi);
	return in_batches(run, 16, trigger_nmi);
}

static int nmi_setup(void)
{
	return register_nmi_handler(NMI_LOCAL, nmi_calls, 0, KBUILD_MODNAME);
}

static void nmi_cleanup(void)
{
	unregister_nmi_handler(NMI_LOCAL, KBUILD_MODNAME);
}
#else
static int calls_in_nmi(struct run *run)
{
	return -EOPNOTSUPP;
}

static int nmi_setup(void)
{
	return 0;
}

static void nmi_cleanup(void)
{
}
#endif

static const struct target *target_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(targets); i++)
		if (!strcmp(targets[i].name, name))
			return &targets[i];
	return NULL;
}

static int run_calls(struct run *run)
{
	const struct target *target = run->target;
	struct fsession_tm_call *call = run->call;

	if (target->needs_scratch && !(call->scratch_mask & 1))
		return -EINVAL;
	if (target->sleeps && (call->context > FSESSION_TM_KTHREAD ||
			       call->flags & FSESSION_TM_IRQS_OFF))
		return -EINVAL;
	if (target->fn == fsession_test_exit &&
	    call->context != FSESSION_TM_KTHREAD)
		return -EINVAL;
	if (call->flags & FSESSION_TM_AROUND && call->scratch_mask)
		return -EINVAL;

	switch (call->context) {
	case FSESSION_TM_TASK:
		return calls_in_task(run);
	case FSESSION_TM_KTHREAD:
		return calls_in_kthread(run);
	case FSESSION_TM_SOFTIRQ:
		return calls_in_softirq(run);
	case FSESSION_TM_HARDIRQ:
		return calls_in_hardirq(run);
	case FSESSION_TM_NMI:
		return calls_in_nmi(run);
	default:
		return -EOPNOTSUPP;
	}
}

static long testmod_call(void __user *arg)
{
	struct fsession_tm_call *call;
	struct run *run;
	int err;

	call = memdup_user(arg, sizeof(*call));
	if (IS_ERR(call))
		return PTR_ERR(call);
	run = kzalloc(sizeof(*run), GFP_KERNEL);
	if (!run) {
		err = -ENOMEM;
		goto out;
	}

	call->name[sizeof(call->name) - 1] = '\0';
	call->bad = 0;
	call->leaks = 0;
	run->call = call;
	run->target = target_find(call->name);
	err = -ENOENT;
	if (!run->target)
		goto out;
	memcpy(run->scratch, call->scratch, sizeof(run->scratch));
	err = run_calls(run);
	call->count = run->done;
	memcpy(call->scratch, run->scratch, sizeof(run->scratch));
	if ((!err || err == -EINTR) && copy_to_user(arg, call, sizeof(*call)))
		err = -EFAULT;
out:
	kfree(run);
	kfree(call);
	return err;
}

/*
 * A kprobe with a post handler: one that keeps the function to itself, as far
 * as ftrace is concerned (IPMODIFY).
 */
struct probe {
	bool registered;
	struct kprobe kprobe;
	atomic_t pre;
	atomic_t post;
	struct task_struct *victim;
	char name[64];
};

static int probe_pre(struct kprobe *kp, struct pt_regs *regs)
{
	atomic_inc(&container_of(kp, struct probe, kprobe)->pre);
	return 0;
}
NOKPROBE_SYMBOL(probe_pre);

static void probe_post(struct kprobe *kp, struct pt_regs *regs,
		       unsigned long flags)
{
	atomic_inc(&container_of(kp, struct probe, kprobe)->post);
}
NOKPROBE_SYMBOL(probe_post);

static void probe_remove(struct probe *probe)
{
	if (probe->registered)
		unregister_kprobe(&probe->kprobe);
	probe->registered = false;
}

/* A function that leaves the result as it finds it. */
void just_return(void);
asm("	.pushsection .text\n"
    "	.type just_return, %function\n"
    "just_return:\n"
#ifdef CONFIG_X86
    "	" ASM_RET "\n"
#else
    "	ret\n"
#endif
    "	.size just_return, . - just_return\n"
    "	.popsection\n");

static int probe_override(struct kprobe *kp, struct pt_regs *regs)
{
	regs_set_return_value(regs, FSESSION_TM_OVERRIDDEN);
	instruction_pointer_set(regs, (unsigned long)just_return);
	return 1;
}
NOKPROBE_SYMBOL(probe_override);

static int probe_oops(struct kprobe *kp, struct pt_regs *regs)
{
	int *volatile nowhere = NULL;

	if (current == container_of(kp, struct probe, kprobe)->victim)
		(*nowhere)++;
	return 0;
}
NOKPROBE_SYMBOL(probe_oops);

/* FSESSION_TM_PROBE, FSESSION_TM_OVERRIDE, FSESSION_TM_FAIL or FSESSION_TM_OOPS. */
static int probe_add(struct probe *probe, const char *name, unsigned int how)
{
	int err;

	memset(&probe->kprobe, 0, sizeof(probe->kprobe));
	strscpy(probe->name, name, sizeof(probe->name));
	probe->kprobe.symbol_name = probe->name;
	probe->kprobe.pre_handler = how == FSESSION_TM_PROBE ? probe_pre :
				    how == FSESSION_TM_OOPS  ? probe_oops :
							       probe_override;
	if (how == FSESSION_TM_PROBE || how == FSESSION_TM_FAIL)
		probe->kprobe.post_handler = probe_post;
	probe->victim = current;
	atomic_set(&probe->pre, 0);
	atomic_set(&probe->post, 0);
	err = register_kprobe(&probe->kprobe);
	probe->registered = !err;
	return err;
}

static long probe_hits(struct probe *probe)
{
	int post = atomic_read(&probe->post);

	/* One handler without the other: no number is right. */
	return post == atomic_read(&probe->pre) ? post : -EIO;
}

/*
 * A user of ftrace who lets a function continue in another one (IPMODIFY), which
 * livepatch is where there is livepatch.
 */
static atomic_t redirected = ATOMIC_INIT(0);	/* calls that came there */

TARGET notrace u64 instead_of_patched(u64 a)
{
	atomic_inc(&redirected);
	return a + 0x10000;
}

/* What the other computes as well, from the same words. */
TARGET notrace u64 instead_of_arg12(u64 a, u64 b, u64 c, u64 d, u64 e, u64 f,
				    u64 g, u64 h, u64 i, u64 j, u64 k, u64 l)
{
	atomic_inc(&redirected);
	return SEE(a, b, c, d, e, f, g, h, i, j, k, l);
}

TARGET notrace int instead_of_cmdline(struct seq_file *m, void *v)
{
	atomic_inc(&redirected);
	seq_puts(m, "this has been redirected\n");
	return 0;
}

static const struct redirection {
	const char *name;
	void *instead;
} redirections[] = {
	{ "fsession_test_patched", instead_of_patched },
	{ "fsession_test_arg12", instead_of_arg12 },
	{ "cmdline_proc_show", instead_of_cmdline },
};

struct redirect {
	const struct redirection *to;	/* NULL: not registered */
	struct ftrace_ops ops;
};

static void notrace redirect_call(unsigned long ip, unsigned long parent_ip,
				  struct ftrace_ops *ops,
				  struct ftrace_regs *fregs)
{
	struct redirect *redirect = container_of(ops, struct redirect, ops);

	ftrace_regs_set_instruction_pointer(fregs,
			(unsigned long)redirect->to->instead);
}

static void redirect_remove(struct redirect *redirect)
{
	if (!redirect->to)
		return;
	unregister_ftrace_function(&redirect->ops);
	ftrace_free_filter(&redirect->ops);
	redirect->to = NULL;
}

static int redirect_add(struct redirect *redirect, const char *name)
{
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(redirections); i++)
		if (!strcmp(redirections[i].name, name))
			redirect->to = &redirections[i];
	if (!redirect->to)
		return -ENOENT;
	memset(&redirect->ops, 0, sizeof(redirect->ops));
	redirect->ops.func = redirect_call;
	redirect->ops.flags = FTRACE_OPS_FL_IPMODIFY;
	err = ftrace_set_filter(&redirect->ops, (char *)redirect->to->name,
				strlen(name), 1);
	if (!err)
		err = register_ftrace_function(&redirect->ops);
	if (err) {
		ftrace_free_filter(&redirect->ops);
		redirect->to = NULL;
	}
	return err;
}

/*
 * The device
 */

struct file_data {
	struct mutex mutex;
	struct probe probe;
	struct redirect redirect;
};

/* FSESSION_TM_PROBE and FSESSION_TM_REDIRECT, and what counts for them. */
static long testmod_intrude(struct file_data *data, unsigned int cmd,
			    const char __user *arg)
{
	char name[64] = "";
	long ret = 0;

	if (arg) {
		ret = strncpy_from_user(name, arg, sizeof(name));
		if (ret < 0)
			return ret;
		if (ret == sizeof(name))
			return -ENAMETOOLONG;
		ret = 0;
	}
	mutex_lock(&data->mutex);
	switch (cmd) {
	case FSESSION_TM_PROBE:
	case FSESSION_TM_OVERRIDE:
	case FSESSION_TM_FAIL:
	case FSESSION_TM_OOPS:
		probe_remove(&data->probe);
		if (arg)
			ret = probe_add(&data->probe, name, cmd);
		break;
	case FSESSION_TM_PROBED:
		ret = probe_hits(&data->probe);
		break;
	case FSESSION_TM_REDIRECT:
		redirect_remove(&data->redirect);
		if (arg)
			ret = redirect_add(&data->redirect, name);
		break;
	case FSESSION_TM_REDIRECTED:
		ret = atomic_read(&redirected);
		break;
	}
	mutex_unlock(&data->mutex);
	return ret;
}

static int testmod_open(struct inode *inode, struct file *file)
{
	struct file_data *data = kzalloc(sizeof(*data), GFP_KERNEL);

	if (!data)
		return -ENOMEM;
	mutex_init(&data->mutex);
	file->private_data = data;
	return 0;
}

static int testmod_release(struct inode *inode, struct file *file)
{
	struct file_data *data = file->private_data;

	probe_remove(&data->probe);
	redirect_remove(&data->redirect);
	kfree(data);
	return 0;
}

static long testmod_ioctl(struct file *file, unsigned int cmd,
			  unsigned long arg)
{
	switch (cmd) {
	case FSESSION_TM_CALL:
		return testmod_call((void __user *)arg);
	case FSESSION_TM_WAKE:
		WRITE_ONCE(wake_generation, wake_generation + 1);
		wake_up_all(&wake_queue);
		return 0;
	case FSESSION_TM_WAITING:
		return atomic_read(&waiting);
	case FSESSION_TM_PROBE:
	case FSESSION_TM_OVERRIDE:
	case FSESSION_TM_FAIL:
	case FSESSION_TM_OOPS:
	case FSESSION_TM_REDIRECT:
		return testmod_intrude(file->private_data, cmd,
				       (const char __user *)arg);
	case FSESSION_TM_PROBED:
	case FSESSION_TM_REDIRECTED:
		return testmod_intrude(file->private_data, cmd, NULL);
	default:
		return -ENOTTY;
	}
}

static const struct file_operations testmod_fops = {
	.owner = THIS_MODULE,
	.open = testmod_open,
	.release = testmod_release,
	.unlocked_ioctl = testmod_ioctl,
};

static struct miscdevice testmod_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = KBUILD_MODNAME,
	.fops = &testmod_fops,
	.mode = 0600,
};

static int __init testmod_init(void)
{
	int err;

	nested_fn = fsession_test_nested;
	exit_fn = fsession_test_exit;
	err = nmi_setup();
	if (err)
		return err;
	err = misc_register(&testmod_device);
	if (err)
		nmi_cleanup();
	return err;
}

static void __exit testmod_exit(void)
{
	misc_deregister(&testmod_device);
	nmi_cleanup();
}

module_init(testmod_init);
module_exit(testmod_exit);
MODULE_DESCRIPTION("Functions for the fsession tests to trace");
MODULE_LICENSE("GPL");
