// SPDX-License-Identifier: GPL-2.0
/*
 * Many sessions: on one function, and on many.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

#include "progs/numbered.h"
#include "session.h"

#define TARGET	      "fsession_test_arg6"
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

struct many {
	struct bpf_object *obj;
	struct bpf_program *prog;
	struct numbered *n;
	int progs[NUMBERED];
	int fds[NUMBERED];
};

static struct many many_load(const char *target)
{
	struct many m = { .obj = open_object("numbered") };

	m.prog = want(m.obj, "session", target);
	load(m.obj);
	m.n = bss(m.obj, sizeof(*m.n));
	return m;
}

static void many_attach(struct many *m, unsigned int number)
{
	unsigned int reason;

	if (m->progs[number] <= 0) {
		m->progs[number] = try_clone(m->prog);
		REQUIRE(m->progs[number] >= 0);
	}
	m->fds[number] = try_attach(m->progs[number], number, &reason);
	if (m->fds[number] < 0)
		FAIL("session %u: %s, reason %u", number,
		     strerror(-m->fds[number]), reason);
}

static void many_detach(struct many *m, unsigned int number)
{
	SYS(close(m->fds[number]));
	m->fds[number] = -1;
}

static void many_check(const struct many *m, unsigned int number,
		       uint64_t calls)
{
	const struct numbered_one *one = &m->n->one[number];

	if (one->runs[0] != calls || one->runs[1] != calls ||
	    one->dirty_cookies || one->wrong_cookies)
		ktest_failed(__FILE__, __LINE__,
			     "session %u: %llu entries, %llu exits, not %llu; "
			     "%llu dirty and %llu wrong cookies",
			     number, (unsigned long long)one->runs[0],
			     (unsigned long long)one->runs[1],
			     (unsigned long long)calls,
			     (unsigned long long)one->dirty_cookies,
			     (unsigned long long)one->wrong_cookies);
}

static void many_end(struct many *m)
{
	unsigned int i;

	for (i = 0; i < NUMBERED; i++) {
		if (m->fds[i] > 0)
			close(m->fds[i]);
		if (m->progs[i] > 0)
			close(m->progs[i]);
	}
	munmap_recorder(
		(struct recording[]){ { .rec = (struct recorder *)m->n } });
	bpf_object__close(m->obj);
	drain();
}

/* One call, of which the sessions @who (newest first) have to know. */
static void check_order(struct many *m, const char *function,
			const unsigned int *who, unsigned int count)
{
	unsigned int i;

	m->n->log_len = 0;
	m->n->log_wanted = 1;
	tm_calls(function, 1);
	m->n->log_wanted = 0;
	CHECK_EQ(m->n->log_len, 2 * count);
	for (i = 0; i < 2 * count; i++) {
		const struct numbered_entry *e = &m->n->log[i];

		if (e->is_return != (i >= count) || e->who != who[i % count]) {
			ktest_failed(__FILE__, __LINE__,
				     "run %u: session %u, %s, not %u", i,
				     e->who, e->is_return ? "exit" : "entry",
				     who[i % count]);
			break;
		}
	}
}

static void check_many(const char *function, unsigned int count)
{
	struct many m = many_load(function);
	unsigned int who[64] = {}, i;

	REQUIRE(count <= query().max_sessions && count <= ARRAY_SIZE(who));
	for (i = 0; i < count; i++) {
		many_attach(&m, i + 1);
		who[count - 1 - i] = i + 1;
	}
	CHECK_EQ(query().live, count);
	check_order(&m, function, who, count);
	tm_calls(function, 99);
	for (i = 1; i <= count; i++) {
		many_check(&m, i, 100);
		CHECK_BOOKS(info(m.fds[i]), 100, 100, 100);
		CHECK_EQ(info(m.fds[i]).attach_cookie, i);
	}

	/* Every other one goes; the rest keep their order and lose nothing. */
	for (i = 1; i <= count; i += 2)
		many_detach(&m, i);
	for (i = 0; i < count / 2; i++)
		who[i] = count / 2 * 2 - 2 * i;
	check_order(&m, function, who, count / 2);
	for (i = 1; i <= count; i++)
		many_check(&m, i, i % 2 ? 100 : 101);
	many_end(&m);
}

