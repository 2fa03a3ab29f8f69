// SPDX-License-Identifier: GPL-2.0
/*
 * One program on many functions.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <bpf/btf.h>

#include "functions.h"
#include "progs/multi.h"
#include "progs/numbered.h"
#include "rain.h"
#include "session.h"
#include "workload.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define NO_ID	      0x7fffffff

typedef struct fsession_target_desc desc_t;

static bool in_btf(const char *function)
{
	return btf__find_by_name_kind(testmod_btf(), function, BTF_KIND_FUNC) >
	       0;
}

/* The last call's argument. */
static struct fsession_attach_multi last;

static int try_multi(int prog_fd, desc_t *targets, unsigned int count,
		     unsigned int flags)
{
	return try_attach_multi(prog_fd, targets, count, flags, &last);
}

static int multi(int prog_fd, desc_t *targets, unsigned int count,
		 unsigned int flags)
{
	int fd = try_multi(prog_fd, targets, count, flags);

	if (fd < 0)
		FAIL("attach: %s, reason %u", strerror(-fd), last.reason);
	return fd;
}

/* As a case that fails would leave it: nobody is on it, and nobody was. */
static void nothing_attached(const char *function)
{
	drain();
	CHECK_EQ(query().live, 0);
	WAIT_FOR(!ftrace_enabled_on(function));
}

#define ARG1 "fsession_test_arg1"
#define ARG2 "fsession_test_arg2"
#define ARG3 "fsession_test_arg3"

/*
 * What it sees
 */

CASE(multi_three, "one program on three functions: arguments, result, ip, "
		  "attach cookie")
{
	static const char *const names[] = { ARG1, ARG2, ARG3 };
	struct recording r = recording_load("record", ARG2);
	desc_t t[3];
	unsigned int i, a;

	CHECK(query().features & FSESSION_FEATURE_MULTI);
	for (i = 0; i < 3; i++)
		t[i] = testmod_target(names[i], 100 + i);
	r.fd = multi(r.prog_fd, t, 3, 0);
	CHECK_EQ(last.attached, 3);
	for (i = 0; i < 3; i++) {
		struct fsession_tm_call call = tm_prepare(names[i], 1);
		unsigned int run;

		check_target(&t[i], 0, 0);
		tm_call(&call);
		for (run = 0; run < 2; run++) {
			const struct recorder_run *at = &r.rec->at[run];

			CHECK_EQ(at->runs, i + 1);
			CHECK_EQ(at->arg_cnt, i + 1);
			CHECK_EQ(at->ip, t[i].addr);
			CHECK_EQ(at->attach_cookie, 100 + i);
			CHECK_EQ(at->ret, run ? call.ret[0] : 0);
			for (a = 0; a <= i; a++)
				CHECK_EQ(at->arg[a], call.args[a]);
			CHECK_EQ(at->arg_err[i + 1], -EINVAL);
		}
	}
	check_recorded(r.rec, 3);
	CHECK_BOOKS(info(r.fd), 3, 3, 3);
	CHECK_EQ(info(r.fd).sites, 3);
	recording_detach(&r);
	for (i = 0; i < 3; i++)
		tm_calls(names[i], 3);
	check_recorded(r.rec, 3);
	recording_end(&r);
	nothing_attached(ARG1);
}

CASE(multi_one, "count 1 is a session like any other")
{
	struct recording r = recording_load("count", ARG2);
	desc_t t = testmod_target(ARG3, 5);

	r.fd = multi(r.prog_fd, &t, 1, 0);
	tm_calls(ARG3, 10);
	tm_calls(ARG2, 10);
	check_recorded(r.rec, 10);
	CHECK_BOOKS(info(r.fd), 10, 10, 10);
	CHECK_EQ(info(r.fd).attach_cookie, 5);
	recording_end(&r);
}

CASE(multi_kernel, "functions of the kernel, in a test run")
{
	struct recording r = recording_load("count", "bpf_fentry_test1");
	desc_t t[6];
	char name[32];
	int i;

	for (i = 0; i < 6; i++) {
		snprintf(name, sizeof(name), "bpf_fentry_test%d", i + 1);
		t[i] = kernel_target(name, i);
	}
	r.fd = multi(r.prog_fd, t, 6, 0);
	test_run(r.prog_fd);
	check_recorded(r.rec, 6);
	recording_end(&r);
}

static const char *const shapes[] = {
	ARG1,
	ARG2,
	"fsession_test_arg6",
	"fsession_test_arg7",
	"fsession_test_arg8",
	"fsession_test_arg11",
	"fsession_test_arg12",
	"fsession_test_arg_narrow",
	"fsession_test_arg_s8",
	"fsession_test_arg_s12",
	"fsession_test_arg_s16",
	"fsession_test_arg_s16_edge",
	"fsession_test_arg_u128",
	"fsession_test_arg_u128_edge",
	"fsession_test_arg_u128_stack",
	"fsession_test_arg8_two_regs",
	"fsession_test_patched",
	"fsession_test_two_regs",
};

#define SHAPES ARRAY_SIZE(shapes)

/* Programs that know the function by its attach cookie. */
struct numbers {
	struct bpf_object *obj;
	struct bpf_program *prog;
	struct numbered *n;
};

static struct numbers numbers_load(void)
{
	struct numbers m = { .obj = open_object("numbered") };

	m.prog = want(m.obj, "session", ARG2);
	load(m.obj);
	m.n = bss(m.obj, sizeof(*m.n));
	return m;
}

