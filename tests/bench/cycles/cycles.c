// SPDX-License-Identifier: GPL-2.0
/*
 * cycles: what a traced call costs on this processor.
 *
 *	cycles [ROUNDS]
 *
 * The stub of arch/x86, as it is, and a model of the kernel's trampoline are called
 * in user space, under chains of 1 to 16 calls: the return predictor is a stack, and
 * a trampoline that gets it out of step costs each of the callers above a miss. A
 * line of JSON for each shape and depth, which `report` makes a table of.
 *
 * Then the same by 1 to 16 threads at a time that call one function, each on a
 * processor of its own as far as the stub can tell: does it get slower for others?
 *
 * Cycles are those of the core: each sample is timed with the time stamp counter,
 * which has a clock of its own, beside instructions of which each takes one cycle.
 * Rounds go over all shapes, so that what else runs on the machine is shared out;
 * "added" is from the medians of the rounds, "low" from their tenth percentiles.
 * "instructions" are counted by stepping through a call.
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/perf_event.h>

#include "model.h"

#define CALLS  500
#define ADDS   2000
#define ROUNDS 301

struct shape {
	const char *name;
	const function_t *chains;
};

static const struct shape shapes[] = {
	{ "untraced", chains_untraced },
	{ "stub", chains_stub },
	{ "the stub's calls and returns alone", chains_bare },
	{ "stub, with IBT", chains_stub_ibt },
	{ "the stub's calls and returns alone, with IBT", chains_bare_ibt },
	{ "stub, of a program that calls", chains_stub_ctx },
	{ "stub, two sessions, by C", chains_stub_c },
	{ "kernel's trampoline, called", chains_called },
	{ "kernel's trampoline, jumped to", chains_jumped },
};

#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

static double *samples[SHAPES][DEPTHS];
static double misses[SHAPES][DEPTHS];
static unsigned int rounds = ROUNDS;
static int counter = -1;

static uint64_t ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc; lfence"
			 : "=a"(low), "=d"(high)
			 :
			 : "memory");
	return (uint64_t)high << 32 | low;
}

static void open_counter(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_HW_BRANCH_MISSES,
		.exclude_kernel = 1,
		.exclude_hv = 1,
	};

	counter = syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

static uint64_t read_counter(void)
{
	uint64_t value;

	if (counter < 0 || read(counter, &value, sizeof(value)) < 0)
		return 0;
	return value;
}

/* Ticks that a cycle takes. */
static double tick_of_cycle(void)
{
	uint64_t start = ticks();

	add_up(ADDS);
	return (double)(ticks() - start) / ADDS;
}

/*
 * Cycles per call. Of two times for as many instructions, the longer one may have an
 * interruption in it.
 */
static double sample(function_t f)
{
	double before, after;
	uint64_t start, took;

	repeat(f, CALLS / 10);
	before = tick_of_cycle();
	start = ticks();
	repeat(f, CALLS);
	took = ticks() - start;
	after = tick_of_cycle();
	return (double)took / CALLS / (before < after ? before : after);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double percentile(const double *sorted, unsigned int percent)
{
	return sorted[rounds * percent / 100];
}

/* How many instructions @f takes, by stepping through a child. */
static long instructions(function_t f, unsigned long times)
{
	pid_t child = fork();
	long count = 0;
	int status;

	if (child < 0)
		return -1;
	if (!child) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
			_exit(1);
		raise(SIGSTOP);
		repeat(f, times);
		_exit(0);
	}
	waitpid(child, &status, 0);
	while (WIFSTOPPED(status)) {
		count++;
		if (ptrace(PTRACE_SINGLESTEP, child, NULL, NULL))
			break;
		waitpid(child, &status, 0);
	}
	return WIFEXITED(status) && !WEXITSTATUS(status) ? count : -1;
}

static long instructions_per_call(function_t f)
{
	long once = instructions(f, 1), twice = instructions(f, 2);

	return once < 0 || twice < 0 ? -1 : twice - once;
}

static void processor(char *name, size_t size)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[256], *value;

	snprintf(name, size, "unknown");
	while (f && fgets(line, sizeof(line), f)) {
		value = strchr(line, ':');
		if (strncmp(line, "model name", 10) || !value)
			continue;
		value[strcspn(value, "\n")] = '\0';
		snprintf(name, size, "%s", value + 2);
		break;
	}
	if (f)
		fclose(f);
}

/*
 * Threads
 */

/* Those of the shapes that are called by several. */
static const unsigned int threaded[] = { 1, 7, 8 };

#define THREADED (sizeof(threaded) / sizeof(threaded[0]))

struct caller {
	pthread_t thread;
	unsigned int processor;
	pthread_barrier_t *start;
	unsigned int rounds;
	/* Of the shapes, and of none: by turns, so that all find the same neighbours. */
	double *samples[THREADED + 1];
};

