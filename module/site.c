// SPDX-License-Identifier: GPL-2.0
/*
 * Traced functions: the site table, putting sites up and taking them down.
 *
 * The life of a site: fsession_site_attach() publishes it with its first list,
 * together with all others that the attach brings, and registers them with ftrace
 * (COMING, LIVE). More sessions come and go by replacing the list. When the last
 * one is gone there is no list and calls pass through. When that is so of all
 * sites of the registration, fsession_site_retire_reg() takes them away from
 * ftrace (GOING), after which nobody calls the stub for them, then out of the
 * table, and frees them.
 */
#include <linux/module.h>
#include <linux/slab.h>

#include "fsession.h"

struct fsession_table *fsession_table;

/* fsession_mutex */
static LIST_HEAD(fsession_regs);

/* The budget at the head of fsession.h; two to a cache line. */
static_assert(sizeof(struct fsession_site) == 32);

/* ---- the table ---- */

#define TABLE_MIN_BITS	6

/* In a slot that is empty. No call returns to 0. */
struct fsession_site fsession_no_site = { .list = &fsession_no_list };

/* In the place of a site that is gone. No call returns to 1. */
static struct fsession_site tombstone = {
	.list = &fsession_no_list,
	.func = 1,
	.key = 1,
};

static struct fsession_table *table_new(u32 bits)
{
	struct fsession_table *table;
	u32 i;

	table = kvzalloc(struct_size(table, slot, 1UL << bits),
			 GFP_KERNEL_ACCOUNT);
	if (!table)
		return NULL;
	table->mask = (1U << bits) - 1;
	table->bytes = table->mask * sizeof(table->slot[0]);
	for (i = 0; i <= table->mask; i++)
		table->slot[i] = &fsession_no_site;
	return table;
}

static void table_insert(struct fsession_table *table,
			 struct fsession_site *site)
{
	u32 i = fsession_hash(fsession_site_body(site));
	struct fsession_site *old;

	for (;; i++) {
		old = table->slot[i & table->mask];
		if (old == &fsession_no_site || old == &tombstone)
			break;
	}
	table->used += old == &fsession_no_site;
	table->live++;
	/* Pairs with fsession_site_find(): a site that is seen is whole. */
	smp_store_release(&table->slot[i & table->mask], site);
}

/*
 * Makes sure that @more sites fit with half of the slots still empty. A new table
 * has at least 2.5 and less than 5 times as many slots as sites, and no
 * tombstones; one that is much too big for what is live is given up, too.
 */
static int table_reserve(u32 more)
{
	struct fsession_table *old = fsession_table, *new;
	u64 want = (u64)old->live + more;
	u32 i, bits = TABLE_MIN_BITS;

	lockdep_assert_held(&fsession_mutex);
	while ((1ULL << bits) < 2 * want + want / 2)
		bits++;
	if (2 * ((u64)old->used + more) <= old->mask + 1ULL &&
	    (old->mask + 1ULL) >> 2 <= 1ULL << bits)
		return 0;
	new = table_new(bits);
	if (!new)
		return -ENOMEM;
	for (i = 0; i <= old->mask; i++) {
		struct fsession_site *site = old->slot[i];

		if (site != &fsession_no_site && site != &tombstone)
			table_insert(new, site);
	}
	/* Readers follow the pointer: address dependency. */
	smp_store_release(&fsession_table, new);
	kvfree_rcu(old, rcu);
	return 0;
}

static void table_remove(struct fsession_site *site)
{
	struct fsession_table *table = fsession_table;
	u32 i = fsession_hash(fsession_site_body(site));

	lockdep_assert_held(&fsession_mutex);
	while (table->slot[i & table->mask] != site)
		i++;
	WRITE_ONCE(table->slot[i & table->mask], &tombstone);
	table->live--;
}

/* ---- sites and their registrations ---- */

static struct fsession_list *site_list(const struct fsession_site *site)
{
	lockdep_assert_held(&fsession_mutex);
	if (site->list == &fsession_no_list)
		return NULL;
	return (struct fsession_list *)site->list;
}

/* Makes @new the list of @site. */
static void site_set_list(struct fsession_site *site, struct fsession_list *new)
{
	struct fsession_list *old = site_list(site);

	if (new) {
		fsession_list_taken(new);
		site->reg->used++;
	}
	/* Readers follow the pointer: address dependency. */
	smp_store_release(&site->list, new ?: &fsession_no_list);
	fsession_bound_run(site->reg->bound, site->list);
	if (old) {
		site->reg->used--;
		fsession_list_left(old);
	}
}

