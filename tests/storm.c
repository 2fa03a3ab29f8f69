// SPDX-License-Identifier: GPL-2.0
/*
 * What the storms share; see storm.h.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include <bpf/btf.h>

#include "storm.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

typedef struct fsession_target_desc desc_t;

/* Called all the time, each by a thread, and traced all the time. */
static const struct called {
	const char *name;
	unsigned int context;
	unsigned int batch;
	unsigned int depth; /* it calls itself that often */
	uint64_t arg0;	    /* if it is not to vary */
} called[] = {
	{ "fsession_test_arg6", FSESSION_TM_TASK, 500, 0, 0 },
	{ "fsession_test_arg12", FSESSION_TM_TASK, 500, 0, 0 },
	{ "fsession_test_arg8_two_regs", FSESSION_TM_KTHREAD, 200, 0, 0 },
	{ "fsession_test_sleep", FSESSION_TM_TASK, 5, 0, 3 },
	{ "fsession_test_nested", FSESSION_TM_TASK, 50, 12, 12 },
	{ "fsession_test_arg_s16_edge", FSESSION_TM_SOFTIRQ, 160, 0, 0 },
	{ "fsession_test_arg3", FSESSION_TM_HARDIRQ, 160, 0, 0 },
	{ "fsession_test_outer", FSESSION_TM_TASK, 500, 0, 0 },
};

/*
 * What sessions come and go on: the same, one that is called (by another) and
 * has no session otherwise, and some that are not called at all.
 */
static const char *const churned[] = {
	"fsession_test_arg6",
	"fsession_test_arg12",
	"fsession_test_arg8_two_regs",
	"fsession_test_sleep",
	"fsession_test_nested",
	"fsession_test_arg_s16_edge",
	"fsession_test_arg3",
	"fsession_test_outer",
	"fsession_test_arg1",
	"fsession_test_arg2",
	/* From here on, of a session on many only. */
	"fsession_test_arg7",
	"fsession_test_arg8",
	"fsession_test_arg11",
	"fsession_test_arg_narrow",
	"fsession_test_arg_s8",
	"fsession_test_arg_s12",
	"fsession_test_arg_s16",
	"fsession_test_arg_u128",
	"fsession_test_arg_u128_stack",
	"fsession_test_patched",
	"fsession_test_two_regs",
};

#define EXITS	   "fsession_test_exit" /* its callers do not come back */
#define NO_SITE	   "fsession_test_notrace"
#define RESIDENTS  (ARRAY_SIZE(called) + 1)
#define TARGETS	   ARRAY_SIZE(churned)
#define SINGLES	   10 /* functions that have single sessions */
#define CHURNERS   2
#define PER_SINGLE 3
#define MULTIS	   4

/* Attach cookies: residents are from 0 on, a churner's sessions from here. */
#define NUMBERS_SINGLE	 32
#define NUMBERS_MULTI	 24
#define NUMBERS_CHURNER	 (NUMBERS_SINGLE + MULTIS * NUMBERS_MULTI)
#define NUMBER_OF(which) (((which) + 1) * NUMBERS_CHURNER)

_Static_assert(SINGLES *PER_SINGLE <= NUMBERS_SINGLE, "numbers overlap");
_Static_assert(TARGETS <= NUMBERS_MULTI, "numbers overlap");

/* The functions' addresses and ids; those of @churned, and the one without a site. */
static desc_t targets[TARGETS + 1];

static unsigned int clock_seconds, clock_seed;
static uint64_t end_ms;
static volatile bool stop;

/* In a slow guest as much takes longer to happen. */
unsigned int storm_time(unsigned int time)
{
	return time * (ktest_number("FSESSION_SLOW", 1) + 1) / 2;
}

void storm_clock(unsigned int seconds)
{
	if (clock_seconds)
		return;
	clock_seconds =
		ktest_number("FSESSION_STORM_SECONDS", storm_time(seconds));
	clock_seed = ktest_number("FSESSION_STORM_SEED", time(NULL));
	ktest_diag("%u s, seed %u", clock_seconds, clock_seed);
}

void storm_go(void)
{
	end_ms = ktest_ms() + 1000ULL * clock_seconds;
}

