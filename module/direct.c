// SPDX-License-Identifier: GPL-2.0
/*
 * The only file that names ftrace's direct-call API (with compat.h, which knows
 * its spellings).
 *
 * A function can have one direct call, ours, and beside that one user who
 * changes where it continues: a livepatch, or a kprobe with a post_handler. The
 * stub goes on through the return address that it finds on the stack, which is
 * right by whoever put it there; but then that address does not tell which
 * function was called. So ftrace asks before such a user comes, or when we come
 * to such a user, and the site then calls a shared stub, whose number does.
 *
 * A registration has one address for all of its functions, so one that is to call
 * a shared stub needs a registration of its own. When we come, that is arranged
 * for. When the other user comes it is too late for a registration of many, and
 * the other user is refused.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/delay.h>
#include <linux/ftrace.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "fsession.h"

enum direct_state { DIRECT_STEADY, DIRECT_CHANGING, DIRECT_GOING };

/*
 * A registration with ftrace. One ftrace_ops serves one: using it again after
 * its filter was freed would find that filter.
 *
 * @state serializes who may change or use @addr: share_ipmodify(), which runs
 * under ftrace's direct_mutex and may not wait for us, and detach, which may.
 */
struct fsession_direct {
	struct ftrace_ops ops;
	struct list_head node;	/* fsession_reg.directs */
	u32 nr;			/* functions */
	unsigned long ip;	/* the first */
	unsigned long addr;	/* the stub that the site calls */
	int shared;		/* number of the shared stub, or -1 */
	bool want_shared;
	atomic_t state;		/* enum direct_state */
};

static DECLARE_BITMAP(shared_used, FSESSION_SHARED_STUBS);

/* Functions that are registered, or on their way. */
static atomic_t registered;

/* Gives @direct a shared stub of its own; the site does not call it yet. */
static int shared_get(struct fsession_direct *direct)
{
	unsigned int i;

	do {
		/* Asked again below. */
		i = data_race(find_first_zero_bit(shared_used,
						  FSESSION_SHARED_STUBS));
		if (i >= FSESSION_SHARED_STUBS)
			return -EBUSY;
	} while (test_and_set_bit(i, shared_used));

	WRITE_ONCE(fsession_shared_body[i], fsession_arch_body(direct->ip));
	direct->shared = i;
	return 0;
}

/* Nobody calls it any more: the registration is gone, and waited for. */
static void shared_put(struct fsession_direct *direct)
{
	if (direct->shared < 0)
		return;
	WRITE_ONCE(fsession_shared_body[direct->shared], 0);
	/* Whoever takes it next writes its body after us. */
	clear_bit_unlock(direct->shared, shared_used);
	direct->shared = -1;
}

static unsigned long shared_addr(const struct fsession_direct *direct)
{
	return (unsigned long)fsession_shared_stubs +
	       direct->shared * FSESSION_SHARED_STUB_SIZE;
}

/* Lets the site call a shared stub from now on, or says why it cannot. */
static int move_to_shared(struct fsession_direct *direct)
{
	int err;

	if (direct->shared >= 0)
		return 0;
	if (direct->nr > 1) {
		pr_warn_ratelimited("a livepatch, or a kprobe with a post_handler, is refused on a function that one session traces together with others\n");
		return -EBUSY;
	}
	err = shared_get(direct);
	if (err)
		return err;
	err = fsession_direct_modify(&direct->ops, shared_addr(direct));
	if (err)
		shared_put(direct);	/* Never called. */
	else
		direct->addr = shared_addr(direct);
	return err;
}

/*
 * ftrace asks whether the direct call can share its function. Called with
 * ftrace's locks held; takes none of ours.
 *
 * SELF comes from within our own registration, where the address cannot be
 * changed any more: it is made to fail, and tried again with a shared stub. PEER
 * comes before the other user is let in; a site that is being given back has no
 * session on it any more, and needs nothing. A site stays with its shared stub
 * after the other user has left, since it serves as well.
 */
