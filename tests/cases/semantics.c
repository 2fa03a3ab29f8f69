// SPDX-License-Identifier: GPL-2.0
/*
 * What a session means: upstream's selftests and the rules behind them.
 */
#include <pthread.h>
#include <sys/wait.h>

#include "progs/fentry_tests.h"
#include "progs/order.h"
#include "progs/recursion.h"
#include "session.h"

#define TARGET	      "fsession_test_arg1"
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/*
 * On the functions of BPF_PROG_TEST_RUN
 */

struct fentry_case {
	struct bpf_object *obj;
	struct fentry_tests *t;
	int fds[FENTRY_TESTS];
	unsigned int count;
	const char *const *names;
};

static struct fentry_case fentry_load(const char *const *names,
				      unsigned int count)
{
	struct fentry_case c = {
		.obj = open_object("fentry_tests"),
		.count = count,
		.names = names,
	};
	unsigned int i;

	for (i = 0; i < count; i++)
		want(c.obj, names[i], NULL);
	load(c.obj);
	c.t = bss(c.obj, sizeof(*c.t));
	return c;
}

static void fentry_attach(struct fentry_case *c)
{
	unsigned int i;

	for (i = 0; i < c->count; i++)
		c->fds[i] = attach(prog_fd(c->obj, c->names[i]));
}

static void fentry_run(struct fentry_case *c)
{
	test_run(prog_fd(c->obj, c->names[0]));
}

static void fentry_detach(struct fentry_case *c)
{
	unsigned int i;

	for (i = 0; i < c->count; i++)
		SYS(close(c->fds[i]));
	drain();
}

static void fentry_end(struct fentry_case *c)
{
	fentry_detach(c);
	bpf_object__close(c->obj);
}

static void check_test(const struct fentry_tests *t, unsigned int n,
		       uint64_t calls)
{
	CHECK_EQ(t->entries[n], calls);
	CHECK_EQ(t->entry_ok[n], calls);
	CHECK_EQ(t->exits[n], calls);
	CHECK_EQ(t->exit_ok[n], calls);
}

static const char *const eight_tests[] = { "test1", "test2", "test3", "test4",
					   "test5", "test6", "test7", "test8" };

CASE(entry_and_exit_see_arguments,
     "each test function once: arguments in both runs, 0 then the result")
{
	struct fentry_case c = fentry_load(eight_tests, 8);
	unsigned int n;

	fentry_attach(&c);
	fentry_run(&c);
	for (n = 1; n <= 8; n++)
		check_test(c.t, n, 1);
	fentry_end(&c);
}

CASE(reattach, "attached, detached and attached again, a session is the same")
{
	struct fentry_case c = fentry_load(eight_tests, 8);
	unsigned int n;

	fentry_attach(&c);
	fentry_run(&c);
	for (n = 1; n <= 8; n++)
		check_test(c.t, n, 1);

	fentry_detach(&c);
	fentry_run(&c);
	for (n = 1; n <= 8; n++)
		check_test(c.t, n, 1);

	memset(c.t, 0, sizeof(*c.t));
	fentry_attach(&c);
	fentry_run(&c);
	for (n = 1; n <= 8; n++)
		check_test(c.t, n, 1);
	fentry_end(&c);
}

CASE(object_twice, "the same object, loaded and run twice in a row")
{
	unsigned int round, n;

	for (round = 0; round < 2; round++) {
		struct fentry_case c = fentry_load(eight_tests, 8);

		fentry_attach(&c);
		fentry_run(&c);
		for (n = 1; n <= 8; n++)
			check_test(c.t, n, 1);
		fentry_end(&c);
	}
}

CASE(func_ip_is_symbol, "bpf_get_func_ip is the symbol's address, twice")
{
	static const char *const names[] = { "func_ip" };
	struct fentry_case c = fentry_load(names, 1);

	fentry_attach(&c);
	fentry_run(&c);
	check_test(c.t, 9, 1);
	fentry_end(&c);
}

