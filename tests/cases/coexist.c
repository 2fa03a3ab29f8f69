// SPDX-License-Identifier: GPL-2.0
/*
 * A session and another user of ftrace on the same function, in all four orders
 * of attach and detach. Native fentry and fexit exclude a session, and are in
 * refuse.c.
 */
#include <fcntl.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "progs/stack.h"
#include "session.h"

#define TRACING "/sys/kernel/tracing/"
#define CALLS	20

struct target {
	const char *name;
	const char *module; /* or NULL */
	void (*call)(const struct target *t, int prog_fd);
};

struct other {
	void (*attach)(const struct target *t);
	void (*detach)(const struct target *t);
	/* Before and after CALLS calls, made while attached or not. */
	void (*before)(const struct target *t);
	void (*after)(const struct target *t, bool attached);
};

static void write_or_fail(const char *file, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void write_or_fail(const char *file, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!write_file(file, text))
		FAIL("'%s' to %s: %s", text, file, strerror(errno));
}

/*
 * The functions
 */

static void call_testmod(const struct target *t, int prog_fd)
{
	(void)prog_fd;
	tm_calls(t->name, CALLS);
}

static void call_test_run(const struct target *t, int prog_fd)
{
	unsigned int i;

	(void)t;
	for (i = 0; i < CALLS; i++)
		test_run(prog_fd);
}

static bool cmdline_patched;

static void read_cmdline(const struct target *t, int prog_fd)
{
	char text[4096];
	unsigned int i;

	(void)t, (void)prog_fd;
	for (i = 0; i < CALLS; i++) {
		REQUIRE(read_file("/proc/cmdline", text, sizeof(text)));
		cmdline_patched = strstr(text, "live patched");
	}
}

static const struct target module_function = { "fsession_test_arg6", MODULE,
					       call_testmod };
static const struct target stack_function = { "fsession_test_arg12", MODULE,
					      call_testmod };
static const struct target kernel_function = { "bpf_fentry_test6", NULL,
					       call_test_run };

/*
 * All orders
 */

static void some_calls(const struct other *o, const struct target *t,
		       struct recording *r, bool attached, uint64_t *ours)
{
	if (o->before)
		o->before(t);
	t->call(t, r->prog_fd);
	o->after(t, attached);
	if (r->fd >= 0) {
		struct fsession_info in = info(r->fd);

		*ours += CALLS;
		check_books_balance(&in);
		CHECK_EQ(in.misses, 0);
		CHECK_EQ(in.entries, in.exits);
	}
	check_recorded(r->rec, *ours);
}

static void check_order(const struct other *o, const struct target *t,
			bool ours_comes_first, bool ours_goes_first)
{
	struct recording r = recording_load("count", t->name);
	uint64_t ours = 0;

	r.rec->only_tgid = getpid();
	if (ours_comes_first)
		r.fd = attach(r.prog_fd);
	else
		o->attach(t);
	some_calls(o, t, &r, !ours_comes_first, &ours);
	if (ours_comes_first)
		o->attach(t);
	else
		r.fd = attach(r.prog_fd);
	some_calls(o, t, &r, true, &ours);

	if (ours_goes_first)
		recording_detach(&r);
	else
		o->detach(t);
	some_calls(o, t, &r, ours_goes_first, &ours);
	/* The function may have been given back since. */
	if (ours_goes_first) {
		drain();
		some_calls(o, t, &r, true, &ours);
		o->detach(t);
	} else {
		recording_detach(&r);
	}
	some_calls(o, t, &r, false, &ours);
	recording_end(&r);
	WAIT_FOR(!ftrace_enabled_on(t->name));
}

static void check_orders(const struct other *o, const struct target *t)
{
	unsigned int i;

	/* Before anything is forked or traced. */
	if (t->module)
		tm_calls("fsession_test_arg1", 1);
	for (i = 0; i < 4; i++) {
		ktest_diag("%s, %s", i & 1 ? "session first" : "other first",
			   i & 2 ? "session goes first" : "other goes first");
		check_order(o, t, i & 1, i & 2);
	}
}

/*
 * Tracers and events
 */