static int share_ipmodify(FSESSION_OPS_FUNC_ARGS)
{
	struct fsession_direct *direct =
		container_of(ops, struct fsession_direct, ops);
	int err;

	switch (cmd) {
	case FTRACE_OPS_CMD_ENABLE_SHARE_IPMODIFY_SELF:
		if (direct->shared >= 0)
			return 0;
		direct->want_shared = true;
		return -EAGAIN;
	case FTRACE_OPS_CMD_ENABLE_SHARE_IPMODIFY_PEER:
		if (atomic_cmpxchg(&direct->state, DIRECT_STEADY,
				   DIRECT_CHANGING) != DIRECT_STEADY)
			return 0;
		err = move_to_shared(direct);
		atomic_set_release(&direct->state, DIRECT_STEADY);
		return err;
	default:
		return 0;
	}
}

/* Sites to be registered, whose they are, and what for. */
struct wanted {
	struct fsession_reg *reg;
	unsigned long *ips;
	struct fsession_target **targets;
};

/*
 * The stub for @nr functions of @reg: the one that is bound, or that for their number
 * of arguments, if it is one.
 */
static unsigned long stub_for(const struct fsession_reg *reg,
			      struct fsession_target **targets, u32 nr)
{
#define STUB(nr)	fsession_stub_##nr,
#define LEAF_STUB(nr)	fsession_leaf_stub_##nr,
	static void (*const any[])(void) = { fsession_stub,
					     fsession_leaf_stub };
	static void (*const by_nr[][FSESSION_ARG_REGS + 1])(void) = {
		{ FSESSION_ARCH_STUBS(STUB) },
		{ FSESSION_ARCH_STUBS(LEAF_STUB) },
	};
#undef STUB
#undef LEAF_STUB
	u32 i;

	if (reg->bound)
		return (unsigned long)reg->bound->stub;
	for (i = 0; i < nr; i++) {
		cond_resched();
		if (targets[i]->layout || targets[i]->nr != targets[0]->nr)
			return (unsigned long)any[reg->leaf];
	}
	return (unsigned long)by_nr[reg->leaf][targets[0]->nr];
}

/*
 * ftrace has not registered @direct. Where it was asked whether @direct can share,
 * it had it on its list for a moment, and those who went along that may have it yet.
 */
static void direct_free(struct fsession_direct *direct)
{
	if (direct->want_shared) {
		synchronize_rcu();
		synchronize_rcu_tasks_rude();
	}
	shared_put(direct);
	ftrace_free_filter(&direct->ops);
	kfree(direct);
}

/* Its sites may call the stub for ever. */
static void direct_abandon(int err)
{
	pr_err("ftrace does not let go of a function: %pe; the module stays until reboot\n",
	       ERR_PTR(err));
	__module_get(THIS_MODULE);
}

/* One attempt; -EAGAIN when it takes a shared stub. */
static struct fsession_direct *try_attach(const struct wanted *w, u32 from,
					  u32 nr, bool shared)
{
	unsigned long *ips = w->ips + from;
	struct fsession_direct *direct;
	int err;

	direct = kzalloc(sizeof(*direct), GFP_KERNEL_ACCOUNT);
	if (!direct)
		return ERR_PTR(-ENOMEM);
	direct->nr = nr;
	direct->ip = ips[0];
	direct->addr = stub_for(w->reg, w->targets + from, nr);
	direct->shared = -1;
	direct->ops.ops_func = share_ipmodify;
	err = ftrace_set_filter_ips(&direct->ops, ips, nr, 0, 1);
	if (err == -EINVAL)
		err = -ENOENT;
	if (!err && shared) {
		err = shared_get(direct);
		if (!err)
			direct->addr = shared_addr(direct);
	}
	if (!err) {
		err = fsession_direct_register(&direct->ops, direct->addr);
		if (!err)
			return direct;
		/* It shut down on the way. */
		if (direct->ops.flags & FTRACE_OPS_FL_ENABLED) {
			direct_abandon(err);
			return ERR_PTR(err);
		}
		if (direct->want_shared)
			err = -EAGAIN;
	}
	direct_free(direct);
	return ERR_PTR(err);
}

