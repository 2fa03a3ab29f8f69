// SPDX-License-Identifier: GPL-2.0
/*
 * What the stub and the kernel's trampoline find and call, in equal shape: as many
 * accesses, branches and calls, and the work itself left out where it is not on the
 * way. As the kernel does for a program that is not sleepable, with preemptible RCU,
 * and with preemption counted.
 */
#include <stdbool.h>

#include <asm/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "frame.h"
#include "model.h"
#include "offsets.h"

struct fsession_flight {
	u64 in;
	u64 out;
};

struct task {
	char before[64];
	int rcu_nesting;
	u16 migration_disabled;
	char between[56];
	void *bpf_ctx;
};

/* Lists that count calls; the first is that of the shape that threads call. */
#define FLIGHTS 5
/* And that of a function that is stepped through. */
#define FLIGHT_TRACED FLIGHTS

/* What gs points to. A per-CPU pointer is an offset in it. */
struct cpu {
	u64 zero;
	struct task *current_task;
	u32 preempt_count;
	u32 context_tracking;
	u64 image;
	u32 pinned;
	u32 active;
	u32 busy;
	u32 prog_active[2];
	struct fsession_flight flight[FLIGHTS + 1];
};

struct session {
	const struct prog *prog;
	u64 attach_cookie;
	const void *cookies;
};

struct prog {
	u64 before[6];
	unsigned long active;
	void (*func)(u64 *ctx);
};

struct fsession_list {
	unsigned long active;
	unsigned long flight;
	unsigned long guard;
	void (*func)(void);
	u64 attach_cookie;
	unsigned long jited_len;
	u32 extra;
	u32 n;
	s32 ctx;
	s32 cookies;
	bool mixed;
	const struct session *session[2];
};

struct fsession_site {
	const struct fsession_list *list;
	unsigned long func;
	void *reg;
	u32 key;
	u16 layout;
	u16 meta;
};

struct fsession_bound {
	const struct fsession_list *list;
	unsigned long func;
};

#define SLOTS 64

struct fsession_table {
	u32 shift;
	u32 mask;
	u32 bytes;
	u32 used;
	u32 live;
	void *rcu[2];
	const struct fsession_site *slot[SLOTS];
};