CASE(many_3, "three sessions: own cookies, newest first")
{
	check_many(TARGET, 3);
}

CASE(many_18, "upstream's 18 sessions: own cookies, newest first")
{
	check_many(TARGET, 18);
}

CASE(many_max, "as many as a function can carry: own cookies, newest first")
{
	check_many(TARGET, query().max_sessions);
}

CASE(many_3_stack_arguments, "three on a function with arguments on the stack")
{
	check_many("fsession_test_arg12", 3);
}

CASE(many_18_stack_arguments, "18 on a function with arguments on the stack")
{
	check_many("fsession_test_arg12", 18);
}

CASE(many_18_odd_stack_arguments, "18 and an odd number of words on the stack")
{
	check_many("fsession_test_arg11", 18);
}

CASE(many_18_structure_on_stack, "18 on a function with a structure there")
{
	check_many("fsession_test_arg_s16_edge", 18);
}

CASE(many_3_integer_on_stack,
     "three on a function with a 16-byte integer there")
{
	check_many("fsession_test_arg_u128_stack", 3);
}

CASE(many_18_integer_on_stack, "18 on a function with a 16-byte integer there")
{
	check_many("fsession_test_arg_u128_stack", 18);
}

CASE(many_3_structure_on_stack,
     "three and a structure that leaves a register to nobody")
{
	check_many("fsession_test_arg_s16_last", 3);
}

CASE(many_18_gap_in_registers, "18 and a gap between the registers")
{
	check_many("fsession_test_arg_s128", 18);
}

CASE(many_18_gap_on_stack, "18 and a gap on the stack")
{
	check_many("fsession_test_arg_u128_gap", 18);
}

CASE(many_18_indirect, "18 on a function with its result in memory")
{
	check_many("fsession_test_indirect", 18);
}

CASE(many_3_two_registers, "three, stack arguments, two return registers")
{
	check_many("fsession_test_arg8_two_regs", 3);
}

CASE(many_18_two_registers, "18, stack arguments, two return registers")
{
	check_many("fsession_test_arg8_two_regs", 18);
}

/*
 * While the function is being called
 */

static volatile bool callers_stop;

struct caller {
	pthread_t thread;
	const char *function;
	uint64_t calls;
};

static void *keep_calling(void *arg)
{
	struct caller *c = arg;

	while (!callers_stop)
		c->calls += tm_calls(c->function, 500).count;
	return NULL;
}

static void callers_start(struct caller *callers, unsigned int count,
			  const char *function)
{
	unsigned int i;

	callers_stop = false;
	for (i = 0; i < count; i++) {
		callers[i] = (struct caller){ .function = function };
		REQUIRE_EQ(pthread_create(&callers[i].thread, NULL,
					  keep_calling, &callers[i]),
			   0);
	}
}

static uint64_t callers_end(struct caller *callers, unsigned int count)
{
	uint64_t calls = 0;
	unsigned int i;

	callers_stop = true;
	for (i = 0; i < count; i++) {
		pthread_join(callers[i].thread, NULL);
		calls += callers[i].calls;
	}
	return calls;
}

static void check_come_and_go(const char *function)
{
	unsigned int max = query().max_sessions, seed = 12345, round, i;
	struct many m = many_load(function);
	struct caller callers[4];
	uint64_t calls;

	/* The test module's device is opened before there are threads. */
	tm_calls(function, 1);
	/* Three that stay: the oldest, one in the middle and the newest. */
	for (i = 1; i <= 9; i++)
		many_attach(&m, i);
	callers_start(callers, 4, function);
	for (round = 0; round < 400; round++) {
		i = rand_r(&seed) % max + 1;
		/* 1 and 5 stay, and leave their numbers alone. */
		if (i == 1 || i == 5)
			continue;
		if (m.fds[i] > 0) {
			struct fsession_info in = info(m.fds[i]);

			check_books_balance(&in);
			many_detach(&m, i);
		} else {
			many_attach(&m, i);
		}
	}
	calls = callers_end(callers, 4);
	CHECK_OP(calls, >, 0);
	for (i = 1; i <= 5; i += 4) {
		struct fsession_info in = info(m.fds[i]);

		check_missed_nothing(&in, calls);
		many_check(&m, i, in.entries);
	}
	for (i = 1; i <= max; i++) {
		const struct numbered_one *one = &m.n->one[i];

		CHECK_EQ(one->dirty_cookies, 0);
		CHECK_EQ(one->wrong_cookies, 0);
		/* No exit without an entry; detach may take exits. */
		CHECK_OP(one->runs[0], >=, one->runs[1]);
		if (m.fds[i] > 0) {
			struct fsession_info in = info(m.fds[i]);

			check_missed_nothing(&in, in.calls);
		}
	}
	ktest_diag("%llu calls", (unsigned long long)calls);
	many_end(&m);
}