static void tracing_reset(void)
{
	write_file(TRACING "current_tracer", "nop");
	write_file(TRACING "events/fsession_tests/enable", "0");
	write_file(TRACING "kprobe_events", "");
	truncate_file(TRACING "set_ftrace_filter");
	truncate_file(TRACING "kprobe_events");
	truncate_file(TRACING "trace");
}

static void empty_trace(const struct target *t)
{
	(void)t;
	REQUIRE(truncate_file(TRACING "trace"));
}

/*
 * Lines of the trace that have @what. A call that changed CPUs has two in the function
 * graph, the second one in a comment.
 */
static unsigned int trace_lines(const char *what)
{
	FILE *f = fopen(TRACING "trace", "re");
	unsigned int lines = 0;
	char line[512];

	if (!f)
		FAIL("trace: %s", strerror(errno));
	while (fgets(line, sizeof(line), f))
		lines += *line != '#' && strstr(line, what) &&
			 !strstr(line, "/* ");
	fclose(f);
	return lines;
}

static void tracer_on(const struct target *t, const char *tracer)
{
	atexit(tracing_reset);
	write_or_fail(TRACING "set_ftrace_filter", "%s", t->name);
	write_or_fail(TRACING "current_tracer", "%s", tracer);
}

static void tracer_off(const struct target *t)
{
	(void)t;
	tracing_reset();
}

static void tracer_saw(const struct target *t, bool attached)
{
	CHECK_EQ(trace_lines(t->name), attached ? CALLS : 0);
}

static void function_on(const struct target *t)
{
	tracer_on(t, "function");
}

static const struct other function_tracer = { function_on, tracer_off,
					      empty_trace, tracer_saw };

CASE(coexist_function, "the function tracer on a module's function")
{
	check_orders(&function_tracer, &module_function);
}

CASE(coexist_function_stack, "... on one with arguments on the stack")
{
	check_orders(&function_tracer, &stack_function);
}

CASE(coexist_function_kernel, "... on a kernel function")
{
	check_orders(&function_tracer, &kernel_function);
}

static void graph_on(const struct target *t)
{
	tracer_on(t, "function_graph");
}

static const struct other graph_tracer = { graph_on, tracer_off, empty_trace,
					   tracer_saw };

CASE(coexist_graph, "function_graph on a module's function")
{
	check_orders(&graph_tracer, &module_function);
}

CASE(coexist_graph_stack, "... on one with arguments on the stack")
{
	check_orders(&graph_tracer, &stack_function);
}

CASE(coexist_graph_kernel, "... on a kernel function")
{
	check_orders(&graph_tracer, &kernel_function);
}

static void event_on(const struct target *t, char kind)
{
	atexit(tracing_reset);
	write_or_fail(TRACING "kprobe_events",
		      "%c:fsession_tests/fsession_event %s%s%s", kind,
		      t->module ? t->module : "", t->module ? ":" : "",
		      t->name);
	write_or_fail(TRACING "events/fsession_tests/enable", "1");
}

static void event_saw(const struct target *t, bool attached)
{
	(void)t;
	CHECK_EQ(trace_lines("fsession_event:"), attached ? CALLS : 0);
}

static void kprobe_on(const struct target *t)
{
	event_on(t, 'p');
}

static const struct other kprobe_event = { kprobe_on, tracer_off, empty_trace,
					   event_saw };

CASE(coexist_kprobe, "a kprobe on a module's function")
{
	check_orders(&kprobe_event, &module_function);
}

CASE(coexist_kprobe_kernel, "... on a kernel function")
{
	check_orders(&kprobe_event, &kernel_function);
}

static void kretprobe_on(const struct target *t)
{
	event_on(t, 'r');
}

static const struct other kretprobe_event = { kretprobe_on, tracer_off,
					      empty_trace, event_saw };

CASE(coexist_kretprobe, "a kretprobe on a module's function")
{
	check_orders(&kretprobe_event, &module_function);
}

CASE(coexist_kretprobe_stack, "... on one with arguments on the stack")
{
	check_orders(&kretprobe_event, &stack_function);
}

CASE(coexist_kretprobe_kernel, "... on a kernel function")
{
	check_orders(&kretprobe_event, &kernel_function);
}