static void reg_free(struct fsession_reg *reg)
{
	struct fsession_site *site;

	lockdep_assert_held(&fsession_mutex);
	for (site = reg->site; site < reg->site + reg->nr; site++) {
		if (site->reg)
			table_remove(site);
	}
	list_del(&reg->node);
	fsession_bound_put(reg->bound);
	module_put(reg->owner);
	kvfree_rcu(reg, rcu);
}

/* May the stub of a new registration be bound to @s, which is on nothing else? */
static bool may_bind(const struct fsession_session *s,
		     const struct fsession_attachment *a)
{
	return a->nr == 1 && !a->target[0].layout && !a->unbound && s->leaf &&
	       fsession_solo_may(s);
}

/* A registration for @nr sites, none of which is there yet. */
static struct fsession_reg *reg_new(const struct fsession_session *s,
				    struct fsession_attachment *a, u32 nr)
{
	struct fsession_reg *reg;

	if (table_reserve(nr))
		return ERR_PTR(-ENOMEM);
	reg = kvzalloc(struct_size(reg, site, nr), GFP_KERNEL_ACCOUNT);
	if (!reg)
		return ERR_PTR(-ENOMEM);
	INIT_LIST_HEAD(&reg->directs);
	reg->state = FSESSION_REG_COMING;
	reg->leaf = s->leaf;
	if (may_bind(s, a))
		reg->bound = fsession_bound_get(s->held, a->target);
	/* Targets that are in a module are all in the same one. */
	if (a->owner) {
		__module_get(a->owner);
		reg->owner = a->owner;
	}
	list_add_tail(&reg->node, &fsession_regs);
	return reg;
}

static void site_add(struct fsession_reg *reg, struct fsession_target *t)
{
	struct fsession_site *site = &reg->site[reg->nr++];
	unsigned long body = fsession_arch_body(t->ip);

	site->list = &fsession_no_list;
	site->func = t->func;
	site->key = body;
	site->offset = body - t->func;
	site->layout = t->layout;
	site->meta = t->nr | FSESSION_META_COOKIE(FSESSION_SOLO_COOKIE_INDEX);
	site->reg = reg;
	table_insert(fsession_table, site);
	t->site = site;
}

static struct fsession_site *target_site(const struct fsession_target *t)
{
	return fsession_site_find(fsession_arch_body(t->ip));
}

static bool site_changing(const struct fsession_site *site)
{
	return site && (site->reg->state == FSESSION_REG_COMING ||
			site->reg->state == FSESSION_REG_GOING);
}

static bool target_steady(void *target)
{
	bool steady;

	mutex_lock(&fsession_mutex);
	steady = !site_changing(target_site(target));
	mutex_unlock(&fsession_mutex);
	return steady;
}

/*
 * Refuses a target whose site, which is not changing, can take no session. Then
 * nothing keeps the site once the mutex is let go.
 */
static void check_site(struct fsession_target *t)
{
	if (t->site->reg->state == FSESSION_REG_STUCK)
		fsession_refuse(t, -ENODEV, FSESSION_REASON_FTRACE_OFF);
	else if (fsession_list_count_live(site_list(t->site)) >=
		 FSESSION_MAX_SESSIONS)
		fsession_refuse(t, -E2BIG, FSESSION_REASON_FULL);
	if (t->status)
		t->site = NULL;
}

/*
 * Finds the targets' sites, as far as they have one, and refuses those that can
 * take no more sessions. Returns a target whose site is just coming or going, or
 * NULL. @new is the number of those without a site.
 */
static struct fsession_target *find_sites(struct fsession_attachment *a,
					  u32 *new)
{
	struct fsession_target *t;

	lockdep_assert_held(&fsession_mutex);
	*new = 0;
	for (t = a->target; t < a->target + a->nr; t++) {
		cond_resched();
		if (t->status)
			continue;
		t->site = target_site(t);
		if (site_changing(t->site))
			return t;
		if (t->site)
			check_site(t);
		else
			++*new;
	}
	return NULL;
}

