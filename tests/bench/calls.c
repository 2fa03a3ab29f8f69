// SPDX-License-Identifier: GPL-2.0
/*
 * calls: what a traced call costs, side by side in one run.
 *
 *	calls [--many] [CALLS]
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
#include "put.h"

#define RUNS 20

/* clang-format off */
#define ONE_FUNCTION	"empty, program on 1 function"
#define FUNCTIONS_1000	"empty, program on 1,000 functions"
#define ALL_FUNCTIONS	"empty, program on all functions"

static const struct row rows[] = {
	{ "empty", "session", SESSION, { "session_empty" }, 0, 0 },
	{ "empty", "native fsession", NATIVE, { "native_empty" }, 0, 0 },
	{ "empty", "fentry", TRAMPOLINE, { "fentry_empty" }, 0, 0 },
	{ "empty", "fexit", TRAMPOLINE, { "fexit_empty" }, 0, 0 },
	{ "empty", "fentry + fexit", TRAMPOLINE,
	  { "fentry_empty", "fexit_empty" }, 0, 0 },
	{ "empty", "kprobe.session", KPROBE_SESSION, { "kprobe_empty" }, 0, 0 },
	{ "empty", "kprobe.multi + kretprobe.multi", KPROBE_MULTI,
	  { "kprobe_empty", "kretprobe_empty" }, 0, 0 },
	{ "empty", "kprobe + kretprobe", PROBES,
	  { "kprobe_empty", "kretprobe_empty" }, 0, 0 },
	{ "empty", "tracer function", TRACER, { "function" }, 0, 0 },
	{ "empty", "tracer function_graph", TRACER, { "function_graph" }, 0, 0 },

	{ "value from entry to exit", "session", SESSION,
	  { "session_cookie" }, 0, 0 },
	{ "value from entry to exit", "session, native program", SESSION_NATIVE,
	  { "native_cookie" }, 0, 0 },
	{ "value from entry to exit", "native fsession", NATIVE,
	  { "native_cookie" }, 0, 0 },
	{ "value from entry to exit", "fentry + fexit", TRAMPOLINE,
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

static unsigned int calls = 200;

/* The program that calls the function, and one that does all but that. */
struct driver {
	struct bpf_object *obj;
	int prog_fd;
	struct bpf_map *result;
};

static struct driver load_driver(bool traced)
{
	struct driver d;
	struct {
		__u32 calls;
		bool traced;
	} * rodata;
	struct bpf_program *prog;
	struct bpf_map *map;
	char path[PATH_MAX];
	size_t size;

	snprintf(path, sizeof(path), "%s/calls.bpf.o", put_directory);
	d.obj = bpf_object__open_file(path, NULL);
	if (!d.obj)
		die("open '%s'", path);
	bpf_object__for_each_program(prog, d.obj)
		bpf_program__set_autoload(prog, !strcmp(bpf_program__name(prog),
							"driver"));
	map = bpf_object__find_map_by_name(d.obj, ".rodata");
	d.result = bpf_object__find_map_by_name(d.obj, ".bss");
	if (!map || !d.result)
		die("no .rodata or .bss");
	rodata = (void *)bpf_map__initial_value(map, &size);
	rodata->calls = calls;
	rodata->traced = traced;
	if (bpf_object__load(d.obj))
		die("load the driver");
	d.prog_fd = bpf_program__fd(
		bpf_object__find_program_by_name(d.obj, "driver"));
	return d;
}

/* Nanoseconds per call. */
static double drive(const struct driver *d)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	__u64 ns, least = 0;
	int i;

	for (i = 0; i < RUNS; i++) {
		if (bpf_prog_test_run_opts(d->prog_fd, &opts))
			die("run the driver");
		if (bpf_map__lookup_elem(d->result, &(__u32){ 0 },
					 sizeof(__u32), &ns, sizeof(ns), 0))
			die("the driver's result");
		if (!i || ns < least)
			least = ns;
	}
	return (double)least / calls;
}

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

static int usage(void)
{
	fprintf(stderr, "usage: calls [--many] [CALLS]\n");
	return 2;
}

int main(int argc, char **argv)
{
	bool many = argc > 1 && !strcmp(argv[1], "--many");
	struct driver loop, driver;
	double nothing, untraced;
	char exe[PATH_MAX], *end;
	ssize_t len;
	size_t i;

	argv += many;
	argc -= many;
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

	loop = load_driver(false);
	driver = load_driver(true);
	nothing = drive(&loop);
	untraced = drive(&driver);
	print_name("untraced", "the call itself");
	printf("\"programs\":0,\"functions\":0,\"added\":%.1f}\n",
	       untraced - nothing);
	for (i = 0; i < ROWS; i++) {
		if (rows[i].functions && !many)
			continue;
		measure(&rows[i], &driver, untraced);
		fflush(stdout);
	}
	bpf_object__close(loop.obj);
	bpf_object__close(driver.obj);
	return 0;
}
