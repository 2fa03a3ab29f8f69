// SPDX-License-Identifier: GPL-2.0
/*
 * The hot path: the C half of the stub. Runs at every call of a traced
 * function, in whatever context that is called: interrupts, NMI, scheduler. The
 * stub does by itself what is here for a lone session; what is said here of why
 * and in which order goes for it, too.
 *
 * Nothing here may be traced, take a lock, or write to a cache line that other
 * CPUs write to. A program runs with preemption off, which is also what keeps
 * sites, lists and programs from being freed; under PREEMPT_RT, where programs
 * may take sleeping spinlocks, it runs as the kernel's own trampoline does it.
 * A sleepable program runs under tasks-trace RCU, on a list that the call has
 * been counted in on: that keeps the list and its sessions, and the reaper
 * waits for both kinds of readers before it puts a program.
 */
#include <linux/atomic.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/kprobes.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/rcupdate_trace.h>

#include "fsession.h"

unsigned long fsession_guard_key __ro_after_init;
unsigned long fsession_shared_body[FSESSION_SHARED_STUBS];

static __always_inline void run_lock(void)
{
	if (IS_ENABLED(CONFIG_PREEMPT_RT)) {
		rcu_read_lock();
		migrate_disable();
		return;
	}
	preempt_disable_notrace();
	/* For lockdep only: with preemption off this is a reader already. */
	if (IS_ENABLED(CONFIG_PROVE_RCU))
		rcu_read_lock();
}

static __always_inline void run_unlock(void)
{
	if (IS_ENABLED(CONFIG_PREEMPT_RT)) {
		migrate_enable();
		rcu_read_unlock();
		return;
	}
	if (IS_ENABLED(CONFIG_PROVE_RCU))
		rcu_read_unlock();
	preempt_enable_notrace();
}

static __always_inline void run_lock_sleepable(void)
{
	rcu_read_lock_trace();
	migrate_disable();
	might_fault();
}

static __always_inline void run_unlock_sleepable(void)
{
	migrate_enable();
	rcu_read_unlock_trace();
}

#ifdef FSESSION_SOLO_STUB
/* For the stub, when it has let preemption on and a reschedule is due. */
notrace void fsession_resched(void)
{
	preempt_disable_notrace();
	preempt_enable_notrace();
}
NOKPROBE_SYMBOL(fsession_resched);
#endif

/*
 * On a list with a sleepable session each program runs under its own kind of
 * protection; on any other, one lock serves the whole half.
 */
static __always_inline void prog_lock(const struct fsession_session *s,
				      bool mixed)
{
	if (!mixed)
		return;
	if (s->sleepable)
		run_lock_sleepable();
	else
		run_lock();
}

static __always_inline void prog_unlock(const struct fsession_session *s,
					bool mixed)
{
	if (!mixed)
		return;
	if (s->sleepable)
		run_unlock_sleepable();
	else
		run_unlock();
}

/* The kernel's counter of the same, shown by bpftool as recursion_misses. */
static noinline notrace void prog_missed(const struct bpf_prog *prog)
{
	struct bpf_prog_stats *stats = this_cpu_ptr(prog->stats);
	unsigned long flags;

	flags = u64_stats_update_begin_irqsave(&stats->syncp);
	u64_stats_inc(&stats->misses);
	u64_stats_update_end_irqrestore(&stats->syncp, flags);
}

/* What the entry of the first session on a list finds in ctx[-1]. */
static __always_inline u64 first_meta(const u64 *ctx, const u64 *cookies)
{
	return (u8)ctx[-1] | FSESSION_META_COOKIE(ctx - cookies);
}

/* From one session's to the next one's, whose cookie is nearer by one word. */
#define NEXT_META FSESSION_META_COOKIE(1)

static __always_inline void run_prog(struct fsession_frame *frame,
				     const struct fsession_session *s,
				     const struct bpf_prog *prog, u64 *ctx,
				     u64 *cookie, u64 meta)
{
	frame->slot = cookie;
	if (FSESSION_META_EXIT)
		ctx[-1] = meta;
	frame->run.bpf_cookie = s->attach_cookie;
	if (unlikely(s->cookies))
		frame->run.bpf_cookie = fsession_targets_cookie(s->cookies,
								ctx[-2]);
	/*
	 * Set only while the program runs, and so cannot be freed: whoever
	 * interrupts the rest of this finds no program in the frame.
	 */
	WRITE_ONCE(frame->prog, prog);
	bpf_prog_run(prog, ctx);
	WRITE_ONCE(frame->prog, NULL);
}

/* Runs the entry of one session; true if its program ran. */
static __always_inline bool run_entry(struct fsession_frame *frame,
				      const struct fsession_session *s,
				      u64 *ctx, u64 *cookie, u64 meta)
{
	struct bpf_prog *prog = READ_ONCE(s->prog);
	bool ran;

	if (unlikely(!prog)) {
		this_cpu_inc(s->odd->skipped);
		return false;
	}
	ran = likely(fsession_prog_enter(prog));
	if (ran) {
		*cookie = 0;
		run_prog(frame, s, prog, ctx, cookie, meta);
	} else {
		this_cpu_inc(s->odd->missed);
		prog_missed(prog);
	}
	fsession_prog_leave(prog);
	return ran;
}

