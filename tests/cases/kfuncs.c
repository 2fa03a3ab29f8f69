// SPDX-License-Identifier: GPL-2.0
/*
 * The kfuncs where no session is: they say no, and touch nothing.
 */
#include "progs/elsewhere.h"
#include "session.h"

#define TARGET "fsession_test_arg1"

static struct elsewhere *e;

static struct bpf_object *elsewhere_load(const char *const *names,
					 const char *session_target)
{
	struct bpf_object *obj = open_object("elsewhere");

	for (; *names; names++) {
		struct bpf_program *prog =
			bpf_object__find_program_by_name(obj, *names);

		REQUIRE(prog);
		/* Those without a target in their section are sessions. */
		want(obj, *names,
		     strchr(bpf_program__section_name(prog), '/')
			     ? NULL
			     : session_target);
	}
	load(obj);
	e = bss(obj, sizeof(*e));
	return obj;
}

#define LOAD(target, ...) \
	elsewhere_load((const char *const[]){ __VA_ARGS__, NULL }, target)

static int attach_natively(struct bpf_object *obj, const char *name)
{
	int fd = bpf_raw_tracepoint_open(NULL, prog_fd(obj, name));

	if (fd < 0)
		FAIL("native attach of '%s': %s", name, strerror(-fd));
	return fd;
}

CASE(kfunc_in_native_fentry, "attached by bpf(2) as fentry, in a test run")
{
	struct bpf_object *obj = LOAD(NULL, "native_fentry");
	int link = attach_natively(obj, "native_fentry");
	unsigned int i;

	for (i = 0; i < 10; i++)
		test_run(prog_fd(obj, "native_fentry"));
	CHECK_EQ(e->runs, 10);
	CHECK_EQ(e->is_return, 0);
	CHECK_EQ(e->cookies, 0);
	close(link);
	bpf_object__close(obj);
	WAIT_FOR(!ftrace_enabled_on("bpf_fentry_test1"));
}

CASE(kfunc_in_native_fexit, "attached by bpf(2) as fexit, in a test run")
{
	struct bpf_object *obj = LOAD(NULL, "native_fexit");
	int link = attach_natively(obj, "native_fexit");
	unsigned int i;

	for (i = 0; i < 10; i++)
		test_run(prog_fd(obj, "native_fexit"));
	CHECK_EQ(e->runs, 10);
	CHECK_EQ(e->is_return, 0);
	CHECK_EQ(e->cookies, 0);
	close(link);
	bpf_object__close(obj);
	WAIT_FOR(!ftrace_enabled_on("bpf_fentry_test1"));
}

CASE(kfunc_header_dummy, "the header's cookie is never NULL")
{
	struct bpf_object *obj = LOAD(NULL, "native_header");
	int link = attach_natively(obj, "native_header");

	test_run(prog_fd(obj, "native_header"));
	CHECK_EQ(e->runs, 1);
	CHECK_EQ(e->is_return, 0);
	close(link);
	bpf_object__close(obj);
	WAIT_FOR(!ftrace_enabled_on("bpf_fentry_test2"));
}

CASE(kfunc_native_beside_sessions,
     "asked in vain while sessions run on the same CPU and task")
{
	struct recording outer =
		recording_start("count", "fsession_test_outer");
	struct bpf_object *obj = LOAD(NULL, "native_inside");
	int link = attach_natively(obj, "native_inside");

	/* fsession_test_outer calls fsession_test_arg1. */
	tm_calls("fsession_test_outer", 1000);
	CHECK_EQ(e->runs, 1000);
	CHECK_EQ(e->is_return, 0);
	CHECK_EQ(e->cookies, 0);
	check_recorded(outer.rec, 1000);
	close(link);
	WAIT_FOR(!ftrace_enabled_on(TARGET));
	bpf_object__close(obj);
	recording_end(&outer);
}

