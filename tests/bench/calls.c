// SPDX-License-Identifier: GPL-2.0
/*
 * calls: what a traced call costs, side by side in one run.
 *
 *	calls OBJECT [CALLS]
 *
 * Prints nanoseconds per call. In a guest that runs one instruction per virtual
 * nanosecond (tests/vm run --icount) these are instructions.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fsession/libfsession.h>

#define MAX_PROGS 2

static const struct {
	const char *name;
	const char *progs[MAX_PROGS];
} rows[] = {
	{ "untraced", {} },
	{ "session, empty", { "session_empty" } },
	{ "session, with cookie", { "session_cookie" } },
	{ "fentry + fexit, empty", { "fentry_empty", "fexit_empty" } },
	{ "kprobe + kretprobe, empty", { "kprobe_empty", "kretprobe_empty" } },
};

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "calls: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* One run of the driver in a fresh object; @traced off calls nothing. */
static double run(const char *path, const char *const *progs,
		  unsigned int calls, bool traced)
{
	struct fsession_link *sessions[MAX_PROGS] = {};
	struct bpf_link *links[MAX_PROGS] = {};
	struct bpf_program *prog, *driver;
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct bpf_object *obj;
	struct bpf_map *map;
	size_t size;
	__u64 ns;
	int i;

	obj = bpf_object__open_file(path, NULL);
	if (!obj)
		die(path);
	driver = bpf_object__find_program_by_name(obj, "driver");
	bpf_object__for_each_program(prog, obj) {
		bool wanted = prog == driver;

		for (i = 0; i < MAX_PROGS && progs[i]; i++)
			wanted |= !strcmp(bpf_program__name(prog), progs[i]);
		bpf_program__set_autoload(prog, wanted);
	}
	map = bpf_object__find_map_by_name(obj, ".rodata");
	if (!map)
		die("no .rodata");
	{
		struct {
			__u32 calls;
			bool traced;
		} *rodata = (void *)bpf_map__initial_value(map, &size);

		rodata->calls = calls;
		rodata->traced = traced;
	}
	if (bpf_object__load(obj))
		die("load");
	for (i = 0; i < MAX_PROGS && progs[i]; i++) {
		prog = bpf_object__find_program_by_name(obj, progs[i]);
		if (fsession_program__is_session(prog)) {
			sessions[i] = fsession_program__attach(prog, NULL);
			if (!sessions[i])
				die(progs[i]);
		} else {
			links[i] = bpf_program__attach(prog);
			if (!links[i])
				die(progs[i]);
		}
	}
	if (bpf_prog_test_run_opts(bpf_program__fd(driver), &opts))
		die("run");
	map = bpf_object__find_map_by_name(obj, ".bss");
	if (!map || bpf_map__lookup_elem(map, &(__u32){ 0 }, sizeof(__u32), &ns,
					 sizeof(ns), 0))
		die("no .bss");
	for (i = 0; i < MAX_PROGS; i++) {
		fsession_link__destroy(sessions[i]);
		bpf_link__destroy(links[i]);
	}
	bpf_object__close(obj);
	libfsession_drain(60000);
	return (double)ns / calls;
}

int main(int argc, char **argv)
{
	static const char *const none[MAX_PROGS];
	unsigned int calls = 100000;
	double loop, base = 0;
	size_t i;

	if (argc < 2) {
		fprintf(stderr, "usage: calls OBJECT [CALLS]\n");
		return 2;
	}
	if (argc > 2)
		calls = strtoul(argv[2], NULL, 0);
	libfsession_init();
	loop = run(argv[1], none, calls, false);
	printf("%-28s %10s %10s\n", "per call", "total", "added");
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		double ns = run(argv[1], rows[i].progs, calls, true) - loop;

		if (!i)
			base = ns;
		printf("%-28s %10.1f %10.1f\n", rows[i].name, ns, ns - base);
	}
	return 0;
}
