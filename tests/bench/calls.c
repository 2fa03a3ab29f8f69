// SPDX-License-Identifier: GPL-2.0
/*
 * calls: what a traced call costs, side by side in one run.
 *
 *	calls [CALLS]
 *
 * Calls one function of the kernel CALLS times (100000 unless given) with each
 * mechanism on it, and prints nanoseconds per call. In a guest that runs one
 * instruction per virtual nanosecond (tests/vm run --icount) these are
 * instructions; "/native" and "/f+f" are the ratios to native fsession and to
 * fentry + fexit. The BPF objects are looked for beside this program.
 */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fsession/libfsession.h>

#define MAX_PROGS 2

/* BPF_TRACE_FSESSION of Linux 7.0, which the headers here may not have. */
#define TRACE_FSESSION 58

/* How a row's programs are attached; PAIR is what everybody is compared with. */
enum how {
	MODULE,
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
};

/* clang-format off */
static const struct row rows[] = {
	{ "session, empty", MODULE, EMPTY, { "session_empty" } },
	{ "native fsession, empty", NATIVE, EMPTY, { "native_empty" } },
	{ "fentry + fexit, empty", PAIR, EMPTY,
	  { "fentry_empty", "fexit_empty" } },
	{ "kprobe + kretprobe, empty", PROBES, EMPTY,
	  { "kprobe_empty", "kretprobe_empty" } },
	{ "session, with cookie", MODULE, STATE, { "session_cookie" } },
	{ "native fsession, with cookie", NATIVE, STATE, { "native_cookie" } },
	{ "fentry + fexit, with hash map", PAIR, STATE,
	  { "fentry_map", "fexit_map" } },
};
/* clang-format on */

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static const char *directory;
static unsigned int calls = 100000;

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
	int native_fd;
};

static void attach(struct attached *a, const struct row *row)
{
	bool native = row->how == NATIVE;
	int i;

	a->native_fd = -1;
	a->obj = open_object(native ? "calls_native.bpf.o" : "calls.bpf.o");
	select_programs(a->obj, row->progs, native);
	if (bpf_object__load(a->obj))
		die("%s: load", row->name);

	for (i = 0; i < MAX_PROGS && row->progs[i]; i++) {
		struct bpf_program *prog;

		prog = bpf_object__find_program_by_name(a->obj, row->progs[i]);
		if (native)
			a->native_fd = link_native(bpf_program__fd(prog));
		else if (row->how == MODULE)
			a->sessions[i] = fsession_program__attach(prog, NULL);
		else
			a->links[i] = bpf_program__attach(prog);
		if (a->native_fd < 0 && !a->sessions[i] && !a->links[i])
			die("%s: attach", row->progs[i]);
	}
}

/* Gone when it returns: the next row may be another user of the function. */
static void detach(struct attached *a)
{
	int i;

	if (a->native_fd >= 0)
		close(a->native_fd);
	for (i = 0; i < MAX_PROGS; i++) {
		if (a->sessions[i] && (fsession_link__destroy(a->sessions[i]) ||
				       libfsession_drain(60000)))
			die("detach");
		bpf_link__destroy(a->links[i]);
	}
	bpf_object__close(a->obj);
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

int main(int argc, char **argv)
{
	double loop, untraced, added[ROWS] = {};
	char exe[PATH_MAX], *end;
	bool can[] = {
		[NATIVE] = have_native(),
		[PAIR] = true,
		[PROBES] = true,
	};
	ssize_t len;
	size_t i;

	if (argc > 1) {
		calls = strtoul(argv[1], &end, 0);
		if (argc > 2 || *end || !calls) {
			fprintf(stderr, "usage: calls [CALLS]\n");
			return 2;
		}
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
	if (!can[NATIVE])
		fprintf(stderr, "calls: this kernel has no native fsession\n");

	loop = drive(false);
	untraced = drive(true) - loop;
	for (i = 0; i < ROWS; i++) {
		const struct row *row = &rows[i];
		struct attached a = {};

		if (!can[row->how])
			continue;
		attach(&a, row);
		added[i] = drive(true) - loop - untraced;
		detach(&a);
	}

	printf("%-30s %8s %8s %8s\n", "per call", "added", "/native", "/f+f");
	printf("%-30s %8.1f\n", "untraced, in all", untraced);
	for (i = 0; i < ROWS; i++) {
		const struct row *row = &rows[i];

		printf("%-30s", row->name);
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
