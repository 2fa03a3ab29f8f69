// SPDX-License-Identifier: GPL-2.0
/*
 * calls: what a traced call costs, side by side in one run.
 *
 *	calls [--many] [CALLS]
 *
 * Calls one function of the kernel CALLS times (100000 unless given) with each
 * mechanism on it, and prints nanoseconds per call. In a guest that runs one
 * instruction per virtual nanosecond (tests/vm run --icount) these are
 * instructions; "/native" and "/f+f" are the ratios to native fsession and to
 * fentry + fexit. The BPF objects are looked for beside this program.
 *
 * With --many, the same for a session that is on other functions, too: up to all
 * that the module takes. What calls the function is traced then as well, so these
 * rows are the difference between a session that is on this function and one that
 * is on all the others.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fsession/libfsession.h>
#include <linux/fsession.h>

#include "functions.h"

#define MAX_PROGS 2
#define ALL	  ~0U
#define CALLED	  "bpf_get_numa_node_id"

/* BPF_TRACE_FSESSION of Linux 7.0, which the headers here may not have. */
#define TRACE_FSESSION 58

/* How a row's programs are attached; PAIR is what everybody is compared with. */
enum how {
	MODULE,
	MANY,
	NATIVE,
	PAIR,
	PROBES
};

/* Rows are compared with rows that keep as much from entry to exit. */
enum kind {
	EMPTY,
	STATE
};

struct row {
	const char *name;
	enum how how;
	enum kind kind;
	const char *progs[MAX_PROGS];
	unsigned int functions; /* MANY */
};

/* clang-format off */
static const struct row rows[] = {
	{ "session, empty", MODULE, EMPTY, { "session_empty" }, 0 },
	{ "session on 1 function", MANY, EMPTY, { "session_empty" }, 1 },
	{ "session on 1,000", MANY, EMPTY, { "session_empty" }, 1000 },
	{ "session on all", MANY, EMPTY, { "session_empty" }, ALL },
	{ "native fsession, empty", NATIVE, EMPTY, { "native_empty" }, 0 },
	{ "fentry + fexit, empty", PAIR, EMPTY,
	  { "fentry_empty", "fexit_empty" }, 0 },
	{ "kprobe + kretprobe, empty", PROBES, EMPTY,
	  { "kprobe_empty", "kretprobe_empty" }, 0 },
	{ "session, with cookie", MODULE, STATE, { "session_cookie" }, 0 },
	{ "native fsession, with cookie", NATIVE, STATE, { "native_cookie" }, 0 },
	{ "fentry + fexit, with hash map", PAIR, STATE,
	  { "fentry_map", "fexit_map" }, 0 },
};
/* clang-format on */

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static const char *directory;
static unsigned int calls = 100000;

/* For MANY; the called one is the first. */
static struct fsession_target_desc *functions;
static unsigned int nr_functions;
static int device = -1;

static void __attribute__((noreturn, format(printf, 1, 2)))
die(const char *fmt, ...)
{
	int err = errno;
	va_list args;

	fprintf(stderr, "calls: ");
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, ": %s\n", strerror(err));
	exit(2);
}

static struct bpf_object *open_object(const char *file)
{
	struct bpf_object *obj;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", directory, file);
	obj = bpf_object__open_file(path, NULL);
	if (!obj)
		die("open '%s'", path);
	return obj;
}

/* Have only programs @names of @obj loaded, as native fsession if @native. */
static void select_programs(struct bpf_object *obj, const char *const *names,
			    bool native)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, obj) {
		bool wanted = false;
		int i;

		for (i = 0; i < MAX_PROGS && names[i]; i++)
			wanted |= !strcmp(bpf_program__name(prog), names[i]);
		bpf_program__set_autoload(prog, wanted);
		if (native)
			bpf_program__set_expected_attach_type(prog,
							      TRACE_FSESSION);
	}
}

