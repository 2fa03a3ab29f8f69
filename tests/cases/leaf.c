// SPDX-License-Identifier: GPL-2.0
/*
 * Programs that call nothing have stubs of their own, which make no run context
 * known; on one function only, one that calls this program, as long as there are such.
 * The site keeps its stub as long as anybody is on it, whoever comes later.
 */
#include <bpf/bpf.h>

#include "session.h"

#define TARGET	"fsession_test_arg1"
#define WAIT_FN "fsession_test_wait"
#define CALLS	10

static void check_words(unsigned int nr)
{
	char name[16], function[32];
	struct fsession_tm_call untraced, traced;
	struct leaf_session l;
	unsigned int half;

	snprintf(name, sizeof(name), "words_%u", nr);
	snprintf(function, sizeof(function), "fsession_test_arg%u", nr);
	untraced = traced = tm_prepare(function, 1);
	tm_call(&untraced);
	l = leaf_start(name, function);
	tm_call(&traced);

	CHECK_EQ(traced.ret[0], untraced.ret[0]);
	CHECK(!memcmp(traced.seen, untraced.seen, sizeof(traced.seen)));
	for (half = 0; half < 2; half++) {
		const __u64 *word = l.leaf->word[half];

		CHECK(!memcmp(word, traced.args, nr * sizeof(*word)));
		CHECK_EQ(word[nr], half ? traced.ret[0] : 0);
	}
	leaf_end(&l, 1);
	drain();
}

CASE(leaf_words, "arguments and result, for each number of arguments")
{
	unsigned int nr;

	for (nr = 0; nr < LEAF_WORDS; nr++)
		check_words(nr);
}

CASE(leaf_before_caller, "one that calls comes later, and stays alone")
{
	struct leaf_session l = leaf_start("runs", TARGET);
	struct recording r = recording_start("count", TARGET);

	tm_calls(TARGET, CALLS);
	leaf_end(&l, CALLS);
	drain();
	tm_calls(TARGET, CALLS);
	check_recorded(r.rec, 2 * CALLS);
	recording_end(&r);
}

CASE(leaf_after_caller, "it comes later, and stays alone")
{
	struct recording r = recording_start("count", TARGET);
	struct leaf_session l = leaf_start("runs", TARGET);

	tm_calls(TARGET, CALLS);
	check_recorded(r.rec, CALLS);
	recording_detach(&r);
	drain();
	tm_calls(TARGET, CALLS);
	leaf_end(&l, 2 * CALLS);
	recording_end(&r);
}

CASE(leaf_after_leaf, "another one comes later, and stays alone")
{
	struct leaf_session first = leaf_start("runs", TARGET);
	struct leaf_session second = leaf_start("runs", TARGET);

	tm_calls(TARGET, CALLS);
	leaf_end(&first, CALLS);
	drain();
	tm_calls(TARGET, CALLS);
	leaf_end(&second, 2 * CALLS);
}

CASE(leaf_again, "one comes after another one, on another function")
{
	struct leaf_session l = leaf_start("runs", TARGET);

	tm_calls(TARGET, CALLS);
	leaf_end(&l, CALLS);
	drain();
	l = leaf_start("words_1", "fsession_test_int");
	tm_calls("fsession_test_int", CALLS);
	leaf_end(&l, CALLS);
	drain();
}

CASE(leaf_while_inside, "another one comes while a task is still inside")
{
	struct leaf_session first = leaf_start("runs", WAIT_FN), second;
	int sleeper = tm_sleeper();

	SYS(close(first.fd));
	WAIT_FOR(!ftrace_enabled_on(WAIT_FN));
	second = leaf_start("runs", TARGET);
	tm_calls(TARGET, CALLS);
	CHECK_EQ(query().draining, 1);
	tm_wake();
	ktest_join(sleeper);
	CHECK_EQ(first.leaf->runs, 1);
	bpf_object__close(first.obj);
	leaf_end(&second, CALLS);
	drain();
}