/*
 * A kprobe with a post handler
 */

static int probe_fd = -1;
static unsigned int probed;

static void post_on(const struct target *t)
{
	if (probe_fd < 0)
		probe_fd = SYS(open("/dev/" MODULE, O_RDWR | O_CLOEXEC));
	if (ioctl(probe_fd, FSESSION_TM_PROBE, t->name))
		FAIL("kprobe with a post handler on %s: %s", t->name,
		     strerror(errno));
}

static void post_off(const struct target *t)
{
	(void)t;
	SYS(ioctl(probe_fd, FSESSION_TM_PROBE, NULL));
}

static void post_before(const struct target *t)
{
	(void)t;
	probed = probe_fd < 0 ? 0 : SYS(ioctl(probe_fd, FSESSION_TM_PROBED));
}

static void post_saw(const struct target *t, bool attached)
{
	(void)t;
	if (attached)
		CHECK_EQ(SYS(ioctl(probe_fd, FSESSION_TM_PROBED)) - probed,
			 CALLS);
}

/*
 * Who overrides calls: a kprobe that has them return at once
 */

/* @how is FSESSION_TM_OVERRIDE or FSESSION_TM_FAIL. */
static int override_start(unsigned int how, const char *function)
{
	int fd = SYS(open("/dev/" MODULE, O_RDWR | O_CLOEXEC));

	SYS(ioctl(fd, how, function));
	return fd;
}

static void check_overridden(const char *function)
{
	struct fsession_tm_call call = tm_prepare(function, 1);

	/* The function sees no arguments, which the test module minds. */
	CHECK_EQ(try_tm_call(&call), 0);
	CHECK_EQ(call.ret[0], FSESSION_TM_OVERRIDDEN);
}

CASE(coexist_override, "who overrides a call has its result returned")
{
	struct recording r = recording_start("count", module_function.name);
	int fd = override_start(FSESSION_TM_OVERRIDE, module_function.name);

	check_overridden(module_function.name);
	check_recorded(r.rec, 0);
	close(fd);
	tm_calls(module_function.name, 1);
	check_recorded(r.rec, 1);
	recording_end(&r);
}

CASE(coexist_override_leaf, "... where the program calls nothing")
{
	struct leaf_session l = leaf_start("runs", module_function.name);
	int fd = override_start(FSESSION_TM_OVERRIDE, module_function.name);

	check_overridden(module_function.name);
	CHECK_EQ(l.leaf->runs, 0);
	close(fd);
	tm_calls(module_function.name, 1);
	leaf_end(&l, 1);
}

/* With a post handler the function is the kprobe's, and the call a session's, too. */
#ifdef __x86_64__
#define FAILED_CALLS 1
#else
/* There a kprobe comes before ftrace's site. */
#define FAILED_CALLS 0
#endif

static void check_failed(struct recording *r, uint64_t before)
{
	check_overridden(module_function.name);
	check_recorded(r->rec, before + FAILED_CALLS);
	if (FAILED_CALLS)
		CHECK_EQ(r->rec->at[1].ret, FSESSION_TM_OVERRIDDEN);
}

CASE(coexist_fail_function,
     "who overrides calls of a function of its own has its result returned")
{
	struct recording a = recording_start("record", module_function.name), b;
	int fd = override_start(FSESSION_TM_FAIL, module_function.name);
	uint64_t calls = FAILED_CALLS;

	check_failed(&a, 0);
	/* For two programs C is called. */
	b = recording_start("record", module_function.name);
	check_failed(&a, calls);
	check_recorded(b.rec, FAILED_CALLS);
	calls += FAILED_CALLS;
	close(fd);
	tm_calls(module_function.name, 1);
	check_recorded(a.rec, calls + 1);
	check_recorded(b.rec, FAILED_CALLS + 1);
	recording_end(&b);
	recording_end(&a);
}

static const struct other post_handler = { post_on, post_off, post_before,
					   post_saw };

CASE(coexist_post_handler,
     "a kprobe with a post handler on a module's function")
{
	check_orders(&post_handler, &module_function);
}

CASE(coexist_post_handler_stack, "... on one with arguments on the stack")
{
	check_orders(&post_handler, &stack_function);
}

