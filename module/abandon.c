// SPDX-License-Identifier: GPL-2.0
/*
 * Frames die with their task. A task that exits inside a traced function (every
 * function that can stand above do_exit) never comes back to the stub, and its
 * list would count it as inside for ever. So when a task exits, its stack is
 * searched for frames that authenticate themselves, and these are counted out
 * as abandoned.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kasan-checks.h>
#include <linux/sched.h>
#include <linux/sched/task_stack.h>
#include <linux/tracepoint.h>

#include "fsession.h"

static struct tracepoint *exit_tracepoint;

/**
 * fsession_frame_next() - find the next frame on a stack.
 * @from: where to go on looking, a u64-aligned address; moved past the frame
 * @end: end of the stack
 *
 * Looks at memory that no object may live in any more, hence no sanitizers.
 */
__no_sanitize_address notrace struct fsession_frame *
fsession_frame_next(unsigned long *from, unsigned long end)
{
	unsigned long at;

	for (at = *from; at + sizeof(struct fsession_frame) <= end;
	     at += sizeof(u64)) {
		struct fsession_frame *frame = (struct fsession_frame *)at;

		if (fsession_guard_ok(frame)) {
			*from = at + sizeof(struct fsession_frame);
			return frame;
		}
	}
	*from = end;
	return NULL;
}

/*
 * The frame's task has no way back into it. It is marked, for the one case in
 * which there is: a traced function that the tracepoint itself went through.
 */
static __no_sanitize_address notrace void abandon(struct fsession_frame *frame)
{
	const struct fsession_list *list = frame->list;
	u64 ran = frame->ran;
	u32 i;

	frame->list = NULL;
	frame->guard = 0;
	for (i = 0; i < list->n; i++) {
		struct fsession_session *s = list->entry[i].session;

		if (ran & BIT_ULL(i))
			atomic64_inc(&s->abandoned);
		else
			this_cpu_inc(s->odd->unran_out);
	}
	/* As in fsession_exit(). */
	smp_mb__before_atomic();
	this_cpu_inc(list->flight->out);
}

/*
 * Runs in the exiting task, on its stack. All of the stack is searched: after
 * an oops the task exits from the top of it, with the frames below.
 */
static notrace void exit_probe(FSESSION_EXIT_PROBE_ARGS)
{
	unsigned long from, end;
	struct fsession_frame *frame;

	/* A session is there until its last frame has left. */
	if (task != current || !fsession_session_any())
		return;
	from = (unsigned long)task_stack_page(task);
	end = from + THREAD_SIZE;
	preempt_disable_notrace();
	while ((frame = fsession_frame_next(&from, end)))
		abandon(frame);
	preempt_enable_notrace();
}

static void find_tracepoint(struct tracepoint *tp, void *priv)
{
	if (!strcmp(tp->name, "sched_process_exit"))
		exit_tracepoint = tp;
}

int fsession_abandon_init(void)
{
	for_each_kernel_tracepoint(find_tracepoint, NULL);
	if (!exit_tracepoint) {
		pr_err("no sched_process_exit tracepoint: this kernel is not supported\n");
		return -EOPNOTSUPP;
	}
	return tracepoint_probe_register(exit_tracepoint, exit_probe, NULL);
}

void fsession_abandon_exit(void)
{
	tracepoint_probe_unregister(exit_tracepoint, exit_probe, NULL);
	tracepoint_synchronize_unregister();
}
