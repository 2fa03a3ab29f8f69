// SPDX-License-Identifier: GPL-2.0
/*
 * Everything at once, for a while: functions are called in every way there is,
 * while sessions come and go, their owners are killed, and all of it is looked
 * at. Sessions that are there from the beginning to the end must have missed
 * nothing.
 *
 *	FSESSION_STORM_SECONDS	how long (60)
 *	FSESSION_STORM_SEED	what is random (from the clock; printed)
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "progs/numbered.h"
#include "session.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

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
 * has no session otherwise, and one that is not called at all.
 */
static const char *const churned[] = {
	"fsession_test_arg6",	       "fsession_test_arg12",
	"fsession_test_arg8_two_regs", "fsession_test_sleep",
	"fsession_test_nested",	       "fsession_test_arg_s16_edge",
	"fsession_test_arg3",	       "fsession_test_outer",
	"fsession_test_arg1",	       "fsession_test_arg2",
};

#define EXITS	    "fsession_test_exit" /* its callers do not come back */
#define FUNCTIONS   ARRAY_SIZE(churned)
#define RESIDENTS   (ARRAY_SIZE(called) + 1)
#define CHURNERS    2
#define PER_CHURNER (3 * FUNCTIONS)

static volatile bool stop;

static unsigned int number_from(const char *name, unsigned int otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoul(text, NULL, 0) : otherwise;
}

/* A program on @target that counts in @n by its attach cookie. */
static struct bpf_object *load_numbered(const char *target,
					struct bpf_program **prog,
					struct numbered **n)
{
	struct bpf_object *obj = open_object("numbered");

	*prog = want(obj, "session", target);
	load(obj);
	if (n)
		*n = bss(obj, sizeof(**n));
	return obj;
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

struct churner {
	pthread_t thread;
	unsigned int seed;
	int progs[PER_CHURNER];
	int fds[PER_CHURNER];
	uint64_t attached, full;
};

static void churn_once(struct churner *c)
{
	unsigned int i = rand_r(&c->seed) % PER_CHURNER, reason;
	struct fsession_info in;

	if (c->fds[i] > 0) {
		in = info(c->fds[i]);
		check_books_balance(&in);
		CHECK_EQ(in.state, FSESSION_STATE_LIVE);
		SYS(close(c->fds[i]));
		c->fds[i] = -1;
		return;
	}
	c->fds[i] = try_attach(c->progs[i], 100 + i, &reason);
	if (c->fds[i] < 0)
		FAIL("attach: %s, reason %u", strerror(-c->fds[i]), reason);
	c->attached++;
}

static void *churn(void *arg)
{
	struct churner *c = arg;

	while (!stop) {
		churn_once(c);
		if (!(rand_r(&c->seed) % 8))
			usleep(rand_r(&c->seed) % 20000);
	}
	return NULL;
}

static void churner_load(struct churner *c, struct bpf_program *const *progs)
{
	unsigned int i;

	for (i = 0; i < PER_CHURNER; i++) {
		c->progs[i] = try_clone(progs[i % FUNCTIONS]);
		REQUIRE(c->progs[i] >= 0);
		c->fds[i] = -1;
	}
}

static void churner_end(struct churner *c)
{
	unsigned int i;

	for (i = 0; i < PER_CHURNER; i++) {
		if (c->fds[i] > 0)
			close(c->fds[i]);
		close(c->progs[i]);
	}
}

/*
 * Owners, and their killer: a process of its own, so that its children have no
 * copies of anyone else's sessions.
 */

#define OWNED 4

struct owner {
	unsigned int seed;
	int progs[FUNCTIONS];
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
	unsigned int i, first = o->seed % FUNCTIONS;

