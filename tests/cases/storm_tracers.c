// SPDX-License-Identifier: GPL-2.0
/*
 * A storm with other users of ftrace on the same functions: tracers, kprobes, the
 * stack tracer and the profiler are switched on and off. Each time the site
 * changes between a call of the stub and one of ftrace's own trampoline.
 */
#include "storm.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define TRACING	   "/sys/kernel/tracing/"
#define FUNCTIONS  "fsession_test_*"
#define STACK	   "/proc/sys/kernel/stack_tracer_enabled"
#define STACK_KIND 2
#define EVENTS	   TRACING "events/fsession_tests/enable"

static void tracing_reset(void)
{
	write_file(TRACING "current_tracer", "nop");
	write_file(EVENTS, "0");
	truncate_file(TRACING "kprobe_events");
	write_file(STACK, "0");
	write_file(TRACING "function_profile_enabled", "0");
	truncate_file(TRACING "set_ftrace_filter");
	truncate_file(TRACING "stack_trace_filter");
	truncate_file(TRACING "trace");
}

static void must_write(const char *file, const char *text)
{
	if (!write_file(file, text))
		FAIL("'%s' to %s: %s", text, file, strerror(errno));
}

static void function_set(bool on)
{
	must_write(TRACING "current_tracer", on ? "function" : "nop");
}

static void graph_set(bool on)
{
	must_write(TRACING "current_tracer", on ? "function_graph" : "nop");
}

static void events_set(const char *kind, bool on)
{
	char text[128];

	if (!on) {
		must_write(EVENTS, "0");
		truncate_file(TRACING "kprobe_events");
		return;
	}
	snprintf(text, sizeof(text),
		 "%s:fsession_tests/fsession_event " MODULE
		 ":fsession_test_arg6",
		 kind);
	must_write(TRACING "kprobe_events", text);
	must_write(EVENTS, "1");
}

static void kprobe_set(bool on)
{
	events_set("p", on);
}

static void kretprobe_set(bool on)
{
	events_set("r", on);
}

static void stack_set(bool on)
{
	must_write(STACK, on ? "1" : "0");
}

static void profile_set(bool on)
{
	must_write(TRACING "function_profile_enabled", on ? "1" : "0");
}

/* One of a kind is on at a time. */
static const struct user {
	const char *name;
	unsigned int kind;
	void (*set)(bool on);
	const char *needs;
} users[] = {
	{ "function", 0, function_set, TRACING "current_tracer" },
	{ "function_graph", 0, graph_set, TRACING "current_tracer" },
	{ "kprobe", 1, kprobe_set, TRACING "kprobe_events" },
	{ "kretprobe", 1, kretprobe_set, TRACING "kprobe_events" },
	{ "stack tracer", STACK_KIND, stack_set, STACK },
	{ "profiler", 3, profile_set, TRACING "function_profile_enabled" },
};

#define USERS ARRAY_SIZE(users)
#define KINDS 4

/* Each switch waits for grace periods: so kinds do it side by side. */
static struct switcher {
	pthread_t thread;
	unsigned int kind;
	unsigned int times[USERS];
} switchers[KINDS];

static unsigned int some_user(unsigned int kind, unsigned int *seed)
{
	unsigned int i;

	do {
		i = rand_r(seed) % USERS;
	} while (users[i].kind != kind);
	return i;
}

static void *switch_users(void *arg)
{
	struct switcher *s = arg;
	unsigned int seed = storm_seed(100 + s->kind), i;

	while (storm_lasts()) {
		i = some_user(s->kind, &seed);
		if (access(users[i].needs, F_OK))
			break;
		users[i].set(true);
		s->times[i]++;
		storm_pause(&seed, 30000);
		users[i].set(false);
		/* The quick one is not to keep the others from their locks. */
		storm_pause(&seed, s->kind == STACK_KIND ? 500000 : 20000);
	}
	return NULL;
}

CASE(storm_tracers,
     "tracers and probes on the same functions are switched on and off",
     .timeout = 900)
{
	unsigned int i;

	storm_restore_with(tracing_reset);
	must_write(TRACING "set_ftrace_filter", FUNCTIONS);
	/* All functions would take it seconds, each time. */
	if (!access(STACK, F_OK))
		must_write(TRACING "stack_trace_filter", FUNCTIONS);
	storm_begin(8, STORM_SINGLES | STORM_MULTIS | STORM_CALM);
	for (i = 0; i < KINDS; i++) {
		switchers[i].kind = i;
		REQUIRE_EQ(pthread_create(&switchers[i].thread, NULL,
					  switch_users, &switchers[i]),
			   0);
	}
	for (i = 0; i < KINDS; i++)
		pthread_join(switchers[i].thread, NULL);
	storm_restore();
	storm_end();
	for (i = 0; i < USERS; i++)
		ktest_diag("%s: %u times on%s", users[i].name,
			   switchers[users[i].kind].times[i],
			   access(users[i].needs, F_OK)
				   ? " (not in this kernel)"
				   : "");
	/* One of two may have had bad luck. */
	CHECK(switchers[0].times[0] || switchers[0].times[1]);
	CHECK(switchers[1].times[2] || switchers[1].times[3]);
}