static void check_number(const struct numbers *m, unsigned int number,
			 uint64_t calls)
{
	const struct numbered_one *one = &m->n->one[number];

	if (one->runs[0] != calls || one->runs[1] != calls ||
	    one->dirty_cookies || one->wrong_cookies)
		ktest_failed(__FILE__, __LINE__,
			     "number %u: %llu entries, %llu exits, not %llu; "
			     "%llu dirty and %llu wrong cookies",
			     number, (unsigned long long)one->runs[0],
			     (unsigned long long)one->runs[1],
			     (unsigned long long)calls,
			     (unsigned long long)one->dirty_cookies,
			     (unsigned long long)one->wrong_cookies);
}

CASE(multi_cookies, "functions of every shape, each with its attach cookie",
     .timeout = 180)
{
	struct numbers m = numbers_load();
	desc_t t[SHAPES];
	unsigned int i;
	int fd;

	for (i = 0; i < SHAPES; i++)
		t[i] = testmod_target(shapes[i], i + 1);
	fd = multi(bpf_program__fd(m.prog), t, SHAPES, 0);
	for (i = 0; i < SHAPES; i++)
		tm_calls(shapes[i], 10 + i);
	for (i = 0; i < SHAPES; i++)
		check_number(&m, i + 1, 10 + i);
	close(fd);
	drain();
}

/*
 * What is refused
 */

CASE(multi_bad_calls, "what upstream refuses is refused alike")
{
	struct recording r = recording_load("count", ARG2);
	desc_t t[3] = { testmod_target(ARG1, 0), testmod_target(ARG2, 0),
			testmod_target(ARG3, 0) };
	void *page =
		mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	REQUIRE(page != MAP_FAILED);
	CHECK_EQ(try_multi(r.prog_fd, NULL, 3, 0), -EINVAL);
	CHECK_EQ(try_multi(r.prog_fd, t, 0, 0), -EINVAL);
	CHECK_EQ(try_multi(r.prog_fd, t, 3, 1U << 2), -EINVAL);
	CHECK_EQ(try_multi(r.prog_fd, t, FSESSION_MAX_TARGETS + 1, 0), -E2BIG);
	CHECK_EQ(try_multi(r.prog_fd, t, -1U, 0), -E2BIG);
	CHECK_EQ(try_multi(r.prog_fd, (void *)8, 3, 0), -EFAULT);
	CHECK_EQ(try_multi(r.prog_fd, (desc_t *)(~0UL - 100), 3, 0), -EFAULT);
	CHECK_EQ(try_multi(r.prog_fd, t, FSESSION_MAX_TARGETS, 0) < 0, 1);
	CHECK_EQ(try_multi(-1, t, 3, 0), -EBADF);
	/* A page of zeroes: id 0. The statuses cannot be written. */
	CHECK_EQ(try_multi(r.prog_fd, page, 3, 0), -EFAULT);

	functions_forget(t, 3);
	t[1].reserved = 1;
	CHECK_EQ(try_multi(r.prog_fd, t, 3, 0), -EINVAL);
	t[1].reserved = 0;
	t[1].status = 1;
	CHECK_EQ(try_multi(r.prog_fd, t, 3, 0), -EINVAL);
	functions_forget(t, 3);

	t[1].btf_id = 0;
	CHECK_EQ(try_multi(r.prog_fd, t, 3, FSESSION_MULTI_SKIP), -EINVAL);
	CHECK_EQ(last.reason, FSESSION_REASON_BTF_ID);
	check_target(&t[0], 0, 0);
	check_target(&t[1], -EINVAL, FSESSION_REASON_BTF_ID);
	functions_forget(t, 3);

	t[1] = t[0];
	CHECK_EQ(try_multi(r.prog_fd, t, 3, FSESSION_MULTI_SKIP), -EINVAL);
	CHECK_EQ(last.reason, FSESSION_REASON_TWICE);
	check_target(&t[0], -EINVAL, FSESSION_REASON_TWICE);
	check_target(&t[1], -EINVAL, FSESSION_REASON_TWICE);
	check_target(&t[2], 0, 0);
	CHECK_EQ(query().live, 0);
	recording_end(&r);
	nothing_attached(ARG1);
}

/* All kinds of refusal, between two functions that are fine. */
static unsigned int refusals(desc_t *t, int *status, unsigned int *reason)
{
	unsigned int n = 0;

#define ADD(_target, _status, _reason)   \
	do {                             \
		t[n] = (_target);        \
		status[n] = (_status);   \
		reason[n++] = (_reason); \
	} while (0)
	ADD(testmod_target(ARG1, 1), 0, 0);
	/* Another function's address; the middle of one; none. */
	ADD(testmod_target("fsession_test_arg4", 2), -ESTALE,
	    FSESSION_REASON_NAME);
	t[n - 1].addr = symbol("fsession_test_arg5", MODULE);
	ADD(testmod_target("fsession_test_arg6", 3), -ESTALE,
	    FSESSION_REASON_NAME);
	t[n - 1].addr += 4;
	ADD(testmod_target("fsession_test_arg7", 4), -ESTALE,
	    FSESSION_REASON_NAME);
	t[n - 1].addr = 0x1234;
	ADD(testmod_target("fsession_test_notrace", 5), -ENOENT,
	    FSESSION_REASON_NO_SITE);
	ADD(testmod_target("fsession_test_variadic", 6), -EOPNOTSUPP,
	    FSESSION_REASON_ARGS);
	/* Newer pahole gives no BTF to a function with a hidden argument. */
	if (in_btf("fsession_test_ret_s24"))
		ADD(testmod_target("fsession_test_ret_s24", 7), -EOPNOTSUPP,
		    FSESSION_REASON_ARGS);
	if (in_btf("fsession_test_s24"))
		ADD(testmod_target("fsession_test_s24", 8), -EOPNOTSUPP,
		    FSESSION_REASON_ARGS);
	/* No function; a function of another BTF. */
	ADD(testmod_target("fsession_test_arg8", 9), -EINVAL,
	    FSESSION_REASON_BTF_ID);
	t[n - 1].btf_id = NO_ID;
	ADD(testmod_target("fsession_test_arg11", 10), -EINVAL,
	    FSESSION_REASON_BTF_ID);
	t[n - 1].btf_id = kernel_target("bpf_fentry_test1", 0).btf_id;
	ADD(testmod_target(ARG3, 11), 0, 0);
	return n;
}

