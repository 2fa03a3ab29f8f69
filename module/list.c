// SPDX-License-Identifier: GPL-2.0
/*
 * Lists of sessions, one for each content, and what they count.
 *
 * Ten thousand functions with the same sessions have the same list, so memory
 * and the time that detach takes go with the number of contents, and a list's
 * counters are about all of its sites. A session's books are the sums over the
 * lists that it is on: every site of such a list is one that the session is on,
 * and while a call is under it, it is on no other.
 */
#include <linux/jhash.h>
#include <linux/slab.h>

#include "fsession.h"

#define BUCKET_BITS	8

/* fsession_mutex */
static LIST_HEAD(current_lists);
static LIST_HEAD(retired_lists);
static struct hlist_head buckets[1 << BUCKET_BITS];

/*
 * What of a site its list depends on, and not only the content. Where on the stack
 * things lie: for a wide layout, its words and those of them that are on the stack.
 * And whether a leaf only may be run by the stub.
 */
#define SHAPE_WIDE(words, stack)	((words) << 8 | (stack))
#define SHAPE_WORDS(shape)		((shape) >> 8 & 0x7f)
#define SHAPE_STACK(shape)		((shape) & 0xff)
#define SHAPE_LEAF			0x8000

u16 fsession_site_shape(const struct fsession_site *site)
{
	const struct fsession_layout *l = fsession_layouts[site->layout];
	u16 shape = l ? SHAPE_WIDE(l->nr, l->stack) : 0;

	return site->reg->leaf ? shape | SHAPE_LEAF : shape;
}

/* May the stub run the program of @s on a site of that shape? */
static bool shape_is_solo(u16 shape, const struct fsession_session *s)
{
	return !shape || (shape == SHAPE_LEAF && s->leaf);
}

/*
 * Where the parts of a call's stack below the frame lie. From the frame down: the
 * wide context with its two words of header, cookies, which are below their context
 * always, stack arguments.
 */
static void list_place(struct fsession_list *list)
{
	u32 words = SHAPE_WORDS(list->shape);
	u32 below = 0;

	list->cookies = offsetof(struct fsession_frame, cookie);
	list->ctx = offsetof(struct fsession_frame, words);
	if (words) {
		below += (words + 1) * sizeof(u64);
		list->ctx = -(s32)below;
		below += 2 * sizeof(u64);
	}
	if (words || list->n > FSESSION_INLINE_COOKIES) {
		below += list->n * sizeof(u64);
		list->cookies = -(s32)below;
	}
	below += SHAPE_STACK(list->shape) * sizeof(u64);
	list->extra = round_up(below, 16);
}

/* In the place of a program's count, and never 0: the stub leaves it to C. */
DEFINE_PER_CPU(int, fsession_busy) = 1;

/* A frame that was abandoned in its exit is counted out here. */
static DEFINE_PER_CPU(struct fsession_flight, nowhere);

/* Of sites that nobody is on, and of frames that are counted out. */
struct fsession_list fsession_no_list = {
	.active = &fsession_busy,
	.flight = &nowhere,
};

int fsession_solo_init(struct fsession_session *s)
{
	struct fsession_list *list = &s->solo;

	list->flight = alloc_percpu_gfp(struct fsession_flight,
					GFP_KERNEL_ACCOUNT);
	if (!list->flight)
		return -ENOMEM;
	list->active = &fsession_busy;
	list->guard = fsession_list_guard(list, FSESSION_SOLO_ENTRY);
	list->func = (unsigned long)s->held->bpf_func;
	list->jited_len = s->held->jited_len;
	list->attach_cookie = s->attach_cookie;
	list->mixed = s->sleepable;
	list->n = 1;
	list->session[0] = s;
	INIT_LIST_HEAD(&list->node);
	INIT_HLIST_NODE(&list->bucket);
	list_place(list);
	return 0;
}

void fsession_solo_free(struct fsession_session *s)
{
	free_percpu(s->solo.flight);
}

/*
 * Of which programs is there no more to know than what the list says? Of such as are
 * machine code, do not sleep, may run on top of a run of themselves that was preempted,
 * and have one attach cookie for all functions.
 */
bool fsession_solo_may(const struct fsession_session *s)
{
#ifdef FSESSION_SOLO_STUB
	return s->held->jited && !s->sleepable && !s->exclusive && !s->cookies;
#else
	return false;
#endif
}

/*
 * The stub runs the one program of a solo list by itself while @active is the
 * program's own recursion count. That is so from the end of attach to detach.
 */
void fsession_solo_start(struct fsession_session *s)
{
	if (fsession_solo_may(s))
		WRITE_ONCE(s->solo.active, (int __percpu *)s->held->active);
}

/* From here on C sees to every call, and finds the session without a program. */
void fsession_solo_stop(struct fsession_session *s)
{
	WRITE_ONCE(s->solo.active, &fsession_busy);
}

/* Current, whatever it was before. */
static struct fsession_list *solo_get(struct fsession_session *s)
{
	struct fsession_list *list = &s->solo;

	if (!hlist_unhashed(&list->bucket))
		return list;
	if (list_empty(&list->node))
		s->lists++;
	list->aged = false;
	list->next = list;
	list_move_tail(&list->node, &current_lists);
	hlist_add_head(&list->bucket, &buckets[0]);
	return list;
}

/* It counts from 0 when it is used again. */
static void solo_put(struct fsession_list *list)
{
	int cpu;

	list->session[0]->lists--;
	list_del_init(&list->node);
	for_each_possible_cpu(cpu)
		memset(per_cpu_ptr(list->flight, cpu), 0,
		       sizeof(struct fsession_flight));
}

