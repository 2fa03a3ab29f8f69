// SPDX-License-Identifier: GPL-2.0
/*
 * A run of a program that bpf(2) has attached as well, which may be preempted, and a
 * session's exit that comes in the middle of it.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "progs/half_done.h"
#include "session.h"

#define PREEMPT "/sys/kernel/debug/sched/preempt"

static char preempt_was[16];

static void preempt_reset(void)
{
	write_file(PREEMPT, preempt_was);
}

/* Has the kernel preempt what it can, if it can be told to. */
static void preempt_full(void)
{
	char text[128], *begin, *end;

	if (!read_file(PREEMPT, text, sizeof(text)))
		return;
	begin = strchr(text, '(');
	end = begin ? strchr(begin, ')') : NULL;
	if (!end)
		return;
	snprintf(preempt_was, sizeof(preempt_was), "%.*s",
		 (int)(end - begin - 1), begin + 1);
	atexit(preempt_reset);
	write_file(PREEMPT, "full");
}

/* Threads on one CPU, of which the quick one goes first. */
static volatile bool done;

static void on_first_cpu(int policy)
{
	struct sched_param param = { .sched_priority = policy == SCHED_FIFO };
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	SYS(sched_setaffinity(0, sizeof(set), &set));
	SYS(sched_setscheduler(0, policy, &param));
}

/* Often in the function that the session is on. */
static void *quick(void *arg)
{
	struct half_done *h = arg;
	struct timespec ts = {};
	unsigned int seed = 1;

	on_first_cpu(SCHED_FIFO);
	h->quick_tid = gettid();
	while (!done) {
		ts.tv_nsec = 500000 + rand_r(&seed) % 4000000;
		nanosleep(&ts, NULL);
	}
	return NULL;
}

struct slow {
	struct half_done *h;
	int prog_fd;
};

/* Half of the time in the program, by way of its own function. */
static void *slow(void *arg)
{
	struct slow *s = arg;

	on_first_cpu(SCHED_OTHER);
	s->h->slow_tid = gettid();
	while (!done) {
		test_run(s->prog_fd);
		usleep(2000);
	}
	return NULL;
}

CASE(half_done_natively,
     "an exit leaves alone what a preempted run has on its stack")
{
	struct bpf_object *obj = open_object("half_done");
	struct fsession_target_desc t =
		kernel_target(SYSCALL("clock_nanosleep"), 0);
	bool may_drop = kernel_is_at_least(6, 13);
	struct fsession_attach_multi multi;
	struct fsession_info i;
	pthread_t threads[2];
	uint64_t until;
	struct slow s;
	int fd, link;

	want(obj, "half_done_for_long", "bpf_fentry_test1");
	load(obj);
	s.prog_fd = prog_fd(obj, "half_done_for_long");
	s.h = bss(obj, sizeof(*s.h));
	fd = try_attach_multi(s.prog_fd, &t, 1, 0, &multi);
	REQUIRE(fd >= 0);
	link = SYS(bpf_raw_tracepoint_open(NULL, s.prog_fd));
	preempt_full();
	REQUIRE_EQ(pthread_create(&threads[0], NULL, quick, s.h), 0);
	REQUIRE_EQ(pthread_create(&threads[1], NULL, slow, &s), 0);
	until = ktest_ms() + (may_drop ? 10000 : 2000);
	while (ktest_ms() < until && !info(fd).dropped)
		usleep(100000);
	done = true;
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	i = info(fd);
	ktest_diag("%llu runs preempted at most, %llu dropped",
		   (unsigned long long)s.h->slow_runs,
		   (unsigned long long)i.dropped);
	check_books_balance(&i);
	CHECK_EQ(s.h->bad, 0);
	CHECK_OP(s.h->slow_runs, >, 0);
	CHECK_OP(s.h->quick_runs, >, 0);
	if (!may_drop)
		CHECK_EQ(i.dropped, 0);
#ifdef __x86_64__
	else if (preempt_was[0])
		CHECK_OP(i.dropped, >, 0);
#endif
	close(link);
	close(fd);
	drain();
	bpf_object__close(obj);
}