CASE(multi_refused, "every refused target has its status; none is attached",
     .timeout = 180)
{
	struct numbers m = numbers_load();
	unsigned int reason[16], i, n;
	int status[16], prog = bpf_program__fd(m.prog), fd;
	desc_t t[16];

	n = refusals(t, status, reason);
	CHECK_EQ(try_multi(prog, t, n, 0), status[1]);
	CHECK_EQ(last.reason, reason[1]);
	for (i = 0; i < n; i++)
		check_target(&t[i], status[i], reason[i]);
	tm_calls(ARG1, 5);
	nothing_attached(ARG1);
	check_number(&m, 1, 0);

	/* The same with the flag: the two that are fine. */
	functions_forget(t, n);
	fd = multi(prog, t, n, FSESSION_MULTI_SKIP);
	CHECK_EQ(last.attached, 2);
	for (i = 0; i < n; i++)
		check_target(&t[i], status[i], reason[i]);
	tm_calls(ARG1, 5);
	tm_calls(ARG3, 6);
	check_number(&m, 1, 5);
	check_number(&m, 11, 6);
	CHECK_BOOKS(info(fd), 11, 11, 11);
	CHECK_EQ(info(fd).sites, 2);
	close(fd);

	/* Nothing is left of it. */
	functions_forget(t, n);
	CHECK_EQ(try_multi(prog, t + 1, n - 2, FSESSION_MULTI_SKIP), status[1]);
	nothing_attached(ARG1);
}

/* @t[0] is where no function of @target's BTF is; @target is left. */
static void check_left(const char *target, desc_t *t, int status,
		       unsigned int reason)
{
	struct recording r = recording_load("count", target);
	int fd = try_multi(r.prog_fd, t, 2, FSESSION_MULTI_SKIP);

	CHECK_OP(fd, >=, 0);
	check_target(&t[0], status, reason);
	check_target(&t[1], 0, 0);
	if (fd >= 0)
		close(fd);
	recording_end(&r);
}

CASE(multi_foreign_first,
     "another module's address first: the rest is attached")
{
	desc_t kernel[2] = { kernel_target("bpf_fentry_test2", 0),
			     kernel_target("bpf_fentry_test1", 0) };
	desc_t module[2] = { testmod_target(ARG2, 0), testmod_target(ARG1, 0) };

	kernel[0].addr = symbol(ARG1, MODULE);
	check_left("bpf_fentry_test1", kernel, -ENOTUNIQ,
		   FSESSION_REASON_AMBIGUOUS);
	module[0].addr = symbol("fsession_selftest_regs", "fsession");
	check_left(ARG1, module, -ESTALE, FSESSION_REASON_NAME);
	/* Also where that is no function, or none that can be traced. */
	functions_forget(module, 2);
	module[0].addr++;
	check_left(ARG1, module, -ESTALE, FSESSION_REASON_NAME);
	functions_forget(module, 2);
	module[0].addr = symbol("fsession_stub", "fsession");
	check_left(ARG1, module, -ENOENT, FSESSION_REASON_NO_SITE);
}

/*
 * While anything is traced, ftrace keeps the names of a module's initialization,
 * whose memory is freed.
 */
CASE(multi_init_gone,
     "where a module's initialization was there is no function")
{
	struct recording any = recording_start("count", "bpf_fentry_test1");
	desc_t t[2];

	SYS(try_rmmod(MODULE));
	modprobe(MODULE);
	t[0] = testmod_target(ARG2, 0);
	t[1] = testmod_target(ARG1, 0);
	t[0].addr = symbol("testmod_init", MODULE);
	REQUIRE(t[0].addr);
	check_left(ARG1, t, -ESTALE, FSESSION_REASON_MODULE_GOING);
	recording_end(&any);
}

CASE(multi_denied, "what must not be traced is refused as for one")
{
	struct recording r = recording_load("count", "bpf_fentry_test1");
	desc_t t[3] = { kernel_target("bpf_fentry_test1", 0),
			kernel_target("do_exit", 0),
			kernel_target("migrate_disable", 0) };

	CHECK_EQ(try_multi(r.prog_fd, t, 3, 0), -EDEADLK);
	CHECK_EQ(last.reason, FSESSION_REASON_NORETURN);
	check_target(&t[0], 0, 0);
	check_target(&t[1], -EDEADLK, FSESSION_REASON_NORETURN);
	check_target(&t[2], -EACCES, FSESSION_REASON_DENIED);
	recording_end(&r);
}