bool storm_lasts(void)
{
	return ktest_ms() < end_ms;
}

bool storm_goes_on(bool happened)
{
	return storm_lasts() ||
	       (!happened && ktest_ms() < end_ms + 7000ULL * clock_seconds);
}

unsigned int storm_seed(unsigned int part)
{
	return clock_seed + part;
}

void storm_pause(unsigned int *seed, unsigned int us)
{
	usleep(rand_r(seed) % us);
}

/*
 * What is to be restored. The process that does it is in no group of the case's,
 * and learns of the case's end from a pipe that nobody has open any more.
 */

static int restorer_pid, restorer_pipe = -1;

static void restorer(void (*restore)(void), int end)
{
	char c;

	prctl(PR_SET_PDEATHSIG, 0);
	setsid();
	dup2(end, 3);
	drop_inherited(3);
	while (read(3, &c, 1) < 0 && errno == EINTR)
		;
	restore();
}

void storm_restore_with(void (*restore)(void))
{
	int fds[2];

	SYS(pipe2(fds, O_CLOEXEC));
	fflush(stdout);
	restorer_pid = SYS(fork());
	if (!restorer_pid) {
		/* Whoever waits for the case's output is not to wait for us. */
		int null = open("/dev/null", O_RDWR);

		dup2(null, 1);
		dup2(null, 2);
		restorer(restore, fds[0]);
		_exit(0);
	}
	SYS(close(fds[0]));
	restorer_pipe = fds[1];
}

void storm_restore(void)
{
	SYS(close(restorer_pipe));
	restorer_pipe = -1;
	ktest_join(restorer_pid);
}

/*
 * Programs
 */

static struct {
	struct bpf_object *obj;
	struct numbered *n;
} loaded[4];

static unsigned int nr_loaded;

struct bpf_program *storm_program(const char *target, struct numbered **n)
{
	struct bpf_object *obj = open_object("numbered");
	struct bpf_program *prog = want(obj, "session", target);

	REQUIRE(nr_loaded < ARRAY_SIZE(loaded));
	load(obj);
	*n = bss(obj, sizeof(**n));
	loaded[nr_loaded].obj = obj;
	loaded[nr_loaded++].n = *n;
	return prog;
}

static void programs_close(void)
{
	while (nr_loaded) {
		nr_loaded--;
		munmap(loaded[nr_loaded].n, sizeof(struct numbered));
		bpf_object__close(loaded[nr_loaded].obj);
	}
}

static uint32_t function_id(const char *function)
{
	int id = btf__find_by_name_kind(testmod_btf(), function, BTF_KIND_FUNC);

	if (id <= 0)
		FAIL("no function '%s' in the test module", function);
	return id;
}

int storm_clone(const struct bpf_program *prog, const char *function)
{
	int fd = try_clone_for(prog, function_id(function));

	if (fd < 0)
		FAIL("clone for %s: %s", function, strerror(-fd));
	return fd;
}

static void find_targets(void)
{
	unsigned int i;

	for (i = 0; i <= TARGETS && !targets[i].addr; i++)
		targets[i] =
			testmod_target(i < TARGETS ? churned[i] : NO_SITE, 0);
}

/*
 * Those who call
 */

struct caller {
	pthread_t thread;
	const struct called *what;
	uint64_t calls;
};

static void *caller(void *arg)
{
	struct caller *c = arg;

	while (!stop) {
		struct fsession_tm_call call =
			tm_prepare(c->what->name, c->what->batch);

		call.context = c->what->context;
		if (c->what->arg0)
			call.args[0] = c->what->arg0;
		else
			call.flags = FSESSION_TM_VARY;
		tm_call(&call);
		c->calls += call.count * (1 + c->what->depth);
	}
	return NULL;
}

static void *exits_inside(void *arg)
{
	uint64_t *calls = arg;

	while (!stop) {
		struct fsession_tm_call call = tm_prepare(EXITS, 1);

		call.context = FSESSION_TM_KTHREAD;
		call.args[1] = 1;
		if (try_tm_call(&call))
			FAIL("no call of " EXITS);
		++*calls;
		usleep(5000);
	}
	return NULL;
}

/*
 * Those who attach and detach
 */

