// SPDX-License-Identifier: GPL-2.0
/* On x86, are current and the preempt count in struct pcpu_hot? 6.2 to 6.14. */
#include <linux/sched.h>

unsigned long probe(void);
unsigned long probe(void)
{
	return offsetof(struct pcpu_hot, preempt_count) +
	       offsetof(struct pcpu_hot, current_task);
}
