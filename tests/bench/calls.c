// SPDX-License-Identifier: GPL-2.0
/*
 * calls: what a traced call costs, side by side in one run.
 *
 *	calls [--many | --cpus] [CALLS]
 *
 * Calls one function of the kernel CALLS times (200 unless given) with each
 * mechanism on it, and prints what a call takes longer than with nothing on it, in
 * nanoseconds: the least of some runs, so that no run is in it that was
 * interrupted. In a guest that runs one instruction per virtual nanosecond
 * (tests/vm run --icount) these are instructions. A line of JSON for each row,
 * which `report` makes tables of. The BPF objects are looked for beside this
 * program.
 *
 * With --many, also what it costs that the same program is on other functions, up
 * to all. What calls the function is traced then as well, so these rows are the
 * difference between a session that is on this function and on the others, and one
 * that is on the others only.
 */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bench.h"
#include "drive.h"
#include "put.h"

/* clang-format off */
#define EMPTY		"empty"
#define VALUE		"value from entry to exit"
#define ONE_FUNCTION	"empty, program on 1 function"
#define FUNCTIONS_1000	"empty, program on 1,000 functions"
#define ALL_FUNCTIONS	"empty, program on all functions"

static const struct row rows[] = {
	{ EMPTY, "session", SESSION, { "session_empty" }, 0, 0 },
	{ EMPTY, "native fsession", NATIVE, { "native_empty" }, 0, 0 },
	{ EMPTY, "fentry", TRAMPOLINE, { "fentry_empty" }, 0, 0 },
	{ EMPTY, "fexit", TRAMPOLINE, { "fexit_empty" }, 0, 0 },
	{ EMPTY, "fentry + fexit", TRAMPOLINE,
	  { "fentry_empty", "fexit_empty" }, 0, 0 },
	{ EMPTY, "kprobe.session", KPROBE_SESSION, { "kprobe_empty" }, 0, 0 },
	{ EMPTY, "kprobe.multi + kretprobe.multi", KPROBE_MULTI,
	  { "kprobe_empty", "kretprobe_empty" }, 0, 0 },
	{ EMPTY, "kprobe + kretprobe", PROBES,
	  { "kprobe_empty", "kretprobe_empty" }, 0, 0 },
	{ EMPTY, "tracer function", TRACER, { "function" }, 0, 0 },
	{ EMPTY, "tracer function_graph", TRACER, { "function_graph" }, 0, 0 },

	{ VALUE, "session", SESSION,
	  { "session_cookie" }, 0, 0 },
	{ VALUE, "session, native program", SESSION_NATIVE,
	  { "native_cookie" }, 0, 0 },
	{ VALUE, "native fsession", NATIVE,
	  { "native_cookie" }, 0, 0 },
	{ VALUE, "fentry + fexit", TRAMPOLINE,
	  { "fentry_map", "fexit_map" }, 0, 0 },

	{ "counting, per-CPU array", "session", SESSION,
	  { "session_count" }, 0, 0 },
	{ "counting, per-CPU array", "session, native program", SESSION_NATIVE,
	  { "native_count" }, 0, 0 },
	{ "counting, per-CPU array", "native fsession", NATIVE,
	  { "native_count" }, 0, 0 },
	{ "counting, per-CPU array", "fentry", TRAMPOLINE,
	  { "fentry_count" }, 0, 0 },
	{ "counting, per-CPU array", "fexit", TRAMPOLINE,
	  { "fexit_count" }, 0, 0 },
	{ "counting, per-CPU array", "fentry + fexit", TRAMPOLINE,
	  { "fentry_count", "fexit_count" }, 0, 0 },

	{ "empty, 2 on the function", "session", SESSION,
	  { "session_empty" }, 2, 0 },
	{ "empty, 2 on the function", "native fsession", NATIVE,
	  { "native_empty" }, 2, 0 },
	{ "empty, 2 on the function", "fentry + fexit", TRAMPOLINE,
	  { "fentry_empty", "fexit_empty" }, 2, 0 },
	{ "empty, 5 on the function", "session", SESSION,
	  { "session_empty" }, 5, 0 },
	{ "empty, 5 on the function", "native fsession", NATIVE,
	  { "native_empty" }, 5, 0 },
	{ "empty, 5 on the function", "fentry + fexit", TRAMPOLINE,
	  { "fentry_empty", "fexit_empty" }, 5, 0 },
	{ "empty, 18 on the function", "session", SESSION,
	  { "session_empty" }, 18, 0 },
	{ "empty, 18 on the function", "native fsession", NATIVE,
	  { "native_empty" }, 18, 0 },
	{ "empty, 18 on the function", "fentry + fexit", TRAMPOLINE,
	  { "fentry_empty", "fexit_empty" }, 18, 0 },

	{ ONE_FUNCTION, "session", SESSION_MANY, { "session_empty" }, 0, 1 },
	{ ONE_FUNCTION, "native fsession", NATIVE_MANY, { NULL }, 0, 1 },
	{ FUNCTIONS_1000, "session", SESSION_MANY,
	  { "session_empty" }, 0, 1000 },
	{ FUNCTIONS_1000, "native fsession", NATIVE_MANY, { NULL }, 0, 1000 },
	{ ALL_FUNCTIONS, "session", SESSION_MANY,
	  { "session_empty" }, 0, ALL },
	{ ALL_FUNCTIONS, "native fsession", NATIVE_MANY, { NULL }, 0, ALL },
};
/* clang-format on */

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static void print_name(const char *group, const char *name)
{
	struct utsname u;

	uname(&u);
	printf("{\"bench\":\"calls\",\"release\":\"%s\",\"arch\":\"%s\",\"group\":\"%s\",\"row\":\"%s\",",
	       u.release, u.machine, group, name);
}

