/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Internal types, and who protects what.
 *
 * Locks, in the order in which they are taken:
 *	fsession_mutex	everything that attach, detach and info touch: sessions,
 *			sites, lists, registrations. Never held across a grace
 *			period or a call into ftrace.
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
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/fsession.h>

#include "compat.h"
#include "frame.h"
#include "arch.h"

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

struct fsession_session;

/* Calls that came in and went out under one list; added up over CPUs. */
struct fsession_flight {
	u64 in;
	u64 out;
};

struct fsession_entry {
	struct fsession_session *session;
	u64 attach_cookie;
};

/*
 * The sessions on a site, newest first: one immutable generation. A call uses
 * one list from entry to exit. A list that was replaced is *retired*; once a
 * grace period has passed no call can come in under it, @flight's sums only
 * close in on each other, and when they meet the list is freed.
 */
struct fsession_list {
	struct fsession_flight __percpu *flight;
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
	struct list_head retired;
	bool aged;	/* a grace period has begun since it was retired */
	struct fsession_entry entry[];
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
 * its call to the stub pushes. @list is NULL while nobody is on it.
 */
struct fsession_site {
	const struct fsession_list *list;
	unsigned long func;		/* the symbol, before any ENDBR */
	unsigned long ip;		/* the ftrace site */
	unsigned long body;		/* the key: return address of the call */
	struct fsession_layout layout;
	struct fsession_reg *reg;
	struct module *owner;		/* pinned; NULL for the kernel proper */
	struct rcu_head rcu;
};

enum fsession_reg_state {
	FSESSION_REG_COMING,	/* being registered; attach waits */
	FSESSION_REG_LIVE,
	FSESSION_REG_GOING,	/* being unregistered; attach waits */
	FSESSION_REG_STUCK,	/* could not be unregistered; never freed */
};

/* One registration with ftrace: that of one attach, for its site. */
struct fsession_reg {
	struct fsession_direct *direct;
	struct fsession_site *site;
	enum fsession_reg_state state;
	struct list_head node;		/* fsession_regs */
};

/*
 * Sites by body, open addressing. A slot goes from empty to taken to tombstone
 * and is never used again: a reader that has matched a slot's key may read its
 * site later. When slots run out, a new table takes over.
 */
struct fsession_slot {
	unsigned long body;	/* 0: empty */
	struct fsession_site *site;
};

#define FSESSION_TOMBSTONE	1UL

struct fsession_table {
	u32 shift;
	u32 mask;
	u32 used;		/* slots not empty */
	struct rcu_head rcu;
	struct fsession_slot slot[];
};

/* Corrections to what a session's lists say, off the common path. Per CPU. */
struct fsession_odd {
	u64 missed;	/* program was running on this CPU already */
	u64 skipped;	/* came in after detach, before the list was replaced */
	u64 unran_out;	/* went out of a missed or skipped call */
	u64 dropped;	/* entry ran, exit did not: detached in between */
};

/* Sums over the lists that a session was on. */
struct fsession_books {
	u64 in;
	u64 out;
};

struct fsession_session {
	/*
	 * Hot: NULL from detach on. The reference that goes with it is dropped
	 * a grace period later.
	 */
	struct bpf_prog *prog;
	struct fsession_odd __percpu *odd;

	/* Written once, before the session is visible. */
	bool sleepable;
	u32 id;
	u32 prog_id;
	u32 target_btf_id;
	u64 attach_cookie;
	struct pid *owner;
	char *name;

	/* fsession_mutex */
	struct list_head node;		/* sessions */
	struct fsession_site *site;	/* NULL once off the site's list */
	struct bpf_prog *dead_prog;	/* to be put after a grace period */
	bool live;			/* not detached yet */
	bool visible;			/* attach has succeeded */
	bool aged;			/* a grace period began since detach */
	u64 detached;			/* order of detach; 0 while live */
	unsigned int lists;		/* current and retired lists it is on */
	struct fsession_books folded;	/* of lists that are gone */