CASE(many_come_and_go, "attach and detach at random, called on all CPUs",
     .timeout = 120)
{
	check_come_and_go(TARGET);
}

CASE(many_come_and_go_stack_arguments,
     "the same on a function with arguments on the stack", .timeout = 120)
{
	check_come_and_go("fsession_test_arg12");
}

CASE(many_first_and_last, "the function's only session comes and goes, called",
     .timeout = 180)
{
	struct recording r = recording_load("count", TARGET);
	struct caller callers[4];
	unsigned int round;
	uint64_t entries = 0;

	tm_calls(TARGET, 1);
	callers_start(callers, 4, TARGET);
	for (round = 0; round < 20; round++) {
		struct fsession_info in;

		r.fd = attach(r.prog_fd);
		usleep(20000);
		in = info(r.fd);
		check_books_balance(&in);
		if (!kernel_is_rt())
			CHECK_EQ(in.misses, 0);
		/* One that has just come in may find the program gone. */
		entries += in.entries - in.inside;
		recording_detach(&r);
		if (round % 2)
			drain();
	}
	callers_end(callers, 4);
	drain();
	CHECK_OP(entries, >, 0);
	CHECK_OP(r.rec->at[0].runs, >=, entries);
	CHECK_OP(r.rec->at[0].runs, >=, r.rec->at[1].runs);
	CHECK_EQ(r.rec->wrong_cookies, 0);
	CHECK_EQ(r.rec->dirty_cookies, 0);
	recording_end(&r);
}

static void *attach_and_detach(void *prog_fd)
{
	unsigned int i, reason;

	for (i = 0; i < 300; i++) {
		int fd = try_attach(*(int *)prog_fd, 0, &reason);

		if (fd < 0)
			FAIL("attach %u: %s, reason %u", i, strerror(-fd),
			     reason);
		close(fd);
		/* Now and then let the function be given back. */
		if (!(i % 8))
			usleep(i * 1000);
	}
	return NULL;
}

