// SPDX-License-Identifier: GPL-2.0
/*
 * Sessions: attach, detach, what they have seen, and the reaper that takes down
 * what detach leaves.
 *
 * Attach gives the session its program when all of its functions call the stub:
 * all begin together, and where that fails the program has not run. Detach only
 * takes the program away. The rest is the reaper's, on a workqueue, in this order:
 * sites get lists without the session; a grace period, after
 * which no run of the program is left and no call comes in under the old lists;
 * the program is put; functions that nobody traces are given back to ftrace;
 * old lists that have drained are freed; sessions that are on no list any more
 * are freed and let go of the module. What has not drained is looked at again
 * later: a task may sleep inside a traced function for days, or a run of a sleepable
 * program, for which there is a grace period of its own that nobody else waits for.
 */
#include <linux/filter.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/rcupdate_trace.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "fsession.h"

/* Protects all but the hot path; see fsession.h. */
DEFINE_MUTEX(fsession_mutex);
DECLARE_WAIT_QUEUE_HEAD(fsession_changed);

/* How often the reaper looks again, in milliseconds: longer and longer. */
#define REAP_MIN_MS	2U
#define REAP_MAX_MS	1000U

/* fsession_mutex */
static LIST_HEAD(sessions);
static u32 last_id;
/* Detach takes no mutex. */
static atomic64_t last_detached;

static void reap(struct work_struct *work);
static DECLARE_DELAYED_WORK(reap_work, reap);
static struct workqueue_struct *reap_wq;
static unsigned int reap_ms;	/* reaper only, but for resets to 0 */

static void reap_soon(void)
{
	WRITE_ONCE(reap_ms, 0);
	mod_delayed_work(reap_wq, &reap_work, 0);
}

void fsession_targets_put(struct fsession_targets *targets)
{
	if (!targets || !refcount_dec_and_test(&targets->ref))
		return;
	kvfree(targets->index);
	kvfree(targets);
}

/* What it is made of; anything may be missing. */
static void session_free_parts(struct fsession_session *s)
{
	fsession_solo_free(s);
	free_percpu(s->odd);
	fsession_targets_put(s->targets);
	put_pid(s->owner);
	kfree(s->name);
	kfree(s);
}

static void session_free(struct fsession_session *s)
{
	session_free_parts(s);
	/* The reaper runs on until fsession_session_exit() has waited for it. */
	module_put(THIS_MODULE);
}

static void sleepable_quiet(struct rcu_head *rcu)
{
	struct fsession_session *s =
		container_of(rcu, struct fsession_session, quiet_rcu);

	/* The last touch; pairs with reap_programs(). */
	smp_store_release(&s->quiet, true);
	reap_soon();
}

/* The first half of a pass: all that must come before the grace period. */
static void reap_age(void)
{
	struct fsession_session *s;

	lockdep_assert_held(&fsession_mutex);
	list_for_each_entry(s, &sessions, node) {
		/* Pairs with detach: its program is gone by now. */
		if (smp_load_acquire(&s->live) || s->aged)
			continue;
		s->aged = true;
		if (s->sleepable)
			call_rcu_tasks_trace(&s->quiet_rcu, sleepable_quiet);
	}
	fsession_site_remove_dead();
	fsession_list_age();
}

static void reap_programs(void)
{
	struct fsession_session *s;

	lockdep_assert_held(&fsession_mutex);
	list_for_each_entry(s, &sessions, node) {
		if (!s->aged || !s->held ||
		    (s->sleepable && !smp_load_acquire(&s->quiet)))
			continue;
		bpf_prog_put(s->held);
		s->held = NULL;
	}
}

/* True when there is something left to come back for. */
static bool reap_sessions(void)
{
	struct fsession_session *s, *tmp;
	bool left = false;

	lockdep_assert_held(&fsession_mutex);
	list_for_each_entry_safe(s, tmp, &sessions, node) {
		if (READ_ONCE(s->live))
			continue;
		if (!s->aged || s->held || s->lists) {
			left = true;
			continue;
		}
		list_del(&s->node);
		session_free(s);
	}
	return left;
}

static void reap(struct work_struct *work)
{
	struct fsession_reg *reg;
	bool left;

	mutex_lock(&fsession_mutex);
	reap_age();
	mutex_unlock(&fsession_mutex);

	synchronize_rcu();

	mutex_lock(&fsession_mutex);
	reap_programs();
	while ((reg = fsession_site_idle_reg())) {
		mutex_unlock(&fsession_mutex);
		fsession_site_retire_reg(reg);
		mutex_lock(&fsession_mutex);
	}
	fsession_list_reap();
	left = reap_sessions();
	mutex_unlock(&fsession_mutex);
	wake_up_all(&fsession_changed);

	if (left) {
		unsigned int ms = READ_ONCE(reap_ms);

		queue_delayed_work(reap_wq, &reap_work, msecs_to_jiffies(ms));
		WRITE_ONCE(reap_ms, clamp(2 * ms, REAP_MIN_MS, REAP_MAX_MS));
	}
}