CASE(multi_busy, "functions that bpf(2) traces are found among the others",
     .timeout = 180)
{
	struct recording r = recording_load("count", ARG2);
	struct bpf_object *other = open_object("recorder");
	const char *traced = "fsession_test_arg7";
	struct bpf_program *prog = want(other, "empty", traced);
	desc_t t[SHAPES];
	unsigned int i;
	int link;

	load(other);
	link = bpf_raw_tracepoint_open(NULL, bpf_program__fd(prog));
	if (link < 0) {
		/* 6.1 has no stack arguments. */
		traced = "fsession_test_arg6";
		other = open_object("recorder");
		prog = want(other, "empty", traced);
		load(other);
		link = bpf_raw_tracepoint_open(NULL, bpf_program__fd(prog));
	}
	REQUIRE(link >= 0);
	for (i = 0; i < SHAPES; i++)
		t[i] = testmod_target(shapes[i], 0);
	CHECK_EQ(try_multi(r.prog_fd, t, SHAPES, 0), -EBUSY);
	CHECK_EQ(last.reason, FSESSION_REASON_BUSY);
	for (i = 0; i < SHAPES; i++) {
		bool busy = !strcmp(shapes[i], traced);

		check_target(&t[i], busy ? -EBUSY : 0,
			     busy ? FSESSION_REASON_BUSY : 0);
	}
	drain();
	tm_calls(ARG1, 1);
	CHECK_EQ(r.rec->at[0].runs, 0);

	functions_forget(t, SHAPES);
	r.fd = multi(r.prog_fd, t, SHAPES, FSESSION_MULTI_SKIP);
	CHECK_EQ(last.attached, SHAPES - 1);
	for (i = 0; i < SHAPES; i++)
		tm_calls(shapes[i], 2);
	check_recorded(r.rec, 2 * (SHAPES - 1));
	close(link);
	recording_end(&r);
	bpf_object__close(other);
	nothing_attached(ARG1);
}

CASE(multi_context, "what a program reads of its context has to be the same")
{
	struct bpf_object *obj = open_object("multi");
	struct bpf_program *arg = want(obj, "reads_argument", ARG1);
	struct bpf_program *ret = want(obj, "reads_result", ARG1);
	/* One u64 for all but the last two; a u8 is the result of the third. */
	desc_t t[] = { testmod_target(ARG1, 0),
		       testmod_target("fsession_test_patched", 0),
		       testmod_target("fsession_test_u8", 0),
		       testmod_target(ARG2, 0),
		       testmod_target("fsession_test_int", 0),
		       testmod_target("fsession_test_arg0", 0) };
	struct multi *m;
	int fd;

	load(obj);
	m = bss(obj, sizeof(*m));
	fd = multi(bpf_program__fd(arg), t, 4, 0);
	tm_calls(ARG1, 3);
	tm_calls("fsession_test_patched", 3);
	CHECK_EQ(m->sum, 12);
	close(fd);
	CHECK_EQ(try_multi(bpf_program__fd(arg), t, 6, 0), -EPROTO);
	CHECK_EQ(last.reason, FSESSION_REASON_CONTEXT);
	check_target(&t[3], 0, 0);
	check_target(&t[4], -EPROTO, FSESSION_REASON_CONTEXT);
	check_target(&t[5], -EPROTO, FSESSION_REASON_CONTEXT);

	functions_forget(t, 6);
	fd = multi(bpf_program__fd(ret), t, 6, FSESSION_MULTI_SKIP);
	CHECK_EQ(last.attached, 2);
	check_target(&t[1], 0, 0);
	check_target(&t[2], -EPROTO, FSESSION_REASON_CONTEXT);
	check_target(&t[3], -EPROTO, FSESSION_REASON_CONTEXT);
	close(fd);
	drain();
}

CASE(multi_context_pointers, "... and so has what a pointer there points to")
{
	struct bpf_object *obj = open_object("multi");
	struct bpf_program *prog = want(obj, "reads_argument", "path_put");
	/* To a const path, a path, and a file. */
	desc_t t[] = { kernel_target("path_put", 0),
		       kernel_target("follow_up", 0),
		       kernel_target("vfs_fsync", 0) };

	load(obj);
	CHECK_EQ(try_multi(bpf_program__fd(prog), t, 3, FSESSION_MULTI_DRY_RUN),
		 0);
	CHECK_EQ(last.attached, 2);
	check_target(&t[0], 0, 0);
	check_target(&t[1], 0, 0);
	check_target(&t[2], -EPROTO, FSESSION_REASON_CONTEXT);
	bpf_object__close(obj);
}

CASE(multi_full, "one function is full: E2BIG, and the others lose nothing")
{
	struct recording r = recording_load("count", ARG2);
	unsigned int max = query().max_sessions, i;
	desc_t t[2] = { testmod_target(ARG1, 0), testmod_target(ARG2, 0) };
	int fds[64], progs[64], extra = try_clone(r.prog);

	for (i = 0; i < max; i++) {
		progs[i] = try_clone(r.prog);
		REQUIRE(progs[i] >= 0);
		fds[i] = attach(progs[i]);
	}
	CHECK_EQ(try_multi(extra, t, 2, 0), -E2BIG);
	CHECK_EQ(last.reason, FSESSION_REASON_FULL);
	check_target(&t[0], 0, 0);
	check_target(&t[1], -E2BIG, FSESSION_REASON_FULL);
	tm_calls(ARG2, 2);
	check_recorded(r.rec, 2 * max);
	for (i = 0; i < max; i++)
		close(fds[i]);
	recording_end(&r);
}

/*
 * Dry runs
 */

/* The same statuses as an attach would give; and it gives none a session. */
static void check_dry_run(int prog, desc_t *t, unsigned int n,
			  unsigned int attached)
{
	CHECK_EQ(try_multi(prog, t, n, FSESSION_MULTI_DRY_RUN), 0);
	CHECK_EQ(last.attached, attached);
	CHECK_EQ(last.reason, 0);
	CHECK_EQ(query().live, 0);
}

