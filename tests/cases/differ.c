// SPDX-License-Identifier: GPL-2.0
/*
 * The same programs and the same calls, on the module and on the kernel's own
 * fsession: what the programs see is one text, differ.expected, but for what is
 * marked there. Programs for the kernel's own run on the module, too.
 */
#include "functions.h"
#include "libfsession.h"
#include "progs/differ.h"
#include "session.h"

#define TM(name)      "fsession_test_" name
#define TEST_RUN      "bpf_fentry_test1"
#define DELETE	      "htab_map_delete_elem"
#define MAX_FUNCTIONS 128
#define OUTER	      1 /* the key that is there */
#define CALLS_SEEN    5

struct differ {
	enum fsession_backend backend; /* what runs the programs */
	struct bpf_object *obj;
	struct differ_log *log;
	FILE *out;
	/* The functions that are traced. */
	struct {
		__u64 addr;
		char name[SYMBOL_NAME];
	} function[MAX_FUNCTIONS];
	unsigned int functions;
};

static bool is_of_testmod(const char *name)
{
	return !strncmp(name, TM(""), strlen(TM("")));
}

/* May the logs speak of it? */
static bool is_called(const struct ksym *s)
{
	if (s->module)
		return !strcmp(s->module, MODULE) && is_of_testmod(s->name);
	return !strcmp(s->name, TEST_RUN) || !strcmp(s->name, DELETE);
}

static void read_functions(struct differ *d)
{
	char *text = read_text("/proc/kallsyms"), *rest = text;
	struct ksym s;

	REQUIRE(text);
	while (ksym_next(&rest, &s)) {
		if (!is_called(&s))
			continue;
		REQUIRE(d->functions < MAX_FUNCTIONS);
		d->function[d->functions].addr = s.addr;
		snprintf(d->function[d->functions++].name, SYMBOL_NAME, "%s",
			 s.name);
	}
	free(text);
}

static const char *function_at(const struct differ *d, __u64 addr)
{
	unsigned int i;

	for (i = 0; i < d->functions; i++)
		if (d->function[i].addr == addr)
			return d->function[i].name;
	return "<no function>";
}

/*
 * The text
 */

/* The kernel's are not the same twice. */
static bool is_address(__u64 value)
{
	return value >> 56 == 0xff && value < -4096ULL;
}

static void print_value(FILE *out, __u64 value)
{
	if (is_address(value))
		fprintf(out, "<address>");
	else
		fprintf(out, "%llx", (unsigned long long)value);
}

static void print_stack(FILE *out, const struct differ_event *e)
{
	long long n = e->stack_size / (long long)sizeof(e->stack[0]), i;
	char names[DIFFER_STACK][SYMBOL_NAME] = {};

	REQUIRE(n > 0 && n <= DIFFER_STACK);
	symbols_at(e->stack, n, names);
	for (i = 0; i < n; i++) {
		/* What is above our own is not the same on all kernels. */
		if (is_of_testmod(names[i]))
			fprintf(out, "        in %s\n", names[i]);
		if (!strcmp(names[i], "testmod_ioctl"))
			break;
	}
}

static void print_event(const struct differ *d, const struct differ_event *e)
{
	FILE *out = d->out;
	long long i;

	fprintf(out, "    %c %s %s(", e->prog, e->is_return ? "exit " : "entry",
		function_at(d, e->ip));
	CHECK_OP(e->arg_cnt, <, DIFFER_ARGS);
	for (i = 0; i < DIFFER_ARGS; i++) {
		if (i < e->arg_cnt && e->arg_err[i] == 0) {
			fprintf(out, i ? ", " : "");
			print_value(out, e->arg[i]);
		} else if (i < e->arg_cnt || e->arg_err[i] != -EINVAL) {
			fprintf(out, " argument %lld: error %lld", i,
				(long long)e->arg_err[i]);
		}
	}
	fprintf(out, ") = ");
	if (e->ret_err)
		fprintf(out, "error %lld", (long long)e->ret_err);
	else if (e->is_return && e->prog == 'n')
		fprintf(out, "<nothing>");
	else
		print_value(out, e->ret);
	fprintf(out, ", cookie ");
	if (!e->cookie)
		fprintf(out, "0");
	else if (is_address(e->arg[0]) && (__u32)e->cookie == (__u32)e->arg[0])
		fprintf(out, "%c:<address>", (char)(e->cookie >> 32));
	else
		fprintf(out, "%c:%x", (char)(e->cookie >> 32),
			(unsigned int)e->cookie);
	fprintf(out, ", attach cookie %llu\n",
		(unsigned long long)e->attach_cookie);
	if (e->prog == 'T')
		fprintf(out, "        finds (%llx) = %llx\n",
			(unsigned long long)e->ctx_arg,
			(unsigned long long)e->ctx_ret);
	if (e->stack_size)
		print_stack(out, e);
}