/**
 * fsession_wait() - wait for something that fsession_changed tells of.
 * @done: is it so? May sleep, as wait_event()'s condition may not.
 * @arg: for @done
 * @timeout: jiffies to wait at most
 *
 * Returns 0 when it is so or time is up, or -EINTR.
 */
int fsession_wait(bool (*done)(void *arg), void *arg, long timeout)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	int err = 0;

	add_wait_queue(&fsession_changed, &wait);
	while (!done(arg) && timeout) {
		if (signal_pending(current)) {
			err = -EINTR;
			break;
		}
		timeout = wait_woken(&wait, TASK_INTERRUPTIBLE, timeout);
	}
	remove_wait_queue(&fsession_changed, &wait);
	return err;
}

static bool prog_has_session(const struct bpf_prog *prog)
{
	struct fsession_session *s;

	lockdep_assert_held(&fsession_mutex);
	list_for_each_entry(s, &sessions, node) {
		if (READ_ONCE(s->live) && s->held == prog)
			return true;
	}
	return false;
}

/* Counted as live from here on, but not shown. The caller holds the program. */
static int session_add(struct fsession_session *s, enum fsession_reason *reason)
{
	int err = mutex_lock_interruptible(&fsession_mutex);

	if (err)
		return err;
	if (prog_has_session(s->held)) {
		*reason = FSESSION_REASON_PROG_ATTACHED;
		err = -EALREADY;
	} else {
		bpf_prog_inc(s->held);
		s->id = ++last_id;
		s->live = true;
		list_add_tail(&s->node, &sessions);
		__module_get(THIS_MODULE);
	}
	mutex_unlock(&fsession_mutex);
	return err;
}

static bool cookies_differ(const struct fsession_attachment *a)
{
	u32 i;

	for (i = 1; i < a->nr; i++) {
		if (a->target[i].attach_cookie != a->target[0].attach_cookie)
			return true;
	}
	return false;
}

/* No function is there twice. */
static int targets_index(struct fsession_targets *targets)
{
	u32 i, at, bits = 2;

	while ((1U << bits) < 2 * targets->nr)
		bits++;
	targets->index = kvcalloc(1U << bits, sizeof(*targets->index),
				  GFP_KERNEL_ACCOUNT);
	if (!targets->index)
		return -ENOMEM;
	targets->index_factor = get_random_u64() | 1;
	targets->index_shift = 64 - bits;
	targets->index_mask = (1U << bits) - 1;
	for (i = 0; i < targets->nr; i++) {
		at = fsession_targets_slot(targets, targets->told[i].func);
		while (targets->index[at & targets->index_mask])
			at++;
		targets->index[at & targets->index_mask] = i + 1;
	}
	return 0;
}

/* What is to be remembered of @a. */
static struct fsession_targets *targets_new(const struct fsession_attachment *a)
{
	struct fsession_targets *targets;
	u32 i;

	targets = kvzalloc(struct_size(targets, told, a->nr),
			   GFP_KERNEL_ACCOUNT);
	if (!targets)
		return NULL;
	refcount_set(&targets->ref, 1);
	targets->nr = a->nr;
	for (i = 0; i < a->nr; i++) {
		const struct fsession_target *t = &a->target[i];

		targets->told[i] = (struct fsession_told){
			.func = t->func,
			.attach_cookie = t->attach_cookie,
			.btf_id = t->btf_id,
		};
	}
	if (cookies_differ(a) && targets_index(targets)) {
		fsession_targets_put(targets);
		return NULL;
	}
	return targets;
}

/* Attached as far as may be: what has become of each. */
static void targets_done(struct fsession_targets *targets,
			 const struct fsession_attachment *a)
{
	u32 i;

	for (i = 0; i < a->nr; i++) {
		targets->told[i].status = a->target[i].status;
		if (targets->told[i].status)
			continue;
		if (!targets->attached++)
			targets->first = i;
	}
}

/* It may not look for a run context then: whoever does was called. */
static bool prog_is_leaf(const struct bpf_prog *prog)
{
	const struct bpf_insn *insn;

	for (insn = prog->insnsi; insn < prog->insnsi + prog->len; insn++) {
		if (BPF_CLASS(insn->code) != BPF_JMP &&
		    BPF_CLASS(insn->code) != BPF_JMP32)
			continue;
		if (BPF_OP(insn->code) == BPF_CALL ||
		    insn->code == (BPF_JMP | BPF_TAIL_CALL))
			return false;
	}
	return true;
}

