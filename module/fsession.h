/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Internal types, and who protects what.
 *
 * Locks, in the order in which they are taken:
 *	fsession_mutex	everything that attach, detach and info touch: sessions,
 *			sites, lists, registrations. Never held across a grace
 *			period or a call into ftrace.
 *	layouts_mutex	the table of wide layouts (target.c)
 *	(ftrace's own)	taken inside (un)register; ftrace calls our ops_func
 *			with them held, so that takes no lock of ours.
 *
 * The hot path (run.c) takes no lock. It reads the site table, a site's list
 * and a session's program as an RCU reader of the kind that the head of run.c
 * describes; whatever is unpublished is freed only after its grace period.
 */
#ifndef FSESSION_H
#define FSESSION_H

#include <linux/atomic.h>
#include <linux/bpf.h>
#include <linux/hash.h>
#include <linux/kallsyms.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/refcount.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/fsession.h>

#include "compat.h"
#include "frame.h"
#include "arch.h"

/*
 * Does the stub run a lone session's program by itself? Where the rules are other
 * ones, or more is to be told to checkers, C does it.
 */
#if defined(FSESSION_ARCH_SOLO_STUB) && defined(CONFIG_SMP) && \
	defined(CONFIG_JUMP_LABEL) && defined(FSESSION_RCU_WATCHING) && \
	!defined(CONFIG_PROVE_RCU) && !defined(CONFIG_CFI_CLANG) && \
	!defined(CONFIG_CFI) && !defined(CONFIG_KMSAN)
#define FSESSION_SOLO_STUB
#endif

/* And by direct calls? */
#if defined(FSESSION_SOLO_STUB) && defined(FSESSION_BOUND_STUBS) && \
	defined(CONFIG_HAVE_STATIC_CALL_INLINE)
#define FSESSION_BOUND_STUB
#endif

#define FSESSION_VERSION	"0.1.0"

/*
 * Argument words that a program can see: 12 arguments, up to two words each.
 * Bounded by MAX_BPF_FUNC_ARGS.
 */
#define FSESSION_MAX_WORDS	(2 * MAX_BPF_FUNC_ARGS)

/*
 * Sessions on one function. Bounded by the bits of fsession_frame.ran, and by
 * the stack: each costs a call 8 bytes. Upstream's limit is 18.
 */
#define FSESSION_MAX_SESSIONS	32

/*
 * What one attached function costs, in bytes: its site, 32; 2.5 to 5 slots of the
 * site table, 20 to 40; its entry in the session's targets, 24; and where attach
 * cookies differ from function to function, two to four words of an index of
 * these, 8 to 16. That is 112 at most. All else is per attach, or per list of
 * sessions, of which there are few: a list is shared by all sites with the same
 * content.
 */
struct fsession_session;

/* Calls that came in and went out under one list; added up over CPUs. */
struct fsession_flight {
	u64 in;
	u64 out;
};

/*
 * The sessions on a site, newest first: immutable, and the same one for all sites
 * that have the same sessions and the same shape of stack. A call uses one list
 * from entry to exit. A list that no site has any more is *retired*; once a grace
 * period has passed no call can come in under it, @flight's sums only close in on
 * each other, and when they meet the list is freed.
 */
struct fsession_list {
	/*
	 * What the stub runs the program of a solo list by; of any other list
	 * @active is &fsession_busy, and most of the rest means nothing.
	 */
	int __percpu *active;		/* bpf_prog.active, if the stub may */
	struct fsession_flight __percpu *flight;
	unsigned long guard;		/* of frames, without their base */
	unsigned long func;		/* bpf_prog.bpf_func */
	u64 attach_cookie;
	unsigned long jited_len;
	/*
	 * Stack below the frame, in bytes, from rsp up: copies of stack-passed
	 * arguments for f, the context if it is wide, cookies if they are not
	 * in the frame. A multiple of 16; 0 for most lists.
	 */
	u32 extra;
	u32 n;
	s32 ctx;	/* from the frame to ctx[0], bytes */
	s32 cookies;	/* from the frame to the cookies, bytes */
	bool mixed;	/* a session on it is sleepable */
	bool aged;	/* a grace period has begun since it was retired */
	u16 shape;	/* see fsession_site_shape() */
	u32 sites;	/* that have it; 0 when retired */
	u32 hash;
	struct list_head node;		/* current or retired lists */
	struct hlist_node bucket;	/* current lists by content */
	struct fsession_list *next;	/* see fsession_list_renew() */
	struct fsession_session *session[];
};

/*
 * Where the argument words lie at the entry of a function, in the order in
 * which the program sees them.
 */
struct fsession_layout {
	u8 nr;			/* words in all */
	u8 stack;		/* words of the caller's stack up to the last */
	/* The words are not the first nr registers: they have to be gathered. */
	bool wide;
	/* word[i] < FSESSION_ARG_REGS: that register; else a stack word. */
	u8 word[FSESSION_MAX_WORDS];
};

/*
 * A traced function. Published in the site table under the return address that
 * its call to the stub pushes. @list is &fsession_no_list while nobody is on it.
 * Its size is a budget, see above.
 */
struct fsession_site {
	const struct fsession_list *list;
	unsigned long func;		/* the symbol, before any ENDBR */
	struct fsession_reg *reg;	/* NULL: not in the table any more */
	u32 key;			/* low half of body, for the stub */
	u16 layout : 11;		/* number of a wide one, or 0 */
	u16 offset : 5;			/* of body in the function */
	u16 meta;			/* ctx[-1] of the stub's own entry runs */
};

/* The key: return address of the call. */
static __always_inline unsigned long
fsession_site_body(const struct fsession_site *site)
{
	return site->func + site->offset;
}

/* How many words its arguments are. */
static __always_inline u32 fsession_site_nr(const struct fsession_site *site)
{
	return (u8)site->meta;
}

enum fsession_reg_state {
	FSESSION_REG_COMING,	/* being registered; attach waits */
	FSESSION_REG_LIVE,
	FSESSION_REG_GOING,	/* being unregistered; attach waits */
	FSESSION_REG_STUCK,	/* could not be unregistered; never freed */
};

/*
 * The sites that one attach brought, and their registration with ftrace: one,
 * but for functions that need one of their own. A site that nobody is on passes
 * calls through until nobody is on any of them; then all go at once.
 */
struct fsession_reg {
	struct list_head directs;
	struct module *owner;		/* pinned; NULL for the kernel proper */
	enum fsession_reg_state state;
	bool leaf;			/* its sites call stubs for leaves */
	struct fsession_bound *bound;	/* the stub that its one site calls, or NULL */
	u32 nr;
	u32 used;			/* sites with a list */
	struct list_head node;		/* fsession_regs */
	struct rcu_head rcu;
	struct fsession_site site[] __aligned(sizeof(struct fsession_site));
};

/* A bound stub, and what is bound to it: list and func are where it finds them. */
struct fsession_bound {
	const struct fsession_list *list;	/* that it runs, or that of nobody */
	unsigned long func;			/* of the site */
	void (*stub)(void);
	unsigned long prog_func;		/* 0: it is free; fsession_mutex */
	/* Its calls, see static_call.h. */
	struct {
		struct static_call_key *key;
		void *tramp;
	} prog, body;
};

/*
 * Sites by body, open addressing. A slot may be taken again after its site is
 * gone; a site's key never changes, so whatever a reader finds is what it says.
 */
struct fsession_table {
	u32 mask;
	u32 bytes;		/* the mask for offsets of slots */
	u32 used;		/* slots not empty */
	u32 live;		/* slots with a site */
	struct rcu_head rcu;
	struct fsession_site *slot[];	/* an empty one: &fsession_no_site */
};

/* Corrections to what a session's lists say, off the common path. Per CPU. */
struct fsession_odd {
	u64 missed;	/* program was running on this CPU, or low on stack */
	u64 skipped;	/* came in before attach, after detach, or to die on the way */
	u64 unran_out;	/* went out of a missed or skipped call */
	u64 dropped;	/* entry ran, exit did not: detached, or no stack for it */
};

/* Sums over the lists that a session was on. */
struct fsession_books {
	u64 in;
	u64 out;
};

/*
 * What a session was attached to, as its owner is told of it. Never changes
 * after attach, so that a call finds the same attach cookie at entry and exit.
 */
struct fsession_targets {
	refcount_t ref;
	u32 nr;
	u32 attached;
	u32 first;		/* index of the first one that is attached */
	/*
	 * Index by function, for attach cookies that differ; else NULL. Holds
	 * numbers + 1; 0 is empty.
	 */
	u32 *index;
	u64 index_factor;	/* odd, and nobody's to know */
	u32 index_shift;
	u32 index_mask;
	struct fsession_told {
		unsigned long func;
		u64 attach_cookie;
		u32 btf_id;
		s32 status;
	} told[];
};

struct fsession_session {
	/*
	 * Hot: the program, from the end of attach to detach. The reference is
	 * @held, dropped a grace period after detach.
	 */
	struct bpf_prog *prog;
	struct fsession_odd __percpu *odd;
	u64 attach_cookie;
	/* Of the functions, where they differ; else NULL. */
	const struct fsession_targets *cookies;

	/* Written once, before the session is visible. */
	bool sleepable;
	/* The program calls nothing: no helper, kfunc, function or program. */
	bool leaf;
	/* A run may be preempted, and no other may begin on that CPU then. */
	bool exclusive;
	u32 id;
	u32 prog_id;
	struct fsession_targets *targets;
	struct pid *owner;
	char *name;

	/* Without the mutex: detach does not wait for those who have it. */
	bool live;			/* not detached yet */
	u64 detached;			/* order of detach; 0 while live */

	/* fsession_mutex */
	struct list_head node;		/* sessions */
	struct bpf_prog *held;
	bool visible;			/* attach has succeeded */
	bool aged;			/* a grace period began since detach */
	unsigned int lists;		/* current and retired lists it is on */
	/* Of a sleepable program: no run is left, and how that is found out. */
	bool quiet;
	struct rcu_head quiet_rcu;
	struct fsession_books folded;	/* of lists that are gone */

	atomic64_t abandoned;

	/*
	 * The list that has this session only, for sites where the stub may run its
	 * program, of which there is never more than one: here, where detach finds it
	 * without a lock. Retired, it may become current again.
	 */
	struct fsession_list solo;
};

/* One target of an attach that is on its way. */
struct fsession_target {
	unsigned long func;
	unsigned long ip;
	u64 attach_cookie;
	u32 btf_id;
	u16 layout;
	u8 nr;
	int status;		/* 0, or why it is refused */
	enum fsession_reason reason;
	struct fsession_site *site;
};

/* All of them. */
struct fsession_attachment {
	u32 nr;
	bool skip;			/* attach those that can be */
	bool dry_run;			/* attach nothing */
	bool unbound;			/* let no function have a stub of its own */
	bool own;			/* the program's own function is a target */
	struct module *owner;		/* of all targets; a reference, or NULL */
	char symbol[KSYM_SYMBOL_LEN];	/* scratch */
	struct fsession_target target[];
};

/* Protects all but the hot path; see the head of this file. */
extern struct mutex fsession_mutex;
/* Woken whenever a registration changes state or a session is gone. */
extern wait_queue_head_t fsession_changed;

/*
 * arch/<arch>/stub.S. For any function, and for those with so many words of
 * arguments; and the same where the program is a leaf.
 */
void fsession_stub(void);
void fsession_leaf_stub(void);

#define DECLARE_STUBS(nr) \
	void fsession_stub_##nr(void); \
	void fsession_leaf_stub_##nr(void);
FSESSION_ARCH_STUBS(DECLARE_STUBS)
#undef DECLARE_STUBS

/* The first of FSESSION_SHARED_STUBS, FSESSION_SHARED_STUB_SIZE bytes apart. */
void fsession_shared_stubs(void);

/* run.c */
long fsession_enter(struct fsession_frame *frame, void *extra,
		    unsigned long bytes);
long fsession_enter_shared(struct fsession_frame *frame, void *extra,
			   unsigned long bytes, u32 shared);
/* For each shared stub the key of its site: what frame->body would be. */
extern unsigned long fsession_shared_body[FSESSION_SHARED_STUBS];
void fsession_exit(struct fsession_frame *frame);
void fsession_resched(void);
extern unsigned long fsession_guard_key;

static __always_inline u64 *fsession_ctx(struct fsession_frame *frame,
					 const struct fsession_list *list)
{
	return (u64 *)((char *)frame + list->ctx);
}

static __always_inline u64 *fsession_cookies(struct fsession_frame *frame,
					     const struct fsession_list *list)
{
	return (u64 *)((char *)frame + list->cookies);
}

/*
 * A frame's guard is (the key + its list) ^ its base ^ what is being run, an enum
 * fsession_run. No other word of memory is likely to be that; a stale frame has none;
 * of a frame that was written over, guard and list do not fit unless both are whole;
 * and it is none anywhere else, say in registers that an interrupt has saved. Were all
 * of it ^, the key would do for a list beside any address of the right place: and a
 * stack is full of addresses, and the key in a register while guards are looked for.
 */
enum fsession_run {
	FSESSION_SOLO_ENTRY,	/* the stub runs the program, or the function runs */
	FSESSION_SOLO_EXIT,	/* see fsession_solo_exit() */
	FSESSION_C_ENTRY,	/* C runs programs; or none, but the function */
	FSESSION_C_EXIT,
	FSESSION_RUNS,		/* and above: no guard */
};

/* Without the base. */
static __always_inline unsigned long
fsession_list_guard(const struct fsession_list *list, enum fsession_run run)
{
	return (fsession_guard_key + (unsigned long)list) ^ run;
}

static __always_inline unsigned long
fsession_guard(const struct fsession_frame *frame,
	       const struct fsession_list *list, enum fsession_run run)
{
	return fsession_list_guard(list, run) ^
	       ((unsigned long)frame + FSESSION_FRAME_BASE);
}

/* @frame may be anything on a stack: no sanitizers. */
static __always_inline unsigned long
fsession_guard_run(const struct fsession_frame *frame,
		   const struct fsession_list *list)
{
	return READ_ONCE_NOCHECK(frame->guard) ^ fsession_guard(frame, list, 0);
}

static __always_inline unsigned long
fsession_frame_run(const struct fsession_frame *frame)
{
	return fsession_guard_run(frame, READ_ONCE_NOCHECK(frame->list));
}

/*
 * Is what the stub runs in @frame, by its guard @run, the exit? It says so in the word
 * before the context where it may, and in the guard elsewhere.
 */
static __always_inline bool
fsession_solo_exit(const struct fsession_frame *frame, unsigned long run)
{
	if (FSESSION_META_EXIT)
		return READ_ONCE_NOCHECK(frame->nr) & FSESSION_META_EXIT;
	return run == FSESSION_SOLO_EXIT;
}

/* Where the stub keeps the cookie: a word of the run context that is its own. */
static __always_inline u64 *fsession_solo_cookie(struct fsession_frame *frame)
{
	return (u64 *)&frame->run.saved_run_ctx;
}

/* kfunc.c */
int fsession_kfunc_init(void);
extern const struct fsession_btf_base {
	u64 size;
	u64 hash;
	u32 types;	/* ids of a module's own types begin here */
} fsession_btf_base;

/* abandon.c */
int fsession_abandon_init(void);
void fsession_abandon_exit(void);
unsigned long fsession_frames_from(unsigned long sp);
struct fsession_frame *fsession_frame_next(unsigned long *from,
					   unsigned long end);

/* direct.c */
int fsession_direct_check(unsigned long *ips, struct fsession_target **targets,
			  u32 nr);
int fsession_direct_attach(struct fsession_reg *reg, unsigned long *ips,
			   struct fsession_target **targets, u32 nr);
int fsession_direct_detach(struct list_head *directs);
u32 fsession_direct_room(void);

/* btf.c: what is behind a BTF id, and its bytes */
struct fsession_btf;
struct fsession_btf *fsession_btf_get(const struct btf *btf,
				      struct module *owner);
void fsession_btf_put(struct fsession_btf *f);
bool fsession_btf_name_is(struct fsession_btf *f, const struct btf_type *t,
			  const char *name, size_t len);
const struct btf_type *fsession_btf_func(const struct btf *btf, u32 id);
const struct btf_type *fsession_btf_proto(const struct btf *btf, u32 id);
int fsession_btf_model(const struct btf *btf, const struct btf_type *proto,
		       struct btf_func_model *model);
bool fsession_btf_two_word_aligned(const struct btf *btf, u32 id);
bool fsession_btf_composite(const struct btf *btf, u32 id);
bool fsession_btf_same_ctx(const struct btf *btf, const struct btf_type *a,
			   const struct btf_type *b, u32 slots);

/* helper.c: what a program may call by the function that it is for */
#define FSESSION_CALLS_D_PATH		(1U << 0)
#define FSESSION_CALLS_SK_STORAGE	(1U << 1)

unsigned int fsession_helper_calls(const struct bpf_prog *prog);
bool fsession_helper_allowed(unsigned int calls, const char *function);

/* target.c */
void fsession_target_init(void);
void fsession_target_exit(void);
struct fsession_attachment *fsession_attachment_new(u32 nr);
void fsession_attachment_free(struct fsession_attachment *a);
int fsession_target_resolve(struct bpf_prog *prog,
			    struct fsession_attachment *a,
			    enum fsession_reason *reason);
int fsession_target_resolve_multi(struct bpf_prog *prog,
				  struct fsession_attachment *a,
				  enum fsession_reason *reason);
int fsession_target_at(struct fsession_attachment *a, struct fsession_target *t,
		       const char *btf_name, bool in_module);
int fsession_target_set_layout(struct fsession_target *t,
			       const struct fsession_layout *layout);
int fsession_attachment_result(const struct fsession_attachment *a,
			       enum fsession_reason *reason);

static inline int fsession_refuse(struct fsession_target *t, int status,
				  enum fsession_reason reason)
{
	t->status = status;
	t->reason = reason;
	return status;
}

/* Wide layouts by number. Number 0 is none; a number keeps its meaning. */
#define FSESSION_MAX_LAYOUTS	1024
extern struct fsession_layout *fsession_layouts[FSESSION_MAX_LAYOUTS];

/* list.c: with fsession_mutex held unless said otherwise */
extern struct fsession_list fsession_no_list;
DECLARE_PER_CPU(int, fsession_busy);
int fsession_solo_init(struct fsession_session *s);	/* not held */
void fsession_solo_free(struct fsession_session *s);	/* not held */
bool fsession_solo_may(const struct fsession_session *s); /* not held */
void fsession_solo_start(struct fsession_session *s);	/* not held */
void fsession_solo_stop(struct fsession_session *s);	/* not held */
u16 fsession_site_shape(const struct fsession_site *site);
struct fsession_list *fsession_list_get(const struct fsession_list *old,
					struct fsession_session *add,
					u16 shape);
u32 fsession_list_count_live(const struct fsession_list *list);
void fsession_list_taken(struct fsession_list *list);
void fsession_list_left(struct fsession_list *list);
bool fsession_list_renew(void);
void fsession_list_age(void);
void fsession_list_reap(void);
void fsession_list_books(const struct fsession_session *s,
			 struct fsession_books *books);
bool fsession_list_none(void);

/* site.c: with fsession_mutex held unless said otherwise */
int fsession_site_init(void);
void fsession_site_exit(void);	/* not held; nothing is attached */
extern struct fsession_table *fsession_table;
extern struct fsession_site fsession_no_site;

/*
 * Where in the site table to look first for the function that @body is in.
 * Functions are apart by the 8 or 16 bytes that they are aligned to, so that low
 * bits are as good as any.
 */
static __always_inline u32 fsession_hash(unsigned long body)
{
	return body >> 3;
}

/* Hot path, or with fsession_mutex held. The stub has the same. */
static __always_inline struct fsession_site *
fsession_site_find(unsigned long body)
{
	const struct fsession_table *table = READ_ONCE(fsession_table);
	struct fsession_site *site;
	u32 i;

	for (i = fsession_hash(body);; i++) {
		/* Address dependency; pairs with table_insert(). */
		site = READ_ONCE(table->slot[i & table->mask]);
		if (likely(fsession_site_body(site) == body))
			return site;
		if (site == &fsession_no_site)
			return NULL;
	}
}

int fsession_site_attach(struct fsession_session *s,
			 struct fsession_attachment *a,
			 enum fsession_reason *reason); /* not held */
int fsession_site_check(struct fsession_attachment *a); /* not held */
void fsession_site_dry_run(struct fsession_attachment *a);
void fsession_site_remove_dead(void);
struct fsession_reg *fsession_site_idle_reg(void);
void fsession_site_retire_reg(struct fsession_reg *reg); /* not held */

/* bound.c: with fsession_mutex held unless said otherwise */
#ifdef FSESSION_BOUND_STUB
extern struct fsession_bound fsession_bound[][FSESSION_BOUND_STUBS];
struct fsession_bound *fsession_bound_get(const struct bpf_prog *prog,
					  const struct fsession_target *target);
void fsession_bound_put(struct fsession_bound *b);
void fsession_bound_run(struct fsession_bound *b,
			const struct fsession_list *list);
void fsession_bound_patch(struct fsession_bound *b,
			  const struct fsession_target *target); /* not held */
#else
static inline struct fsession_bound *
fsession_bound_get(const struct bpf_prog *prog,
		   const struct fsession_target *target)
{
	return NULL;
}

static inline void fsession_bound_put(struct fsession_bound *b)
{
}

static inline void fsession_bound_run(struct fsession_bound *b,
				      const struct fsession_list *list)
{
}

static inline void fsession_bound_patch(struct fsession_bound *b,
					const struct fsession_target *target)
{
}
#endif

/* session.c: takes fsession_mutex by itself unless said otherwise */
int fsession_session_init(void);
void fsession_session_exit(void);	/* no session is left */
struct fsession_session *fsession_session_attach(struct bpf_prog *prog,
						 struct fsession_attachment *a,
						 enum fsession_reason *reason);
void fsession_session_start(struct fsession_session *s);
int fsession_session_dry_run(const struct bpf_prog *prog,
			     struct fsession_attachment *a,
			     enum fsession_reason *reason);
void fsession_session_detach(struct fsession_session *s);
void fsession_session_read(struct fsession_session *s,
			   struct fsession_info *info);	/* mutex held */
struct fsession_session *fsession_session_find(u32 id, bool next); /* held */
void fsession_session_count(u32 *live, u32 *draining);
bool fsession_session_any(void);	/* not held; may be late to see one */
long fsession_session_drain(unsigned int timeout_ms, u32 *draining);
int fsession_wait(bool (*done)(void *arg), void *arg, long timeout);
void fsession_targets_put(struct fsession_targets *targets); /* not held */

static __always_inline u32
fsession_targets_slot(const struct fsession_targets *targets, unsigned long func)
{
	return (func * targets->index_factor) >> targets->index_shift;
}

/* Hot path: the attach cookie of the function at @func. */
static __always_inline u64
fsession_targets_cookie(const struct fsession_targets *targets,
			unsigned long func)
{
	u32 i = fsession_targets_slot(targets, func), at;

	for (;; i++) {
		at = targets->index[i & targets->index_mask];
		if (!at)
			return 0;
		if (targets->told[at - 1].func == func)
			return targets->told[at - 1].attach_cookie;
	}
}

/* dev.c */
int fsession_dev_init(void);
void fsession_dev_exit(void);

/* selftest.c */
int fsession_selftest(void);

#endif /* FSESSION_H */