static void forget(const struct differ *d)
{
	memset(d->log->event, 0, sizeof(d->log->event));
	d->log->cnt = 0;
}

/* All that was written down since the last time. */
static void flush(const struct differ *d)
{
	unsigned int i;

	REQUIRE(d->log->cnt <= DIFFER_EVENTS);
	for (i = 0; i < d->log->cnt; i++)
		print_event(d, &d->log->event[i]);
	forget(d);
}

/*
 * What is done
 */

static struct differ open_differ(const char *only, bool may_fail)
{
	struct differ d = { .obj = open_object("differ") };
	struct bpf_program *prog;
	libbpf_print_fn_t print = NULL, libbpf_print = NULL;
	int err;

	bpf_object__for_each_program(prog, d.obj)
		bpf_program__set_autoload(prog, !strcmp(bpf_program__name(prog),
							"many") == !!only);
	if (may_fail) {
		print = libfsession_set_print(NULL);
		libbpf_print = libbpf_set_print(NULL);
	}
	err = bpf_object__load(d.obj);
	if (may_fail) {
		libfsession_set_print(print);
		libbpf_set_print(libbpf_print);
	}
	if (err && may_fail) {
		bpf_object__close(d.obj);
		return (struct differ){};
	}
	if (err)
		FAIL("load: %s", strerror(-err));
	d.log = bss(d.obj, sizeof(*d.log));
	d.log->only_tgid = getpid();
	return d;
}

static struct bpf_program *program(const struct differ *d, const char *name)
{
	struct bpf_program *prog =
		bpf_object__find_program_by_name(d->obj, name);

	if (!prog)
		FAIL("no program '%s'", name);
	return prog;
}

static struct fsession_link *attach_link(const struct differ *d,
					 const char *name, __u64 cookie)
{
	struct fsession_attach_opts opts = {
		.sz = sizeof(opts),
		.attach_cookie = cookie,
	};
	struct bpf_program *prog = program(d, name);
	struct fsession_link *link;

	if (bpf_program__expected_attach_type(prog) != BPF_TRACE_FEXIT &&
	    d->backend == FSESSION_BACKEND_MODULE) {
		opts.backend = d->backend;
		link = fsession_fd__attach(bpf_program__fd(prog), name, &opts);
	} else {
		link = fsession_program__attach(prog, &opts);
	}
	if (!link)
		FAIL("attach of '%s': %s", name, strerror(errno));
	return link;
}

static void detach_link(struct fsession_link *link)
{
	CHECK_EQ(fsession_link__destroy(link), 0);
}

static void call(const struct differ *d, const char *function, __u64 arg)
{
	struct fsession_tm_call c = tm_prepare(function, 1);

	c.args[0] = arg;
	c.scratch[1] = 0x11a77e4;
	if (!strcmp(function, TM("void")) || !strcmp(function, TM("ptr")))
		c.scratch_mask = 1;
	fprintf(d->out, "  call %s\n", function);
	tm_call(&c);
	flush(d);
}

/* One program on one function, called once. */
static void look(const struct differ *d, const char *name, const char *function)
{
	struct fsession_link *link = attach_link(d, name, 0);

	call(d, function, 3);
	detach_link(link);
}

static void three(const struct differ *d)
{
	struct fsession_link *a, *b, *c;

	fprintf(d->out, "three programs on one function\n");
	a = attach_link(d, "prog_a", 1);
	b = attach_link(d, "prog_b", 2);
	c = attach_link(d, "prog_c", ~0ULL);
	call(d, TM("arg1"), 7);
	detach_link(b);
	fprintf(d->out, "  detach b\n");
	call(d, TM("arg1"), 8);
	b = attach_link(d, "prog_b", 3);
	fprintf(d->out, "  attach b\n");
	call(d, TM("arg1"), 9);
	detach_link(a);
	detach_link(b);
	detach_link(c);
	fprintf(d->out, "  detach all\n");
	call(d, TM("arg1"), 10);
}

