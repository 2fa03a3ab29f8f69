// SPDX-License-Identifier: GPL-2.0
/*
 * Programs that call nothing, which have stubs of their own while each is alone on its
 * function, come and go on functions that are called, and interrupted in that.
 */
#include <stdlib.h>
#include <unistd.h>

#include "storm.h"

#define CALLS 10

static const char *const churned[] = { "fsession_test_arg1",
				       "fsession_test_int",
				       "fsession_test_bool" };

enum {
	CHURNED = sizeof(churned) / sizeof(churned[0]),
	LEAVES = 2 * CHURNED,
	CALLERS = 3
};

static volatile bool stop;

/* The last of them calls from interrupts. */
static void *keep_calling(void *arg)
{
	bool interrupts = (uintptr_t)arg == CALLERS - 1;
	unsigned int i;

	for (i = 0; !stop; i++) {
		struct fsession_tm_call call =
			tm_prepare(churned[i % CHURNED], 50);

		if (interrupts)
			call.context = i & 1 ? FSESSION_TM_HARDIRQ
					     : FSESSION_TM_SOFTIRQ;
		tm_call(&call);
	}
	return NULL;
}

static void toggle(struct leaf_session *l)
{
	struct fsession_info in;

	if (l->fd < 0) {
		l->fd = attach(prog_fd(l->obj, "runs"));
		return;
	}
	in = info(l->fd);
	check_books_balance(&in);
	SYS(close(l->fd));
	l->fd = -1;
}

CASE(storm_leaf,
     "programs with stubs of their own come and go, one or two a function",
     .timeout = 300)
{
	struct leaf_session l[LEAVES];
	pthread_t threads[CALLERS];
	unsigned int i, seed, times;

	for (i = 0; i < LEAVES; i++)
		l[i] = leaf_load("runs", churned[i / 2]);
	storm_clock(10);
	for (i = 0; i < CALLERS; i++)
		REQUIRE_EQ(pthread_create(&threads[i], NULL, keep_calling,
					  (void *)(uintptr_t)i),
			   0);
	seed = storm_seed(0);
	storm_go();
	for (times = 0; storm_lasts(); times++) {
		toggle(&l[rand_r(&seed) % LEAVES]);
		/* Now and then, so long that a function is given back. */
		storm_pause(&seed, times % 8 ? 5000 : 200000);
	}
	stop = true;
	for (i = 0; i < CALLERS; i++)
		pthread_join(threads[i], NULL);
	ktest_diag("%u times", times);
	for (i = 0; i < LEAVES; i++) {
		if (l[i].fd >= 0)
			SYS(close(l[i].fd));
	}
	drain();
	for (i = 0; i < LEAVES; i++) {
		CHECK_OP(l[i].leaf->runs, >, 0);
		l[i].leaf->runs = 0;
		l[i].fd = attach(prog_fd(l[i].obj, "runs"));
		tm_calls(churned[i / 2], CALLS);
		leaf_end(&l[i], CALLS);
		drain();
	}
}