/*
 * May a run of the program be preempted, so that an exit finds it half done? A session
 * lets none be but of a sleepable one, and on PREEMPT_RT. bpf(2) does: it can still
 * attach the program to its own function, if the session is not sure to be on that.
 */
static bool may_be_preempted(const struct fsession_session *s,
			     const struct fsession_attachment *a)
{
	return s->sleepable || IS_ENABLED(CONFIG_PREEMPT_RT) || !a->own ||
	       a->skip;
}

static struct fsession_session *session_new(struct bpf_prog *prog,
					    struct fsession_attachment *a)
{
	struct fsession_session *s;

	s = kzalloc(struct_size(s, solo.session, 1), GFP_KERNEL_ACCOUNT);
	if (!s)
		return NULL;
	s->odd = alloc_percpu_gfp(struct fsession_odd, GFP_KERNEL_ACCOUNT);
	s->targets = targets_new(a);
	s->name = kzalloc(KSYM_SYMBOL_LEN, GFP_KERNEL_ACCOUNT);
	if (!s->odd || !s->targets || !s->name) {
		session_free_parts(s);
		return NULL;
	}
	s->held = prog;
	s->sleepable = fsession_prog_sleepable(prog);
	s->leaf = prog_is_leaf(prog);
	s->exclusive = fsession_prog_private_stack(prog) &&
		       may_be_preempted(s, a);
	s->prog_id = prog->aux->id;
	s->owner = get_pid(task_tgid(current));
	s->attach_cookie = a->target[0].attach_cookie;
	if (s->targets->index)
		s->cookies = s->targets;
	if (fsession_solo_init(s)) {
		session_free_parts(s);
		return NULL;
	}
	return s;
}

/**
 * fsession_session_attach() - a new session.
 * @prog: its program; the session takes a reference of its own
 * @a: its targets, resolved
 * @reason: why not
 *
 * Its program does not run before fsession_session_start(). Returns the session, to
 * be given to fsession_session_detach(), or an error pointer.
 */
struct fsession_session *fsession_session_attach(struct bpf_prog *prog,
						 struct fsession_attachment *a,
						 enum fsession_reason *reason)
{
	struct fsession_session *s;
	int err;

	s = session_new(prog, a);
	if (!s)
		return ERR_PTR(-ENOMEM);
	err = session_add(s, reason);
	if (err) {
		session_free_parts(s);
		return ERR_PTR(err);
	}
	/* From here on the reaper undoes what there is. */
	err = fsession_site_attach(s, a, reason);
	if (err) {
		fsession_session_detach(s);
		return ERR_PTR(err);
	}
	targets_done(s->targets, a);
	sprint_symbol_no_offset(s->name,
				s->targets->told[s->targets->first].func);
	return s;
}

/**
 * fsession_session_start() - from now on its program runs.
 * @s: a session that was attached; nothing can go wrong for its owner any more
 */
void fsession_session_start(struct fsession_session *s)
{
	mutex_lock(&fsession_mutex);
	s->visible = true;
	mutex_unlock(&fsession_mutex);
	WRITE_ONCE(s->prog, s->held);
	fsession_solo_start(s);
}

/**
 * fsession_session_dry_run() - what fsession_session_attach() would refuse.
 * @prog: the program
 * @a: its targets, resolved; those that would be refused are
 * @reason: why the program would be
 */
int fsession_session_dry_run(const struct bpf_prog *prog,
			     struct fsession_attachment *a,
			     enum fsession_reason *reason)
{
	int err = fsession_site_check(a);

	if (!err)
		err = mutex_lock_interruptible(&fsession_mutex);
	if (err)
		return err;
	if (prog_has_session(prog)) {
		*reason = FSESSION_REASON_PROG_ATTACHED;
		err = -EALREADY;
	} else {
		fsession_site_dry_run(a);
	}
	mutex_unlock(&fsession_mutex);
	return err;
}

/**
 * fsession_session_detach() - stop a session and leave the rest to the reaper.
 * @s: the session; the caller may not use it any more
 *
 * Waits for nobody.
 */
void fsession_session_detach(struct fsession_session *s)
{
	fsession_solo_stop(s);
	WRITE_ONCE(s->prog, NULL);
	WRITE_ONCE(s->detached, atomic64_inc_return(&last_detached));
	/* The last touch; pairs with the reaper, who may free it now. */
	smp_store_release(&s->live, false);
	reap_soon();
}

/* Session @id, or with @next the one with the lowest id above it. */
struct fsession_session *fsession_session_find(u32 id, bool next)
{
	struct fsession_session *s;