CASE(coexist_post_handler_kernel, "... on a kernel function")
{
	check_orders(&post_handler, &kernel_function);
}

/*
 * A kprobe in the function's body, behind the ftrace site
 */

static const struct target body_function = { "fsession_test_arg1", MODULE,
					     call_testmod };

static void body_on(const struct target *t)
{
	unsigned int offset;
	char text[256];

	atexit(tracing_reset);
	/* Not every offset is that of an instruction, nor every one of these. */
	for (offset = 16; offset < 48; offset++) {
		snprintf(text, sizeof(text),
			 "p:fsession_tests/fsession_event %s%s%s+%u",
			 t->module ? t->module : "", t->module ? ":" : "",
			 t->name, offset);
		if (!write_file(TRACING "kprobe_events", text))
			continue;
		if (write_file(TRACING "events/fsession_tests/enable", "1"))
			return;
		tracing_reset();
	}
	FAIL("no kprobe in the body of %s", t->name);
}

static const struct other body_kprobe = { body_on, tracer_off, empty_trace,
					  event_saw };

CASE(coexist_kprobe_body, "a kprobe in the body of a module's function")
{
	check_orders(&body_kprobe, &body_function);
}

CASE(coexist_kprobe_body_kernel, "... of a kernel function")
{
	check_orders(&body_kprobe, &kernel_function);
}

/*
 * A user of ftrace who lets the function continue in another (IPMODIFY)
 */

static int redirect_fd = -1;
static unsigned int redirected;

static unsigned int redirect_count(void)
{
	return SYS(ioctl(redirect_fd, FSESSION_TM_REDIRECTED));
}

static void redirect_open(void)
{
	if (redirect_fd < 0)
		redirect_fd = SYS(open("/dev/" MODULE, O_RDWR | O_CLOEXEC));
}

static void redirect_on(const struct target *t)
{
	redirect_open();
	if (ioctl(redirect_fd, FSESSION_TM_REDIRECT, t->name))
		FAIL("redirecting %s: %s", t->name, strerror(errno));
}

static void redirect_off(const struct target *t)
{
	(void)t;
	SYS(ioctl(redirect_fd, FSESSION_TM_REDIRECT, NULL));
}

static void redirect_before(const struct target *t)
{
	(void)t;
	redirect_open();
	redirected = redirect_count();
}

static void redirect_saw(const struct target *t, bool attached)
{
	(void)t;
	CHECK_EQ(redirect_count() - redirected, attached ? CALLS : 0);
}

static const struct other redirection = { redirect_on, redirect_off,
					  redirect_before, redirect_saw };

static const struct target redirect_function = { "fsession_test_patched",
						 MODULE, call_testmod };
static const struct target redirect_kernel_function = { "cmdline_proc_show",
							NULL, read_cmdline };

CASE(coexist_redirect, "a module's function that continues in another")
{
	check_orders(&redirection, &redirect_function);
}

CASE(coexist_redirect_stack, "... one with arguments on the stack")
{
	check_orders(&redirection, &stack_function);
}

CASE(coexist_redirect_kernel, "... a kernel function")
{
	check_orders(&redirection, &redirect_kernel_function);
}

CASE(coexist_redirect_result,
     "the program sees what the other function does, and who was called")
{
	const struct target *t = &redirect_function;
	struct recording r = recording_start("record", t->name);
	unsigned int round;

	for (round = 0; round < 2; round++) {
		CHECK_EQ(tm_calls(t->name, 1).ret[0], 2);
		CHECK_EQ(r.rec->at[1].ret, 2);
		redirect_on(t);
		CHECK_EQ(tm_calls(t->name, 1).ret[0], 0x10001);
		CHECK_EQ(r.rec->at[1].arg[0], 1);
		CHECK_EQ(r.rec->at[1].ret, 0x10001);
		CHECK_EQ(r.rec->at[1].ip, symbol(t->name, MODULE));
		redirect_off(t);
	}
	CHECK_EQ(tm_calls(t->name, 1).ret[0], 2);
	check_recorded(r.rec, 5);
	recording_end(&r);
}