CASE(leaf_run_count, "bpf_stats: every call is two runs")
{
	struct leaf_session l = leaf_start("runs", TARGET);
	int fd = prog_fd(l.obj, "runs"), stats;

	tm_calls(TARGET, CALLS);
	CHECK_EQ(prog_info(fd).run_cnt, 0);
	stats = SYS(bpf_enable_stats(BPF_STATS_RUN_TIME));
	tm_calls(TARGET, CALLS);
	CHECK_EQ(prog_info(fd).run_cnt, 2 * CALLS);
	close(stats);
	tm_calls(TARGET, CALLS);
	CHECK_EQ(prog_info(fd).run_cnt, 2 * CALLS);
	leaf_end(&l, 3 * CALLS);
	drain();
}

CASE(leaf_on_each, "on more functions, one each, than there are stubs of one")
{
	/* With one argument, as the two that nobody calls. */
	static const char *const function[] = {
		"fsession_test_arg1",	 "fsession_test_int",
		"fsession_test_u8",	 "fsession_test_s16",
		"fsession_test_bool",	 "fsession_test_sleep",
		"fsession_test_patched",
	};
	enum {
		N = sizeof(function) / sizeof(function[0])
	};
	struct leaf_session wait = leaf_start("runs", WAIT_FN),
			    oops = leaf_start("runs", "fsession_test_oops"),
			    l[N];
	unsigned int i;

	for (i = 0; i < N; i++)
		l[i] = leaf_start("runs", function[i]);
	for (i = 0; i < N; i++)
		tm_calls(function[i], CALLS + i);
	for (i = 0; i < N; i++)
		leaf_end(&l[i], CALLS + i);
	leaf_end(&wait, 0);
	leaf_end(&oops, 0);
	drain();
}

CASE(leaf_on_many, "on many functions, one of which another one stays on")
{
	static const char *const function[] = {
		"fsession_test_arg0", "fsession_test_arg1",
		"fsession_test_arg2", "fsession_test_arg6",
		"fsession_test_arg7",
	};
	enum {
		N = sizeof(function) / sizeof(function[0])
	};
	struct leaf_session l = leaf_load("runs", function[0]);
	struct fsession_target_desc target[N];
	struct recording r;
	unsigned int i;

	for (i = 0; i < N; i++)
		target[i] = testmod_target(function[i], 0);
	l.fd = try_ioctl(device(), FSESSION_IOC_ATTACH_MULTI,
			 &(struct fsession_attach_multi){
				 .size = sizeof(struct fsession_attach_multi),
				 .prog_fd = prog_fd(l.obj, "runs"),
				 .targets = (uintptr_t)target,
				 .count = N,
			 });
	REQUIRE(l.fd >= 0);
	r = recording_start("count", TARGET);
	for (i = 0; i < N; i++)
		tm_calls(function[i], CALLS);
	leaf_end(&l, N * CALLS);
	drain();
	for (i = 0; i < N; i++)
		tm_calls(function[i], CALLS);
	check_recorded(r.rec, 2 * CALLS);
	recording_end(&r);
}

CASE(leaf_tail_call, "one that goes on to another program is none")
{
	struct leaf_session l = { .obj = open_object("leaf") };
	unsigned int zero = 0;
	int callee;

	want(l.obj, "callee", TARGET);
	want(l.obj, "tail_caller", TARGET);
	load(l.obj);
	l.leaf = bss(l.obj, sizeof(*l.leaf));
	callee = prog_fd(l.obj, "callee");
	SYS(bpf_map_update_elem(bpf_object__find_map_fd_by_name(l.obj,
								"callees"),
				&zero, &callee, BPF_ANY));
	l.fd = try_attach(prog_fd(l.obj, "tail_caller"), 0x900d, NULL);
	REQUIRE(l.fd >= 0);
	tm_calls(TARGET, CALLS);
	CHECK_EQ(l.leaf->attach_cookie, 0x900d);
	leaf_end(&l, CALLS);
}
