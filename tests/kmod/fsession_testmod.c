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
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/interrupt.h>
#include <linux/irq_work.h>
#include <linux/kprobes.h>
#include <linux/kthread.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#ifdef CONFIG_X86_64
#include <asm/apic.h>
#include <asm/nmi.h>
#endif

#include "fsession_testmod.h"

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

struct fsession_test_s24 {
	u64 a;
	u64 b;
	u64 c;
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

/*
 * One register is left when the structure comes: x86-64 puts all of it on the
 * stack and gives the register to the argument behind it.
 */
TARGET u64 fsession_test_arg_s16_edge(u64 a, u64 b, u64 c, u64 d, u64 e,
				      struct fsession_test_s16 f, u64 g)
{
	return SEE(a, b, c, d, e, f.a, f.b, g);
}

TARGET u64 fsession_test_arg_u128(u64 a, u128_t b, u64 c)
{
	return SEE(a, b, b >> 64, c);
}

/* On the stack a 16-byte integer is aligned to 16: a word may be skipped. */
TARGET u64 fsession_test_arg_u128_stack(u64 a, u64 b, u64 c, u64 d, u64 e,
					u64 f, u64 g, u128_t h)
{
	return SEE(a, b, c, d, e, f, g, h, h >> 64);
}

/* The same as with the structure: no half of it in the last register. */
TARGET u64 fsession_test_arg_u128_edge(u64 a, u64 b, u64 c, u64 d, u64 e,
				       u128_t f, u64 g)
{
	return SEE(a, b, c, d, e, f, f >> 64, g);
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

/* A task that does not come back. Only for FSESSION_TM_KTHREAD. */
TARGET u64 fsession_test_exit(struct completion *done, u64 really)
{
	if (really)
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

static void model_edge(const u64 *w, u64 *out)
{
#ifdef CONFIG_X86_64
	/* Register 6 holds g; the stack's first two words hold f. */
	u64 v[8] = { w[0], w[1], w[2], w[3], w[4], w[6], w[7], w[5] };
#else
	u64 v[8] = { w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7] };
#endif
	model_words(8, v, out);
}

static void model_arg_u128(const u64 *w, u64 *out)
{
#ifdef CONFIG_X86_64
	u64 v[4] = { w[0], w[1], w[2], w[3] };
#else
	/* AAPCS64: a register pair begins with an even one. */
	u64 v[4] = { w[0], w[2], w[3], w[4] };
#endif
	model_words(4, v, out);
}

static void model_u128_stack(const u64 *w, u64 *out)
{
#ifdef CONFIG_X86_64
	/* g is word 6, on the stack; word 7 is padding. */
	u64 v[9] = { w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[8], w[9] };
#else
	u64 v[9] = { w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[8], w[9] };
#endif
	model_words(9, v, out);
}

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
	T(arg11, model_11, 64),
	T(arg12, model_12, 64),
	T(arg_narrow, model_narrow, 64),
	T(arg_s8, model_2, 64),
	T(arg_s12, model_s12, 64),
	T(arg_s16, model_3, 64),
	T(arg_s16_edge, model_edge, 64),
	T(arg_u128_edge, model_edge, 64),
	T(arg8_two_regs, model_arg8_two_regs, 128),
	T(patched, NULL, 0),
	{ .name = "bpf_fentry_test5", .fn = bpf_fentry_test5 },
	T(arg_u128, model_arg_u128, 64),
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

static u64 low_bits(u64 value, unsigned int bits)
{
	return bits >= 64 ? value : value & ((1ULL << bits) - 1);
}

static __nocfi void call_once(struct run *run)
{
	struct fsession_tm_call *call = run->call;
	const struct target *target = run->target;
	struct surroundings before, after;
	u64 w[FSESSION_TM_WORDS], out[2] = {};
	unsigned int i;
	u128_t ret;

	memcpy(w, call->args, sizeof(w));
	for (i = 0; i < ARRAY_SIZE(w); i++)
		if (call->scratch_mask & BIT(i))
			w[i] = (unsigned long)run->scratch;
	if (call->flags & FSESSION_TM_VARY)
		w[0] += run->done;

	memset(&before, 0, sizeof(before));
	memset(&after, 0, sizeof(after));
	look_around(&before);
	ret = ((any_fn)target->fn)(w[0], w[1], w[2], w[3], w[4], w[5],
				   w[6], w[7], w[8], w[9], w[10], w[11]);
	look_around(&after);

	call->ret[0] = ret;
	call->ret[1] = ret >> 64;
	if (memcmp(&before, &after, sizeof(before)))
		call->leaks++;
	if (target->model) {
		target->model(w, out);
		if (low_bits(call->ret[0], target->ret_bits) !=
			    low_bits(out[0], target->ret_bits) ||
		    (target->ret_bits > 64 && call->ret[1] != out[1]))
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

static int calls_in_hardirq(struct run *run)
{
	run->irq_work = IRQ_WORK_INIT_HARD(hardirq_calls);
	return in_batches(run, 16, trigger_hardirq);
}

#ifdef CONFIG_X86_64
static DEFINE_PER_CPU(struct run *, nmi_run);

static int nmi_calls(unsigned int type, struct pt_regs *regs)
{
	struct run *run = this_cpu_read(nmi_run);

	if (!run)
		return NMI_DONE;
	batch_of_calls(run);
	this_cpu_write(nmi_run, NULL);
	return NMI_HANDLED;
}

static int trigger_nmi(struct run *run)
{
	unsigned long until = jiffies + 5 * HZ;
	int err = 0;

	preempt_disable();
	this_cpu_write(nmi_run, run);
	apic->send_IPI_mask(cpumask_of(smp_processor_id()), NMI_VECTOR);
	while (this_cpu_read(nmi_run)) {
		if (time_after(jiffies, until)) {
			this_cpu_write(nmi_run, NULL);
			err = -ETIMEDOUT;
			break;
		}
		cpu_relax();
	}
	preempt_enable();
	return err;
}

static int calls_in_nmi(struct run *run)
{
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
	struct mutex mutex;
	bool registered;
	struct kprobe kprobe;
	atomic_t pre;
	atomic_t post;
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

static int probe_add(struct probe *probe, const char __user *name)
{
	long len = strncpy_from_user(probe->name, name, sizeof(probe->name));
	int err;

	if (len < 0)
		return len;
	if (len == sizeof(probe->name))
		return -ENAMETOOLONG;
	memset(&probe->kprobe, 0, sizeof(probe->kprobe));
	probe->kprobe.symbol_name = probe->name;
	probe->kprobe.pre_handler = probe_pre;
	probe->kprobe.post_handler = probe_post;
	atomic_set(&probe->pre, 0);
	atomic_set(&probe->post, 0);
	err = register_kprobe(&probe->kprobe);
	probe->registered = !err;
	return err;
}

static long testmod_probe(struct probe *probe, unsigned int cmd,
			  const char __user *name)
{
	long ret = 0;

	mutex_lock(&probe->mutex);
	if (cmd == FSESSION_TM_PROBED) {
		ret = atomic_read(&probe->post);
		/* One handler without the other: no number is right. */
		if (ret != atomic_read(&probe->pre))
			ret = -EIO;
	} else {
		probe_remove(probe);
		if (name)
			ret = probe_add(probe, name);
	}
	mutex_unlock(&probe->mutex);
	return ret;
}

static int testmod_open(struct inode *inode, struct file *file)
{
	struct probe *probe = kzalloc(sizeof(*probe), GFP_KERNEL);

	if (!probe)
		return -ENOMEM;
	mutex_init(&probe->mutex);
	file->private_data = probe;
	return 0;
}

static int testmod_release(struct inode *inode, struct file *file)
{
	probe_remove(file->private_data);
	kfree(file->private_data);
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
	case FSESSION_TM_PROBED:
		return testmod_probe(file->private_data, cmd,
				     (const char __user *)arg);
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
