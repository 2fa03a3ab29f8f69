// SPDX-License-Identifier: GPL-2.0
/*
 * Traced functions: the site table, the list of programs on each site, and
 * taking both down again.
 *
 * The life of a site: fsession_site_attach() publishes it with its first list
 * and registers it with ftrace (COMING, LIVE). More sessions come and go by
 * replacing the list. When the last one is gone the list is NULL and calls pass
 * through; fsession_site_retire_reg() takes it away from ftrace (GOING), after
 * which nobody calls the stub for it, then out of the table, and frees it.
 */
#include <linux/module.h>
#include <linux/slab.h>

#include "fsession.h"

struct fsession_table *fsession_table;

/* fsession_mutex */
static LIST_HEAD(fsession_regs);
static LIST_HEAD(retired_lists);

/* ---- the table ---- */

#define TABLE_MIN_BITS	6

static struct fsession_table *table_new(u32 bits)
{
	struct fsession_table *table;

	table = kvzalloc(struct_size(table, slot, 1U << bits),
			 GFP_KERNEL_ACCOUNT);
	if (table) {
		table->shift = 64 - bits;
		table->mask = (1U << bits) - 1;
	}
	return table;
}

static void table_insert(struct fsession_table *table,
			 struct fsession_site *site)
{
	u32 i = (site->body * GOLDEN_RATIO_64) >> table->shift;

	while (table->slot[i & table->mask].body)
		i++;
	table->slot[i & table->mask].site = site;
	/* Pairs with fsession_site_find(). */
	smp_store_release(&table->slot[i & table->mask].body, site->body);
	table->used++;
}

static u32 table_live(const struct fsession_table *table)
{
	u32 i, live = 0;

	for (i = 0; i <= table->mask; i++)
		live += table->slot[i].body > FSESSION_TOMBSTONE;
	return live;
}

/* Makes sure that one more site fits with half of the slots still empty. */
static int table_reserve(void)
{
	struct fsession_table *old = fsession_table, *new;
	u32 i, bits = TABLE_MIN_BITS;

	lockdep_assert_held(&fsession_mutex);
	if ((old->used + 1) * 2 <= old->mask)
		return 0;
	/* Sized by what is live, a quarter full: tombstones are left behind. */
	while ((1U << bits) < 4 * (table_live(old) + 1))
		bits++;
	new = table_new(bits);
	if (!new)
		return -ENOMEM;
	for (i = 0; i <= old->mask; i++) {
		if (old->slot[i].body > FSESSION_TOMBSTONE)
			table_insert(new, old->slot[i].site);
	}
	/* Readers follow the pointer: address dependency. */
	smp_store_release(&fsession_table, new);
	kvfree_rcu(old, rcu);
	return 0;
}

static void table_remove(struct fsession_site *site)
{
	struct fsession_table *table = fsession_table;
	u32 i = (site->body * GOLDEN_RATIO_64) >> table->shift;

	while (table->slot[i & table->mask].body != site->body)
		i++;
	WRITE_ONCE(table->slot[i & table->mask].body, FSESSION_TOMBSTONE);
}

/* ---- lists ---- */

static const struct fsession_list *site_list(const struct fsession_site *site)
{
	lockdep_assert_held(&fsession_mutex);
	return site->list;
}

/*
 * Where the parts of a call's stack below the frame lie. From the frame down:
 * cookies, the wide context with its two words of header, stack arguments.
 */
static void list_place(struct fsession_list *list,
		       const struct fsession_layout *layout)
{
	u32 below = 0;

	list->cookies = offsetof(struct fsession_frame, cookie);
	if (list->n > FSESSION_INLINE_COOKIES) {
		below += list->n * sizeof(u64);
		list->cookies = -(s32)below;
	}
	list->ctx = offsetof(struct fsession_frame, words);
	if (layout->wide) {
		below += (layout->nr + 1) * sizeof(u64);
		list->ctx = -(s32)below;
		below += 2 * sizeof(u64);
		below += layout->stack * sizeof(u64);
	}
	list->extra = round_up(below, 16);
}

/*
 * The list of @site without sessions that are detached, and with @add in front.
 * NULL when nobody is left, or an error. @dropped is the number left out.
 */