	/* An opened device of its own. */
	device_close();
	for (i = 0; i < OWNED; i++)
		attach(o->progs[(first + i) % FUNCTIONS]);
	SYS(write(o->told[1], "x", 1));
	/* Its end of the pipe is what says that it is alive. */
	for (;;)
		pause();
}

static void killer(void *seed)
{
	struct sigaction sa = { .sa_handler = on_term };
	struct bpf_program *prog;
	unsigned int i, kills = 0;
	struct owner o = { .seed = *(unsigned int *)seed };
	char c;

	drop_inherited(-1);
	SYS(sigaction(SIGTERM, &sa, NULL));
	for (i = 0; i < FUNCTIONS; i++) {
		load_numbered(churned[i], &prog, NULL);
		o.progs[i] = bpf_program__fd(prog);
	}
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
			usleep(rand_r(&o.seed) % 30000);
		} else {
			usleep(rand_r(&o.seed) % 10000);
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
}

/*
 * Who looks
 */

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

static void check_resident(const char *name, int fd, const struct numbered *n,
			   unsigned int number, uint64_t calls)
{
	const struct numbered_one *one = &n->one[number];
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

CASE(storm, "calls, attach, detach, kills and looks, all at random and at once",
     .timeout = 900, .flags = KTEST_LOG)
{
	unsigned int seconds = number_from("FSESSION_STORM_SECONDS", 60), i;
	unsigned int seed = number_from("FSESSION_STORM_SEED", time(NULL));
	struct bpf_object *objs[RESIDENTS], *churn_objs[FUNCTIONS];
	struct bpf_program *prog, *progs[FUNCTIONS];
	static struct churner churners[CHURNERS];
	static struct caller callers[ARRAY_SIZE(called)];
	pthread_t watcher, exiter;
	struct numbered *n[RESIDENTS];
	uint64_t looks = 0, exit_calls = 0;
	int fds[RESIDENTS], killer_pid;

	ktest_diag("%u s, seed %u", seconds, seed);
	killer_pid = ktest_fork(killer, &seed);
	/* Open what threads share. */
	query();
	tm_calls("fsession_test_arg1", 1);
	for (i = 0; i < RESIDENTS; i++) {
		objs[i] = load_numbered(i < ARRAY_SIZE(called) ? called[i].name
							       : EXITS,
					&prog, &n[i]);
		fds[i] = try_attach(bpf_program__fd(prog), i, NULL);
		REQUIRE(fds[i] >= 0);
	}
	for (i = 0; i < FUNCTIONS; i++)
		churn_objs[i] = load_numbered(churned[i], &progs[i], NULL);
	for (i = 0; i < CHURNERS; i++)
		churner_load(&churners[i], progs);

	for (i = 0; i < ARRAY_SIZE(called); i++) {
		callers[i].what = &called[i];
		REQUIRE_EQ(pthread_create(&callers[i].thread, NULL, caller,
					  &callers[i]),
			   0);
	}
	REQUIRE_EQ(pthread_create(&exiter, NULL, exits_inside, &exit_calls), 0);
	REQUIRE_EQ(pthread_create(&watcher, NULL, watch, &looks), 0);
	for (i = 0; i < CHURNERS; i++) {
		churners[i].seed = seed + i + 1;
		REQUIRE_EQ(pthread_create(&churners[i].thread, NULL, churn,
					  &churners[i]),
			   0);
	}

	sleep(seconds);
	stop = true;
	for (i = 0; i < ARRAY_SIZE(called); i++)
		pthread_join(callers[i].thread, NULL);
	pthread_join(exiter, NULL);
	pthread_join(watcher, NULL);
	for (i = 0; i < CHURNERS; i++) {
		pthread_join(churners[i].thread, NULL);
		ktest_diag("%llu attached",
			   (unsigned long long)churners[i].attached);
		churner_end(&churners[i]);
	}
	kill(killer_pid, SIGTERM);
	ktest_join(killer_pid);
	ktest_diag("%llu looks", (unsigned long long)looks);

	for (i = 0; i < ARRAY_SIZE(called); i++)
		check_resident(called[i].name, fds[i], n[i], i,
			       callers[i].calls);
	check_resident(EXITS, fds[i], n[i], i, exit_calls);

	CHECK_EQ(try_drain(120000, NULL), 0);
	CHECK_EQ(query().draining, 0);
	CHECK_EQ(query().live, RESIDENTS);
	for (i = 0; i < RESIDENTS; i++) {
		SYS(close(fds[i]));
		munmap_recorder((struct recording[]){
			{ .rec = (struct recorder *)n[i] } });
		bpf_object__close(objs[i]);
	}
	for (i = 0; i < FUNCTIONS; i++)
		bpf_object__close(churn_objs[i]);
	CHECK_EQ(try_drain(120000, NULL), 0);
	for (i = 0; i < FUNCTIONS; i++)
		CHECK(!ftrace_enabled_on(churned[i]));
	CHECK(!ftrace_enabled_on(EXITS));

	device_close();
	WAIT_FOR(try_rmmod("fsession") == 0);
	modprobe("fsession");
	CHECK_EQ(query().live, 0);
	device_close();
}