static void sum_runs(const struct numbered *n, unsigned int number,
		     unsigned int numbers, uint64_t runs[2])
{
	runs[0] = 0;
	runs[1] = 0;
	for (; numbers--; number++) {
		runs[0] += n->one[number].runs[0];
		runs[1] += n->one[number].runs[1];
	}
}

/* Once in a while, wait until the program can run no more, and remember. */
static void slot_detach(struct storm_slot *s, const struct numbered *n,
			unsigned int numbers, unsigned int *seed)
{
	SYS(close(s->fd));
	s->fd = -1;
	s->quiet = !(rand_r(seed) % 24) && !try_drain(1000, NULL);
	if (s->quiet)
		sum_runs(n, s->number, numbers, s->runs);
}

static void slot_check_quiet(const struct storm_slot *s,
			     const struct numbered *n, unsigned int numbers)
{
	uint64_t runs[2];

	if (!s->quiet)
		return;
	sum_runs(n, s->number, numbers, runs);
	CHECK_EQ(runs[0], s->runs[0]);
	CHECK_EQ(runs[1], s->runs[1]);
}

static void slot_check_live(const struct storm_slot *s, unsigned int sites)
{
	struct fsession_info in = info(s->fd);

	check_books_balance(&in);
	CHECK_EQ(in.state, FSESSION_STATE_LIVE);
	if (sites)
		CHECK_EQ(in.sites, sites);
}

static int slot_attach(struct storm_slot *s, const struct numbered *n)
{
	unsigned int reason;
	int fd;

	slot_check_quiet(s, n, 1);
	fd = try_attach(s->prog_fd, s->number, &reason);
	if (fd < 0 && fd != -ENOMEM)
		FAIL("attach: %s, reason %u", strerror(-fd), reason);
	if (fd < 0)
		return -fd;
	s->fd = fd;
	s->quiet = false;
	return 0;
}

int storm_toggle(struct storm_slot *s, struct numbered *n, unsigned int *seed)
{
	if (s->fd < 0)
		return slot_attach(s, n);
	slot_check_live(s, 1);
	slot_detach(s, n, 1, seed);
	return 0;
}

/* Some of the functions, and how many: in one case of four one that is none. */
static unsigned int random_set(desc_t *t, unsigned int number, bool *with_bad,
			       unsigned int *seed)
{
	unsigned int i, n = 0, one = rand_r(seed) % TARGETS;
	/* With one attach cookie for all the stub can run the program by itself. */
	bool differ = rand_r(seed) % 2;

	*with_bad = !(rand_r(seed) % 4);
	for (i = 0; i <= TARGETS; i++) {
		if (i == TARGETS ? !*with_bad : i != one && rand_r(seed) % 2)
			continue;
		t[n] = targets[i];
		t[n++].attach_cookie = number + (differ && i < TARGETS ? i : 0);
	}
	return n;
}

static int multi_attach(struct storm_churner *c, struct storm_slot *s,
			unsigned int *sites)
{
	unsigned int flags = rand_r(&c->seed) % 2 ? FSESSION_MULTI_SKIP : 0, n;
	struct fsession_attach_multi a;
	desc_t t[TARGETS + 1];
	bool with_bad;
	int fd;

	n = random_set(t, s->number, &with_bad, &c->seed);
	fd = try_attach_multi(s->prog_fd, t, n, flags, &a);
	if (fd == -ENOMEM)
		return ENOMEM;
	if (with_bad) {
		CHECK_EQ(t[n - 1].status, -ENOENT);
		CHECK_EQ(t[n - 1].reason, FSESSION_REASON_NO_SITE);
	}
	if (with_bad && !flags) {
		CHECK_EQ(fd, -ENOENT);
		return fd < 0 ? ENOENT : 0;
	}
	if (fd < 0)
		FAIL("attach of %u: %s, reason %u", n, strerror(-fd), a.reason);
	CHECK_EQ(a.attached, n - with_bad);
	*sites = a.attached;
	s->fd = fd;
	return 0;
}