static void arguments(const struct differ *d)
{
	fprintf(d->out, "arguments\n");
	look(d, "prog_d", TM("arg0"));
	look(d, "prog_e", TM("arg6"));
	look(d, "prog_f", TM("arg8"));
	look(d, "prog_g", TM("arg12"));
	look(d, "prog_h", TM("arg_s16"));
	look(d, "prog_i", TM("arg_s16_odd"));
}

static void results(const struct differ *d)
{
	fprintf(d->out, "results\n");
	look(d, "prog_j", TM("int"));
	look(d, "prog_k", TM("u8"));
	look(d, "prog_l", TM("s16"));
	look(d, "prog_m", TM("bool"));
	look(d, "prog_n", TM("void"));
	look(d, "prog_o", TM("ptr"));
	look(d, "typed", TM("int"));
}

static void nested(const struct differ *d)
{
	struct fsession_link *a;

	fprintf(d->out, "calls in calls\n");
	look(d, "prog_p", TM("nested"));
	a = attach_link(d, "prog_a", 0);
	look(d, "prog_q", TM("outer"));
	detach_link(a);
}

static void recursion(const struct differ *d)
{
	struct fsession_link *a = attach_link(d, "again", 0);
	struct fsession_info info = { .size = sizeof(info) };
	struct bpf_map *outer = bpf_object__find_map_by_name(d->obj, "outer");
	int key = OUTER;
	long value = 1;

	fprintf(d->out, "a program's helper calls the function\n");
	REQUIRE(outer);
	REQUIRE(!bpf_map_update_elem(bpf_map__fd(outer), &key, &value, 0));
	bpf_map_delete_elem(bpf_map__fd(outer), &key);
	flush(d);
	REQUIRE(!fsession_link__info(a, &info, NULL, 0));
	fprintf(d->out, "  missed %llu\n", info.misses);
	detach_link(a);
}

/* The call that a sleeper is inside of comes to its end. */
static void wake(const struct differ *d, int pid)
{
	tm_wake();
	ktest_join(pid);
	flush(d);
}

static void sleepers(const struct differ *d)
{
	struct fsession_link *r, *s;
	int pid;

	d->log->only_tgid = 0;
	fprintf(d->out, "attach while a call is inside\n");
	r = attach_link(d, "prog_r", 0);
	pid = tm_sleeper();
	s = attach_link(d, "prog_s", 0);
	wake(d, pid);

	fprintf(d->out, "detach one of two while a call is inside\n");
	pid = tm_sleeper();
	detach_link(r);
	wake(d, pid);

	fprintf(d->out, "detach all while a call is inside\n");
	pid = tm_sleeper();
	detach_link(s);
	wake(d, pid);
	d->log->only_tgid = getpid();
}

static void kernels_own(const struct differ *d)
{
	struct fsession_link *link = attach_link(d, "prog_t", 0);

	fprintf(d->out, "a test run\n");
	test_run(bpf_program__fd(program(d, "prog_t")));
	flush(d);
	detach_link(link);
}

static void statistics(const struct differ *d)
{
	struct fsession_link *a = attach_link(d, "prog_a", 0);
	int stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	int fd = bpf_program__fd(program(d, "prog_a"));
	unsigned long long before;

	REQUIRE(stats >= 0);
	before = prog_info(fd).run_cnt;
	tm_calls(TM("arg1"), CALLS_SEEN);
	fprintf(d->out, "statistics\n  runs of %d calls: %llu\n", CALLS_SEEN,
		prog_info(fd).run_cnt - before);
	close(stats);
	detach_link(a);
	forget(d);
}

static void stacks(const struct differ *d)
{
	struct fsession_link *link;

	fprintf(d->out, "stack traces\n");
	/* A trampoline that is on its way out is a frame, too. */
	WAIT_FOR(!ftrace_enabled_on(TM("outer")));
	link = attach_link(d, "stack", 0);
	call(d, TM("outer"), 5);
	detach_link(link);
}