CASE(coexist_redirect_caller, "... a stack trace shows who called it")
{
	const struct target *t = &redirect_function;
	struct bpf_object *obj = open_object("stack");
	struct stack *s;
	int fd, run;

	want(obj, "look", t->name);
	load(obj);
	s = bss(obj, sizeof(*s));
	fd = attach(prog_fd(obj, "look"));
	redirect_on(t);
	tm_calls(t->name, 1);
	redirect_off(t);
	for (run = 0; run < 2; run++) {
		long long n = s->size[run] / (long long)sizeof(s->ip[0][0]), i;
		char names[STACK_DEPTH][SYMBOL_NAME] = {};
		bool called = false;

		CHECK_EQ(s->runs[run], 1);
		REQUIRE(n > 0 && n <= STACK_DEPTH);
		symbols_at(s->ip[run], n, names);
		for (i = 0; i < n; i++) {
			ktest_diag("%s, %lld: %s", run ? "exit" : "entry", i,
				   names[i]);
			called |= !strcmp(names[i], "testmod_ioctl");
		}
		CHECK(called);
	}
	close(fd);
	bpf_object__close(obj);
}

CASE(coexist_redirect_many,
     "three redirected functions with sessions are not confused")
{
	static const struct target *const targets[] = {
		&redirect_function, &stack_function, &redirect_kernel_function
	};
	struct recording r[3];
	int fds[3];
	unsigned int i;

	for (i = 0; i < 3; i++) {
		r[i] = recording_load("record", targets[i]->name);
		r[i].rec->only_tgid = getpid();
		r[i].rec->salt = i;
		/* One that comes after the redirection, and two before it. */
		if (i)
			r[i].fd = attach(r[i].prog_fd);
		fds[i] = redirect_fd = -1;
		redirect_on(targets[i]);
		fds[i] = redirect_fd;
		if (!i)
			r[i].fd = attach(r[i].prog_fd);
	}
	redirect_before(NULL);
	for (i = 0; i < 3; i++)
		targets[i]->call(targets[i], r[i].prog_fd);
	CHECK_EQ(redirect_count() - redirected, 3 * CALLS);
	for (i = 0; i < 3; i++) {
		check_recorded(r[i].rec, CALLS);
		CHECK_EQ(r[i].rec->at[1].ip,
			 symbol(targets[i]->name, targets[i]->module));
		close(fds[i]);
	}
	for (i = 0; i < 3; i++)
		targets[i]->call(targets[i], r[i].prog_fd);
	for (i = 0; i < 3; i++) {
		check_recorded(r[i].rec, 2 * CALLS);
		recording_end(&r[i]);
	}
}

CASE(coexist_redirect_and_tracer,
     "the function tracer on a function that continues in another")
{
	const struct target *t = &stack_function;
	struct recording r = recording_load("count", t->name);
	unsigned int round;

	for (round = 0; round < 2; round++) {
		if (!round)
			r.fd = attach(r.prog_fd);
		function_on(t);
		redirect_on(t);
		if (round)
			r.fd = attach(r.prog_fd);
		empty_trace(t);
		redirect_before(t);
		tm_calls(t->name, CALLS);
		redirect_saw(t, true);
		tracer_saw(t, true);
		check_recorded(r.rec, (2 * round + 1) * CALLS);
		tracer_off(t);
		tm_calls(t->name, CALLS);
		check_recorded(r.rec, (2 * round + 2) * CALLS);
		redirect_off(t);
		recording_detach(&r);
		drain();
	}
	recording_end(&r);
}

/*
 * Where the stub is and where the functions are
 */

static void show_distance(const struct target *t)
{
	long long stub = symbol("fsession_stub", "fsession");
	long long function = symbol(t->name, t->module);

	REQUIRE(stub && function);
	ktest_diag("%s: the stub is %lld KiB away", t->name,
		   (stub - function) / 1024);
}

/*
 * A module may lie where no call reaches the kernel, and on arm64 no call reaches
 * the stub then: ftrace finds it by the function's ops (CALL_OPS), or by the list
 * of them when the function has another user as well.
 */