	atomic64_t abandoned;
};

/* The target of a program, found out before anything is touched. */
struct fsession_target {
	unsigned long func;
	unsigned long ip;
	u32 btf_id;
	struct fsession_layout layout;
	struct module *owner;		/* a reference, or NULL */
	char *name;			/* kmalloc'ed */
};

/* Protects all but the hot path; see the head of this file. */
extern struct mutex fsession_mutex;
/* Woken whenever a registration changes state or a session is gone. */
extern wait_queue_head_t fsession_changed;

/* arch/<arch>/stub.S */
void fsession_stub(void);
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
 * A frame's guard is the key ^ its own address ^ its list ^ which run it is in.
 * No other word of memory is likely to be that; a stale frame has none; and of a
 * frame that was written over, guard and list do not fit unless both are whole.
 */
enum fsession_run { FSESSION_ENTRY = 0, FSESSION_EXIT = 1 };

static __always_inline unsigned long
fsession_guard(const struct fsession_frame *frame,
	       const struct fsession_list *list, enum fsession_run run)
{
	return fsession_guard_key ^ (unsigned long)frame ^
	       (unsigned long)list ^ run;
}

/* @frame may be anything on a stack: no sanitizers. */
static __always_inline bool
fsession_guard_ok(const struct fsession_frame *frame)
{
	const struct fsession_list *list = READ_ONCE_NOCHECK(frame->list);
	unsigned long guard = READ_ONCE_NOCHECK(frame->guard);

	return list &&
	       (guard ^ fsession_guard(frame, list, FSESSION_ENTRY)) <=
		       FSESSION_EXIT;
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
struct fsession_frame *fsession_frame_next(unsigned long *from,
					   unsigned long end);

/* direct.c */
struct fsession_direct;
struct fsession_direct *fsession_direct_attach(unsigned long ip,
					       enum fsession_reason *reason);
int fsession_direct_detach(struct fsession_direct *direct);

/* target.c */
int fsession_target_resolve(struct bpf_prog *prog, struct fsession_target *t,
			    enum fsession_reason *reason);
int fsession_target_at(unsigned long func, const char *btf_name, bool in_module,
		       struct fsession_target *t, enum fsession_reason *reason);
void fsession_target_release(struct fsession_target *t);

/* site.c: with fsession_mutex held unless said otherwise */
int fsession_site_init(void);
void fsession_site_exit(void);	/* not held; nothing is attached */
extern struct fsession_table *fsession_table;

/* Hot path, or with fsession_mutex held. */
static __always_inline struct fsession_site *
fsession_site_find(unsigned long body)
{
	const struct fsession_table *table = READ_ONCE(fsession_table);
	unsigned long key;
	u32 i;

	for (i = (body * GOLDEN_RATIO_64) >> table->shift;; i++) {
		const struct fsession_slot *slot = &table->slot[i & table->mask];

		/* Pairs with table_insert(): a key that is seen has a site. */
		key = smp_load_acquire(&slot->body);
		if (likely(key == body))
			return slot->site;
		if (!key)
			return NULL;
	}
}

int fsession_site_attach(struct fsession_session *s, struct fsession_target *t,
			 enum fsession_reason *reason);	/* not held */
bool fsession_site_remove_dead(struct fsession_site *site);
struct fsession_reg *fsession_site_idle_reg(void);
void fsession_site_retire_reg(struct fsession_reg *reg); /* not held */
void fsession_list_age(void);
void fsession_list_reap(void);
void fsession_list_books(const struct fsession_session *s,
			 struct fsession_books *books);

/* session.c: takes fsession_mutex by itself unless said otherwise */
int fsession_session_init(void);
void fsession_session_exit(void);	/* no session is left */
struct fsession_session *fsession_session_attach(struct bpf_prog *prog,
						 u64 attach_cookie,
						 struct fsession_target *t,
						 enum fsession_reason *reason);
void fsession_session_detach(struct fsession_session *s);
void fsession_session_read(struct fsession_session *s,
			   struct fsession_info *info);	/* mutex held */
struct fsession_session *fsession_session_find(u32 id, bool next); /* held */
void fsession_session_count(u32 *live, u32 *draining);
bool fsession_session_any(void);	/* not held; may be late to see one */
long fsession_session_drain(unsigned int timeout_ms, u32 *draining);

/* dev.c */
int fsession_dev_init(void);
void fsession_dev_exit(void);

/* selftest.c */
int fsession_selftest(void);

#endif /* FSESSION_H */