/* A program that was refused, with ENOMEM or otherwise, stays quiet. */
static void multi_toggle(struct storm_churner *c, struct storm_slot *s)
{
	unsigned int sites = 0;

	if (s->fd >= 0) {
		if (!c->hungry)
			slot_check_live(s, 0);
		slot_detach(s, c->n, NUMBERS_MULTI, &c->seed);
		return;
	}
	slot_check_quiet(s, c->n, NUMBERS_MULTI);
	switch (multi_attach(c, s, &sites)) {
	case ENOMEM:
		c->no_memory++;
		break;
	case ENOENT:
		c->refused++;
		break;
	default:
		s->quiet = false;
		c->attached_multi++;
		if (!c->hungry)
			slot_check_live(s, sites);
	}
}

static void single_toggle(struct storm_churner *c, struct storm_slot *s)
{
	if (s->fd >= 0 && c->hungry) {
		slot_detach(s, c->n, 1, &c->seed);
		return;
	}
	if (storm_toggle(s, c->n, &c->seed))
		c->no_memory++;
	else if (s->fd >= 0)
		c->attached++;
}

void storm_churn(struct storm_churner *c)
{
	unsigned int i = rand_r(&c->seed) % (c->nr_singles + c->nr_multis);

	if (i < c->nr_singles)
		single_toggle(c, &c->singles[i]);
	else
		multi_toggle(c, &c->multis[i - c->nr_singles]);
	if (c->no_memory && !c->hungry)
		FAIL("no memory");
	if (c->calm)
		storm_pause(&c->seed, 200000);
	else if (!c->hungry && !(rand_r(&c->seed) % 8))
		storm_pause(&c->seed, 20000);
}

void storm_churner_load(struct storm_churner *c, unsigned int which,
			unsigned int flags)
{
	unsigned int i, number = NUMBER_OF(which);

	find_targets();
	c->seed = storm_seed(1 + which);
	c->calm = flags & STORM_CALM;
	c->nr_singles = flags & STORM_SINGLES ? SINGLES * PER_SINGLE : 0;
	c->nr_multis = flags & STORM_MULTIS ? MULTIS : 0;
	c->singles = calloc(c->nr_singles + c->nr_multis, sizeof(*c->singles));
	REQUIRE(c->singles);
	c->multis = c->singles + c->nr_singles;
	for (i = 0; i < c->nr_singles; i++) {
		c->singles[i] = (struct storm_slot){
			.prog_fd = storm_clone(c->prog, churned[i % SINGLES]),
			.fd = -1,
			.number = number + i,
			.quiet = true,
		};
	}
	for (i = 0; i < c->nr_multis; i++) {
		c->multis[i] = (struct storm_slot){
			.prog_fd = storm_clone(c->prog, churned[0]),
			.fd = -1,
			.number = number + NUMBERS_SINGLE + i * NUMBERS_MULTI,
			.quiet = true,
		};
	}
}

void storm_churner_end(struct storm_churner *c)
{
	unsigned int i;

	for (i = 0; i < c->nr_singles + c->nr_multis; i++) {
		if (c->singles[i].fd >= 0)
			SYS(close(c->singles[i].fd));
		SYS(close(c->singles[i].prog_fd));
	}
	free(c->singles);
	c->singles = NULL;
}

static void *churn(void *arg)
{
	struct storm_churner *c = arg;

	while (!stop)
		storm_churn(c);
	return NULL;
}

/*
 * Owners, and their killer: a process of its own, so that its children have no
 * copies of anyone else's sessions.
 */

#define OWNED 4

struct owner {
	unsigned int seed, flags;
	int progs[SINGLES];
	int multi_prog;
	int told[2];
};

static volatile sig_atomic_t killer_stop;

static void on_term(int sig)
{
	(void)sig;
	killer_stop = 1;
}

static void own(void *arg)
{
	struct owner *o = arg;
	unsigned int i, first = o->seed % SINGLES;

	/* An opened device of its own. */
	device_close();
	if (o->flags & STORM_MULTIS) {
		struct fsession_attach_multi a;
		desc_t t[TARGETS + 1];
		bool with_bad;
		unsigned int n = random_set(t, 0, &with_bad, &o->seed);

		SYS(try_attach_multi(o->multi_prog, t, n, FSESSION_MULTI_SKIP,
				     &a));
	}
	for (i = 0; i < OWNED && o->flags & STORM_SINGLES; i++)
		attach(o->progs[(first + i) % SINGLES]);
	SYS(write(o->told[1], "x", 1));
	/* Its end of the pipe is what says that it is alive. */
	for (;;)
		pause();
}