	lockdep_assert_held(&fsession_mutex);
	/* In order of id: they are added at the end, and ids only grow. */
	list_for_each_entry(s, &sessions, node) {
		if (s->visible && (next ? s->id > id : s->id == id))
			return s;
	}
	return NULL;
}

static void odd_sum(const struct fsession_session *s, struct fsession_odd *odd)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		const struct fsession_odd *o = per_cpu_ptr(s->odd, cpu);

		odd->missed += READ_ONCE(o->missed);
		odd->skipped += READ_ONCE(o->skipped);
		odd->unran_out += READ_ONCE(o->unran_out);
		odd->dropped += READ_ONCE(o->dropped);
	}
}

/* Counts that are read while calls go on may be ahead of one another. */
static u64 less(u64 a, u64 b)
{
	return a > b ? a - b : 0;
}

/* What @s is and has seen, but for its name and what the caller may not see. */
void fsession_session_read(struct fsession_session *s,
			   struct fsession_info *info)
{
	struct fsession_books books = s->folded;
	const struct fsession_told *first;
	struct fsession_odd odd = {};

	lockdep_assert_held(&fsession_mutex);
	/* Calls in are read last, so that nothing is more than they are. */
	info->abandoned = atomic64_read(&s->abandoned);
	odd_sum(s, &odd);
	smp_rmb();
	fsession_list_books(s, &books);

	info->id = s->id;
	info->state = READ_ONCE(s->live) ? FSESSION_STATE_LIVE :
					   FSESSION_STATE_DRAINING;
	info->prog_id = s->prog_id;
	info->owner_pid = 0;
	rcu_read_lock();
	if (pid_task(s->owner, PIDTYPE_TGID))
		info->owner_pid = pid_nr_ns(s->owner,
					    task_active_pid_ns(current));
	rcu_read_unlock();
	first = &s->targets->told[s->targets->first];
	info->attach_cookie = first->attach_cookie;
	info->target_addr = first->func;
	info->target_btf_id = first->btf_id;
	info->sites = s->targets->attached;
	/*
	 * The lists count calls; the session's own books say for which of them
	 * its program did not run.
	 */
	info->misses = odd.missed;
	info->entries = less(books.in, odd.missed + odd.skipped);
	info->calls = info->entries + info->misses;
	info->dropped = odd.dropped;
	info->exits = less(books.out,
			   odd.unran_out + odd.dropped + info->abandoned);
	info->exits = min(info->exits,
			  less(info->entries, odd.dropped + info->abandoned));
	info->inside = less(info->entries, info->exits + odd.dropped +
					   info->abandoned);
}

void fsession_session_count(u32 *live, u32 *draining)
{
	struct fsession_session *s;

	mutex_lock(&fsession_mutex);
	*live = 0;
	*draining = 0;
	list_for_each_entry(s, &sessions, node) {
		if (s->visible && READ_ONCE(s->live))
			++*live;
		else if (s->visible)
			++*draining;
	}
	mutex_unlock(&fsession_mutex);
}

bool fsession_session_any(void)
{
	return !list_empty_careful(&sessions);
}

/* Sessions detached up to @mark that are still there. */
static u32 draining_since(u64 mark)
{
	struct fsession_session *s;
	u32 n = 0;

	mutex_lock(&fsession_mutex);
	list_for_each_entry(s, &sessions, node) {
		u64 detached = READ_ONCE(s->detached);

		n += detached && detached <= mark;
	}
	mutex_unlock(&fsession_mutex);
	return n;
}

static bool drained(void *mark)
{
	return !draining_since(*(u64 *)mark);
}

/**
 * fsession_session_drain() - wait for sessions detached so far to be gone.
 * @timeout_ms: how long at most
 * @draining: how many are left
 *
 * Returns 0, -ETIMEDOUT, or -EINTR.
 */
long fsession_session_drain(unsigned int timeout_ms, u32 *draining)
{
	u64 mark = atomic64_read(&last_detached);
	long err;

	if (timeout_ms && !drained(&mark))
		reap_soon();
	err = fsession_wait(drained, &mark, msecs_to_jiffies(timeout_ms));
	*draining = draining_since(mark);
	if (err)
		return err;
	return *draining ? -ETIMEDOUT : 0;
}

int fsession_session_init(void)
{
	reap_wq = alloc_ordered_workqueue("fsession", 0);
	return reap_wq ? 0 : -ENOMEM;
}

void fsession_session_exit(void)
{
	/* Who said last that a program is quiet, and is not through with it. */
	rcu_barrier_tasks_trace();
	cancel_delayed_work_sync(&reap_work);
	destroy_workqueue(reap_wq);
	WARN_ON(!list_empty(&sessions));
}
