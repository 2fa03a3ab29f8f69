// SPDX-License-Identifier: GPL-2.0
/*
 * Calls in the middle of calls: recursion, interrupts that hit a program, and
 * sessions that come and go in between. The plain cases are in semantics.c.
 */
#include <pthread.h>
#include <sched.h>

#include "progs/recursion.h"
#include "session.h"

#define NESTED "fsession_test_nested"

CASE(nested_many_sessions, "18 sessions on a function that calls itself")
{
	struct recording r = recording_load("count", NESTED);
	struct fsession_tm_call call = tm_prepare(NESTED, 20);
	int progs[18], fds[18], i;

	for (i = 0; i < 18; i++) {
		progs[i] = try_clone(r.prog);
		REQUIRE(progs[i] >= 0);
		fds[i] = attach(progs[i]);
	}
	/* Deep enough to be sure of the stack, not to exhaust it. */
	call.args[0] = 12;
	tm_call(&call);
	check_recorded(r.rec, 18 * 20 * 13);
	for (i = 0; i < 18; i++) {
		CHECK_BOOKS(info(fds[i]), 20 * 13, 20 * 13, 20 * 13);
		close(fds[i]);
	}
	recording_end(&r);
}

static struct fsession_info call_nested(const struct recording *r,
					unsigned int depth, unsigned int count)
{
	struct fsession_tm_call call = tm_prepare(NESTED, count);
	struct fsession_info in;

	call.args[0] = depth;
	tm_call(&call);
	in = info(r->fd);
	check_books_balance(&in);
	return in;
}

/* So deep that all frames would not fit, but the function by itself does. */
CASE(nested_deeper_than_the_stack, "a call too deep in the stack is a miss")
{
	struct recording r = recording_start("count", NESTED);
	struct fsession_info before = {}, in;
	unsigned int depth = 20;
	uint64_t misses;

	/* How deep that is, the kernel's configuration says. */
	while (!before.misses) {
		depth += 20;
		REQUIRE(depth < 1000);
		before = call_nested(&r, depth, 1);
	}
	in = call_nested(&r, depth, 20);
	CHECK_EQ(in.calls - before.calls, 20 * (depth + 1));
	misses = in.misses - before.misses;
	ktest_diag("20 calls, %u deep: %llu misses", depth,
		   (unsigned long long)misses);
	CHECK_OP(misses, >=, 20);
	CHECK_OP(in.entries - before.entries, >, 20 * 20);
	check_recorded(r.rec, in.entries);
	recording_end(&r);
}

/*
 * An interrupt stack may begin at any page, so that a call and its program can be
 * on both sides of any boundary: at some depth they are.
 */
static void check_deep(unsigned int context)
{
	struct recording r = recording_start("count", NESTED);
	struct fsession_tm_call call = tm_prepare(NESTED, 20);
	int cpu, cpus = sysconf(_SC_NPROCESSORS_ONLN);

	call.context = context;
	call.args[0] = 24;
	for (cpu = 0; cpu < cpus; cpu++) {
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
		SYS(sched_setaffinity(0, sizeof(set), &set));
		tm_call(&call);
	}
	check_recorded(r.rec, cpus * 20 * 25);
	CHECK_BOOKS(info(r.fd), cpus * 20 * 25, cpus * 20 * 25, cpus * 20 * 25);
	recording_end(&r);
}

CASE(nested_in_softirq, "deep in the stack of soft interrupts, on each CPU")
{
	check_deep(FSESSION_TM_SOFTIRQ);
}

CASE(nested_in_hardirq, "deep in the stack of hard interrupts, on each CPU")
{
	check_deep(FSESSION_TM_HARDIRQ);
}

static volatile bool stop;

static void *nest(void *calls)
{
	struct fsession_tm_call call;

	while (!stop) {
		call = tm_prepare(NESTED, 50);
		call.args[0] = 15;
		tm_call(&call);
		*(uint64_t *)calls += 50 * 16;
	}
	return NULL;
}

CASE(nested_come_and_go, "sessions come and go between the levels of recursion")
{
	struct recording a = recording_load("count", NESTED);
	struct recording b = recording_load("count", NESTED);
	uint64_t calls[4] = {}, sum = 0;
	struct fsession_info in;
	pthread_t threads[4];
	unsigned int i;

	tm_calls("fsession_test_arg1", 1);
	a.fd = attach(a.prog_fd);
	for (i = 0; i < 4; i++)
		REQUIRE_EQ(pthread_create(&threads[i], NULL, nest, &calls[i]),
			   0);
	for (i = 0; i < 200; i++) {
		b.fd = attach(b.prog_fd);
		usleep(i * 10);
		in = info(b.fd);
		check_books_balance(&in);
		recording_detach(&b);
	}
	stop = true;
	for (i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		sum += calls[i];
	}
	in = info(a.fd);
	check_missed_nothing(&in, sum);
	check_recorded(a.rec, in.entries);
	/* A call is seen whole or without its end, never the end alone. */
	CHECK_OP(b.rec->at[0].runs, >=, b.rec->at[1].runs);
	CHECK_EQ(b.rec->wrong_cookies, 0);
	CHECK_EQ(b.rec->dirty_cookies, 0);
	recording_end(&b);
	recording_end(&a);
}

