// SPDX-License-Identifier: GPL-2.0
/*
 * Frames die with their task. A task that exits inside a traced function (every
 * function that can stand above do_exit) never comes back to the stub, and its
 * list would count it as inside for ever. So when a task exits or oopses, its
 * stack is searched for frames that authenticate themselves, and these are
 * counted out as abandoned.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kasan-checks.h>
#include <linux/kdebug.h>
#include <linux/notifier.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/sched/task_stack.h>
#include <linux/tracepoint.h>

#include "fsession.h"

static struct tracepoint *exit_tracepoint;

/**
 * fsession_frames_from() - where on a stack to begin to look for frames.
 * @sp: where what is in use begins
 *
 * The lower end of a frame may not be in use while the function runs, but list and
 * guard are.
 */
unsigned long fsession_frames_from(unsigned long sp)
{
	return round_up(sp, sizeof(u64)) -
	       offsetof(struct fsession_frame, list);
}

/**
 * fsession_frame_next() - find the next frame on a stack.
 * @from: where to go on looking, a u64-aligned address; moved on
 * @end: end of the stack
 *
 * Frames overlap: of one that the stub lays for itself, the lower end is not there
 * while the function runs, and what that calls may have a frame in its place. Looks
 * at memory that no object may live in any more, hence no sanitizers.
 */
__no_sanitize_address notrace struct fsession_frame *
fsession_frame_next(unsigned long *from, unsigned long end)
{
	unsigned long at;

	for (at = *from; at + sizeof(struct fsession_frame) <= end;
	     at += sizeof(u64)) {
		struct fsession_frame *frame = (struct fsession_frame *)at;

		if (fsession_frame_run(frame) < FSESSION_RUNS) {
			*from = at + sizeof(u64);
			return frame;
		}
	}
	*from = end;
	return NULL;
}

/* What a frame that dies counts for one session of its list. */
static notrace void abandon_session(struct fsession_session *s, bool ran)
{
	if (ran)
		atomic64_inc(&s->abandoned);
	else
		this_cpu_inc(s->odd->unran_out);
}

/*
 * ... for those of a list whose programs C runs. Where the task dies in one of them,
 * it is not at the same point for all: at the entry those behind it have not seen the
 * call, at the exit those before it have seen the end of it.
 */
static __no_sanitize_address notrace void
abandon_all(struct fsession_frame *frame, const struct fsession_list *list,
	    bool exit)
{
	u32 at = list->n, i = 0;
	u64 ran = frame->ran;

	if (frame->prog) {
		at = frame->slot - fsession_cookies(frame, list);
		i = exit ? at : 0;
	}
	for (; i < list->n; i++) {
		if (!exit && i > at)
			this_cpu_inc(list->session[i]->odd->skipped);
		abandon_session(list->session[i], ran & BIT_ULL(i) || i == at);
	}
}

/*
 * The frame's task has no way back into it. It is marked, for the one case in
 * which there is: a traced function that the tracepoint itself went through.
 */
static __no_sanitize_address notrace void abandon(struct fsession_frame *frame)
{
	const struct fsession_list *list = frame->list;
	unsigned long run = fsession_frame_run(frame);

	frame->list = &fsession_no_list;
	frame->guard = 0;
	if (run > FSESSION_SOLO_EXIT)
		abandon_all(frame, list, run == FSESSION_C_EXIT);
	else
		abandon_session(list->session[0], true);
	/* As in fsession_exit(). */
	smp_mb__before_atomic();
	this_cpu_inc(list->flight->out);
}

/* Counts out what the current task, which is dying, has on its stack. */
static notrace void abandon_current(void)
{
	unsigned long from = (unsigned long)task_stack_page(current);
	unsigned long end = from + THREAD_SIZE, sp = current_stack_pointer;
	struct fsession_frame *frame;

	/* Unless an oops has a stack of its own: then all of the task's counts. */
	if (sp - from < THREAD_SIZE)
		from = max(from, fsession_frames_from(sp));
	/* A session is there until its last frame has left. */
	if (!fsession_session_any())
		return;
	preempt_disable_notrace();
	while ((frame = fsession_frame_next(&from, end)))
		abandon(frame);
	preempt_enable_notrace();
}

/* Runs in the exiting task, on its stack. */
static notrace void exit_probe(FSESSION_EXIT_PROBE_ARGS)
{
	if (task == current)
		abandon_current();
}

/*
 * After an oops the task exits from the top of its stack, and writes over frames
 * before the tracepoint comes: it is too late then. Those who may save the task
 * yet have had their say; if they do, its frames leave without an exit run.
 */
static notrace int die_probe(struct notifier_block *nb, unsigned long val,
			     void *data)
{
	if (val == DIE_OOPS && !in_interrupt())
		abandon_current();
	return NOTIFY_DONE;
}

static struct notifier_block die_notifier = {
	.notifier_call = die_probe,
	.priority = INT_MIN,
};

static void find_tracepoint(struct tracepoint *tp, void *priv)
{
	if (!strcmp(tp->name, "sched_process_exit"))
		exit_tracepoint = tp;
}

static void exit_probe_unregister(void)
{
	tracepoint_probe_unregister(exit_tracepoint, exit_probe, NULL);
	tracepoint_synchronize_unregister();
}

int fsession_abandon_init(void)
{
	int err;

	for_each_kernel_tracepoint(find_tracepoint, NULL);
	if (!exit_tracepoint) {
		pr_err("no sched_process_exit tracepoint: this kernel is not supported\n");
		return -EOPNOTSUPP;
	}
	err = tracepoint_probe_register(exit_tracepoint, exit_probe, NULL);
	if (err)
		return err;
	err = register_die_notifier(&die_notifier);
	if (err)
		exit_probe_unregister();
	return err;
}

void fsession_abandon_exit(void)
{
	unregister_die_notifier(&die_notifier);
	exit_probe_unregister();
}