CASE(coexist_distance,
     "a kernel function and a module's at once, alone and with a tracer")
{
	static const struct target *const targets[] = { &module_function,
							&kernel_function };
	struct recording r[2];
	uint64_t calls = 0;
	unsigned int round, i;

	for (i = 0; i < 2; i++) {
		show_distance(targets[i]);
		r[i] = recording_start("count", targets[i]->name);
		r[i].rec->only_tgid = getpid();
	}
	for (round = 0; round < 4; round++) {
		if (round & 1) {
			/* Filters add up. */
			function_on(targets[0]);
			function_on(targets[1]);
			empty_trace(NULL);
		}
		for (i = 0; i < 2; i++)
			targets[i]->call(targets[i], r[1].prog_fd);
		calls += CALLS;
		for (i = 0; i < 2; i++) {
			check_recorded(r[i].rec, calls);
			if (round & 1)
				CHECK_EQ(trace_lines(targets[i]->name), CALLS);
		}
		if (round & 1)
			tracing_reset();
	}
	for (i = 0; i < 2; i++)
		recording_end(&r[i]);
}

/*
 * Livepatch
 */

#define LP     "fsession_testlp"
#define LP_DIR "/sys/kernel/livepatch/" LP

/* Long: after 15 s the kernel begins to push. */
#define LP_WAIT(cond)                                                  \
	do {                                                           \
		uint64_t until_ = ktest_ms() + 60000;                  \
		while (!(cond)) {                                      \
			if (ktest_ms() > until_)                       \
				FAIL("livepatch: in vain: %s", #cond); \
			usleep(50000);                                 \
		}                                                      \
	} while (0)

static bool lp_in_transition(void)
{
	char text[16];

	return !read_file(LP_DIR "/transition", text, sizeof(text)) ||
	       *text != '0';
}

static void lp_unload(void)
{
	if (module_refcount(LP) < 0)
		return;
	write_file(LP_DIR "/enabled", "0");
	LP_WAIT(access(LP_DIR, F_OK));
	LP_WAIT(try_rmmod(LP) == 0);
}

static void lp_on(const struct target *t)
{
	char command[128];

	atexit(lp_unload);
	snprintf(command, sizeof(command),
		 "modprobe %s module=%d 2>&1 | sed 's/^/# /'", LP, !!t->module);
	fflush(stdout);
	if (system(command) || module_refcount(LP) < 0)
		FAIL("the livepatch cannot be loaded");
	LP_WAIT(!lp_in_transition());
}

static void lp_off(const struct target *t)
{
	(void)t;
	lp_unload();
}

static uint64_t patched_ret;

static void call_patched(const struct target *t, int prog_fd)
{
	(void)prog_fd;
	patched_ret = tm_calls(t->name, CALLS).ret[0];
}

static void lp_saw(const struct target *t, bool attached)
{
	if (t->module)
		CHECK_EQ(patched_ret, CALLS + (attached ? 0x10000 : 1));
	else
		CHECK_EQ(cmdline_patched, attached);
}

static const struct other livepatch = { lp_on, lp_off, NULL, lp_saw };

static const struct target lp_module_function = { "fsession_test_patched",
						  MODULE, call_patched };
static const struct target lp_kernel_function = { "cmdline_proc_show", NULL,
						  read_cmdline };

static void need_livepatch(void)
{
	if (access("/sys/kernel/livepatch", F_OK))
		SKIP("no livepatch in this kernel");
}

CASE(coexist_livepatch, "a livepatch of a module's function", .timeout = 300)
{
	need_livepatch();
	check_orders(&livepatch, &lp_module_function);
}

CASE(coexist_livepatch_kernel, "... of a kernel function", .timeout = 300)
{
	need_livepatch();
	check_orders(&livepatch, &lp_kernel_function);
}

CASE(coexist_livepatch_result,
     "the program sees what the patched function does")
{
	struct recording r;

	need_livepatch();
	r = recording_start("record", "fsession_test_patched");
	tm_calls("fsession_test_patched", 1);
	CHECK_EQ(r.rec->at[1].ret, 2);
	lp_on(&lp_module_function);
	tm_calls("fsession_test_patched", 1);
	CHECK_EQ(r.rec->at[1].ret, 0x10001);
	CHECK_EQ(r.rec->at[1].ip, symbol("fsession_test_patched", MODULE));
	lp_unload();
	tm_calls("fsession_test_patched", 1);
	CHECK_EQ(r.rec->at[1].ret, 2);
	check_recorded(r.rec, 3);
	recording_end(&r);
}

CASE(coexist_livepatch_sleeper,
     "a patch is applied while a task sleeps in another traced function",
     .timeout = 180)
{
	struct recording r, p;
	int sleeper;

	need_livepatch();
	/* The task's stack, with our frame in it, has to be found reliable. */
	r = recording_start("count", "fsession_test_wait");
	p = recording_start("count", "fsession_test_patched");
	sleeper = tm_sleeper();
	lp_on(&lp_module_function);
	CHECK_EQ(tm_calls("fsession_test_patched", 1).ret[0], 0x10001);
	lp_unload();
	tm_wake();
	ktest_join(sleeper);
	check_recorded(r.rec, 1);
	check_recorded(p.rec, 1);
	recording_end(&p);
	recording_end(&r);
}

/*
 * On a function with a program that calls nothing, which may have a stub of its own.
 */

static void check_on_leaf(const struct other *o, const struct target *t,
			  bool goes_first)
{
	struct leaf_session l = leaf_start("runs", t->name);

	t->call(t, -1);
	o->attach(t);
	if (o->before)
		o->before(t);
	t->call(t, -1);
	o->after(t, true);
	if (goes_first)
		o->detach(t);
	t->call(t, -1);
	leaf_end(&l, 3 * CALLS);
	if (!goes_first)
		o->detach(t);
	WAIT_FOR(!ftrace_enabled_on(t->name));
}

CASE(coexist_leaf, "all of them on one whose program calls nothing",
     .timeout = 300)
{
	static const struct {
		const struct other *other;
		const struct target *target;
	} each[] = {
		{ &function_tracer, &module_function },
		{ &graph_tracer, &module_function },
		{ &kprobe_event, &module_function },
		{ &kretprobe_event, &module_function },
		{ &post_handler, &module_function },
		{ &body_kprobe, &body_function },
		{ &redirection, &redirect_function },
		{ &livepatch, &lp_module_function },
	};
	unsigned int i, n = sizeof(each) / sizeof(each[0]);

	if (access("/sys/kernel/livepatch", F_OK))
		n--;
	for (i = 0; i < 2 * n; i++) {
		ktest_diag("number %u, %s", i / 2,
			   i & 1 ? "session goes first" : "other goes first");
		check_on_leaf(each[i / 2].other, each[i / 2].target, !(i & 1));
	}
}

/*
 * perf
 */

#define PERF_PAGES 64

static int perf_fd = -1;
static struct perf_event_mmap_page *perf_ring;

static void perf_on(const struct target *t)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = 1000000, /* ns */
		.sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_CALLCHAIN,
	};

	(void)t;
	perf_fd = SYS(syscall(SYS_perf_event_open, &attr, 0, -1, -1,
			      PERF_FLAG_FD_CLOEXEC));
	perf_ring = mmap(NULL, (PERF_PAGES + 1) * 4096, PROT_READ | PROT_WRITE,
			 MAP_SHARED, perf_fd, 0);
	REQUIRE(perf_ring != MAP_FAILED);
}

