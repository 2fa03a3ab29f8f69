// SPDX-License-Identifier: GPL-2.0
/*
 * Ordered init and exit.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/random.h>
#include <linux/rcupdate.h>

#include "fsession.h"

static int __init fsession_init(void)
{
	int err;

	fsession_guard_key = get_random_long();
	fsession_target_init();

	err = fsession_kfunc_init();
	if (err)
		return err;
	err = fsession_site_init();
	if (err)
		return err;
	err = fsession_session_init();
	if (err)
		goto site;
	err = fsession_abandon_init();
	if (err)
		goto session;
	err = fsession_selftest();
	if (err)
		goto abandon;
	err = fsession_dev_init();
	if (err)
		goto abandon;
	return 0;

abandon:
	fsession_abandon_exit();
session:
	fsession_session_exit();
site:
	fsession_site_exit();
	fsession_target_exit();
	return err;
}

/*
 * Every session and every list that has not drained pins the module, so nobody
 * is between fsession_enter() and fsession_exit() any more. What may be left is
 * a task that was preempted in the last instructions of the stub, or of the
 * reaper that dropped the last pin.
 */
static void __exit fsession_exit_module(void)
{
	fsession_dev_exit();
	fsession_session_exit();
	fsession_abandon_exit();
	/* Tasks in the stub, wherever they were preempted; they may yet read the table. */
	synchronize_rcu_tasks();
	/* Interrupts and the idle task, which tasks RCU does not cover. */
	synchronize_rcu_tasks_rude();
	/* kvfree_rcu() needs no text of ours. */
	fsession_site_exit();
	fsession_target_exit();
}

module_init(fsession_init);
module_exit(fsession_exit_module);

MODULE_DESCRIPTION("BPF sessions: one program at the entry and exit of a kernel function");
MODULE_VERSION(FSESSION_VERSION);
MODULE_LICENSE("GPL");
