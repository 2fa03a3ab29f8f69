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
 * Cycles are those of the core: each sample is timed with the time stamp counter,
 * which has a clock of its own, beside instructions of which each takes one cycle.
 * Rounds go over all shapes, so that what else runs on the machine is shared out;
 * "added" is from the medians of the rounds, "low" from their tenth percentiles.
 * "instructions" are counted by stepping through a call.
 */
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
	unsigned long calls = 0;
	unsigned int r, s, d;
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
			calls += CALLS + CALLS / 10;
		}
	}
	if (!model_balanced(calls)) {
		fprintf(stderr, "cycles: the stub did not run as it should\n");
		return 1;
	}
	for (s = 0; s < SHAPES; s++) {
		long count = instructions_per_call(shapes[s].chains[0]);

		if (!s)
			none = count;
		for (d = 0; d < DEPTHS; d++) {
			qsort(samples[s][d], rounds, sizeof(double), compare);
			print(cpu, s, d, count < 0 ? -1 : count - none);
		}
	}
	return 0;
}