CASE(cookies_are_separate, "programs on one function have their own cookies")
{
	static const char *const names[] = { "cookie_one", "cookie_none",
					     "cookie_two" };
	struct fentry_case c = fentry_load(names, 3);
	unsigned int i;

	fentry_attach(&c);
	/* Zero at every entry, not only at the first. */
	for (i = 0; i < 3; i++)
		fentry_run(&c);
	check_test(c.t, 10, 3);
	check_test(c.t, 11, 3);
	check_test(c.t, 12, 3);
	fentry_end(&c);
}

CASE(cookie_writable_at_exit, "the cookie can be written in both runs")
{
	static const char *const names[] = { "cookie_exit_write" };
	struct fentry_case c = fentry_load(names, 1);

	fentry_attach(&c);
	fentry_run(&c);
	fentry_run(&c);
	check_test(c.t, 13, 2);
	fentry_end(&c);
}

CASE(helpers_read_context,
     "arg_cnt, arg, an arg too many and ret, in both runs")
{
	static const char *const names[] = { "func_args" };
	struct fentry_case c = fentry_load(names, 1);

	fentry_attach(&c);
	fentry_run(&c);
	check_test(c.t, 14, 1);
	fentry_end(&c);
}

CASE(attach_cookie_in_both_runs, "bpf_get_attach_cookie at entry and exit")
{
	static const char *const names[] = { "attach_cookie" };
	struct fentry_case c = fentry_load(names, 1);

	c.t->attach_cookie = 0xfeedfacecafebeefULL;
	c.fds[0] =
		try_attach(prog_fd(c.obj, names[0]), c.t->attach_cookie, NULL);
	REQUIRE(c.fds[0] >= 0);
	fentry_run(&c);
	check_test(c.t, 15, 1);
	CHECK_EQ(info(c.fds[0]).attach_cookie, c.t->attach_cookie);
	fentry_end(&c);
}

/*
 * Several sessions on one function
 */

struct order_case {
	struct bpf_object *obj;
	struct order *order;
	int fds[5];
};

static struct order_case order_load(void)
{
	static const char *const names[] = { "p1", "p2", "p3", "p4" };
	struct order_case c = { .obj = open_object("order") };
	unsigned int i;

	for (i = 0; i < 4; i++)
		want(c.obj, names[i], TARGET);
	load(c.obj);
	c.order = bss(c.obj, sizeof(*c.order));
	for (i = 0; i <= 4; i++)
		c.fds[i] = -1;
	return c;
}

static void order_attach(struct order_case *c, unsigned int n, uint64_t cookie)
{
	char name[] = "p0";

	name[1] += n;
	c->fds[n] = try_attach(prog_fd(c->obj, name), cookie, NULL);
	REQUIRE(c->fds[n] >= 0);
}

/* One call; the programs must run in order @who at entry and at exit. */
static void order_check(struct order_case *c, const char *who)
{
	unsigned int i, n = strlen(who);

	memset(c->order, 0, sizeof(*c->order));
	tm_calls(TARGET, 1);
	CHECK_EQ(c->order->len, 2 * n);
	for (i = 0; i < 2 * n; i++) {
		CHECK_EQ(c->order->log[i].is_return, i >= n);
		CHECK_EQ(c->order->log[i].who, who[i % n] - '0');
	}
}

CASE(order_newest_first, "newest first, at entry and at exit")
{
	struct order_case c = order_load();
	unsigned int n;

	for (n = 1; n <= 4; n++)
		order_attach(&c, n, 0);
	order_check(&c, "4321");
	bpf_object__close(c.obj);
}

CASE(order_survives_detach, "detaching from the middle keeps the others' order")
{
	struct order_case c = order_load();
	unsigned int n;

	for (n = 1; n <= 4; n++)
		order_attach(&c, n, 0);
	SYS(close(c.fds[2]));
	order_check(&c, "431");
	order_attach(&c, 2, 0);
	order_check(&c, "2431");
	SYS(close(c.fds[4]));
	SYS(close(c.fds[1]));
	order_check(&c, "23");
	bpf_object__close(c.obj);
}

CASE(attach_cookies_are_separate, "sessions on one function: own attach cookie")
{
	struct order_case c = order_load();
	unsigned int n, i;

	for (n = 1; n <= 4; n++)
		order_attach(&c, n, 1000 + n);
	order_check(&c, "4321");
	for (i = 0; i < 8; i++)
		CHECK_EQ(c.order->log[i].attach_cookie,
			 1000 + c.order->log[i].who);
	bpf_object__close(c.obj);
}

