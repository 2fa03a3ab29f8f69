// SPDX-License-Identifier: GPL-2.0
/*
 * The only file that names ftrace's direct-call API (with compat.h, which knows
 * its spellings).
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/ftrace.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "fsession.h"

/*
 * ftrace asks whether a direct call can share a function with somebody who
 * changes where it continues: a livepatch, or a kprobe with a post_handler. The
 * stub enters the function through the return address that it finds on the
 * stack, so it can, always, and without being told. Called with ftrace's locks
 * held; takes none.
 */
static int share_ipmodify(struct ftrace_ops *ops, enum ftrace_ops_cmd cmd)
{
	return 0;
}

/**
 * fsession_direct_attach() - let the site at @ip call the stub.
 * @ip: an ftrace site
 * @reason: why not
 *
 * Returns the ftrace_ops, to be given to fsession_direct_detach(), or an error
 * pointer; then nothing is left. One ftrace_ops serves one registration: using
 * it again after its filter was freed would find that filter.
 */
struct ftrace_ops *fsession_direct_attach(unsigned long ip,
					  enum fsession_reason *reason)
{
	struct ftrace_ops *ops;
	int err;

	ops = kzalloc(sizeof(*ops), GFP_KERNEL);
	if (!ops)
		return ERR_PTR(-ENOMEM);
	ops->ops_func = share_ipmodify;
	err = ftrace_set_filter_ip(ops, ip, 0, 1);
	if (err) {
		if (err == -EINVAL || err == -ENOENT) {
			*reason = FSESSION_REASON_NO_SITE;
			err = -ENOENT;
		}
		goto free;
	}
	err = fsession_direct_register(ops, (unsigned long)fsession_stub);
	if (err) {
		if (err == -EBUSY)
			*reason = FSESSION_REASON_BUSY;
		else if (err == -ENODEV)
			*reason = FSESSION_REASON_FTRACE_OFF;
		goto free_filter;
	}
	/* ftrace accepts a registration and patches nothing when it is off. */
	if (!fsession_arch_site_armed(ip)) {
		*reason = FSESSION_REASON_FTRACE_OFF;
		err = fsession_direct_detach(ops);
		return ERR_PTR(err ?: -ENODEV);
	}
	return ops;

free_filter:
	ftrace_free_filter(ops);
free:
	kfree(ops);
	return ERR_PTR(err);
}

/**
 * fsession_direct_detach() - undo fsession_direct_attach().
 * @ops: what it returned
 *
 * When this returns 0 the site does not call the stub, and every task that it
 * had called the stub for has been inside fsession_enter() or is through the
 * stub: unregistering waits for tasks RCU. On error the site may still call the
 * stub and @ops is still ftrace's.
 *
 * The filter goes after the registration: an empty filter means all functions.
 */
int fsession_direct_detach(struct ftrace_ops *ops)
{
	int err = fsession_direct_unregister(ops, (unsigned long)fsession_stub);

	if (err) {
		pr_err("ftrace does not let go of a function: %pe; the module stays until reboot\n",
		       ERR_PTR(err));
		__module_get(THIS_MODULE);
		return err;
	}
	ftrace_free_filter(ops);
	kfree(ops);
	return 0;
}