static struct fsession_list *list_find(struct fsession_session **session,
				       u32 n, u16 shape, u32 hash)
{
	struct fsession_list *list;

	hlist_for_each_entry(list, &buckets[hash_32(hash, BUCKET_BITS)],
			     bucket) {
		if (list->hash == hash && list->n == n &&
		    list->shape == shape &&
		    !memcmp(list->session, session, n * sizeof(*session)))
			return list;
	}
	return NULL;
}

static struct fsession_list *list_new(struct fsession_session **session, u32 n,
				      u16 shape, u32 hash)
{
	struct fsession_list *list;
	u32 i;

	list = kzalloc(struct_size(list, session, n), GFP_KERNEL_ACCOUNT);
	if (!list)
		return ERR_PTR(-ENOMEM);
	list->flight = alloc_percpu_gfp(struct fsession_flight,
					GFP_KERNEL_ACCOUNT);
	if (!list->flight) {
		kfree(list);
		return ERR_PTR(-ENOMEM);
	}
	list->active = &fsession_busy;
	list->n = n;
	list->shape = shape;
	list->hash = hash;
	list->next = list;
	for (i = 0; i < n; i++) {
		list->session[i] = session[i];
		list->mixed |= session[i]->sleepable;
		session[i]->lists++;
	}
	list_place(list);
	list_add_tail(&list->node, &current_lists);
	hlist_add_head(&list->bucket, &buckets[hash_32(hash, BUCKET_BITS)]);
	return list;
}

static void list_free(struct fsession_list *list)
{
	u32 i;

	if (list == &list->session[0]->solo) {
		solo_put(list);
		return;
	}
	for (i = 0; i < list->n; i++)
		list->session[i]->lists--;
	list_del(&list->node);
	free_percpu(list->flight);
	kfree(list);
}

/**
 * fsession_list_get() - the list that comes after another.
 * @old: what a site has now, or NULL
 * @add: a session to be put in front, or NULL
 * @shape: of the site
 *
 * Returns the list of those on @old that are not detached, with @add; NULL when
 * that is nobody; or an error pointer. A list has to be given to a site before
 * the mutex is let go.
 */
struct fsession_list *fsession_list_get(const struct fsession_list *old,
					struct fsession_session *add, u16 shape)
{
	struct fsession_session *session[FSESSION_MAX_SESSIONS];
	u32 i, n = 0, hash;

	lockdep_assert_held(&fsession_mutex);
	if (add)
		session[n++] = add;
	for (i = 0; old && i < old->n; i++) {
		if (!READ_ONCE(old->session[i]->live))
			continue;
		if (n == FSESSION_MAX_SESSIONS)
			return ERR_PTR(-E2BIG);
		session[n++] = old->session[i];
	}
	if (!n)
		return NULL;
	if (n == 1 && shape_is_solo(shape, session[0]))
		return solo_get(session[0]);
	hash = jhash(session, n * sizeof(session[0]), shape);
	return list_find(session, n, shape, hash) ?:
	       list_new(session, n, shape, hash);
}

/* Sessions on @list, or NULL, that are not detached. */
u32 fsession_list_count_live(const struct fsession_list *list)
{
	u32 i, n = 0;

	lockdep_assert_held(&fsession_mutex);
	for (i = 0; list && i < list->n; i++)
		n += READ_ONCE(list->session[i]->live);
	return n;
}

/* One more site is going to have it. */
void fsession_list_taken(struct fsession_list *list)
{
	lockdep_assert_held(&fsession_mutex);
	list->sites++;
}

/* A site has it no more. With the last one it retires. */
void fsession_list_left(struct fsession_list *list)
{
	lockdep_assert_held(&fsession_mutex);
	if (--list->sites)
		return;
	hlist_del_init(&list->bucket);
	list_move_tail(&list->node, &retired_lists);
}

static bool list_has_aged(const struct fsession_list *list)
{
	u32 i;

	for (i = 0; i < list->n; i++) {
		if (list->session[i]->aged)
			return true;
	}
	return false;
}

/**
 * fsession_list_renew() - find what comes after lists with detached sessions.
 *
 * Points ->next of each to a list without them, or NULL, and of every other list
 * to itself. One for which there is no memory now keeps its detached sessions,
 * which do not run, until the next time. Returns whether there is any to be
 * replaced; then every site has to be, before the mutex is let go.
 */
bool fsession_list_renew(void)
{
	struct fsession_list *list, *next;
	bool any = false;

	lockdep_assert_held(&fsession_mutex);
	/* What is added meanwhile has nobody on it who is detached. */
	list_for_each_entry(list, &current_lists, node) {
		list->next = list;
		if (!list_has_aged(list))
			continue;
		next = fsession_list_get(list, NULL, list->shape);
		if (IS_ERR(next))
			continue;
		list->next = next;
		any = true;
	}
	return any;
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
		if (list->session[i] == s)
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
	list_for_each_entry(list, &current_lists, node) {
		if (list_has(list, s))
			list_count(list, books);
	}
	list_for_each_entry(list, &retired_lists, node) {
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
	list_for_each_entry(list, &retired_lists, node)
		list->aged = true;
}

/* Frees the aged lists that no call is inside of any more. */
void fsession_list_reap(void)
{
	struct fsession_list *list, *tmp;
	u32 i;

	lockdep_assert_held(&fsession_mutex);
	list_for_each_entry_safe(list, tmp, &retired_lists, node) {
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
			list->session[i]->folded.in += books.in;
			list->session[i]->folded.out += books.out;
		}
		list_free(list);
	}
}

bool fsession_list_none(void)
{
	return list_empty(&current_lists) && list_empty(&retired_lists);
}