static int link_native(int prog_fd)
{
	union bpf_attr attr = {
		.link_create.prog_fd = prog_fd,
		.link_create.attach_type = TRACE_FSESSION,
	};

	return syscall(__NR_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
}

/* What keeps a row's programs attached. */
struct attached {
	struct bpf_object *obj;
	struct fsession_link *sessions[MAX_PROGS];
	struct bpf_link *links[MAX_PROGS];
	int fd;
	unsigned int functions;
};

/* @prog_fd on @count functions, or on all of these but the called one. */
static int attach_many(int prog_fd, unsigned int count, bool called,
		       unsigned int *attached)
{
	struct fsession_attach_multi arg = {
		.size = sizeof(arg),
		.flags = FSESSION_MULTI_SKIP,
		.prog_fd = prog_fd,
	};
	int fd;

	if (count > nr_functions)
		count = nr_functions;
	arg.targets = (uintptr_t)(functions + !called);
	arg.count = count - !called;
	fd = ioctl(device, FSESSION_IOC_ATTACH_MULTI, &arg);
	*attached = arg.attached;
	if (fd >= 0 && called && functions[0].status) {
		errno = -functions[0].status;
		return -1;
	}
	functions_forget(functions, nr_functions);
	return fd;
}

/* @called is whether the called function is one of many; of one, it is. */
static void attach(struct attached *a, const struct row *row, bool called)
{
	bool native = row->how == NATIVE;
	int i;

	a->fd = -1;
	a->obj = open_object(native ? "calls_native.bpf.o" : "calls.bpf.o");
	select_programs(a->obj, row->progs, native);
	if (bpf_object__load(a->obj))
		die("%s: load", row->name);

	for (i = 0; i < MAX_PROGS && row->progs[i]; i++) {
		struct bpf_program *prog;

		prog = bpf_object__find_program_by_name(a->obj, row->progs[i]);
		if (native)
			a->fd = link_native(bpf_program__fd(prog));
		else if (row->how == MANY)
			a->fd = attach_many(bpf_program__fd(prog),
					    row->functions, called,
					    &a->functions);
		else if (row->how == MODULE)
			a->sessions[i] = fsession_program__attach(prog, NULL);
		else
			a->links[i] = bpf_program__attach(prog);
		if (a->fd < 0 && !a->sessions[i] && !a->links[i])
			die("%s: attach", row->progs[i]);
	}
}

/* The calls that wait here may be traced; each waits for itself. */
static void drain(void)
{
	struct fsession_drain arg = { .size = sizeof(arg), .timeout_ms = 50 };
	int tries;

	for (tries = 0; ioctl(device, FSESSION_IOC_DRAIN, &arg); tries++)
		if (errno != ETIMEDOUT || tries == 1200)
			die("drain");
}

/* Gone when it returns: the next row may be another user of the function. */
static void detach(struct attached *a)
{
	int i;

	if (a->fd >= 0)
		close(a->fd);
	for (i = 0; i < MAX_PROGS; i++) {
		if (a->sessions[i] && fsession_link__destroy(a->sessions[i]))
			die("detach");
		bpf_link__destroy(a->links[i]);
	}
	bpf_object__close(a->obj);
	if (device >= 0)
		drain();
}

/* One run of the driver, per call; @traced off calls nothing. */
static double drive(bool traced)
{
	static const char *const names[MAX_PROGS] = { "driver" };
	struct bpf_object *obj = open_object("calls.bpf.o");
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct {
		__u32 calls;
		bool traced;
	} * rodata;
	struct bpf_program *driver;
	struct bpf_map *map;
	size_t size;
	__u64 ns;

	select_programs(obj, names, false);
	map = bpf_object__find_map_by_name(obj, ".rodata");
	if (!map)
		die("no .rodata");
	rodata = (void *)bpf_map__initial_value(map, &size);
	rodata->calls = calls;
	rodata->traced = traced;
	if (bpf_object__load(obj))
		die("load the driver");

	driver = bpf_object__find_program_by_name(obj, names[0]);
	if (bpf_prog_test_run_opts(bpf_program__fd(driver), &opts))
		die("run the driver");
	map = bpf_object__find_map_by_name(obj, ".bss");
	if (!map || bpf_map__lookup_elem(map, &(__u32){ 0 }, sizeof(__u32), &ns,
					 sizeof(ns), 0))
		die("no .bss");
	bpf_object__close(obj);
	return (double)ns / calls;
}

/* The best of some runs: with everything traced, other tasks take their time. */
static double drive_some(void)
{
	double best = 0, now;
	int i;

	for (i = 0; i < 3; i++) {
		now = drive(true);
		if (!i || now < best)
			best = now;
	}
	return best;
}

/*
 * What a session on many functions adds to a call of one of them. @untraced is
 * the whole cost of a call when nothing is attached.
 */
static double measure_many(const struct row *row, double untraced,
			   unsigned int *attached)
{
	struct attached a = {};
	double others = untraced, all;

	if (row->functions > 1) {
		attach(&a, row, false);
		others = drive_some();
		detach(&a);
		a = (struct attached){};
	}
	attach(&a, row, true);
	all = drive_some();
	*attached = a.functions;
	detach(&a);
	return all - others;
}

static void list_functions(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int id, n;

	if (!btf)
		die("the kernel's BTF");
	id = btf__find_by_name_kind(btf, CALLED, BTF_KIND_FUNC);
	n = functions_list(btf, &functions);
	if (n < 0) {
		errno = -n;
		die("list of functions");
	}
	nr_functions = n;
	if (id < 0 || !functions_move(functions, n, id, 0)) {
		errno = ENOENT;
		die(CALLED);
	}
	btf__free(btf);
}

/* Does this kernel have an fsession of its own? */
static bool have_native(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	bool found = false;
	int id;

	if (!btf)
		return false;
	id = btf__find_by_name_kind(btf, "bpf_session_is_return",
				    BTF_KIND_FUNC);
	if (id > 0) {
		id = btf__type_by_id(btf, id)->type;
		/* That of kprobe sessions, 6.10 to 6.19, takes no context. */
		found = btf_vlen(btf__type_by_id(btf, id)) == 1;
	}
	btf__free(btf);
	return found;
}

/* The rows by kind that others are compared with; 0 if there is none. */
static double find_added(const double *added, enum how how, enum kind kind)
{
	size_t i;

	for (i = 0; i < ROWS; i++)
		if (rows[i].how == how && rows[i].kind == kind)
			return added[i];
	return 0;
}

static void print_ratio(double added, double other)
{
	if (other > 0)
		printf(" %8.2f", added / other);
	else
		printf(" %8s", "-");
}

static int usage(void)
{
	fprintf(stderr, "usage: calls [--many] [CALLS]\n");
	return 2;
}

int main(int argc, char **argv)
{
	unsigned int on[ROWS] = {};
	double loop, untraced, added[ROWS] = {};
	char exe[PATH_MAX], *end;
	bool many = argc > 1 && !strcmp(argv[1], "--many");
	bool can[] = {
		[NATIVE] = have_native(),
		[PAIR] = true,
		[PROBES] = true,
	};
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
	directory = dirname(exe);

	/* "session" is the module's here, also where there is another. */
	setenv("FSESSION_BACKEND", "module", 1);
	if (libfsession_init())
		return 2;
	can[MODULE] = libfsession_probe() == 0;
	can[MANY] = can[MODULE] && many;
	if (can[MODULE])
		device = open("/dev/fsession", O_RDWR | O_CLOEXEC);
	if (can[MANY])
		list_functions();
	if (!can[NATIVE])
		fprintf(stderr, "calls: this kernel has no native fsession\n");

	loop = drive(false);
	untraced = drive(true) - loop;
	for (i = 0; i < ROWS; i++) {
		const struct row *row = &rows[i];
		struct attached a = {};

		if (!can[row->how])
			continue;
		if (row->how == MANY) {
			added[i] = measure_many(row, loop + untraced, &on[i]);
			continue;
		}
		attach(&a, row, true);
		added[i] = drive(true) - loop - untraced;
		detach(&a);
	}

	printf("%-30s %8s %8s %8s\n", "per call", "added", "/native", "/f+f");
	printf("%-30s %8.1f\n", "untraced, in all", untraced);
	for (i = 0; i < ROWS; i++) {
		const struct row *row = &rows[i];
		char name[64];

		if (row->how == MANY && !many)
			continue;
		snprintf(name, sizeof(name), "%s", row->name);
		if (row->functions == ALL)
			snprintf(name, sizeof(name), "%s (%u)", row->name,
				 on[i]);
		printf("%-30s", name);
		if (!can[row->how]) {
			printf(" %8s %8s %8s\n", "-", "-", "-");
			continue;
		}
		printf(" %8.1f", added[i]);
		print_ratio(added[i], find_added(added, NATIVE, row->kind));
		print_ratio(added[i], find_added(added, PAIR, row->kind));
		putchar('\n');
	}
	return 0;
}
