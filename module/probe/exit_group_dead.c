// SPDX-License-Identifier: GPL-2.0
/*
 * Does the sched_process_exit tracepoint tell whether the group died? In 7.2 it
 * does, in 6.12 it does not.
 */
#include <linux/tracepoint.h>
#include <trace/events/sched.h>

void probe(struct task_struct *task);
void probe(struct task_struct *task)
{
	trace_sched_process_exit(task, true);
}