/*
 * When this returns 0 none of the sites calls the stub, and every task that they
 * had called the stub for has been inside fsession_enter() or is through the
 * stub: unregistering waits for tasks RCU. On error, which is ftrace having shut
 * down, the sites may call the stub for ever: @direct stays ftrace's and the
 * module is pinned for good.
 *
 * The filter goes after the registration: an empty filter means all functions.
 */
static int direct_detach(struct fsession_direct *direct)
{
	int err;

	/* ftrace must be told the address that it has. */
	while (atomic_cmpxchg(&direct->state, DIRECT_STEADY, DIRECT_GOING) !=
	       DIRECT_STEADY)
		msleep(20);
	err = fsession_direct_unregister(&direct->ops, direct->addr);
	/* If it shut down on the way, only who asks next is told. */
	if (!err && ftrace_set_filter_ips(&direct->ops, &direct->ip, 1, 0, 1) ==
			    -ENODEV)
		err = -ENODEV;
	if (err) {
		direct_abandon(err);
		return err;
	}
	ftrace_free_filter(&direct->ops);
	shared_put(direct);
	atomic_sub(direct->nr, &registered);
	kfree(direct);
	return 0;
}

static void refuse_sites(const struct wanted *w, u32 from, u32 nr, int err)
{
	enum fsession_reason reason = FSESSION_REASON_NONE;
	u32 i;

	if (err == -ENOENT)
		reason = FSESSION_REASON_NO_SITE;
	else if (err == -EBUSY)
		reason = FSESSION_REASON_BUSY;
	else if (err == -ENODEV)
		reason = FSESSION_REASON_FTRACE_OFF;
	else if (err == -ENOSPC)
		reason = FSESSION_REASON_KERNEL_LIMIT;
	for (i = from; i < from + nr; i++)
		fsession_refuse(w->targets[i], err, reason);
}

/* Puts the sites that call something already first; returns how many. */
static u32 armed_first(const struct wanted *w, u32 nr)
{
	u32 i, armed = 0;

	for (i = 0; i < nr; i++) {
		cond_resched();
		if (!fsession_arch_site_armed(w->ips[i]))
			continue;
		swap(w->ips[i], w->ips[armed]);
		swap(w->targets[i], w->targets[armed]);
		armed++;
	}
	return armed;
}

/* One registration for the @nr sites at @from, and none of anything else. */
static int attach_as_one(const struct wanted *w, u32 from, u32 nr)
{
	struct fsession_direct *direct = try_attach(w, from, nr, false);
	int err;

	if (direct == ERR_PTR(-EAGAIN) && nr == 1)
		direct = try_attach(w, from, 1, true);
	if (IS_ERR(direct))
		return PTR_ERR(direct);
	/* ftrace accepts a registration and patches nothing when it is off. */
	if (!fsession_arch_site_armed(w->ips[from])) {
		/* It is counted yet by who called. */
		atomic_add(nr, &registered);
		err = direct_detach(direct);
		return err ?: -ENODEV;
	}
	list_add_tail(&direct->node, &w->reg->directs);
	return 0;
}

/* Refuses those that are no ftrace sites. @ops is never registered. */
static int check_sites(const struct wanted *w, struct ftrace_ops *ops, u32 from,
		       u32 nr)
{
	int err = ftrace_set_filter_ips(ops, w->ips + from, nr, 0, 1);

	cond_resched();
	if (err != -EINVAL)
		return err;
	if (nr == 1) {
		refuse_sites(w, from, 1, -ENOENT);
		return 0;
	}
	if (signal_pending(current))
		return -EINTR;
	err = check_sites(w, ops, from, nr / 2);
	return err ?: check_sites(w, ops, from + nr / 2, nr - nr / 2);
}

/**
 * fsession_direct_check() - refuse targets that are no ftrace sites.
 * @ips: their sites, as they look like
 * @targets: they, in the same order
 * @nr: how many
 *
 * Quite a few may look like a site and be none. A registration then fails as a
 * whole, and ftrace does not say for which.
 */