CASE(kfunc_in_tracepoint_inside_session,
     "asked by a tracepoint's program that a session's helper hits")
{
	struct bpf_object *obj = LOAD(TARGET, "tracepoint", "print");
	int link = attach_natively(obj, "tracepoint");
	int fd = attach(prog_fd(obj, "print"));

	e->only_tgid = getpid();
	tm_calls(TARGET, 10);
	CHECK_EQ(e->session_runs[0], 10);
	CHECK_EQ(e->session_runs[1], 10);
	CHECK_EQ(e->tp_runs, 20);
	/* The session's cookie is not for everyone. */
	CHECK_EQ(e->tp_is_return, 0);
	CHECK_EQ(e->tp_cookies, 0);
	CHECK_EQ(e->wrong_cookies, 0);
	close(fd);
	close(link);
	bpf_object__close(obj);
	write_file("/sys/kernel/tracing/trace", "\n");
}

CASE(kfunc_in_timer, "asked by a timer that a session started")
{
	struct bpf_object *obj;
	unsigned int i;
	int fd;

	if (kernel_is_rt())
		SKIP("this verifier lets no program have a timer");
	obj = LOAD(TARGET, "start_timer");
	fd = attach(prog_fd(obj, "start_timer"));
	for (i = 0; i < 20; i++) {
		uint64_t before = e->timer_runs;

		tm_calls(TARGET, 1);
		WAIT_FOR(e->timer_runs > before);
	}
	CHECK_EQ(e->session_runs[0], 20);
	CHECK_EQ(e->session_runs[1], 20);
	CHECK_EQ(e->timer_is_return, 0);
	CHECK_EQ(e->timer_cookies, 0);
	close(fd);
	bpf_object__close(obj);
}

CASE(kfunc_in_timer_inside,
     "asked by a program's timer in the function that the "
     "program's session is on")
{
	struct bpf_object *first, *obj;
	int first_fd, fd;

	if (kernel_is_rt())
		SKIP("this verifier lets no program have a timer");
	first = LOAD(TARGET, "start_timer");
	e->only_at_entry = 1;
	first_fd = attach(prog_fd(first, "start_timer"));
	/* What calls a callback: once of the first program's, then of its own. */
	obj = LOAD("bpf_timer_cb", "around_timer");
	fd = attach(prog_fd(obj, "around_timer"));
	e->timers_to_start = 10;
	tm_calls(TARGET, 1);
	WAIT_FOR(e->session_runs[1] == 11);
	CHECK_EQ(e->session_runs[0], 11);
	CHECK_EQ(e->wrong_cookies, 0);
	/* The session's frame is on the callback's stack, but is not its own. */
	CHECK_EQ(e->timer_runs, 10);
	CHECK_EQ(e->timer_is_return, 0);
	CHECK_EQ(e->timer_cookies, 0);
	close(fd);
	close(first_fd);
	bpf_object__close(obj);
	bpf_object__close(first);
}

/* Ten calls with a session of program @name, which counts its runs; then without. */
static struct bpf_object *session_runs(const char *name)
{
	struct bpf_object *obj = LOAD(TARGET, name);
	int fd = attach(prog_fd(obj, name));

	tm_calls(TARGET, 10);
	CHECK_EQ(e->session_runs[0], 10);
	CHECK_EQ(e->session_runs[1], 10);
	close(fd);
	return obj;
}

CASE(kfunc_cookie_sizes, "a cookie has eight bytes: no size above is given")
{
	struct bpf_object *obj = session_runs("sizes");

	CHECK_EQ(e->sizes_ok[1], 20);
	CHECK_EQ(e->sizes_ok[2], 20);
	CHECK_EQ(e->sizes_ok[4], 20);
	CHECK_EQ(e->sizes_ok[8], 20);
	CHECK_EQ(e->size_9, 0);
	CHECK_EQ(e->size_4096, 0);
	bpf_object__close(obj);
}

CASE(kfunc_in_subprogram, "asked by a function of the session's program")
{
	struct bpf_object *obj = session_runs("below");

	CHECK_EQ(e->wrong_cookies, 0);
	bpf_object__close(obj);
}

CASE(kfunc_answer_as_index, "the answer is an index that the verifier takes")
{
	bpf_object__close(session_runs("by_answer"));
}