CASE(multi_dry_run, "a dry run has every status and attaches nothing",
     .timeout = 180)
{
	struct numbers m = numbers_load();
	unsigned int reason[16], i, n;
	int status[16], prog = bpf_program__fd(m.prog), fd;
	desc_t t[16];

	n = refusals(t, status, reason);
	check_dry_run(prog, t, n, 2);
	for (i = 0; i < n; i++)
		check_target(&t[i], status[i], reason[i]);
	CHECK(!ftrace_enabled_on(ARG1));
	tm_calls(ARG1, 5);
	check_number(&m, 1, 0);

	/* All are refused, or none. */
	functions_forget(t, n);
	check_dry_run(prog, t + 1, n - 2, 0);
	functions_forget(t, n);
	check_dry_run(prog, t, 1, 1);

	/* What is wrong with the call is so in a dry run. */
	t[1] = t[0];
	CHECK_EQ(try_multi(prog, t, 2, FSESSION_MULTI_DRY_RUN), -EINVAL);
	CHECK_EQ(last.reason, FSESSION_REASON_TWICE);
	functions_forget(t, n);
	fd = multi(prog, t, 1, 0);
	CHECK_EQ(try_multi(prog, t, 1, FSESSION_MULTI_DRY_RUN), -EALREADY);
	CHECK_EQ(last.reason, FSESSION_REASON_PROG_ATTACHED);
	close(fd);
	nothing_attached(ARG1);
}

CASE(multi_dry_run_full, "a dry run knows of functions that are full")
{
	struct recording r = recording_load("count", ARG2);
	unsigned int max = query().max_sessions, i;
	desc_t t[2] = { testmod_target(ARG1, 0), testmod_target(ARG2, 0) };
	int fds[64], extra = try_clone(r.prog);

	for (i = 0; i < max; i++)
		fds[i] = attach(SYS(try_clone(r.prog)));
	CHECK_EQ(try_multi(extra, t, 2, FSESSION_MULTI_DRY_RUN), 0);
	CHECK_EQ(last.attached, 1);
	check_target(&t[0], 0, 0);
	check_target(&t[1], -E2BIG, FSESSION_REASON_FULL);
	for (i = 0; i < max; i++)
		close(fds[i]);
	recording_end(&r);
}

/*
 * Overlap
 */

CASE(multi_and_single, "with a session on one of its functions, either first")
{
	struct recording r = recording_load("count", ARG2);
	struct recording one = recording_load("count", ARG2);
	desc_t t[3] = { testmod_target(ARG1, 0), testmod_target(ARG2, 0),
			testmod_target(ARG3, 0) };
	unsigned int order, first_out;

	for (order = 0; order < 4; order++) {
		bool multi_first = order & 1;
		uint64_t before = r.rec->at[0].runs;
		uint64_t one_before = one.rec->at[0].runs;

		first_out = order >> 1;
		if (multi_first)
			r.fd = multi(r.prog_fd, t, 3, 0);
		one.fd = attach(one.prog_fd);
		if (!multi_first)
			r.fd = multi(r.prog_fd, t, 3, 0);
		tm_calls(ARG1, 1);
		tm_calls(ARG2, 2);
		tm_calls(ARG3, 3);
		CHECK_BOOKS(info(r.fd), 6, 6, 6);
		CHECK_BOOKS(info(one.fd), 2, 2, 2);
		if (first_out) {
			recording_detach(&r);
			drain();
			tm_calls(ARG2, 5);
			CHECK_BOOKS(info(one.fd), 7, 7, 7);
			recording_detach(&one);
			check_recorded(one.rec, one_before + 7);
			check_recorded(r.rec, before + 6);
		} else {
			recording_detach(&one);
			drain();
			tm_calls(ARG2, 5);
			CHECK_BOOKS(info(r.fd), 11, 11, 11);
			recording_detach(&r);
			check_recorded(one.rec, one_before + 2);
			check_recorded(r.rec, before + 11);
		}
		nothing_attached(ARG2);
	}
	recording_end(&one);
	recording_end(&r);
}

/* Which of the sessions are on which of the functions. */
#define SETS 6

CASE(multi_intersect, "random overlapping sets come and go; every call counts",
     .timeout = 300)
{
	struct numbers m[SETS];
	uint64_t calls[SETS][SHAPES] = {}, total[SETS] = {};
	bool on[SETS][SHAPES];
	desc_t all[SHAPES], t[SHAPES];
	int fds[SETS], i, s, round, n;
	unsigned int seed = 4711;

	for (i = 0; i < (int)SHAPES; i++)
		all[i] = testmod_target(shapes[i], i + 1);
	for (s = 0; s < SETS; s++) {
		m[s] = numbers_load();
		fds[s] = -1;
	}
	for (round = 0; round < 60; round++) {
		s = rand_r(&seed) % SETS;
		if (fds[s] >= 0) {
			struct fsession_info in = info(fds[s]);

			CHECK_BOOKS(in, total[s], total[s], total[s]);
			close(fds[s]);
			fds[s] = -1;
			if (!(rand_r(&seed) % 4))
				drain();
		} else {
			for (i = n = 0; i < (int)SHAPES; i++) {
				on[s][i] = rand_r(&seed) % 2;
				if (on[s][i])
					t[n++] = all[i];
			}
			if (!n)
				continue;
			fds[s] = multi(bpf_program__fd(m[s].prog), t, n, 0);
			total[s] = 0;
		}
		for (i = 0; i < (int)SHAPES; i++) {
			n = rand_r(&seed) % 5 + 1;
			tm_calls(shapes[i], n);
			for (s = 0; s < SETS; s++) {
				if (fds[s] >= 0 && on[s][i]) {
					calls[s][i] += n;
					total[s] += n;
				}
			}
		}
	}
	for (s = 0; s < SETS; s++) {
		for (i = 0; i < (int)SHAPES; i++)
			check_number(&m[s], i + 1, calls[s][i]);
		if (fds[s] >= 0)
			close(fds[s]);
	}
	nothing_attached(ARG1);
}