static void print_result(const struct row *row, double added,
			 unsigned int functions)
{
	print_name(row->group, row->name);
	printf("\"programs\":%u,\"functions\":%u,\"added\":%.1f}\n",
	       row->copies ? row->copies : 1, functions, added);
}

/* @untraced is the whole of a call when nothing is attached. */
static void measure(const struct row *row, const struct driver *driver,
		    double untraced)
{
	double others = untraced, all;
	const char *missing = NULL;
	unsigned int functions;
	struct put *put;

	if (row->functions > 1) {
		put = put_on(row, false, &missing);
		if (put) {
			others = drive(driver);
			put_off(put);
		}
	}
	put = missing ? NULL : put_on(row, true, &missing);
	if (!put) {
		print_name(row->group, row->name);
		printf("\"missing\":\"%s\"}\n", missing);
		return;
	}
	all = drive(driver);
	functions = put_functions(put);
	put_off(put);
	print_result(row, all - others, functions);
}

/* Of messages, those that nobody can act on: that a mechanism is missing. */
static int quiet(enum libbpf_print_level level, const char *fmt, va_list args)
{
	(void)level;
	(void)fmt;
	(void)args;
	return 0;
}

static void measure_all(const struct driver *driver, double nothing, bool many)
{
	double untraced = drive(driver);
	size_t i;

	print_name("untraced", "the call itself");
	printf("\"programs\":0,\"functions\":0,\"added\":%.1f}\n",
	       untraced - nothing);
	for (i = 0; i < ROWS; i++) {
		if (rows[i].functions && !many)
			continue;
		measure(&rows[i], driver, untraced);
		fflush(stdout);
	}
}

/*
 * Several CPUs at a time
 */

/* Sessions, and what has a program at entry and one at exit by trampoline. */
static bool is_measured_together(const struct row *row)
{
	if (strcmp(row->group, EMPTY) && strcmp(row->group, VALUE))
		return false;
	return row->how == SESSION || row->how == NATIVE ||
	       (row->how == TRAMPOLINE && row->progs[1]);
}

static void measure_all_together(struct driver driver, unsigned int cpus)
{
	double untraced;
	char group[128];
	struct row row;
	size_t i;

	if (cpus > (unsigned int)libbpf_num_possible_cpus())
		return;
	driver.cpus = cpus;
	untraced = drive(&driver);
	for (i = 0; i < ROWS; i++) {
		if (!is_measured_together(&rows[i]))
			continue;
		snprintf(group, sizeof(group), "%s, by %u CPUs at a time",
			 rows[i].group, cpus);
		row = rows[i];
		row.group = group;
		measure(&row, &driver, untraced);
		fflush(stdout);
	}
}

static int usage(void)
{
	fprintf(stderr, "usage: calls [--many | --cpus] [CALLS]\n");
	return 2;
}

int main(int argc, char **argv)
{
	bool many = argc > 1 && !strcmp(argv[1], "--many");
	bool cpus = argc > 1 && !strcmp(argv[1], "--cpus");
	unsigned int calls = cpus ? 1000 : 200;
	struct driver loop, driver;
	char exe[PATH_MAX], *end;
	ssize_t len;

	argv += many || cpus;
	argc -= many || cpus;
	if (argc > 1) {
		calls = strtoul(argv[1], &end, 0);
		if (argc > 2 || *end || !calls)
			return usage();
	}
	len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	if (len < 0)
		die("/proc/self/exe");
	exe[len] = '\0';
	put_directory = dirname(exe);
	put_init(many);
	if (!getenv("FSESSION_BENCH_VERBOSE"))
		libbpf_set_print(quiet);

	driver = driver_load(calls, true);
	if (cpus) {
		measure_all_together(driver, 4);
		measure_all_together(driver, 16);
	} else {
		loop = driver_load(calls, false);
		measure_all(&driver, drive(&loop), many);
		driver_close(&loop);
	}
	driver_close(&driver);
	return 0;
}