/* Refuses the targets that fsession_site_attach() would refuse, and no ftrace. */
void fsession_site_dry_run(struct fsession_attachment *a)
{
	u32 room = fsession_direct_room();
	struct fsession_target *t;

	lockdep_assert_held(&fsession_mutex);
	for (t = a->target; t < a->target + a->nr; t++) {
		cond_resched();
		if (t->status)
			continue;
		t->site = target_site(t);
		/* Attach would wait for one that is changing. */
		if (t->site && !site_changing(t->site))
			check_site(t);
		else if (!room)
			fsession_refuse(t, -ENOSPC,
					FSESSION_REASON_KERNEL_LIMIT);
		else
			room--;
	}
}

/*
 * Puts @s on the sites of all targets that are not refused. New ones are added to
 * @reg. When memory runs out @s is on some of them; the reaper takes it off.
 */
static int put_on_sites(struct fsession_session *s,
			struct fsession_attachment *a, struct fsession_reg *reg)
{
	const struct fsession_list *last = NULL;
	struct fsession_list *next = NULL;
	struct fsession_target *t;
	u16 shape, last_shape = 0;

	lockdep_assert_held(&fsession_mutex);
	for (t = a->target; t < a->target + a->nr; t++) {
		cond_resched();
		if (t->status)
			continue;
		if (!t->site)
			site_add(reg, t);
		/* Most have what the one before had. */
		shape = fsession_site_shape(t->site);
		if (!next || site_list(t->site) != last ||
		    shape != last_shape) {
			next = fsession_list_get(site_list(t->site), s, shape);
			if (IS_ERR(next))
				return PTR_ERR(next);
		}
		last = site_list(t->site);
		last_shape = shape;
		site_set_list(t->site, next);
	}
	return 0;
}

/* What ftrace is told: addresses of sites, and whose they are. */
struct ips {
	unsigned long *ip;
	struct fsession_target **target;
	u32 nr;
};

static void ips_free(struct ips *ips)
{
	kvfree(ips->ip);
	kvfree(ips->target);
}

/* Of the targets that are not refused; with @reg, of its sites. */
static int ips_init(struct ips *ips, struct fsession_attachment *a,
		    const struct fsession_reg *reg)
{
	u32 nr = reg ? reg->nr : a->nr;
	struct fsession_target *t;

	ips->nr = 0;
	ips->ip = kvmalloc_array(nr, sizeof(*ips->ip), GFP_KERNEL_ACCOUNT);
	ips->target = kvmalloc_array(nr, sizeof(*ips->target),
				     GFP_KERNEL_ACCOUNT);
	if (!ips->ip || !ips->target)
		return -ENOMEM;
	for (t = a->target; t < a->target + a->nr; t++) {
		if (t->status || (reg && t->site->reg != reg))
			continue;
		ips->ip[ips->nr] = t->ip;
		ips->target[ips->nr++] = t;
	}
	return 0;
}

/**
 * fsession_site_check() - refuse targets that look like having a site and do not.
 * @a: the targets, resolved
 */
int fsession_site_check(struct fsession_attachment *a)
{
	struct ips ips = {};
	int err = ips_init(&ips, a, NULL);

	if (!err)
		err = fsession_direct_check(ips.ip, ips.target, ips.nr);
	ips_free(&ips);
	return err;
}

/*
 * One attempt to let the sites of @reg call the stub. -EAGAIN when there were some
 * that are none, which are refused now.
 */
static int reg_attach(struct fsession_attachment *a, struct fsession_reg *reg)
{
	struct ips ips = {};
	int err;
	u32 i;

	err = ips_init(&ips, a, reg);
	if (!err)
		err = fsession_direct_attach(reg, ips.ip, ips.target, ips.nr);
	if (err == -ENOENT) {
		err = fsession_direct_check(ips.ip, ips.target, ips.nr) ?:
		      -ENOENT;
		for (i = 0; err == -ENOENT && i < ips.nr; i++) {
			if (ips.target[i]->status)
				err = -EAGAIN;
		}
	}
	ips_free(&ips);
	return err;
}