/* Counts a call in and out that no program runs for, as the stack is too short. */
static noinline notrace void miss_all(const struct fsession_list *list)
{
	u32 i;

	this_cpu_inc(list->flight->in);
	for (i = 0; i < list->n; i++) {
		const struct fsession_session *s = list->session[i];
		struct bpf_prog *prog = READ_ONCE(s->prog);

		if (prog) {
			this_cpu_inc(s->odd->missed);
			prog_missed(prog);
		} else {
			this_cpu_inc(s->odd->skipped);
		}
		this_cpu_inc(s->odd->unran_out);
	}
	/* As in fsession_exit(). */
	smp_mb__before_atomic();
	this_cpu_inc(list->flight->out);
}

/*
 * Runs the entry of every session on the list. A session is marked in
 * frame->ran if and only if its program ran; only then will its exit run.
 */
static __always_inline void run_entries(struct fsession_frame *frame,
					const struct fsession_list *list,
					u64 *ctx, bool mixed)
{
	u64 *cookie = fsession_cookies(frame, list);
	u64 meta = first_meta(ctx, cookie);
	u64 ran = 0;
	u32 i;

	frame->run.saved_run_ctx = bpf_set_run_ctx(&frame->run.run_ctx);
	for (i = 0; i < list->n; i++, cookie++, meta -= NEXT_META) {
		const struct fsession_session *s = list->session[i];

		prog_lock(s, mixed);
		if (likely(run_entry(frame, s, ctx, cookie, meta)))
			frame->ran = ran |= BIT_ULL(i);
		prog_unlock(s, mixed);
	}
	bpf_reset_run_ctx(frame->run.saved_run_ctx);
}

/*
 * Runs the exit of a session if its entry ran. It does not ask the recursion
 * guard for permission: a program that is in the middle of a run on this CPU
 * got there either before the call was entered, and then the entry was a miss,
 * or has been preempted (sleepable, or PREEMPT_RT), and then skipping would
 * break the pair. That is done only where there is no stack for a second run. It
 * does take the guard, so that calls from the exit are misses.
 */
static __always_inline void run_exit(struct fsession_frame *frame,
				     const struct fsession_session *s,
				     u64 *ctx, u64 *cookie, u64 meta, bool ran)
{
	struct bpf_prog *prog = READ_ONCE(s->prog);

	if (unlikely(!ran)) {
		this_cpu_inc(s->odd->unran_out);
	} else if (unlikely(!prog)) {
		this_cpu_inc(s->odd->dropped);
	} else {
		if (unlikely(!fsession_prog_enter(prog) && s->exclusive)) {
			this_cpu_inc(s->odd->dropped);
			prog_missed(prog);
		} else {
			run_prog(frame, s, prog, ctx, cookie, meta);
		}
		fsession_prog_leave(prog);
	}
}

static __always_inline void run_exits(struct fsession_frame *frame,
				      const struct fsession_list *list,
				      u64 *ctx, bool mixed)
{
	u64 *cookie = fsession_cookies(frame, list);
	u64 meta = first_meta(ctx, cookie) | FSESSION_META_EXIT;
	u64 ran = frame->ran;
	u32 i;

	frame->run.saved_run_ctx = bpf_set_run_ctx(&frame->run.run_ctx);
	for (i = 0; i < list->n; i++, cookie++, meta -= NEXT_META) {
		const struct fsession_session *s = list->session[i];

		prog_lock(s, mixed);
		run_exit(frame, s, ctx, cookie, meta, ran & BIT_ULL(i));
		prog_unlock(s, mixed);
	}
	bpf_reset_run_ctx(frame->run.saved_run_ctx);
}

static noinline notrace void run_entries_mixed(struct fsession_frame *frame,
					       const struct fsession_list *list,
					       u64 *ctx)
{
	run_entries(frame, list, ctx, true);
}

static noinline notrace void run_exits_mixed(struct fsession_frame *frame,
					     const struct fsession_list *list,
					     u64 *ctx)
{
	run_exits(frame, list, ctx, true);
}

/*
 * A function whose arguments are not just the first registers: gathers the
 * context from registers and stack, and copies the stack-passed arguments to
 * where f will look for them when the stub enters it.
 */
static noinline notrace void enter_wide(struct fsession_frame *frame,
					const struct fsession_layout *layout,
					u64 *ctx, u64 *copies)
{
	const u64 *stack = fsession_arch_stack_args(frame);
	u32 i;

	for (i = 0; i < layout->stack; i++)
		copies[i] = READ_ONCE_NOCHECK(stack[i]);
	for (i = 0; i < layout->nr; i++) {
		u32 word = layout->word[i];

		ctx[i] = word < FSESSION_ARG_REGS ?
				 frame->words[word] :
				 copies[word - FSESSION_ARG_REGS];
	}
}