CASE(many_attach_at_once,
     "attached by several at once, while the function's site is being patched",
     .timeout = 180)
{
	struct recording r = recording_load("count", TARGET);
	pthread_t threads[4];
	int progs[4], i;

	query();
	for (i = 0; i < 4; i++) {
		progs[i] = try_clone(r.prog);
		REQUIRE(progs[i] >= 0);
	}
	for (i = 0; i < 4; i++)
		REQUIRE_EQ(pthread_create(&threads[i], NULL, attach_and_detach,
					  &progs[i]),
			   0);
	for (i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	CHECK_EQ(query().live, 0);
	recording_end(&r);
}

static void *attach_until_stopped(void *prog_fd)
{
	unsigned int reason;

	while (!callers_stop) {
		int fd = try_attach(*(int *)prog_fd, 0, &reason);

		if (fd < 0)
			FAIL("attach: %s, reason %u", strerror(-fd), reason);
		close(fd);
	}
	return NULL;
}

/* In the middle of patching, the site's first byte is a breakpoint's. */
CASE(many_attach_while_patched,
     "attached while a kprobe's coming and going has the site patched",
     .timeout = 180)
{
	struct recording r = recording_start("count", TARGET);
	int probe = SYS(open("/dev/" MODULE, O_RDWR | O_CLOEXEC));
	pthread_t threads[3];
	int progs[3], i;

	for (i = 0; i < 3; i++) {
		progs[i] = try_clone(r.prog);
		REQUIRE(progs[i] >= 0);
	}
	callers_stop = false;
	for (i = 0; i < 3; i++)
		REQUIRE_EQ(pthread_create(&threads[i], NULL,
					  attach_until_stopped, &progs[i]),
			   0);
	for (i = 0; i < 60; i++) {
		SYS(ioctl(probe, FSESSION_TM_PROBE, TARGET));
		SYS(ioctl(probe, FSESSION_TM_PROBE, NULL));
	}
	callers_stop = true;
	for (i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	tm_calls(TARGET, 10);
	check_recorded(r.rec, 10);
	close(probe);
	recording_end(&r);
}

/*
 * On many functions
 */

static const char *const functions[] = {
	"fsession_test_arg0",	  "fsession_test_arg1",
	"fsession_test_arg2",	  "fsession_test_arg3",
	"fsession_test_arg4",	  "fsession_test_arg5",
	"fsession_test_arg6",	  "fsession_test_arg7",
	"fsession_test_arg8",	  "fsession_test_arg11",
	"fsession_test_arg12",	  "fsession_test_arg_narrow",
	"fsession_test_arg_s8",	  "fsession_test_arg_s12",
	"fsession_test_arg_s16",  "fsession_test_arg_s16_edge",
	"fsession_test_arg_u128", "fsession_test_arg8_two_regs",
	"fsession_test_patched",  "fsession_test_void",
	"fsession_test_int",	  "fsession_test_u8",
	"fsession_test_s16",	  "fsession_test_bool",
	"fsession_test_ptr",	  "fsession_test_two_regs",
	"fsession_test_nested",	  "fsession_test_outer",
	"fsession_test_sleep",	  "fsession_test_wait",
	"bpf_fentry_test1",	  "bpf_fentry_test2",
	"bpf_fentry_test3",	  "bpf_fentry_test4",
	"bpf_fentry_test5",	  "bpf_fentry_test6",
};

CASE(many_1000, "1,000 sessions at once, all of them to be seen",
     .timeout = 300)
{
	unsigned int each = query().max_sessions, total = 0, f, i, seen = 0;
	struct rlimit limit = { 4096, 4096 };
	static int fds[ARRAY_SIZE(functions)][64];
	struct fsession_info in;
	uint32_t id = 0;
	FILE *status;
	char line[512];

	SYS(setrlimit(RLIMIT_NOFILE, &limit));
	REQUIRE(each <= ARRAY_SIZE(fds[0]));
	for (f = 0; f < ARRAY_SIZE(functions) && total < 1000; f++) {
		struct bpf_object *obj = open_object("recorder");
		struct bpf_program *prog = want(obj, "empty", functions[f]);

		load(obj);
		for (i = 0; i < each && total < 1000; i++) {
			int clone = try_clone(prog);

			REQUIRE(clone >= 0);
			fds[f][i] = attach(clone);
			close(clone);
			total++;
		}
		bpf_object__close(obj);
	}
	CHECK_EQ(total, 1000);
	CHECK_EQ(query().live, 1000);

	while (!try_info_id(id, FSESSION_INFO_NEXT, &in, NULL, 0)) {
		CHECK_OP(in.id, >, id);
		id = in.id;
		seen++;
	}
	CHECK_EQ(seen, 1000);

	/* The command shows each of them, too. */
	seen = 0;
	status = popen("fsession status", "r");
	REQUIRE(status);
	while (fgets(line, sizeof(line), status))
		for (f = 0; f < ARRAY_SIZE(functions); f++) {
			const char *at = strstr(line, functions[f]);

			if (at &&
			    !strchr("0123456789_", at[strlen(functions[f])]))
				seen++;
		}
	CHECK_EQ(pclose(status), 0);
	CHECK_EQ(seen, 1000);

	tm_calls("fsession_test_arg6", 10);
	CHECK_BOOKS(info(fds[6][0]), 10, 10, 10);
	CHECK_BOOKS(info(fds[6][each - 1]), 10, 10, 10);
	CHECK_BOOKS(info(fds[5][0]), 0, 0, 0);

	for (f = 0; f < ARRAY_SIZE(functions); f++)
		for (i = 0; i < each; i++)
			if (fds[f][i] > 0)
				close(fds[f][i]);
	CHECK_EQ(query().live, 0);
	CHECK_EQ(try_drain(120000, NULL), 0);
	CHECK_EQ(query().draining, 0);
}