CASE(late_attach_no_lone_exit, "attached in mid-call: no exit of that call")
{
	struct recording early = recording_start("count", "fsession_test_wait");
	struct recording late;
	int sleeper = tm_sleeper();

	late = recording_start("count", "fsession_test_wait");
	tm_wake();
	ktest_join(sleeper);
	check_recorded(early.rec, 1);
	check_recorded(late.rec, 0);
	CHECK_BOOKS(info(late.fd), 0, 0, 0);
	CHECK_BOOKS(info(early.fd), 1, 1, 1);

	/* It sees the next call whole. */
	sleeper = tm_sleeper();
	tm_wake();
	ktest_join(sleeper);
	check_recorded(early.rec, 2);
	check_recorded(late.rec, 1);
	recording_end(&late);
	recording_end(&early);
}

CASE(detach_in_mid_call, "detached in mid-call: no exit; the others lose none")
{
	struct recording a = recording_start("count", "fsession_test_wait");
	struct recording b = recording_start("count", "fsession_test_wait");
	struct recording c = recording_start("count", "fsession_test_wait");
	int sleeper = tm_sleeper();

	recording_detach(&b);
	tm_wake();
	ktest_join(sleeper);
	check_recorded(a.rec, 1);
	check_recorded(c.rec, 1);
	CHECK_EQ(b.rec->at[0].runs, 1);
	CHECK_EQ(b.rec->at[1].runs, 0);
	CHECK_BOOKS(info(a.fd), 1, 1, 1);
	CHECK_BOOKS(info(c.fd), 1, 1, 1);
	recording_end(&c);
	recording_end(&b);
	recording_end(&a);
}

CASE(attach_and_detach_in_mid_call, "a neighbour's coming and going costs none")
{
	struct recording a = recording_start("count", "fsession_test_wait");
	struct recording b;
	int sleeper = tm_sleeper();

	b = recording_start("count", "fsession_test_wait");
	recording_detach(&b);
	tm_wake();
	ktest_join(sleeper);
	check_recorded(a.rec, 1);
	check_recorded(b.rec, 0);
	recording_end(&b);
	recording_end(&a);
}

/*
 * Counting
 */

CASE(run_count_two_per_call, "bpf_stats: every call is two runs")
{
	struct recording r = recording_start("count", TARGET);
	int stats;

	tm_calls(TARGET, 10);
	CHECK_EQ(prog_info(r.prog_fd).run_cnt, 0);

	stats = SYS(bpf_enable_stats(BPF_STATS_RUN_TIME));
	tm_calls(TARGET, 10);
	CHECK_EQ(prog_info(r.prog_fd).run_cnt, 20);
	CHECK_OP(prog_info(r.prog_fd).run_time_ns, >, 0);
	close(stats);

	tm_calls(TARGET, 10);
	CHECK_EQ(prog_info(r.prog_fd).run_cnt, 20);
	check_recorded(r.rec, 30);
	recording_end(&r);
}

static void check_hundred_thousand(unsigned int threads);

static void *call_arg1(void *count)
{
	tm_calls(TARGET, *(uint64_t *)count);
	return NULL;
}

static void check_hundred_thousand(unsigned int threads)
{
	struct recording r = recording_start("count", TARGET);
	uint64_t count = 100000 / threads;
	struct fsession_info in;
	pthread_t tid[8];
	unsigned int i;

	for (i = 0; i < threads; i++)
		REQUIRE_EQ(pthread_create(&tid[i], NULL, call_arg1, &count), 0);
	for (i = 0; i < threads; i++)
		pthread_join(tid[i], NULL);
	in = info(r.fd);
	check_missed_nothing(&in, 100000);
	check_recorded(r.rec, in.entries);
	CHECK_EQ(prog_info(r.prog_fd).recursion_misses, in.misses);
	recording_end(&r);
}

CASE(calls_100000, "100,000 calls: 100,000 entries and exits, no wrong cookie")
{
	check_hundred_thousand(1);
}

CASE(calls_100000_threads, "the same from four threads at once")
{
	check_hundred_thousand(4);
}