static struct fsession_list *list_next(const struct fsession_site *site,
				       struct fsession_session *add,
				       u64 attach_cookie, u32 *dropped)
{
	const struct fsession_list *old = site_list(site);
	struct fsession_list *list;
	u32 i, n = 0;

	*dropped = 0;
	for (i = 0; old && i < old->n; i++) {
		if (old->entry[i].session->live)
			n++;
		else
			(*dropped)++;
	}
	if (add)
		n++;
	if (n > FSESSION_MAX_SESSIONS)
		return ERR_PTR(-E2BIG);
	if (!n)
		return NULL;

	list = kzalloc(struct_size(list, entry, n), GFP_KERNEL_ACCOUNT);
	if (!list)
		return ERR_PTR(-ENOMEM);
	list->flight = alloc_percpu_gfp(struct fsession_flight,
					GFP_KERNEL_ACCOUNT);
	if (!list->flight) {
		kfree(list);
		return ERR_PTR(-ENOMEM);
	}
	if (add)
		list->entry[list->n++] = (struct fsession_entry){
			.session = add,
			.attach_cookie = attach_cookie,
		};
	for (i = 0; old && i < old->n; i++) {
		if (old->entry[i].session->live)
			list->entry[list->n++] = old->entry[i];
	}
	for (i = 0; i < n; i++)
		list->mixed |= list->entry[i].session->sleepable;
	list_place(list, &site->layout);
	return list;
}

static void list_free(struct fsession_list *list)
{
	free_percpu(list->flight);
	kfree(list);
}

/* Makes @new the list of @site. The old one is retired. */
static void site_set_list(struct fsession_site *site, struct fsession_list *new)
{
	struct fsession_list *old = (struct fsession_list *)site_list(site);
	u32 i;

	for (i = 0; new && i < new->n; i++)
		new->entry[i].session->lists++;
	/* Readers follow the pointer: address dependency. */
	smp_store_release(&site->list, new);
	if (old)
		list_add_tail(&old->retired, &retired_lists);
}

/*
 * Calls out are added up first: what a CPU counts in between the two sums can
 * only make more of them look inside, never a negative number.
 */
static void list_count(const struct fsession_list *list,
		       struct fsession_books *books)
{
	int cpu;

	for_each_possible_cpu(cpu)
		books->out += READ_ONCE(per_cpu_ptr(list->flight, cpu)->out);
	/* A call that is seen to be out is seen to be in. */
	smp_rmb();
	for_each_possible_cpu(cpu)
		books->in += READ_ONCE(per_cpu_ptr(list->flight, cpu)->in);
}

static bool list_has(const struct fsession_list *list,
		     const struct fsession_session *s)
{
	u32 i;

	for (i = 0; i < list->n; i++) {
		if (list->entry[i].session == s)
			return true;
	}
	return false;
}

/* Adds what the lists that @s is on have seen so far. */
void fsession_list_books(const struct fsession_session *s,
			 struct fsession_books *books)
{
	const struct fsession_list *list;

	lockdep_assert_held(&fsession_mutex);
	if (s->site && s->site->list && list_has(s->site->list, s))
		list_count(s->site->list, books);
	list_for_each_entry(list, &retired_lists, retired) {
		if (list_has(list, s))
			list_count(list, books);
	}
}

/*
 * Call before a grace period whose end lets fsession_list_reap() free the lists
 * that are retired now.
 */
void fsession_list_age(void)
{
	struct fsession_list *list;

	lockdep_assert_held(&fsession_mutex);
	list_for_each_entry(list, &retired_lists, retired)
		list->aged = true;
}

/* Frees the aged lists that no call is inside of any more. */
void fsession_list_reap(void)
{
	struct fsession_list *list, *tmp;
	u32 i;

	lockdep_assert_held(&fsession_mutex);
	list_for_each_entry_safe(list, tmp, &retired_lists, retired) {
		struct fsession_books books = {};

		if (!list->aged)
			continue;
		list_count(list, &books);
		if (books.in != books.out)
			continue;
		/*
		 * Pairs with the barriers of those who count out: whatever they
		 * did with the list and its sessions is done.
		 */
		smp_mb();
		for (i = 0; i < list->n; i++) {
			struct fsession_session *s = list->entry[i].session;

			s->folded.in += books.in;
			s->folded.out += books.out;
			s->lists--;
		}
		list_del(&list->retired);
		list_free(list);
	}
}

/* ---- sites ---- */

static void site_free(struct fsession_site *site)
{
	module_put(site->owner);
	kfree_rcu(site, rcu);
}

/* A site for @t, published, with @s on it. Takes over the owner reference. */
static struct fsession_reg *site_new(struct fsession_session *s,
				     struct fsession_target *t)
{
	struct fsession_list *list;
	struct fsession_site *site;
	struct fsession_reg *reg;
	u32 dropped;
	int err;

	err = table_reserve();
	if (err)
		return ERR_PTR(err);
	reg = kzalloc(sizeof(*reg), GFP_KERNEL_ACCOUNT);
	site = kzalloc(sizeof(*site), GFP_KERNEL_ACCOUNT);
	if (!reg || !site) {
		err = -ENOMEM;
		goto free;
	}
	site->func = t->func;
	site->ip = t->ip;
	site->body = fsession_arch_body(t->ip);
	site->layout = t->layout;
	site->reg = reg;
	list = list_next(site, s, s->attach_cookie, &dropped);
	if (IS_ERR(list)) {
		err = PTR_ERR(list);
		goto free;
	}
	site->owner = t->owner;
	t->owner = NULL;

