// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts everywhere; see rain.h.
 */
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "progs/rain.h"
#include "rain.h"
#include "session.h"

#define BATCH 20

/* Of its own each: an NMI amid the other's program would be a miss. */
static struct cloud {
	const char *name, *function;
	unsigned int context;
	struct bpf_object *obj;
	struct rain *rain;
	int fd;
	pthread_t thread;
	uint64_t calls;
	bool absent; /* there is no such context on this machine */
} clouds[] = {
	{ .name = "interrupts",
	  .function = "fsession_test_arg4",
	  .context = FSESSION_TM_HARDIRQ },
	{ .name = "NMIs",
	  .function = "fsession_test_arg5",
	  .context = FSESSION_TM_NMI },
};

#define CLOUDS (sizeof(clouds) / sizeof(clouds[0]))

static const char *also_called;
static volatile bool stop;

static int calls(const struct cloud *c, const char *function)
{
	struct fsession_tm_call call = tm_prepare(function, BATCH);
	int ret;

	call.context = c->context;
	call.flags = FSESSION_TM_AROUND;
	ret = try_tm_call(&call);
	if (ret && ret != -EOPNOTSUPP)
		FAIL("%s: %s", c->name, strerror(-ret));
	if (!ret) {
		CHECK_EQ(call.count, BATCH);
		CHECK_EQ(call.bad, 0);
		CHECK_EQ(call.leaks, 0);
	}
	return ret;
}

static void *fall(void *arg)
{
	struct cloud *c = arg;
	uint64_t start;

	do {
		start = ktest_ms();
		c->absent = calls(c, c->function);
		if (c->absent)
			break;
		c->calls += BATCH;
		if (also_called)
			calls(c, also_called);
		/* Not all that the CPUs can do is to go into this. */
		usleep(8000 * (ktest_ms() - start) + 500);
	} while (!stop);
	return NULL;
}

void rain_start(const char *also)
{
	struct cloud *c;

	also_called = also;
	stop = false;
	for (c = clouds; c < clouds + CLOUDS; c++) {
		c->obj = open_object("rain");
		want(c->obj, "drop", c->function);
		load(c->obj);
		c->rain = bss(c->obj, sizeof(*c->rain));
		c->fd = attach(prog_fd(c->obj, "drop"));
		c->calls = 0;
		c->absent = false;
	}
	/* Open what threads share. */
	tm_waiting();
	for (c = clouds; c < clouds + CLOUDS; c++)
		REQUIRE_EQ(pthread_create(&c->thread, NULL, fall, c), 0);
}

static void cloud_end(struct cloud *c)
{
	const struct rain *rain = c->rain;

	CHECK(c->absent || c->calls);
	CHECK_BOOKS(info(c->fd), c->calls, c->calls, c->calls);
	CHECK_EQ(rain->runs[0], c->calls);
	CHECK_EQ(rain->runs[1], c->calls);
	CHECK_EQ(rain->failed, 0);
	if (c->absent)
		ktest_diag("no %s on this machine", c->name);
	else
		ktest_diag("%llu %s, %llu stacks of %d functions or more",
			   (unsigned long long)c->calls, c->name,
			   (unsigned long long)rain->full, RAIN_DEPTH);
	SYS(close(c->fd));
	munmap(c->rain, sizeof(*c->rain));
	bpf_object__close(c->obj);
}

void rain_end(void)
{
	struct cloud *c;

	stop = true;
	for (c = clouds; c < clouds + CLOUDS; c++)
		pthread_join(c->thread, NULL);
	for (c = clouds; c < clouds + CLOUDS; c++)
		cloud_end(c);
}