/* Registers new sites with ftrace. A session is on them already. */
static int reg_register(struct fsession_attachment *a, struct fsession_reg *reg)
{
	struct fsession_target *t;
	int err;

	/* Each time with fewer of them; the second is the last as a rule. */
	do {
		err = reg_attach(a, reg);
	} while (err == -EAGAIN && a->skip);
	/* Then their statuses say it. */
	if (err == -EAGAIN)
		err = 0;

	mutex_lock(&fsession_mutex);
	for (t = a->target; t < a->target + a->nr; t++) {
		if (!t->site || t->site->reg != reg)
			continue;
		/* Nobody calls, or ever has called, the stub for these. */
		if (t->status || list_empty(&reg->directs)) {
			site_set_list(t->site, NULL);
			table_remove(t->site);
			t->site->reg = NULL;
		}
	}
	if (list_empty(&reg->directs))
		reg_free(reg);
	else
		reg->state = FSESSION_REG_LIVE;
	mutex_unlock(&fsession_mutex);
	wake_up_all(&fsession_changed);
	return err;
}

/**
 * fsession_site_attach() - put a session on its targets.
 * @s: the session; not visible yet, and without its program
 * @a: the targets, resolved
 * @reason: why not, if that is for what a target is
 *
 * The mutex is held once over all targets. That is a few dozen instructions for
 * each; attach and info wait for it, detach does not.
 *
 * On success every target that is not refused calls the stub. On failure the
 * session is to be detached: the reaper takes it off what it was put on.
 */
int fsession_site_attach(struct fsession_session *s,
			 struct fsession_attachment *a,
			 enum fsession_reason *reason)
{
	struct fsession_target *changing;
	struct fsession_reg *reg = NULL;
	u32 new;
	int err;

	for (;;) {
		err = mutex_lock_interruptible(&fsession_mutex);
		if (err)
			return err;
		changing = find_sites(a, &new);
		if (!changing)
			break;
		mutex_unlock(&fsession_mutex);
		err = fsession_wait(target_steady, changing,
				    MAX_SCHEDULE_TIMEOUT);
		if (err)
			return err;
	}
	err = fsession_attachment_result(a, reason);
	if (!err && new) {
		reg = reg_new(s, a, new);
		if (IS_ERR(reg)) {
			err = PTR_ERR(reg);
			reg = NULL;
		}
	}
	if (!err) {
		err = put_on_sites(s, a, reg);
		if (err && reg) {
			/* Those that have a list already must be let go of. */
			struct fsession_site *site = reg->site;

			for (; site < reg->site + reg->nr; site++)
				site_set_list(site, NULL);
			reg_free(reg);
			wake_up_all(&fsession_changed);
		}
	}
	mutex_unlock(&fsession_mutex);
	if (err || !reg)
		return err;
	fsession_bound_patch(reg->bound, a->target);
	err = reg_register(a, reg);
	return err ?: fsession_attachment_result(a, reason);
}

/*
 * Replaces lists that have detached sessions on them. Of all sites in one go,
 * which takes a few instructions for each.
 */
void fsession_site_remove_dead(void)
{
	struct fsession_list *list, *next;
	struct fsession_reg *reg;
	u32 i;

	lockdep_assert_held(&fsession_mutex);
	if (!fsession_list_renew())
		return;
	list_for_each_entry(reg, &fsession_regs, node) {
		for (i = 0; i < reg->nr && reg->used; i++) {
			list = site_list(&reg->site[i]);
			if (!list)
				continue;
			next = list->next;
			if (next != list)
				site_set_list(&reg->site[i], next);
		}
		cond_resched();
	}
}

/* A registration that nobody needs any more, marked as going; or NULL. */
struct fsession_reg *fsession_site_idle_reg(void)
{
	struct fsession_reg *reg;

	lockdep_assert_held(&fsession_mutex);
	list_for_each_entry(reg, &fsession_regs, node) {
		if (reg->state == FSESSION_REG_LIVE && !reg->used) {
			reg->state = FSESSION_REG_GOING;
			return reg;
		}
	}
	return NULL;
}

/* Takes a going registration and its sites down. */
void fsession_site_retire_reg(struct fsession_reg *reg)
{
	int err = fsession_direct_detach(&reg->directs);

	mutex_lock(&fsession_mutex);
	if (err)
		reg->state = FSESSION_REG_STUCK;
	else
		reg_free(reg);
	mutex_unlock(&fsession_mutex);
	wake_up_all(&fsession_changed);
}

int fsession_site_init(void)
{
	fsession_table = table_new(TABLE_MIN_BITS);
	return fsession_table ? 0 : -ENOMEM;
}

void fsession_site_exit(void)
{
	WARN_ON(!list_empty(&fsession_regs) || !fsession_list_none());
	kvfree(fsession_table);
}