CASE(calls_100000_syscalls, "100,000 calls of a kernel function by a syscall")
{
	struct recording r = recording_load("count", SYSCALL("getpgid"));
	unsigned int i;

	r.rec->only_tgid = getpid();
	r.fd = attach(r.prog_fd);
	for (i = 0; i < 100000; i++)
		if (getpgid(0) < 0)
			FAIL("getpgid: %s", strerror(errno));
	check_recorded(r.rec, 100000);
	check_books_balance((struct fsession_info[]){ info(r.fd) });
	CHECK_OP(info(r.fd).calls, >=, 100000);
	CHECK_EQ(info(r.fd).misses, 0);
	recording_end(&r);
}

/*
 * Names
 */

CASE(module_function_shadows,
     "a module's function and the kernel's of the same name are two targets")
{
	struct bpf_object *obj = open_object("shadow");
	const __u64 *runs; /* kernel's, module's */
	unsigned int reason = 0;
	int kernel, module;

	want(obj, "on_kernel", NULL);
	want(obj, "on_module", NULL);
	load(obj);
	runs = bss(obj, 2 * sizeof(*runs));
	/* Each alone, and then both. */
	module = try_attach(prog_fd(obj, "on_module"), 0, &reason);
	if (!kernel_is_at_least(6, 2)) {
		/* 6.1's verifier took the kernel's function for the module's. */
		CHECK_EQ(module, -ENOTUNIQ);
		CHECK_EQ(reason, FSESSION_REASON_AMBIGUOUS);
		kernel = attach(prog_fd(obj, "on_kernel"));
		tm_calls("bpf_fentry_test5", 3);
		test_run(prog_fd(obj, "on_kernel"));
		CHECK_EQ(runs[0], 2);
		CHECK_EQ(runs[1], 0);
		close(kernel);
		bpf_object__close(obj);
		return;
	}
	REQUIRE(module >= 0);
	test_run(prog_fd(obj, "on_kernel"));
	CHECK_EQ(runs[1], 0);
	CHECK_EQ(tm_calls("bpf_fentry_test5", 3).ret[0], 3 + 7);
	CHECK_EQ(runs[1], 6);
	kernel = attach(prog_fd(obj, "on_kernel"));
	CHECK(info(kernel).target_addr != info(module).target_addr);
	tm_calls("bpf_fentry_test5", 3);
	CHECK_EQ(runs[0], 0);
	CHECK_EQ(runs[1], 12);
	test_run(prog_fd(obj, "on_kernel"));
	CHECK_EQ(runs[0], 2);
	CHECK_EQ(runs[1], 12);
	CHECK_BOOKS(info(kernel), 1, 1, 1);
	CHECK_BOOKS(info(module), 6, 6, 6);
	close(module);
	tm_calls("bpf_fentry_test5", 3);
	test_run(prog_fd(obj, "on_kernel"));
	CHECK_EQ(runs[0], 4);
	CHECK_EQ(runs[1], 12);
	close(kernel);
	bpf_object__close(obj);
}

#define TWIN "fsession_testtwin"

static void twin_unload(void)
{
	if (module_refcount(TWIN) >= 0)
		WAIT_FOR(try_rmmod(TWIN) == 0);
}

CASE(module_function_twin,
     "another module's function of the same name is not taken for it")
{
	struct recording r;
	unsigned int reason = 0;

	atexit(twin_unload);
	modprobe(TWIN);
	r = recording_load("count", "fsession_test_arg1");
	r.fd = try_attach(r.prog_fd, 0, &reason);
	if (r.fd < 0 && !kernel_is_at_least(6, 2)) {
		/* Before 6.2 the verifier takes the module that was loaded last. */
		CHECK_EQ(r.fd, -ESTALE);
		CHECK_EQ(reason, FSESSION_REASON_MODULE_GOING);
	} else {
		tm_calls("fsession_test_arg1", 3);
		check_recorded(r.rec, 3);
		CHECK_BOOKS(info(r.fd), 3, 3, 3);
	}
	recording_end(&r);
	twin_unload();
	r = recording_start("count", "fsession_test_arg1");
	tm_calls("fsession_test_arg1", 3);
	check_recorded(r.rec, 3);
	recording_end(&r);
}