static void *call_all(void *arg)
{
	struct caller *c = arg;
	unsigned int r, i;

	model_use(c->processor);
	pthread_barrier_wait(c->start);
	for (r = 0; r < c->rounds; r++) {
		c->samples[THREADED][r] = sample(shapes[0].chains[0]);
		for (i = 0; i < THREADED; i++)
			c->samples[i][r] =
				sample(shapes[threaded[i]].chains[0]);
	}
	return NULL;
}

/* @calls: what each processor has called before, added up. */
static bool with_threads(const char *cpu, unsigned int nr, unsigned long *calls)
{
	struct caller callers[PROCESSORS] = {};
	unsigned int per_thread = rounds / nr + 1, n = nr * per_thread, i, t;
	double *all[THREADED + 1];
	pthread_barrier_t start;
	bool balanced = true;

	for (i = 0; i <= THREADED; i++) {
		all[i] = calloc(n, sizeof(double));
		if (!all[i])
			return false;
	}
	pthread_barrier_init(&start, NULL, nr);
	for (t = 0; t < nr; t++) {
		callers[t].processor = t + 1;
		callers[t].start = &start;
		callers[t].rounds = per_thread;
		for (i = 0; i <= THREADED; i++)
			callers[t].samples[i] = all[i] + t * per_thread;
		if (pthread_create(&callers[t].thread, NULL, call_all,
				   &callers[t]))
			return false;
	}
	for (t = 0; t < nr; t++) {
		pthread_join(callers[t].thread, NULL);
		calls[t + 1] += per_thread * (CALLS + CALLS / 10);
		balanced &= model_balanced(t + 1, calls[t + 1], 0);
	}
	pthread_barrier_destroy(&start);
	for (i = 0; i <= THREADED; i++)
		qsort(all[i], n, sizeof(double), compare);
	for (i = 0; i < THREADED; i++)
		printf("{\"bench\":\"threads\",\"cpu\":\"%s\",\"row\":\"%s\",\"threads\":%u,\"added\":%.1f,\"low\":%.1f}\n",
		       cpu, shapes[threaded[i]].name, nr,
		       all[i][n / 2] - all[THREADED][n / 2],
		       all[i][n / 10] - all[THREADED][n / 10]);
	for (i = 0; i <= THREADED; i++)
		free(all[i]);
	return balanced;
}

static void print(const char *cpu, unsigned int s, unsigned int d, long count)
{
	const double *mine = samples[s][d], *none = samples[0][d];

	printf("{\"bench\":\"cycles\",\"cpu\":\"%s\",\"row\":\"%s\",\"depth\":%u,",
	       cpu, shapes[s].name, d + 1);
	printf("\"instructions\":%ld,\"cycles\":%.1f,\"added\":%.1f,\"low\":%.1f,",
	       count, percentile(mine, 50),
	       percentile(mine, 50) - percentile(none, 50),
	       percentile(mine, 10) - percentile(none, 10));
	if (counter < 0)
		printf("\"misses\":\"not available\"}\n");
	else
		printf("\"misses\":%.2f}\n", misses[s][d] / rounds);
}

int main(int argc, char **argv)
{
	static const unsigned int threads[] = { 1, 2, 4, 16 };
	unsigned long calls[PROCESSORS] = {};
	unsigned int r, s, d;
	bool balanced;
	char cpu[128];
	long none = 0;

	if (argc > 1)
		rounds = strtoul(argv[1], NULL, 0);
	if (argc > 2 || !rounds) {
		fprintf(stderr, "usage: cycles [ROUNDS]\n");
		return 2;
	}
	model_init();
	open_counter();
	processor(cpu, sizeof(cpu));
	for (s = 0; s < SHAPES; s++)
		for (d = 0; d < DEPTHS; d++) {
			samples[s][d] = calloc(rounds, sizeof(double));
			if (!samples[s][d])
				return 2;
		}
	for (r = 0; r < rounds; r++) {
		for (d = 0; d < DEPTHS; d++) {
			for (s = 0; s < SHAPES; s++) {
				uint64_t before = read_counter();

				samples[s][d][r] = sample(shapes[s].chains[d]);
				misses[s][d] +=
					(double)(read_counter() - before) /
					(CALLS + CALLS / 10);
			}
			calls[0] += CALLS + CALLS / 10;
		}
	}
	balanced = model_balanced(0, calls[0], calls[0]);
	for (s = 0; s < SHAPES; s++) {
		long count = instructions_per_call(shapes[s].chains[0]);

		if (!s)
			none = count;
		for (d = 0; d < DEPTHS; d++) {
			qsort(samples[s][d], rounds, sizeof(double), compare);
			print(cpu, s, d, count < 0 ? -1 : count - none);
		}
	}
	for (s = 0; s < sizeof(threads) / sizeof(threads[0]); s++)
		balanced &= with_threads(cpu, threads[s], calls);
	if (!balanced) {
		fprintf(stderr, "cycles: the stub did not run as it should\n");
		return 1;
	}
	return 0;
}