static void killer(void *arg)
{
	struct sigaction sa = { .sa_handler = on_term };
	struct owner o = { .seed = storm_seed(0),
			   .flags = *(unsigned int *)arg };
	unsigned int i, kills = 0;
	struct bpf_program *prog;
	struct numbered *n;
	char c;

	drop_inherited(-1);
	SYS(sigaction(SIGTERM, &sa, NULL));
	prog = storm_program(churned[0], &n);
	for (i = 0; i < SINGLES; i++)
		o.progs[i] = storm_clone(prog, churned[i]);
	o.multi_prog = storm_clone(prog, churned[0]);
	while (!killer_stop) {
		int pid, status;

		rand_r(&o.seed);
		SYS(pipe2(o.told, O_CLOEXEC));
		pid = ktest_fork(own, &o);
		SYS(close(o.told[1]));
		/* Mostly when it has its sessions, sometimes on the way. */
		if (rand_r(&o.seed) % 4) {
			while (read(o.told[0], &c, 1) < 0 && errno == EINTR)
				;
			storm_pause(&o.seed, 30000);
		} else {
			storm_pause(&o.seed, 10000);
		}
		kill(pid, SIGKILL);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		if (WIFEXITED(status))
			FAIL("an owner failed");
		SYS(close(o.told[0]));
		kills++;
	}
	ktest_diag("%u owners killed", kills);
	CHECK_OP(kills, >, 0);
}

/*
 * Who looks
 */

static struct resident {
	const char *name;
	int prog_fd, fd;
	uint32_t id;
	uint64_t seen;	/* calls, the last time */
	uint64_t calls; /* by others than the callers here */
} residents[RESIDENTS];

/* What is counted per CPU must not be lost with one. */
static void watch_resident(const struct fsession_info *in)
{
	unsigned int i;

	for (i = 0; i < RESIDENTS; i++) {
		if (residents[i].id != in->id)
			continue;
		CHECK_OP(in->calls, >=, residents[i].seen);
		residents[i].seen = in->calls;
	}
}

static void *watch(void *arg)
{
	uint64_t *looks = arg;

	while (!stop) {
		struct fsession_info in;
		unsigned int draining;
		char name[64];
		uint32_t id = 0;
		int ret;

		while (!(ret = try_info_id(id, FSESSION_INFO_NEXT, &in, name,
					   sizeof(name)))) {
			check_books_balance(&in);
			CHECK_OP(in.id, >, id);
			id = in.id;
			watch_resident(&in);
			++*looks;
		}
		CHECK_EQ(ret, -ENOENT);
		query();
		ret = try_drain(0, &draining);
		if (ret)
			CHECK_EQ(ret, -ETIMEDOUT);
		usleep(1000);
	}
	return NULL;
}

void storm_check_resident(const char *name, int fd,
			  const struct numbered_one *one, uint64_t calls)
{
	bool exits = !strcmp(name, EXITS);
	struct fsession_info in;

	/* The caller is told before the thread is quite dead. */
	if (exits)
		WAIT_FOR(info(fd).abandoned == info(fd).entries);
	in = info(fd);
	ktest_diag("%s: %llu calls, %llu misses", name,
		   (unsigned long long)in.calls, (unsigned long long)in.misses);
	check_books_balance(&in);
	CHECK_OP(calls, >, 0);
	CHECK_EQ(in.calls, calls);
	if (!kernel_is_rt())
		CHECK_EQ(in.misses, 0);
	CHECK_EQ(in.entries, one->runs[0]);
	CHECK_EQ(in.exits, one->runs[1]);
	CHECK_EQ(in.inside, 0);
	CHECK_EQ(in.dropped, 0);
	CHECK_EQ(in.exits, exits ? 0 : in.entries);
	CHECK_EQ(in.abandoned, exits ? in.entries : 0);
	CHECK_EQ(one->dirty_cookies, 0);
	CHECK_EQ(one->wrong_cookies, 0);
}