static void perf_off(const struct target *t)
{
	(void)t;
	munmap(perf_ring, (PERF_PAGES + 1) * 4096);
	close(perf_fd);
	perf_fd = -1;
}

static void perf_before(const struct target *t)
{
	(void)t;
	if (perf_fd >= 0)
		perf_ring->data_tail = perf_ring->data_head;
}

static uint64_t perf_word(uint64_t at)
{
	const char *data = (const char *)perf_ring + 4096;

	return *(const uint64_t *)(data + at % (PERF_PAGES * 4096));
}

/* Samples, and those whose callchain has @addr's function. */
static unsigned int perf_samples(uint64_t addr, unsigned int *with)
{
	uint64_t head =
		__atomic_load_n(&perf_ring->data_head, __ATOMIC_ACQUIRE);
	uint64_t at = perf_ring->data_tail, n, i;
	unsigned int samples = 0;

	for (; at < head; at += perf_word(at) >> 48) {
		if ((uint32_t)perf_word(at) != PERF_RECORD_SAMPLE)
			continue;
		samples++;
		n = perf_word(at + 16);
		for (i = 0; i < n && i < 128; i++)
			if (perf_word(at + 24 + 8 * i) - addr < 64) {
				++*with;
				break;
			}
	}
	return samples;
}