CASE(module_function_gone, "a module that has gone is named as the reason")
{
	unsigned int reason = 0;
	struct recording r;

	atexit(twin_unload);
	modprobe(TWIN);
	r = recording_load("count", "fsession_test_arg1");
	/* Before 6.2 it goes although the program was verified for it. */
	SYS(try_rmmod(TWIN));
	r.fd = try_attach(r.prog_fd, 0, &reason);
	if (kernel_is_at_least(6, 2)) {
		CHECK_OP(r.fd, >=, 0);
	} else if (r.fd < 0) {
		CHECK_EQ(r.fd, -ESTALE);
		CHECK_EQ(reason, FSESSION_REASON_MODULE_GOING);
	}
	recording_end(&r);
}

/*
 * Recursion
 */

CASE(target_recurses, "a function that calls itself: a cookie for every call")
{
	struct recording r = recording_start("count", "fsession_test_nested");
	struct fsession_tm_call call = tm_prepare("fsession_test_nested", 50);

	call.args[0] = 20;
	tm_call(&call);
	check_recorded(r.rec, 50 * 21);
	CHECK_BOOKS(info(r.fd), 50 * 21, 50 * 21, 50 * 21);
	recording_end(&r);
}

CASE(targets_nest, "a traced function calls another")
{
	struct recording outer =
		recording_start("count", "fsession_test_outer");
	struct recording inner = recording_start("count", TARGET);

	tm_calls("fsession_test_outer", 100);
	tm_calls(TARGET, 10);
	check_recorded(outer.rec, 100);
	check_recorded(inner.rec, 110);
	recording_end(&inner);
	recording_end(&outer);
}

static void delete_outer(struct bpf_object *obj)
{
	int map = bpf_object__find_map_fd_by_name(obj, "outer");
	int key = 7;

	CHECK_EQ(bpf_map_delete_elem(map, &key), -ENOENT);
}

CASE(program_recurses, "a program's helper calls the traced function: misses")
{
	struct bpf_object *obj = open_object("recursion");
	struct bpf_prog_info pi;
	struct fsession_info i;
	struct recursion *rec;
	unsigned int n;
	int fd;

	want(obj, "recurse", NULL);
	load(obj);
	rec = bss(obj, sizeof(*rec));
	rec->only_tgid = getpid();
	fd = attach(prog_fd(obj, "recurse"));
	for (n = 0; n < 5; n++)
		delete_outer(obj);

	/* The program ran twice a call, and called the function each time. */
	CHECK_EQ(rec->runs[0], 5);
	CHECK_EQ(rec->runs[1], 5);
	CHECK_EQ(rec->deletes, 10);
	i = info(fd);
	check_books_balance(&i);
	CHECK_EQ(i.misses, 10);
	CHECK_OP(i.calls, >=, 15);
	CHECK_EQ(i.exits, i.entries);
	/* bpftool shows them, too. */
	pi = prog_info(prog_fd(obj, "recurse"));
	CHECK_EQ(pi.recursion_misses, 10);
	close(fd);
	bpf_object__close(obj);
}

CASE(program_inside_program,
     "another session sees what a program's helper calls")
{
	struct bpf_object *obj = open_object("recursion");
	struct fsession_info i;
	struct recursion *rec;
	int recurse, watch;
	unsigned int n;

	want(obj, "recurse", NULL);
	want(obj, "watch", NULL);
	load(obj);
	rec = bss(obj, sizeof(*rec));
	rec->only_tgid = getpid();
	recurse = attach(prog_fd(obj, "recurse"));
	watch = attach(prog_fd(obj, "watch"));
	for (n = 0; n < 5; n++)
		delete_outer(obj);
	CHECK_EQ(rec->runs[0], 5);
	CHECK_EQ(rec->runs[1], 5);
	CHECK_EQ(rec->deletes, 10);
	/* 5 calls from here and the 10 of the other program. */
	CHECK_EQ(rec->others[0], 15);
	CHECK_EQ(rec->others[1], 15);
	i = info(recurse);
	check_books_balance(&i);
	CHECK_EQ(i.misses, 10);
	i = info(watch);
	check_books_balance(&i);
	CHECK_EQ(i.misses, 0);
	close(watch);
	close(recurse);
	bpf_object__close(obj);
}