CASE(multi_detach_in_mid_call, "detached while a task sleeps in one of them")
{
	struct recording r = recording_load("count", ARG2);
	struct recording stays = recording_load("count", ARG2);
	desc_t t[3] = { testmod_target(ARG1, 0),
			testmod_target("fsession_test_wait", 0),
			testmod_target(ARG3, 0) };
	struct fsession_info in;
	uint32_t id;
	uint64_t ms;
	int pid;

	r.fd = multi(r.prog_fd, t, 3, 0);
	functions_forget(t, 3);
	stays.fd = multi(stays.prog_fd, t, 2, 0);
	pid = tm_sleeper();
	tm_calls(ARG1, 4);
	in = info(r.fd);
	check_books_balance(&in);
	CHECK_EQ(in.entries, 5);
	CHECK_EQ(in.inside, 1);
	id = in.id;
	ms = ktest_ms();
	recording_detach(&r);
	CHECK_OP(ktest_ms() - ms, <, 2000);
	tm_calls(ARG1, 4);
	CHECK_EQ(r.rec->at[0].runs, 5);
	REQUIRE_EQ(try_info_id(id, 0, &in, NULL, 0), 0);
	CHECK_EQ(in.state, FSESSION_STATE_DRAINING);
	CHECK_EQ(in.inside, 1);
	/* A set that shares the functions, while the first drains. */
	tm_wake();
	ktest_join(pid);
	drain();
	CHECK_EQ(r.rec->at[1].runs, 4);
	CHECK_BOOKS(info(stays.fd), 9, 9, 9);
	check_recorded(stays.rec, 9);
	recording_end(&stays);
	recording_end(&r);
	nothing_attached(ARG1);
}

/*
 * Others who redirect a function
 */

static void probe(int fd, const char *function)
{
	SYS(ioctl(fd, FSESSION_TM_PROBE, function));
}

CASE(multi_redirected,
     "functions with a post handler on them are found among the others",
     .timeout = 180)
{
	struct recording r = recording_load("count", ARG2);
	int fd = SYS(open("/dev/" MODULE, O_RDWR | O_CLOEXEC));
	desc_t t[SHAPES];
	unsigned int i;

	for (i = 0; i < SHAPES; i++)
		t[i] = testmod_target(shapes[i], 0);
	probe(fd, ARG3);
	probe(fd, "fsession_test_arg11");
	r.fd = multi(r.prog_fd, t, SHAPES, 0);
	for (i = 0; i < SHAPES; i++)
		tm_calls(shapes[i], 3);
	check_recorded(r.rec, 3 * SHAPES);
	CHECK_EQ(SYS(ioctl(fd, FSESSION_TM_PROBED)), 3);
	probe(fd, NULL);
	for (i = 0; i < SHAPES; i++)
		tm_calls(shapes[i], 3);
	check_recorded(r.rec, 6 * SHAPES);
	close(fd);
	recording_end(&r);
	nothing_attached(ARG1);
}

CASE(multi_not_redirected,
     "to redirect a function of many is refused; the session goes on",
     .flags = KTEST_LOG)
{
	static char patched[] = "fsession_test_patched";
	struct recording r = recording_load("count", ARG2);
	int fd = SYS(open("/dev/" MODULE, O_RDWR | O_CLOEXEC)), before;
	desc_t t[3] = { testmod_target(ARG1, 0), testmod_target(patched, 0),
			testmod_target(ARG3, 0) };

	r.fd = multi(r.prog_fd, t, 3, 0);
	CHECK_EQ(try_ioctl(fd, FSESSION_TM_REDIRECT, patched), -EBUSY);
	tm_calls(ARG1, 3);
	tm_calls(patched, 3);
	check_recorded(r.rec, 6);
	recording_detach(&r);
	nothing_attached(ARG1);
	SYS(ioctl(fd, FSESSION_TM_REDIRECT, patched));
	before = SYS(ioctl(fd, FSESSION_TM_REDIRECTED));
	tm_calls(patched, 3);
	CHECK_EQ(SYS(ioctl(fd, FSESSION_TM_REDIRECTED)) - before, 3);
	check_recorded(r.rec, 6);
	close(fd);
	recording_end(&r);
}

static void be_interrupted(int sig)
{
	(void)sig;
}

CASE(multi_interrupted, "a signal ends the attach: EINTR, and nothing is left")
{
	struct recording r = recording_load("count", ARG2);
	struct sigaction action = { .sa_handler = be_interrupted };
	struct itimerval soon = { .it_value = { .tv_usec = 1000 } };
	unsigned int count = 200000, i, n, interrupted = 0, told = 0;
	desc_t *t = calloc(count, sizeof(*t));
	int got;

	REQUIRE(t);
	SYS(sigaction(SIGALRM, &action, NULL));
	t[0] = testmod_target(ARG1, 0);
	/* What takes time and is then refused: an id that is no function. */
	for (i = 1; i < count; i++) {
		t[i].btf_id = NO_ID - i;
		t[i].addr = i;
	}
	for (i = 0; i < 20 && !interrupted; i++) {
		soon.it_value.tv_usec = 1000 + 5000 * i;
		SYS(setitimer(ITIMER_REAL, &soon, NULL));
		got = try_multi(r.prog_fd, t, count, FSESSION_MULTI_SKIP);
		interrupted += got == -EINTR;
		if (got >= 0)
			close(got);
		/* It can be tried again as it is. */
		for (n = 0; got == -EINTR && n < count; n++)
			told += t[n].status || t[n].reason;
		functions_forget(t, count);
	}
	CHECK_OP(interrupted, >, 0);
	CHECK_EQ(told, 0);
	nothing_attached(ARG1);
	CHECK_EQ(r.rec->at[0].runs, 0);
	recording_end(&r);
}

static void call_all_the_time(void *arg)
{
	(void)arg;
	drop_inherited(-1);
	while (!ktest_has_failed())
		tm_calls(ARG1, 1000);
}