static void perf_saw(const struct target *t, bool attached)
{
	/* Looking it up takes long, and is sampled as well. */
	static uint64_t addr;
	unsigned int with = 0, samples;

	if (!attached)
		return;
	/* The calls alone may have been too fast for one. */
	while (__atomic_load_n(&perf_ring->data_head, __ATOMIC_ACQUIRE) ==
	       perf_ring->data_tail)
		getppid();
	if (!addr)
		addr = symbol(t->name, t->module);
	samples = perf_samples(addr, &with);
	CHECK_OP(samples, >, 0);
	ktest_diag("%u samples, %u of them in the function", samples, with);
}

static const struct other perf_callchains = { perf_on, perf_off, perf_before,
					      perf_saw };

CASE(coexist_perf, "perf samples callchains on a module's function")
{
	check_orders(&perf_callchains, &module_function);
}

CASE(coexist_perf_kernel, "... on a kernel function")
{
	check_orders(&perf_callchains, &kernel_function);
}

CASE(coexist_perf_storm,
     "callchains sampled while the function is called a lot")
{
	struct recording r = recording_start("count", "fsession_test_arg12");
	uint64_t addr = symbol("fsession_test_arg12", MODULE);
	unsigned int with = 0, samples = 0, round;

	perf_on(NULL);
	for (round = 0; round < 20; round++) {
		perf_before(NULL);
		tm_calls("fsession_test_arg12", 5000);
		samples += perf_samples(addr, &with);
	}
	perf_off(NULL);
	ktest_diag("%u samples, %u of them in the function", samples, with);
	CHECK_OP(samples, >, 0);
	/* Its frame and ours are walked through, not stumbled over. */
	CHECK_OP(with, >, 0);
	check_recorded(r.rec, 100000);
	CHECK_BOOKS(info(r.fd), 100000, 100000, 100000);
	recording_end(&r);
}

/*
 * All of them at once
 */

/*
 * But for the post handler: a kprobe that gets one added where there was none is
 * never properly removed (6.1: "Failed to disarm kprobe-ftrace", and worse),
 * whether there is a session or not.
 */
CASE(coexist_all, "tracer, kprobe, kretprobe and perf together", .timeout = 120)
{
	struct recording r = recording_load("count", module_function.name);
	const struct target *t = &module_function;
	unsigned int round;

	for (round = 0; round < 2; round++) {
		if (!round)
			r.fd = attach(r.prog_fd);
		function_on(t);
		write_or_fail(TRACING "kprobe_events",
			      "p:fsession_tests/fsession_in %s:%s", MODULE,
			      t->name);
		{
			int fd = SYS(open(TRACING "kprobe_events",
					  O_WRONLY | O_APPEND | O_CLOEXEC));
			char text[128];

			snprintf(text, sizeof(text),
				 "r:fsession_tests/fsession_out %s:%s\n",
				 MODULE, t->name);
			SYS(write(fd, text, strlen(text)));
			close(fd);
		}
		write_or_fail(TRACING "events/fsession_tests/enable", "1");
		perf_on(t);
		if (round)
			r.fd = attach(r.prog_fd);
		empty_trace(t);
		tm_calls(t->name, CALLS);
		CHECK_EQ(trace_lines("fsession_in:"), CALLS);
		CHECK_EQ(trace_lines("fsession_out:"), CALLS);
		/* The function tracer's lines, and the kretprobe's. */
		CHECK_EQ(trace_lines(" <-"), 2 * CALLS);
		check_recorded(r.rec, CALLS * (round + 1));
		if (round)
			recording_detach(&r);
		perf_off(t);
		tracing_reset();
		if (!round)
			recording_detach(&r);
		drain();
	}
	recording_end(&r);
}
