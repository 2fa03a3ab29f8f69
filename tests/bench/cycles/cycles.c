// SPDX-License-Identifier: GPL-2.0
/*
 * cycles: what a traced call costs on this processor.
 *
 *	cycles [RUNS]
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
 * Rounds go over all shapes, so that what else runs on the machine is shared out, and
 * what is given of them is the median. But who else is on the same core, of which a
 * virtual machine sees nothing, makes a difference for longer than that: so there are
 * several runs of rounds, with pauses. "added" is from the run in which it is least, that
 * is, when the core was its own, and "usual" the median of all runs. "instructions" are
 * counted by stepping through a call.
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
#define ROUNDS 41
#define RUNS   25
#define PAUSE  2 /* seconds */

struct shape {
	const char *name;
	const function_t *chains;
};

static const struct shape shapes[] = {
	{ "untraced", chains_untraced },
	{ "stub", chains_stub },
	{ "the stub's calls and returns alone", chains_bare },
	{ "stub, of a program on several functions", chains_stub_any },
	{ "its calls and returns alone", chains_bare_any },
	{ "the same, with IBT", chains_stub_ibt },
	{ "its calls and returns alone, with IBT", chains_bare_ibt },
	{ "stub, of a program that calls", chains_stub_ctx },
	{ "stub, two sessions, by C", chains_stub_c },
	{ "kernel's trampoline, called", chains_called },
	{ "kernel's trampoline, jumped to", chains_jumped },
};

#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

static double samples[SHAPES][DEPTHS][ROUNDS];
static double misses[SHAPES][DEPTHS];
static unsigned int runs = RUNS;
static int counter = -1;

/* Of each run, how many cycles more than of what is not traced. */
struct result {
	double added[RUNS];
};

static struct result results[SHAPES][DEPTHS];

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

static double median(double *values, unsigned int nr)
{
	qsort(values, nr, sizeof(*values), compare);
	return values[nr / 2];
}

static void print_result(struct result *r)
{
	double usual = median(r->added, runs);

	printf("\"added\":%.1f,\"usual\":%.1f", r->added[0], usual);
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
static const unsigned int threaded[] = { 1, 9, 10 };

#define THREADED (sizeof(threaded) / sizeof(threaded[0]))

/* So many at a time. */
static const unsigned int threads[] = { 1, 2, 4, 16 };

#define NUMBERS (sizeof(threads) / sizeof(threads[0]))

static struct result thread_results[NUMBERS][THREADED];

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
static bool with_threads(unsigned int number, unsigned int run,
			 unsigned long *calls)
{
	unsigned int nr = threads[number];
	unsigned int per_thread = ROUNDS / nr + 1, n = nr * per_thread, i, t;
	struct caller callers[PROCESSORS] = {};
	double *all[THREADED + 1], none;
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
	none = median(all[THREADED], n);
	for (i = 0; i < THREADED; i++)
		thread_results[number][i].added[run] = median(all[i], n) - none;
	for (i = 0; i <= THREADED; i++)
		free(all[i]);
	return balanced;
}

static bool run_once(unsigned int run, unsigned long *calls)
{
	unsigned int r, s, d, i;
	bool balanced;

	for (r = 0; r < ROUNDS; r++) {
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
	for (d = 0; d < DEPTHS; d++) {
		double none = median(samples[0][d], ROUNDS);

		for (s = 0; s < SHAPES; s++)
			results[s][d].added[run] =
				median(samples[s][d], ROUNDS) - none;
	}
	for (i = 0; i < NUMBERS; i++)
		balanced &= with_threads(i, run, calls);
	return balanced;
}

static void print(const char *cpu)
{
	unsigned int s, d, i;
	long none = 0;

	for (s = 0; s < SHAPES; s++) {
		long count = instructions_per_call(shapes[s].chains[0]);

		if (!s)
			none = count;
		for (d = 0; d < DEPTHS; d++) {
			printf("{\"bench\":\"cycles\",\"cpu\":\"%s\",\"row\":\"%s\",\"depth\":%u,",
			       cpu, shapes[s].name, d + 1);
			printf("\"instructions\":%ld,",
			       count < 0 ? -1 : count - none);
			print_result(&results[s][d]);
			if (counter < 0)
				printf(",\"misses\":\"not available\"}\n");
			else
				printf(",\"misses\":%.2f}\n",
				       misses[s][d] / ROUNDS / runs);
		}
	}
	for (i = 0; i < NUMBERS; i++) {
		for (s = 0; s < THREADED; s++) {
			printf("{\"bench\":\"threads\",\"cpu\":\"%s\",\"row\":\"%s\",\"threads\":%u,",
			       cpu, shapes[threaded[s]].name, threads[i]);
			print_result(&thread_results[i][s]);
			printf("}\n");
		}
	}
}

int main(int argc, char **argv)
{
	unsigned long calls[PROCESSORS] = {};
	unsigned int run;
	char cpu[128];

	if (argc > 1)
		runs = strtoul(argv[1], NULL, 0);
	if (argc > 2 || !runs || runs > RUNS) {
		fprintf(stderr, "usage: cycles [RUNS] (%u at most)\n", RUNS);
		return 2;
	}
	model_init();
	open_counter();
	processor(cpu, sizeof(cpu));
	for (run = 0; run < runs; run++) {
		if (run)
			sleep(PAUSE);
		if (!run_once(run, calls)) {
			fprintf(stderr,
				"cycles: the stub did not run as it should\n");
			return 1;
		}
	}
	print(cpu);
	return 0;
}