#define SAME(name, type, member) \
	static_assert((name) == offsetof(struct type, member), #name)

SAME(CPU_CURRENT, cpu, current_task);
SAME(CPU_PREEMPT, cpu, preempt_count);
SAME(CPU_CONTEXT_TRACKING, cpu, context_tracking);
SAME(FSESSION_TASK_BPF_CTX, task, bpf_ctx);
SAME(FSESSION_TABLE_BYTES, fsession_table, bytes);
SAME(FSESSION_TABLE_SLOT, fsession_table, slot);
SAME(FSESSION_SITE_LIST, fsession_site, list);
SAME(FSESSION_SITE_FUNC, fsession_site, func);
SAME(FSESSION_SITE_KEY, fsession_site, key);
SAME(FSESSION_SITE_META, fsession_site, meta);
SAME(FSESSION_LIST_ACTIVE, fsession_list, active);
SAME(FSESSION_LIST_FLIGHT, fsession_list, flight);
SAME(FSESSION_LIST_GUARD, fsession_list, guard);
SAME(FSESSION_LIST_FUNC, fsession_list, func);
SAME(FSESSION_LIST_COOKIE, fsession_list, attach_cookie);
SAME(FSESSION_FLIGHT_IN, fsession_flight, in);
SAME(FSESSION_FLIGHT_OUT, fsession_flight, out);
SAME(FSESSION_BOUND_LIST, fsession_bound, list);
SAME(FSESSION_BOUND_FUNC, fsession_bound, func);
static_assert(FSESSION_BOUND_SIZE == sizeof(struct fsession_bound),
	      "FSESSION_BOUND_SIZE");

/* As bytes at gs, which no pointer of C points to. */
#define PER_CPU(type, offset) (*(volatile type __seg_gs *)(offset))
#define MEMBER(type, member)  PER_CPU(type, offsetof(struct cpu, member))
#define CURRENT		      (*(struct task * __seg_gs *)offsetof(struct cpu, current_task))

/* With the bit that is off when a reschedule is due. */
#define PREEMPT_ENABLED 0x80000000U

/* As far apart as the kernel's. */
static struct processor {
	struct cpu cpu;
	struct task task;
} __attribute__((aligned(4096))) processors[PROCESSORS];

/* shapes.S and the stub */
void program(void);
void leaf_stub(void);
void leaf_stub_any(void);
void body_stub_any(void);
void leaf_stub_ibt(void);
void body_stub_ibt(void);
void leaf_stub_ctx(void);
void body_stub_ctx(void);
void leaf_stub_c(void);
void body_stub_c(void);

/* What the assembly calls and refers to. */
long fsession_enter(struct fsession_frame *frame, void *extra,
		    unsigned long bytes);
long fsession_enter_shared(struct fsession_frame *frame, void *extra,
			   unsigned long bytes, u32 shared);
void fsession_exit(struct fsession_frame *frame);
void fsession_resched(void);
void model_tramp_enter(void *image);
void model_tramp_exit(void *image);
u64 model_prog_enter(const struct prog *prog, struct bpf_tramp_run_ctx *run);
void model_prog_exit(const struct prog *prog, u64 start,
		     struct bpf_tramp_run_ctx *run);

unsigned long fsession_shared_body[FSESSION_SHARED_STUBS];
const struct fsession_site fsession_no_site;
static struct fsession_table table;
const struct fsession_table *fsession_table = &table;

#define KEY 0x123456789abcdefUL

/* A counter of each its own, as every program has one. */
const struct prog model_prog = {
	.active = offsetof(struct cpu, active),
};
u64 model_image;

static const struct prog progs[] = {
	{ .active = offsetof(struct cpu, prog_active[0]),
	  .func = (void (*)(u64 *))program },
	{ .active = offsetof(struct cpu, prog_active[1]),
	  .func = (void (*)(u64 *))program },
};
static const struct session sessions[] = {
	{ .prog = &progs[0] },
	{ .prog = &progs[1] },
};

static struct fsession_list solo = {
	.active = offsetof(struct cpu, prog_active[0]),
	.flight = offsetof(struct cpu, flight[0]),
	.func = program,
};
static struct fsession_list solo_ibt = {
	.active = offsetof(struct cpu, prog_active[0]),
	.flight = offsetof(struct cpu, flight[2]),
	.func = program,
};
static struct fsession_list solo_any = {
	.active = offsetof(struct cpu, prog_active[0]),
	.flight = offsetof(struct cpu, flight[4]),
	.func = program,
};
static struct fsession_list solo_ctx = {
	.active = offsetof(struct cpu, prog_active[0]),
	.flight = offsetof(struct cpu, flight[3]),
	.func = program,
};
/* Not a solo list: C runs it. */
static struct fsession_list two = {
	.active = offsetof(struct cpu, busy),
	.flight = offsetof(struct cpu, flight[1]),
	.n = 2,
	.ctx = FSESSION_FRAME_WORDS,
	.session = { &sessions[0], &sessions[1] },
};
static struct fsession_site sites[] = {
	{ .list = &two, .meta = 1 },
	{ .list = &solo_any, .meta = 1 },
	{ .list = &solo_ibt, .meta = 1 },
	{ .list = &solo_ctx, .meta = 1 },
};

/* For the first stub of functions with one argument; see also model_trace(). */
struct fsession_bound
	fsession_bound[FSESSION_ARG_REGS + 1][FSESSION_BOUND_STUBS] = {
		[1] = { { .list = &solo, .func = (unsigned long)leaf_stub } },
	};

void fsession_resched(void)
{
}

static const struct fsession_site *find_site(unsigned long body)
{
	const struct fsession_table *t =
		*(const struct fsession_table *volatile *)&fsession_table;
	u32 at = body & t->bytes;
	const struct fsession_site *site;

	while ((site = *(const struct fsession_site *const *)((char *)t->slot +
							      at)) !=
	       &fsession_no_site) {
		if (site->key == (u32)body)
			return site;
		at = (at + 8) & t->bytes;
	}
	return NULL;
}

static void run(struct fsession_frame *frame, const struct session *s, u64 *ctx,
		u64 *cookie)
{
	frame->slot = cookie;
	frame->run.bpf_cookie = s->attach_cookie;
	if (s->cookies)
		frame->run.bpf_cookie = 1;
	*(const void *volatile *)&frame->prog = s->prog;
	s->prog->func(ctx);
	*(const void *volatile *)&frame->prog = NULL;
}

static void set_guard(struct fsession_frame *frame,
		      const struct fsession_list *list, unsigned long run)
{
	*(volatile unsigned long *)&frame->guard =
		(KEY + (unsigned long)list) ^ run ^
		((unsigned long)frame + FSESSION_FRAME_BASE);
}

long fsession_enter(struct fsession_frame *frame, void *extra,
		    unsigned long bytes)
{
	const struct fsession_list *list;
	const struct fsession_site *site;
	u64 *ctx;
	u32 i;

	(void)extra;
	if (!(MEMBER(u32, context_tracking) & FSESSION_RCU_WATCHING))
		return -1;
	MEMBER(u32, preempt_count)++;
	site = find_site(frame->body);
	if (!site) {
		MEMBER(u32, preempt_count)--;
		return -1;
	}
	list = site->list;
	if (list->extra != bytes && list->extra)
		return list->extra;
	PER_CPU(u64, list->flight + FSESSION_FLIGHT_IN)++;
	frame->list = list;
	frame->ran = 0;
	frame->prog = NULL;
	set_guard(frame, list, FSESSION_C_ENTRY);
	ctx = (u64 *)((char *)frame + list->ctx);
	ctx[-2] = site->func;
	ctx[-1] = site->meta;
	frame->ret[0] = ctx[site->meta];
	ctx[site->meta] = 0;
	frame->run.saved_run_ctx = CURRENT->bpf_ctx;
	CURRENT->bpf_ctx = &frame->run;
	for (i = 0; i < list->n; i++) {
		const struct session *s = list->session[i];

		frame->cookie[i] = 0;
		if (PER_CPU(u32, s->prog->active))
			continue;
		PER_CPU(u32, s->prog->active)++;
		run(frame, s, ctx, &frame->cookie[i]);
		PER_CPU(u32, s->prog->active)--;
		frame->ran |= 1UL << i;
	}
	CURRENT->bpf_ctx = frame->run.saved_run_ctx;
	if (!--MEMBER(u32, preempt_count))
		fsession_resched();
	ctx[site->meta] = frame->ret[0];
	return 0;
}

long fsession_enter_shared(struct fsession_frame *frame, void *extra,
			   unsigned long bytes, u32 shared)
{
	(void)shared;
	return fsession_enter(frame, extra, bytes);
}

void fsession_exit(struct fsession_frame *frame)
{
	const struct fsession_list *list = frame->list;
	u64 *ctx;
	u32 i;

	set_guard(frame, list, FSESSION_C_EXIT);
	ctx = (u64 *)((char *)frame + list->ctx);
	ctx[ctx[-1]] = frame->ret[0];
	MEMBER(u32, preempt_count)++;
	frame->run.saved_run_ctx = CURRENT->bpf_ctx;
	CURRENT->bpf_ctx = &frame->run;
	for (i = 0; i < list->n; i++) {
		const struct session *s = list->session[i];

		if (!(frame->ran & 1UL << i))
			continue;
		PER_CPU(u32, s->prog->active)++;
		run(frame, s, ctx, &frame->cookie[i]);
		PER_CPU(u32, s->prog->active)--;
	}
	CURRENT->bpf_ctx = frame->run.saved_run_ctx;
	if (!--MEMBER(u32, preempt_count))
		fsession_resched();
	*(volatile unsigned long *)&frame->guard = 0;
	PER_CPU(u64, list->flight + FSESSION_FLIGHT_OUT)++;
}

/* The kernel's, of which each is a function. */
static void __attribute__((noinline)) lock_rcu(void)
{
	(*(volatile int *)&CURRENT->rcu_nesting)++;
	__asm__ volatile("" ::: "memory");
}

static void __attribute__((noinline)) unlock_rcu(void)
{
	struct task *t = CURRENT;

	__asm__ volatile("" ::: "memory");
	if (--*(volatile int *)&t->rcu_nesting == 0 &&
	    *(volatile char *)&t->before[0])
		fsession_resched();
}

static void __attribute__((noinline)) disable_migration(void)
{
	struct task *t = CURRENT;

	if (t->migration_disabled) {
		t->migration_disabled++;
		return;
	}
	MEMBER(u32, preempt_count)++;
	MEMBER(u32, pinned)++;
	t->migration_disabled = 1;
	if (!--MEMBER(u32, preempt_count))
		fsession_resched();
}

static void __attribute__((noinline)) enable_migration(void)
{
	struct task *t = CURRENT;

	if (t->migration_disabled > 1) {
		t->migration_disabled--;
		return;
	}
	MEMBER(u32, preempt_count)++;
	if (*(volatile char *)&t->before[1])
		fsession_resched();
	t->migration_disabled = 0;
	MEMBER(u32, pinned)--;
	if (!--MEMBER(u32, preempt_count))
		fsession_resched();
}

/* The trampoline's image is counted, by a percpu_ref. */
void model_tramp_enter(void *image)
{
	lock_rcu();
	if (!*(volatile u64 *)image)
		MEMBER(u64, image)++;
	unlock_rcu();
}

void model_tramp_exit(void *image)
{
	lock_rcu();
	if (!*(volatile u64 *)image)
		MEMBER(u64, image)--;
	unlock_rcu();
}

u64 model_prog_enter(const struct prog *prog, struct bpf_tramp_run_ctx *r)
{
	lock_rcu();
	disable_migration();
	r->saved_run_ctx = CURRENT->bpf_ctx;
	CURRENT->bpf_ctx = r;
	if (++PER_CPU(u32, prog->active) != 1)
		return 0;
	return 1;
}

void model_prog_exit(const struct prog *prog, u64 start,
		     struct bpf_tramp_run_ctx *r)
{
	(void)start;
	CURRENT->bpf_ctx = r->saved_run_ctx;
	PER_CPU(u32, prog->active)--;
	enable_migration();
	unlock_rcu();
}

static void publish(struct fsession_site *site, void (*func)(void),
		    void (*body)(void))
{
	u32 at = ((unsigned long)body & table.bytes) / 8;

	site->func = (unsigned long)func;
	site->key = (unsigned long)body;
	while (table.slot[at] != &fsession_no_site)
		at = (at + 1) % SLOTS;
	table.slot[at] = site;
}

void model_init(void)
{
	unsigned int i;

	for (i = 0; i < PROCESSORS; i++) {
		processors[i].cpu = (struct cpu){
			.current_task = &processors[i].task,
			.preempt_count = PREEMPT_ENABLED,
			.context_tracking = FSESSION_RCU_WATCHING,
			.busy = 1,
		};
	}
	model_use(0);
	table.bytes = (SLOTS - 1) * 8;
	for (i = 0; i < SLOTS; i++)
		table.slot[i] = &fsession_no_site;
	solo.guard = KEY + (unsigned long)&solo;
	solo_ibt.guard = KEY + (unsigned long)&solo_ibt;
	publish(&sites[0], leaf_stub_c, body_stub_c);
	solo_any.guard = KEY + (unsigned long)&solo_any;
	publish(&sites[1], leaf_stub_any, body_stub_any);
	publish(&sites[2], leaf_stub_ibt, body_stub_ibt);
	solo_ctx.guard = KEY + (unsigned long)&solo_ctx;
	publish(&sites[3], leaf_stub_ctx, body_stub_ctx);
}

void model_use(unsigned int processor)
{
	syscall(SYS_arch_prctl, ARCH_SET_GS, &processors[processor].cpu);
}

static struct fsession_list traced;
static struct fsession_site traced_site;

void model_trace(void (*func)(void), void (*body)(void), unsigned int nr,
		 bool bound)
{
	traced = (struct fsession_list){
		.active = offsetof(struct cpu, prog_active[0]),
		.flight = offsetof(struct cpu, flight[FLIGHT_TRACED]),
		.guard = KEY + (unsigned long)&traced,
		.func = program,
		.ctx = FSESSION_FRAME_WORDS,
	};
	traced_site = (struct fsession_site){ .list = &traced, .meta = nr };
	publish(&traced_site, func, body);
	if (bound)
		fsession_bound[nr][1] = (struct fsession_bound){
			.list = &traced,
			.func = (unsigned long)func,
		};
}

void model_detach(void)
{
	traced.active = offsetof(struct cpu, busy);
}

uint64_t *model_active(uint64_t *detached)
{
	*detached = offsetof(struct cpu, busy);
	return &traced.active;
}

void model_set(bool running, bool rcu_watches, bool reschedule)
{
	struct cpu *cpu = &processors[0].cpu;

	cpu->prog_active[0] = running;
	cpu->context_tracking = rcu_watches ? FSESSION_RCU_WATCHING : 0;
	cpu->preempt_count = reschedule ? 0 : PREEMPT_ENABLED;
}

void model_get(struct model_state *state)
{
	const struct cpu *cpu = &processors[0].cpu;

	*state = (struct model_state){
		.in = cpu->flight[FLIGHT_TRACED].in,
		.out = cpu->flight[FLIGHT_TRACED].out,
		.preempt_count = cpu->preempt_count,
		.active = cpu->prog_active[0],
		.bpf_ctx = processors[0].task.bpf_ctx,
	};
}

bool model_balanced(unsigned int processor, unsigned long calls,
		    unsigned long others)
{
	const struct cpu *cpu = &processors[processor].cpu;
	unsigned int i;

	for (i = 0; i < FLIGHTS; i++) {
		const struct fsession_flight *flight = &cpu->flight[i];
		unsigned long expected = i ? others : calls;

		if (flight->in != expected || flight->out != expected)
			return false;
	}
	return cpu->preempt_count == PREEMPT_ENABLED && !cpu->active &&
	       !cpu->prog_active[0] && !cpu->prog_active[1] &&
	       !processors[processor].task.bpf_ctx;
}
