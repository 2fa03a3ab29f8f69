// SPDX-License-Identifier: GPL-2.0
/*
 * Arguments on the stack, read from the context directly; and the functions as
 * they are called from elsewhere than a task. What helpers tell of them is in
 * shapes.c, with many sessions in many.c.
 */
#include "progs/stack_args.h"
#include "session.h"

static void check_direct(unsigned int words)
{
	struct bpf_object *obj = open_object("stack_args");
	struct fsession_tm_call call;
	char function[64], name[16];
	struct stack_args *s;
	unsigned int run, i;
	int fd;

	snprintf(name, sizeof(name), "arg%u", words);
	snprintf(function, sizeof(function), "fsession_test_arg%u", words);
	want(obj, name, NULL);
	load(obj);
	s = bss(obj, sizeof(*s));
	fd = attach(prog_fd(obj, name));
	call = tm_prepare(function, 1);
	tm_call(&call);
	for (run = 0; run < 2; run++) {
		CHECK_EQ(s->runs[run], 1);
		for (i = 0; i < words; i++) {
			CHECK_EQ(s->ctx[run][i], call.args[i]);
			CHECK_EQ(call.seen[i], call.args[i]);
		}
		if (words < STACK_ARGS_WORDS)
			CHECK_EQ(s->ctx[run][words], run ? call.ret[0] : 0);
	}
	close(fd);
	bpf_object__close(obj);
}

CASE(direct_6, "six arguments: the context's seven words")
{
	check_direct(6);
}

CASE(direct_7, "seven arguments: the context's eight words")
{
	check_direct(7);
}

CASE(direct_8, "eight arguments: the context's nine words")
{
	check_direct(8);
}

CASE(direct_9, "nine arguments: the context's ten words")
{
	check_direct(9);
}

CASE(direct_10, "ten arguments: the context's eleven words")
{
	check_direct(10);
}

CASE(direct_11, "eleven arguments: the context's twelve words")
{
	check_direct(11);
}

CASE(direct_12, "twelve arguments: all of the context that a program may read")
{
	check_direct(12);
}

static void check_context(unsigned int context)
{
	struct recording r = recording_start("count", "fsession_test_arg12");
	struct fsession_tm_call call = tm_prepare("fsession_test_arg12", 200);
	int ret;

	call.flags = FSESSION_TM_VARY;
	call.context = context;
	ret = try_tm_call(&call);
	if (ret == -EOPNOTSUPP)
		SKIP("no such context on this machine");
	CHECK_EQ(ret, 0);
	CHECK_EQ(call.count, 200);
	CHECK_EQ(call.bad, 0);
	CHECK_EQ(call.leaks, 0);
	check_recorded(r.rec, 200);
	CHECK_BOOKS(info(r.fd), 200, 200, 200);
	recording_end(&r);
}

CASE(stack_args_softirq, "stack arguments in softirq")
{
	check_context(FSESSION_TM_SOFTIRQ);
}

CASE(stack_args_hardirq, "stack arguments in a hard interrupt")
{
	check_context(FSESSION_TM_HARDIRQ);
}

CASE(stack_args_nmi, "stack arguments in an NMI")
{
	check_context(FSESSION_TM_NMI);
}

/*
 * What the kernel's own trampoline cannot up to 6.5, on arm64 up to 6.15. A
 * program that bpf(2) refuses there is one that we attach.
 */
static bool native_takes_stack_arguments(void)
{
#ifdef __x86_64__
	return kernel_is_at_least(6, 6);
#else
	return kernel_is_at_least(6, 16);
#endif
}

CASE(stack_args_beyond_native, "where bpf(2) refuses, a session works")
{
	struct recording r = recording_load("count", "fsession_test_arg12");
	struct bpf_object *obj = open_object("kinds");
	int link;

	want(obj, "prog_fexit", "fsession_test_arg12");
	load(obj);
	link = bpf_raw_tracepoint_open(NULL, prog_fd(obj, "prog_fexit"));
	if (link >= 0) {
		/* Then it is one or the other. */
		CHECK(native_takes_stack_arguments());
		CHECK_REFUSED(r.prog_fd, EBUSY, FSESSION_REASON_BUSY);
		close(link);
		WAIT_FOR(!ftrace_enabled_on("fsession_test_arg12"));
	} else {
		CHECK(!native_takes_stack_arguments());
	}
	r.fd = attach(r.prog_fd);
	tm_calls("fsession_test_arg12", 100);
	check_recorded(r.rec, 100);
	recording_end(&r);
	bpf_object__close(obj);
}