static __always_inline long enter(struct fsession_frame *frame, void *extra,
				  unsigned long bytes, unsigned long body)
{
	const struct fsession_list *list;
	const struct fsession_site *site;
	u64 *ctx, *result;
	u32 needed;

	/* Idle: nothing would protect a reader. */
	if (unlikely(!fsession_rcu_watching()))
		return -1;
	run_lock();
	site = fsession_site_find(body);
	if (unlikely(!site))
		goto pass;
	list = READ_ONCE(site->list);
	if (unlikely(list == &fsession_no_list))
		goto pass;
	if (unlikely(fsession_arch_stack_low(frame))) {
		miss_all(list);
		goto pass;
	}
	/*
	 * The list may have changed since the stub was told how much. Less than
	 * it has does no harm unless the function takes stack arguments, and
	 * then extra is never 0. The call is not counted in yet, so the list may
	 * go as soon as the lock is let go.
	 */
	needed = list->extra;
	if (unlikely(needed != bytes) && needed) {
		run_unlock();
		return needed;
	}

	/*
	 * From here on the list cannot go away under this call; the guard lets
	 * the frame be found if the task dies in it.
	 */
	this_cpu_inc(list->flight->in);
	frame->list = list;
	frame->ran = 0;
	frame->prog = NULL;
	WRITE_ONCE(frame->guard, fsession_guard(frame, list, FSESSION_C_ENTRY));

	ctx = fsession_ctx(frame, list);
	ctx[-2] = site->func;
	ctx[-1] = fsession_site_nr(site);
	if (unlikely(site->layout))
		enter_wide(frame, fsession_layouts[site->layout], ctx, extra);
	/*
	 * The result's word is that of a register, unless the context is wide.
	 * The function gets it back as it was: there may be an argument in it
	 * that BTF does not know of, having mistaken one function for another
	 * of the same name.
	 */
	result = &ctx[fsession_site_nr(site)];
	frame->ret[0] = *result;
	*result = 0;
	if (unlikely(list->mixed)) {
		run_unlock();
		run_entries_mixed(frame, list, ctx);
	} else {
		run_entries(frame, list, ctx, false);
		run_unlock();
	}
	*result = frame->ret[0];
	return 0;
pass:
	run_unlock();
	return -1;
}

/**
 * fsession_enter() - the entry half, called by the stub.
 * @frame: the frame; body, caller and words are filled in
 * @extra: stack below the frame
 * @bytes: how much of it; 0 on the first call
 *
 * Returns 0 to enter the function and come back to fsession_exit(), -1 to enter
 * it and be done, or the bytes of extra stack to come again with. Nothing has
 * happened yet in the latter two cases.
 */
notrace long fsession_enter(struct fsession_frame *frame, void *extra,
			    unsigned long bytes)
{
	return enter(frame, extra, bytes, frame->body);
}
NOKPROBE_SYMBOL(fsession_enter);

/**
 * fsession_enter_shared() - the entry half of a function that others redirect.
 * @frame: as for fsession_enter(), but body may be anywhere
 * @extra: as for fsession_enter()
 * @bytes: as for fsession_enter()
 * @shared: the shared stub that was called, which stands for the function
 *
 * Returns as fsession_enter().
 */
notrace long fsession_enter_shared(struct fsession_frame *frame, void *extra,
				   unsigned long bytes, u32 shared)
{
	return enter(frame, extra, bytes,
		     READ_ONCE(fsession_shared_body[shared]));
}
NOKPROBE_SYMBOL(fsession_enter_shared);

/**
 * fsession_exit() - the exit half, called by the stub.
 * @frame: the frame that fsession_enter() filled in; ret is filled in
 */
notrace void fsession_exit(struct fsession_frame *frame)
{
	const struct fsession_list *list = frame->list;
	u64 *ctx;

	/* Counted out already: see abandon.c. */
	if (unlikely(list == &fsession_no_list))
		return;

	if (fsession_frame_run(frame) == FSESSION_SOLO_ENTRY) {
		/* The stub ran the entry, and there is not all in the frame. */
		frame->ran = BIT_ULL(0);
		frame->prog = NULL;
		*fsession_cookies(frame, list) = *fsession_solo_cookie(frame);
	}
	WRITE_ONCE(frame->guard, fsession_guard(frame, list, FSESSION_C_EXIT));
	ctx = fsession_ctx(frame, list);
	ctx[(u8)ctx[-1]] = frame->ret[0];
	if (unlikely(list->mixed)) {
		run_exits_mixed(frame, list, ctx);
	} else {
		run_lock();
		run_exits(frame, list, ctx, false);
		run_unlock();
	}
	WRITE_ONCE(frame->guard, 0);
	/*
	 * Last, since from here on the list may be gone. Pairs with the barrier
	 * in fsession_list_reap().
	 */
	smp_mb__before_atomic();
	this_cpu_inc(list->flight->out);
}
NOKPROBE_SYMBOL(fsession_exit);