static void many(struct differ *d)
{
	struct fsession_targets *t = fsession_targets__new(MODULE);
	struct fsession_multi_opts opts = {
		.sz = sizeof(opts),
		.targets = t,
	};
	struct fsession_link *link;
	struct differ m;
	char name[SYMBOL_NAME];
	size_t i;

	fprintf(d->out, "one program on many functions\n");
	CHECK_EQ(libfsession_set_backend(d->backend), 0);
	m = open_differ("many", true);
	if (!m.obj) {
		fprintf(d->out, "  cannot be loaded\n");
		fsession_targets__free(t);
		return;
	}
	m.out = d->out;
	m.functions = d->functions;
	memcpy(m.function, d->function, sizeof(m.function));
	REQUIRE(t);
	CHECK_EQ(fsession_targets__add(t, TM("arg?")), 10);
	for (i = 0; i < fsession_targets__cnt(t); i++) {
		const char *of = fsession_targets__at(t, i)->name;

		fsession_targets__set_cookie(t, i,
					     100 + of[strlen(of) - 1] - '0');
	}
	link = fsession_program__attach_multi(program(&m, "many"), NULL, &opts);
	REQUIRE(link);
	for (i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), TM("arg%zu"), i);
		call(&m, name, i);
	}
	detach_link(link);
	fsession_targets__free(t);
	bpf_object__close(m.obj);
}

#ifdef __x86_64__
#define ARCH "-x86_64"
#else
#define ARCH "-arm64"
#endif

/* Is a line with @mark for @backend? */
static bool is_for(const char *mark, enum fsession_backend backend)
{
	const char *name = libfsession_backend_string(backend);
	size_t len = strlen(name);
	bool others = *mark == '!';

	mark += others;
	return others != (!strncmp(mark, name, len) &&
			  (!mark[len] || !strcmp(mark + len, ARCH)));
}

/* differ.expected without what is for others, to @out. */
static void expect(FILE *out, enum fsession_backend backend)
{
	char path[512], line[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/differ.expected",
		 getenv("FSESSION_TESTS"));
	f = fopen(path, "r");
	if (!f)
		FAIL("%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		/* An address is "<address>". */
		size_t mark = strcspn(line, " <>");

		if (line[0] == '#')
			continue;
		if (line[mark] != '>') {
			fputs(line, out);
			continue;
		}
		line[mark] = '\0';
		if (is_for(line, backend))
			fputs(line + mark + 1, out);
	}
	fclose(f);
}

static void differ(enum fsession_backend loaded_for,
		   enum fsession_backend backend)
{
	char dir[] = "/tmp/differ.XXXXXX", path[64], command[256], line[512];
	struct differ d;
	FILE *f;

	CHECK_EQ(libfsession_set_backend(loaded_for), 0);
	REQUIRE(!libfsession_init());
	d = open_differ(NULL, false);
	d.backend = backend;
	read_functions(&d);
	REQUIRE(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/got", dir);
	d.out = fopen(path, "w");
	REQUIRE(d.out);

	three(&d);
	arguments(&d);
	results(&d);
	nested(&d);
	recursion(&d);
	sleepers(&d);
	kernels_own(&d);
	statistics(&d);
	stacks(&d);
	many(&d);
	fclose(d.out);
	bpf_object__close(d.obj);

	snprintf(path, sizeof(path), "%s/expected", dir);
	f = fopen(path, "w");
	REQUIRE(f);
	expect(f, backend);
	fclose(f);
	snprintf(command, sizeof(command), "cd %s && diff -U 2 expected got",
		 dir);
	f = popen(command, "r");
	REQUIRE(f);
	while (fgets(line, sizeof(line), f))
		ktest_diag("%.*s", (int)strcspn(line, "\n"), line);
	if (pclose(f))
		ktest_failed(__FILE__, __LINE__,
			     "what the programs saw is another text");
	snprintf(command, sizeof(command), "rm -r %s", dir);
	CHECK_EQ(system(command), 0);
	if (backend == FSESSION_BACKEND_MODULE)
		drain();
}

CASE(differ_module, "what programs see on the module: as on the kernel's own")
{
	differ(FSESSION_BACKEND_MODULE, FSESSION_BACKEND_MODULE);
}

CASE(differ_native, "what programs see on the kernel's own fsession")
{
	if (!kernel_is_at_least(7, 0))
		SKIP("this kernel has none");
	differ(FSESSION_BACKEND_NATIVE, FSESSION_BACKEND_NATIVE);
}

CASE(differ_native_on_module,
     "what programs for the kernel's own fsession see on the module")
{
	if (!kernel_is_at_least(7, 0))
		SKIP("this kernel has none");
	CHECK_EQ(query().features & FSESSION_FEATURE_NATIVE,
		 FSESSION_FEATURE_NATIVE);
	differ(FSESSION_BACKEND_NATIVE, FSESSION_BACKEND_MODULE);
}