CASE(multi_failed_has_run_nothing,
     "an attach that fails at its very end has not run the program",
     .timeout = 300)
{
	struct recording r = recording_load("count", ARG2);
	int caller = ktest_fork(call_all_the_time, NULL), i, status;
	/* Where a status can be read, and not written. */
	desc_t *t = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	REQUIRE(t != MAP_FAILED);
	t[0] = kernel_target("do_exit", 0);
	t[1] = testmod_target(ARG1, 0);
	SYS(mprotect(t, 4096, PROT_READ));
	for (i = 0; i < 5; i++) {
		CHECK_EQ(try_multi(r.prog_fd, t, 2, FSESSION_MULTI_SKIP),
			 -EFAULT);
		CHECK_EQ(last.reason, 0);
		CHECK_EQ(last.attached, 0);
		drain();
	}
	CHECK_EQ(r.rec->at[0].runs, 0);
	CHECK_EQ(r.rec->at[1].runs, 0);
	/* The same, and it can be written: the calls are there to be seen. */
	SYS(mprotect(t, 4096, PROT_READ | PROT_WRITE));
	r.fd = multi(r.prog_fd, t, 2, FSESSION_MULTI_SKIP);
	WAIT_FOR(r.rec->at[0].runs > 0);
	SYS(kill(caller, SIGKILL));
	SYS(waitpid(caller, &status, 0));
	/* Until then all its calls went well. */
	CHECK(WIFSIGNALED(status));
	recording_end(&r);
	nothing_attached(ARG1);
}

/*
 * Reading back
 */

static int try_targets(int fd, desc_t *out, unsigned int *count)
{
	struct fsession_info in = { .size = sizeof(in),
				    .targets = (uintptr_t)out,
				    .target_count = *count };
	int ret = try_ioctl(fd, FSESSION_IOC_INFO, &in);

	*count = in.target_count;
	return ret;
}

CASE(multi_info, "what was given is read back; short buffers are filled",
     .timeout = 180)
{
	struct recording r = recording_load("count", ARG2);
	unsigned int reason[16], i, n, count;
	desc_t t[16], out[16];
	int status[16];

	n = refusals(t, status, reason);
	r.fd = multi(r.prog_fd, t, n, FSESSION_MULTI_SKIP);
	count = 16;
	CHECK_EQ(try_targets(r.fd, out, &count), 0);
	CHECK_EQ(count, n);
	for (i = 0; i < n; i++) {
		CHECK_EQ(out[i].addr, t[i].addr);
		CHECK_EQ(out[i].btf_id, t[i].btf_id);
		CHECK_EQ(out[i].attach_cookie, t[i].attach_cookie);
		CHECK_EQ(out[i].status, status[i]);
		CHECK_EQ(out[i].reason, 0);
	}
	memset(out, 0xff, sizeof(out));
	count = 2;
	CHECK_EQ(try_targets(r.fd, out, &count), -ENOSPC);
	CHECK_EQ(count, n);
	CHECK_EQ(out[1].btf_id, t[1].btf_id);
	CHECK_EQ(out[2].btf_id, -1U);
	count = 0;
	CHECK_EQ(try_targets(r.fd, out, &count), -EINVAL);
	count = 3;
	CHECK_EQ(try_targets(r.fd, NULL, &count), -EINVAL);
	count = 16;
	CHECK_EQ(try_targets(r.fd, (void *)8, &count), -EFAULT);
	count = 0;
	CHECK_EQ(try_targets(r.fd, NULL, &count), 0);
	CHECK_EQ(count, n);
	recording_end(&r);
}

/*
 * Everything
 */

/* What the load calls often: those that are there have a session of their own. */
static const char *const busy[] = {
	"vfs_read",	   "vfs_write",
	"do_filp_open",	   "tcp_sendmsg",
	"tcp_recvmsg",	   "udp_sendmsg",
	"udp_recvmsg",	   "copy_process",
	"handle_mm_fault", "vfs_rename",
	"vfs_unlink",	   "vfs_fsync_range",
	"ip_rcv",	   "icmp_rcv",
	"__fput",	   "mmput",
	"kmem_cache_free", "security_file_open",
	"seq_read_iter",   "pipe_read",
	"submit_bio",	   "__dev_queue_xmit",
	"try_to_wake_up",  "shmem_write_begin",
	"filename_lookup", "free_module",
};

#define BUSY 20

/* One that counts, on a function of @busy. */
struct single {
	const char *name;
	desc_t target;
	int prog_fd;
	int fd;
};

/* Moves those of @busy that are in the list to its beginning. */
static unsigned int find_busy(desc_t *t, unsigned int n, struct single *singles)
{
	struct btf *btf = kernel_btf();
	unsigned int i, found = 0;

	for (i = 0; i < ARRAY_SIZE(busy) && found < BUSY; i++) {
		int id = btf__find_by_name_kind(btf, busy[i], BTF_KIND_FUNC);

		if (id <= 0 || !functions_move(t, n, id, found))
			continue;
		singles[found] =
			(struct single){ .name = busy[i], .target = t[found] };
		found++;
	}
	return found;
}

static void single_start(struct single *s, const struct recording *r)
{
	s->prog_fd = try_clone_for(r->prog, s->target.btf_id);
	if (s->prog_fd < 0)
		FAIL("%s: load: %s", s->name, strerror(-s->prog_fd));
	s->fd = attach(s->prog_fd);
}

static void single_end(struct single *s)
{
	SYS(close(s->fd));
	SYS(close(s->prog_fd));
}

/* The number of calls that its program ran for. */
static uint64_t check_balance(const char *name, int fd)
{
	struct fsession_info in = info(fd);

	check_books_balance(&in);
	CHECK_EQ(in.dropped, 0);
	ktest_diag("%s: %llu calls, %llu misses, %llu inside, %llu abandoned",
		   name, in.calls, in.misses, in.inside, in.abandoned);
	return in.entries;
}