int fsession_direct_check(unsigned long *ips, struct fsession_target **targets,
			  u32 nr)
{
	const struct wanted w = { .ips = ips, .targets = targets };
	struct ftrace_ops *ops;
	int err;

	if (!nr)
		return 0;
	ops = kzalloc(sizeof(*ops), GFP_KERNEL);
	if (!ops)
		return -ENOMEM;
	err = check_sites(&w, ops, 0, nr);
	ftrace_free_filter(ops);
	kfree(ops);
	/* It has shut down, for all of them. */
	if (err == -ENODEV) {
		refuse_sites(&w, 0, nr, err);
		return 0;
	}
	return err;
}

static int attach_sites(const struct wanted *w, u32 from, u32 nr);

/*
 * One registration for all of them failed with @err. ftrace does not say for which
 * function: it is looked for in the halves, of which a good one is kept. An error
 * that is not a function's ends it.
 */
static int attach_parts(const struct wanted *w, u32 from, u32 nr, u32 first,
			int err)
{
	if (err != -EBUSY && err != -EAGAIN && err != -ENOENT) {
		refuse_sites(w, from, nr, err);
		return err == -ENODEV ? 0 : err;
	}
	if (nr == 1) {
		refuse_sites(w, from, nr, err);
		return 0;
	}
	err = attach_sites(w, from, first);
	if (err)
		refuse_sites(w, from + first, nr - first, err);
	else
		err = attach_sites(w, from + first, nr - first);
	return err;
}

static int attach_sites(const struct wanted *w, u32 from, u32 nr)
{
	int err;

	if (!nr)
		return 0;
	err = signal_pending(current) ? -EINTR : attach_as_one(w, from, nr);
	return err ? attach_parts(w, from, nr, nr / 2, err) : 0;
}

/* Takes room for as many of @nr functions as the kernel has; returns how many. */
static u32 reserve(u32 nr)
{
	int over = atomic_add_return(nr, &registered) - FSESSION_MAX_DIRECT;

	if (over <= 0)
		return nr;
	over = min_t(u32, over, nr);
	atomic_sub(over, &registered);
	return nr - over;
}

/* How many more functions there is room for. */
u32 fsession_direct_room(void)
{
	return max(FSESSION_MAX_DIRECT - atomic_read(&registered), 0);
}

static u32 count_directs(const struct list_head *directs)
{
	const struct fsession_direct *direct;
	u32 nr = 0;

	list_for_each_entry(direct, directs, node)
		nr += direct->nr;
	return nr;
}

/**
 * fsession_direct_attach() - let sites call the stub.
 * @reg: gets the registrations, and says what stubs they may call
 * @ips: ftrace sites; their order is changed
 * @targets: whose they are, in the same order
 * @nr: how many
 *
 * When this returns 0, every target is either registered or refused. An error is
 * one that is not a target's: memory, or a signal; or, with nothing registered and
 * no target refused for it, -ENOENT: fsession_direct_check() is to be asked.
 */
int fsession_direct_attach(struct fsession_reg *reg, unsigned long *ips,
			   struct fsession_target **targets, u32 nr)
{
	const struct wanted w = { .reg = reg, .ips = ips, .targets = targets };
	u32 room = reserve(nr);
	int err = 0;

	if (room)
		err = attach_as_one(&w, 0, room);
	if (err == -ENOENT) {
		atomic_sub(room, &registered);
		return err;
	}
	refuse_sites(&w, room, nr - room, -ENOSPC);
	/* Only where somebody is already can somebody be in the way. */
	if (err)
		err = attach_parts(&w, 0, room, armed_first(&w, room), err);
	atomic_sub(room - count_directs(&reg->directs), &registered);
	return err;
}

/**
 * fsession_direct_detach() - undo fsession_direct_attach().
 * @directs: registrations; what could not be undone stays on it
 *
 * Returns 0, or the error of one that could not be undone.
 */
int fsession_direct_detach(struct list_head *directs)
{
	struct fsession_direct *direct, *tmp;
	int err, ret = 0;

	list_for_each_entry_safe(direct, tmp, directs, node) {
		list_del(&direct->node);
		err = direct_detach(direct);
		if (!err)
			continue;
		list_add(&direct->node, directs);
		ret = err;
	}
	return ret;
}