/*
 * All of it
 */

static struct caller callers[ARRAY_SIZE(called)];
static struct storm_churner churners[CHURNERS];
static pthread_t watcher, exiter;
static uint64_t looks, exit_calls;
static struct numbered *numbered;
static int killer_pid;

static void start(pthread_t *thread, void *(*fn)(void *), void *arg)
{
	REQUIRE_EQ(pthread_create(thread, NULL, fn, arg), 0);
}

void storm_begin(unsigned int seconds, unsigned int flags)
{
	struct bpf_program *prog;
	unsigned int i;

	storm_clock(seconds);
	find_targets();
	if (flags & STORM_KILLS)
		killer_pid = ktest_fork(killer, &flags);
	/* Open what threads share. */
	query();
	tm_calls("fsession_test_arg1", 1);
	prog = storm_program(churned[0], &numbered);
	for (i = 0; i < RESIDENTS; i++) {
		struct resident *r = &residents[i];

		r->name = i < ARRAY_SIZE(called) ? called[i].name : EXITS;
		r->prog_fd = storm_clone(prog, r->name);
		r->fd = try_attach(r->prog_fd, i, NULL);
		REQUIRE(r->fd >= 0);
		r->id = info(r->fd).id;
	}
	for (i = 0; i < CHURNERS; i++) {
		churners[i].prog = prog;
		churners[i].n = numbered;
		storm_churner_load(&churners[i], i, flags);
	}

	for (i = 0; i < ARRAY_SIZE(called); i++) {
		callers[i].what = &called[i];
		start(&callers[i].thread, caller, &callers[i]);
	}
	start(&exiter, exits_inside, &exit_calls);
	start(&watcher, watch, &looks);
	for (i = 0; i < CHURNERS; i++)
		start(&churners[i].thread, churn, &churners[i]);
	storm_go();
}

void storm_also_called(const char *function, uint64_t calls)
{
	unsigned int i;

	for (i = 0; i < RESIDENTS; i++) {
		if (!strcmp(residents[i].name, function))
			residents[i].calls += calls;
	}
}

static void stop_all(void)
{
	uint64_t attached = 0, attached_multi = 0;
	unsigned int i, multis = 0;

	stop = true;
	for (i = 0; i < ARRAY_SIZE(called); i++) {
		pthread_join(callers[i].thread, NULL);
		residents[i].calls += callers[i].calls;
	}
	pthread_join(exiter, NULL);
	residents[RESIDENTS - 1].calls += exit_calls;
	pthread_join(watcher, NULL);
	for (i = 0; i < CHURNERS; i++) {
		struct storm_churner *c = &churners[i];

		pthread_join(c->thread, NULL);
		ktest_diag("%llu attached, %llu on many, %llu refused",
			   (unsigned long long)c->attached,
			   (unsigned long long)c->attached_multi,
			   (unsigned long long)c->refused);
		attached += c->attached;
		attached_multi += c->attached_multi;
		multis += c->nr_multis;
		storm_churner_end(c);
	}
	CHECK_OP(attached, >, 0);
	CHECK_EQ(!attached_multi, !multis);
	if (killer_pid) {
		kill(killer_pid, SIGTERM);
		ktest_join(killer_pid);
	}
	ktest_diag("%llu looks", (unsigned long long)looks);
}

void storm_end(void)
{
	unsigned int i;

	stop_all();
	for (i = 0; i < RESIDENTS; i++)
		storm_check_resident(residents[i].name, residents[i].fd,
				     &numbered->one[i], residents[i].calls);

	CHECK_EQ(try_drain(120000, NULL), 0);
	CHECK_EQ(query().draining, 0);
	CHECK_EQ(query().live, RESIDENTS);
	for (i = 0; i < RESIDENTS; i++) {
		SYS(close(residents[i].fd));
		SYS(close(residents[i].prog_fd));
	}
	programs_close();
	CHECK_EQ(try_drain(120000, NULL), 0);
	for (i = 0; i < TARGETS; i++)
		CHECK(!ftrace_enabled_on(churned[i]));
	CHECK(!ftrace_enabled_on(EXITS));
	device_close();
}