/* Two threads on one CPU: one calls in task context, one from interrupts. */
struct half {
	unsigned int context;
	uint64_t calls;
	int err;
};

static void *call_on_cpu_0(void *arg)
{
	struct half *h = arg;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		h->err = -errno;
	while (!stop && !h->err) {
		struct fsession_tm_call call =
			tm_prepare("fsession_test_arg6", 200);

		call.flags = FSESSION_TM_VARY;
		call.context = h->context;
		h->err = try_tm_call(&call);
		h->calls += call.count;
		if (call.bad || call.leaks)
			ktest_failed(__FILE__, __LINE__, "%llu bad, %llu leaks",
				     (unsigned long long)call.bad,
				     (unsigned long long)call.leaks);
	}
	return NULL;
}

static void check_interrupted(unsigned int context)
{
	struct recording r = recording_load("count", "fsession_test_arg6");
	struct half halves[3] = { { .context = FSESSION_TM_TASK },
				  { .context = FSESSION_TM_TASK },
				  { .context = context } };
	struct fsession_info in;
	pthread_t threads[3];
	uint64_t calls = 0;
	unsigned int i;

	tm_calls("fsession_test_arg1", 1);
	r.fd = attach(r.prog_fd);
	for (i = 0; i < 3; i++)
		REQUIRE_EQ(pthread_create(&threads[i], NULL, call_on_cpu_0,
					  &halves[i]),
			   0);
	sleep(3);
	stop = true;
	for (i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	for (i = 0; i < 3; i++) {
		if (halves[i].err == -EOPNOTSUPP)
			SKIP("no such context on this machine");
		CHECK_EQ(halves[i].err, 0);
		CHECK_OP(halves[i].calls, >, 0);
		calls += halves[i].calls;
	}
	in = info(r.fd);
	check_books_balance(&in);
	/* Who was interrupted in the program makes the other's call a miss. */
	CHECK_EQ(in.calls, calls);
	CHECK_EQ(in.entries, in.exits);
	CHECK_EQ(in.inside, 0);
	CHECK_EQ(in.entries, r.rec->at[0].runs);
	CHECK_EQ(in.exits, r.rec->at[1].runs);
	CHECK_EQ(r.rec->wrong_cookies, 0);
	CHECK_EQ(r.rec->dirty_cookies, 0);
	CHECK_EQ(prog_info(r.prog_fd).recursion_misses, in.misses);
	ktest_diag("%llu calls, %llu misses", (unsigned long long)in.calls,
		   (unsigned long long)in.misses);
	recording_end(&r);
}

CASE(interrupted_by_softirq, "softirq calls what the task calls")
{
	check_interrupted(FSESSION_TM_SOFTIRQ);
}

CASE(interrupted_by_hardirq, "a hard interrupt calls what the task calls")
{
	check_interrupted(FSESSION_TM_HARDIRQ);
}

CASE(interrupted_by_nmi, "an NMI calls what the task calls")
{
	check_interrupted(FSESSION_TM_NMI);
}

CASE(run_count_leaves_out_misses, "bpf_stats: a miss is no run")
{
	struct bpf_object *obj = open_object("recursion");
	struct recursion *rec;
	int map, key = 7, stats, fd;
	struct bpf_prog_info pi;
	struct fsession_info in;

	want(obj, "recurse", NULL);
	load(obj);
	rec = bss(obj, sizeof(*rec));
	rec->only_tgid = getpid();
	map = bpf_object__find_map_fd_by_name(obj, "outer");
	stats = SYS(bpf_enable_stats(BPF_STATS_RUN_TIME));
	fd = attach(prog_fd(obj, "recurse"));
	CHECK_EQ(bpf_map_delete_elem(map, &key), -ENOENT);
	in = info(fd);
	pi = prog_info(prog_fd(obj, "recurse"));
	CHECK_EQ(pi.recursion_misses, in.misses);
	CHECK_EQ(in.misses, 2);
	CHECK_EQ(pi.run_cnt, in.entries + in.exits);
	CHECK_OP(pi.run_time_ns, >, 0);
	close(fd);
	close(stats);
	bpf_object__close(obj);
}

CASE(stats_come_and_go, "bpf_stats goes on and off while calls are inside")
{
	struct recording r = recording_start("count", NESTED);
	struct bpf_prog_info pi;
	struct fsession_info in;
	uint64_t calls[2] = {};
	pthread_t threads[2];
	unsigned int i;

	for (i = 0; i < 2; i++)
		REQUIRE_EQ(pthread_create(&threads[i], NULL, nest, &calls[i]),
			   0);
	for (i = 0; i < 50; i++) {
		int stats = SYS(bpf_enable_stats(BPF_STATS_RUN_TIME));

		usleep(i * 100);
		close(stats);
		usleep(i * 100);
	}
	stop = true;
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	in = info(r.fd);
	check_missed_nothing(&in, calls[0] + calls[1]);
	check_recorded(r.rec, in.entries);
	CHECK_EQ(r.rec->wrong_cookies, 0);
	CHECK_EQ(r.rec->dirty_cookies, 0);
	pi = prog_info(r.prog_fd);
	CHECK_OP(pi.run_cnt, >, 0);
	CHECK_OP(pi.run_cnt, <, in.entries + in.exits);
	recording_end(&r);
}