	reg->site = site;
	reg->state = FSESSION_REG_COMING;
	list_add_tail(&reg->node, &fsession_regs);
	site_set_list(site, list);
	s->site = site;
	table_insert(fsession_table, site);
	return reg;
free:
	kfree(site);
	kfree(reg);
	return ERR_PTR(err);
}

/* Registers a new site with ftrace. @s is on it already. */
static int site_register(struct fsession_session *s, struct fsession_reg *reg,
			 enum fsession_reason *reason)
{
	struct fsession_direct *direct;

	direct = fsession_direct_attach(reg->site->ip, reason);

	mutex_lock(&fsession_mutex);
	if (IS_ERR(direct)) {
		/* Nobody calls the stub for it any more. */
		site_set_list(reg->site, NULL);
		s->site = NULL;
		table_remove(reg->site);
		site_free(reg->site);
		list_del(&reg->node);
		kfree(reg);
	} else {
		reg->direct = direct;
		reg->state = FSESSION_REG_LIVE;
	}
	mutex_unlock(&fsession_mutex);
	wake_up_all(&fsession_changed);
	return PTR_ERR_OR_ZERO(direct);
}

static bool reg_changing(unsigned long body)
{
	struct fsession_site *site;
	bool changing;

	mutex_lock(&fsession_mutex);
	site = fsession_site_find(body);
	changing = site && (site->reg->state == FSESSION_REG_COMING ||
			    site->reg->state == FSESSION_REG_GOING);
	mutex_unlock(&fsession_mutex);
	return changing;
}

/**
 * fsession_site_attach() - put a session on its target.
 * @s: the session; not visible yet
 * @t: the target
 * @reason: why not
 *
 * On success events flow when this returns. On failure the session is on no
 * site, though perhaps still on a retired list.
 */
int fsession_site_attach(struct fsession_session *s, struct fsession_target *t,
			 enum fsession_reason *reason)
{
	unsigned long body = fsession_arch_body(t->ip);
	struct fsession_list *list;
	struct fsession_site *site;
	struct fsession_reg *reg;
	u32 dropped;
	int err;

again:
	err = mutex_lock_interruptible(&fsession_mutex);
	if (err)
		return err;
	site = fsession_site_find(body);
	if (!site) {
		reg = site_new(s, t);
		mutex_unlock(&fsession_mutex);
		if (IS_ERR(reg))
			return PTR_ERR(reg);
		return site_register(s, reg, reason);
	}
	switch (site->reg->state) {
	case FSESSION_REG_STUCK:
		*reason = FSESSION_REASON_FTRACE_OFF;
		err = -ENODEV;
		break;
	case FSESSION_REG_LIVE:
		list = list_next(site, s, s->attach_cookie, &dropped);
		if (IS_ERR(list)) {
			err = PTR_ERR(list);
			if (err == -E2BIG)
				*reason = FSESSION_REASON_FULL;
			break;
		}
		site_set_list(site, list);
		s->site = site;
		break;
	default:
		mutex_unlock(&fsession_mutex);
		err = wait_event_interruptible(fsession_changed,
					       !reg_changing(body));
		if (err)
			return err;
		goto again;
	}
	mutex_unlock(&fsession_mutex);
	return err;
}

/*
 * Replaces the list of @site by one without the sessions that are detached.
 * False when there is no memory for that now: they do not run meanwhile.
 */
bool fsession_site_remove_dead(struct fsession_site *site)
{
	struct fsession_list *list;
	u32 dropped;

	lockdep_assert_held(&fsession_mutex);
	list = list_next(site, NULL, 0, &dropped);
	if (IS_ERR(list))
		return false;
	if (dropped)
		site_set_list(site, list);
	else if (list)
		list_free(list);
	return true;
}

/* A registration that nobody needs any more, marked as going; or NULL. */
struct fsession_reg *fsession_site_idle_reg(void)
{
	struct fsession_reg *reg;

	lockdep_assert_held(&fsession_mutex);
	list_for_each_entry(reg, &fsession_regs, node) {
		if (reg->state == FSESSION_REG_LIVE && !reg->site->list) {
			reg->state = FSESSION_REG_GOING;
			return reg;
		}
	}
	return NULL;
}

/* Takes a going registration and its site down. */
void fsession_site_retire_reg(struct fsession_reg *reg)
{
	int err = fsession_direct_detach(reg->direct);

	mutex_lock(&fsession_mutex);
	if (err) {
		reg->state = FSESSION_REG_STUCK;
	} else {
		table_remove(reg->site);
		list_del(&reg->node);
		site_free(reg->site);
		kfree(reg);
	}
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
	WARN_ON(!list_empty(&fsession_regs) || !list_empty(&retired_lists));
	kvfree(fsession_table);
}