static int open_log(void)
{
	int fd = SYS(open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC));

	SYS(lseek(fd, 0, SEEK_END));
	return fd;
}

/* Splats are looked for when the case is over; here, what the module says. */
static void check_log(int fd)
{
	char record[8192];
	ssize_t n;

	while ((n = read(fd, record, sizeof(record) - 1)) > 0) {
		record[n] = '\0';
		if (strstr(record, ";fsession:"))
			FAIL("in the log: %s", strchr(record, ';') + 1);
	}
	close(fd);
}

/* Nearly all are attached, but where the kernel takes so many only. */
static void check_reasons(const desc_t *t, unsigned int n)
{
	unsigned int reasons[32] = {}, i;

	for (i = 0; i < n; i++)
		reasons[t[i].reason]++;
	for (i = 1; i < ARRAY_SIZE(reasons); i++) {
		if (reasons[i])
			ktest_diag("%u functions refused for reason %u",
				   reasons[i], i);
	}
	CHECK_OP(n, >, 5000);
	CHECK_OP(n - last.attached - reasons[FSESSION_REASON_KERNEL_LIMIT], <,
		 n / 20);
	CHECK_OP(last.attached, >, n < 8000 ? n / 20 * 19 : 7500);
}

static void wait_given_back(void)
{
	uint64_t start = ktest_ms();

	while (functions_enabled()) {
		if (ktest_ms() - start > ktest_patience(300000))
			FAIL("functions are not given back");
		usleep(10000);
	}
	ktest_diag("functions given back after %llu ms",
		   (unsigned long long)(ktest_ms() - start));
}

/* Who is in a call that a session waits for? */
static void show_inside(void)
{
	static const char command[] =
		"for p in $(grep -l fsession_ /proc/[0-9]*/stack 2>/dev/null); do "
		"echo \"# $p: $(cat ${p%/stack}/comm)\"; sed 's/^/#   /' $p; done";

	fflush(stdout);
	if (system(command))
		ktest_diag("no stacks");
}

/*
 * Nothing is left of what was detached. The system calls that wait here were
 * traced when they began; each waits for itself.
 */
static void wait_gone(void)
{
	uint64_t start = ktest_ms();

	while (try_drain(50, NULL)) {
		if (ktest_ms() - start < ktest_patience(100000))
			continue;
		show_inside();
		FAIL("sessions do not go");
	}
	ktest_diag("gone after %llu ms",
		   (unsigned long long)(ktest_ms() - start));
}

/*
 * FSESSION_LOAD_SECONDS	how long all are attached, under load from before the attach
 *			until after the detach (10, under load in between only)
 */
CASE(multi_everything, "all functions that can be attached to, under load",
     .timeout = 1800, .flags = KTEST_LOG)
{
	unsigned int seconds = ktest_number("FSESSION_LOAD_SECONDS", 0);
	struct recording r = recording_load("empty", "bpf_fentry_test1");
	struct recording count = recording_load("count", "bpf_fentry_test1");
	static struct single singles[BUSY];
	unsigned int found, i, runs = 0;
	int n, log = open_log();
	uint64_t start, ms;
	/* Under load an attach to all takes a minute, and giving back as long. */
	bool all_along = seconds > 0;
	desc_t *t;

	n = functions_list(kernel_btf(), &t);
	if (n < 0)
		FAIL("list of functions: %s", strerror(-n));
	found = find_busy(t, n, singles);
	CHECK_OP(found, >, 15);
	/*
	 * What a traced call does with locks takes lockdep long: an emulated CPU
	 * would hardly get out of its timer's ticks with all of them traced.
	 */
	if (!access("/proc/lockdep", F_OK))
		n /= 4;

	/* It has functions of its own, for which there is room yet. */
	rain_start(NULL);
	if (all_along)
		workload_start();
	/* Some come to a function before the session on all, some after. */
	for (i = 0; i < found; i += 2)
		single_start(&singles[i], &count);
	start = ktest_ms();
	r.fd = multi(r.prog_fd, t, n, FSESSION_MULTI_SKIP);
	ms = ktest_ms() - start;
	ktest_diag("%u of %d functions attached in %llu ms", last.attached, n,
		   (unsigned long long)ms);
	check_reasons(t, n);
	for (i = 1; i < found; i += 2)
		single_start(&singles[i], &count);

	if (!all_along)
		workload_start();
	sleep(all_along ? seconds : 10);
	if (!all_along)
		workload_end();
	rain_end();

	CHECK_OP(check_balance("all", r.fd), >, 0);
	for (i = 0; i < found; i++)
		runs += check_balance(singles[i].name, singles[i].fd) > 0;
	CHECK_OP(runs, >, found / 2);
	for (i = 0; i < found; i += 3)
		single_end(&singles[i]);
	start = ktest_ms();
	recording_detach(&r);
	ktest_diag("detached in %llu ms",
		   (unsigned long long)(ktest_ms() - start));
	for (i = 0; i < found; i++) {
		if (i % 3)
			single_end(&singles[i]);
	}
	wait_given_back();
	if (all_along)
		workload_end();
	wait_gone();
	CHECK_EQ(count.rec->dirty_cookies, 0);
	CHECK_EQ(count.rec->wrong_cookies, 0);
	CHECK_OP(count.rec->at[0].runs, >=, count.rec->at[1].runs);

	recording_end(&r);
	recording_end(&count);
	CHECK_EQ(query().live, 0);
	check_log(log);
	device_close();
	WAIT_FOR(try_rmmod("fsession") == 0);
	modprobe("fsession");
}
