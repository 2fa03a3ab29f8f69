// SPDX-License-Identifier: GPL-2.0
/*
 * A session on a helper, between a program that calls it and that one's callback.
 */
#include "progs/callback.h"
#include "session.h"

#define TARGET "fsession_test_arg1"
/* What bpf_for_each_map_elem() is for an array. */
#define HELPER "bpf_for_each_array_elem"

/* Attach cookies: of the session on the helper, of the program that calls it. */
#define HELPERS 0xbad
#define CALLERS 0x900d

struct between {
	struct recording helper;
	struct bpf_object *obj;
	struct callback *c;
};

static struct between between_start(const char *name, const char *target)
{
	struct between b = {
		.helper = recording_load("count", HELPER),
		.obj = open_object("callback"),
	};

	want(b.obj, name, target);
	load(b.obj);
	b.c = bss(b.obj, sizeof(*b.c));
	b.helper.fd = try_attach(b.helper.prog_fd, HELPERS, NULL);
	REQUIRE(b.helper.fd >= 0);
	return b;
}

static void between_end(struct between *b)
{
	check_recorded(b->helper.rec, 10 * (b->c->runs ? 1 : 2));
	bpf_object__close(b->obj);
	recording_end(&b->helper);
}

CASE(callback_of_native, "a program's own run context, below a session")
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .tracing.cookie = CALLERS);
	struct between b = between_start("native", NULL);
	int link = bpf_link_create(prog_fd(b.obj, "native"), 0,
				   BPF_TRACE_FENTRY, &opts);

	REQUIRE(link >= 0);
	tm_calls(TARGET, 10);
	CHECK_EQ(b.c->runs, 10);
	CHECK_EQ(b.c->attach_cookie, CALLERS);
	SYS(close(link));
	between_end(&b);
	WAIT_FOR(!ftrace_enabled_on(TARGET));
}

CASE(callback_of_session, "a session's own frame, below another session")
{
	struct between b = between_start("session", TARGET);
	int fd = try_attach(prog_fd(b.obj, "session"), CALLERS, NULL);

	REQUIRE(fd >= 0);
	tm_calls(TARGET, 10);
	CHECK_EQ(b.c->session_runs[0], 10);
	CHECK_EQ(b.c->session_runs[1], 10);
	CHECK_EQ(b.c->wrong_answers, 0);
	CHECK_EQ(b.c->attach_cookie, CALLERS);
	SYS(close(fd));
	between_end(&b);
}
