// SPDX-License-Identifier: GPL-2.0
/*
 * Before the module serves anybody, it traces two functions of its own through
 * the real stub and the real ftrace registration, and refuses to load when an
 * argument, a return value or a count is wrong. A kernel that nobody has tried
 * yet fails here, not in somebody's traced function.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/filter.h>
#include <linux/module.h>
#include <linux/sched/task_stack.h>

#include "fsession.h"

#define CALLS	100

/* Of the traced functions; more than there are registers on any architecture. */
#define REG_ARGS	6
#define MAX_ARGS	10

struct pair {
	u64 low;
	u64 high;
};

/* What the traced function saw; written by the one task that runs init. */
static struct seen {
	u64 args[MAX_ARGS];
	u64 words[MAX_ARGS];
	u64 nr;
	u64 func;
	bool frame;
} seen;

static const u64 test_args[MAX_ARGS] = {
	0x1111111111111111, 0x2222222222222222, 0x3333333333333333,
	0x4444444444444444, 0x5555555555555555, 0x6666666666666666,
	0x7777777777777777, 0x8888888888888888, 0x9999999999999999,
	0xaaaaaaaaaaaaaaaa,
};

/* Not const, nor may the compiler look into the traced functions for it. */
static struct pair test_ret = { 0xa5a5a5a5a5a5a5a5, 0x5a5a5a5a5a5a5a5a };

/* The innermost frame on the stack is that of the function that calls this. */
static notrace noinline void look_at_frame(unsigned int nr)
{
	unsigned long from = fsession_frames_from(
		(unsigned long)__builtin_frame_address(0));
	unsigned long end = (unsigned long)task_stack_page(current) +
			    THREAD_SIZE;
	struct fsession_frame *frame;
	u64 *ctx;

	frame = fsession_frame_next(&from, end);
	seen.frame = frame;
	if (!frame)
		return;
	ctx = fsession_ctx(frame, frame->list);
	seen.func = ctx[-2];
	seen.nr = (u8)ctx[-1];
	memcpy(seen.words, ctx, nr * sizeof(u64));
}

#if __has_attribute(__noipa__)
#define traced_function	noinline __attribute__((__noipa__))
#else
#define traced_function	noinline
#endif

/* Traced: these two are compiled as the rest of the kernel is. */
struct pair fsession_selftest_regs(u64 a, u64 b, u64 c, u64 d, u64 e, u64 f);
struct pair fsession_selftest_stack(u64 a, u64 b, u64 c, u64 d, u64 e, u64 f,
				    u64 g, u64 h, u64 i, u64 j);

traced_function struct pair
fsession_selftest_regs(u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
{
	const u64 args[] = { a, b, c, d, e, f };

	memcpy(seen.args, args, sizeof(args));
	look_at_frame(ARRAY_SIZE(args));
	return test_ret;
}

traced_function struct pair
fsession_selftest_stack(u64 a, u64 b, u64 c, u64 d, u64 e, u64 f, u64 g, u64 h,
			u64 i, u64 j)
{
	const u64 args[] = { a, b, c, d, e, f, g, h, i, j };

	memcpy(seen.args, args, sizeof(args));
	look_at_frame(ARRAY_SIZE(args));
	return test_ret;
}

static struct pair call(unsigned int args)
{
	const u64 *a = test_args;

	memset(&seen, 0, sizeof(seen));
	if (args == REG_ARGS)
		return fsession_selftest_regs(a[0], a[1], a[2], a[3], a[4],
					      a[5]);
	return fsession_selftest_stack(a[0], a[1], a[2], a[3], a[4], a[5], a[6],
				       a[7], a[8], a[9]);
}

/* A function with @args arguments, of which we are told of @nr. */
static const char *check_call(unsigned int args, unsigned int nr,
			      unsigned long func, bool traced)
{
	struct pair ret = call(args);

	if (memcmp(seen.args, test_args, args * sizeof(u64)))
		return "the function got other arguments";
	if (ret.low != test_ret.low || ret.high != test_ret.high)
		return "the caller got another return value";
	if (seen.frame != traced)
		return traced ? "the call did not come through the stub" :
				"the call came through the stub after detach";
	if (!traced)
		return NULL;
	if (memcmp(seen.words, test_args, nr * sizeof(u64)))
		return "the context has other arguments";
	if (seen.nr != nr || seen.func != func)
		return "the context has another function";
	return NULL;
}

/*
 * What an interrupt leaves on the stack that comes while the key is in a register:
 * it, beside an address.
 */
static noinline int check_no_frame(void)
{
	struct fsession_frame frame;

	*(volatile unsigned long *)&frame.list = fsession_guard_key;
	WRITE_ONCE(frame.guard, (unsigned long)&frame + FSESSION_FRAME_BASE);
	if (fsession_frame_run(&frame) >= FSESSION_RUNS)
		return 0;
	pr_err("self-test: what is no frame is taken for one, not loading\n");
	return -EINVAL;
}

static const char *check_books(struct fsession_session *s, u64 calls)
{
	struct fsession_info info = {};

	mutex_lock(&fsession_mutex);
	fsession_session_read(s, &info);
	mutex_unlock(&fsession_mutex);
	if (info.entries != calls || info.exits != calls || info.misses ||
	    info.inside || info.dropped || info.abandoned)
		return "entries and exits do not balance";
	return NULL;
}

/*
 * Nothing of this module's may be freed under a session that has not drained:
 * better an insmod that hangs than one that crashes.
 */
static void drain(void)
{
	u32 draining;

	while (fsession_session_drain(MSEC_PER_SEC, &draining))
		msleep(20);
}

/*
 * A program that does nothing, and if it is no leaf could have a call; what it would
 * see is checked in the frame. It has a reference count, but nobody has set it: a
 * reference of our own keeps the session's from being the last.
 */
static struct bpf_prog *nothing_prog(bool leaf)
{
	static struct sock_filter insns[] = {
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + SKF_AD_RANDOM),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog_kern fprog = {
		.len = leaf ? 1 : ARRAY_SIZE(insns),
		.filter = insns,
	};
	struct bpf_prog *prog;
	int err = bpf_prog_create(&prog, &fprog);

	if (err)
		return ERR_PTR(err);
	bpf_prog_inc(prog);
	return prog;
}

/* An attachment to a function of ours with @nr words of arguments. */
static int prepare(struct fsession_attachment *a, unsigned int nr,
		   unsigned long func)
{
	struct fsession_layout layout = {
		.nr = nr,
		.wide = nr > FSESSION_ARG_REGS,
	};
	unsigned int i;
	int err;

	for (i = 0; i < nr; i++)
		layout.word[i] = i;
	if (layout.wide)
		layout.stack = nr - FSESSION_ARG_REGS;
	err = fsession_target_set_layout(a->target, &layout);
	if (err)
		return err;
	a->target[0].func = func;
	return fsession_target_at(a, a->target, NULL, true);
}

static int test_one(struct bpf_prog *prog, bool unbound, unsigned int args,
		    unsigned int nr, unsigned long func)
{
	enum fsession_reason reason = FSESSION_REASON_NONE;
	struct fsession_attachment *a;
	struct fsession_session *s;
	const char *wrong;
	int err, i;

	a = fsession_attachment_new(1);
	if (!a)
		return -ENOMEM;
	a->unbound = unbound;
	err = prepare(a, nr, func);
	s = err ? ERR_PTR(err) : fsession_session_attach(prog, a, &reason);
	fsession_attachment_free(a);
	if (IS_ERR(s)) {
		pr_err("self-test: attach '%ps': %pe (reason %d): not loading\n",
		       (void *)func, s, reason);
		/* It may have come as far as to hold the program. */
		drain();
		return PTR_ERR(s);
	}
	fsession_session_start(s);

	for (i = 0, wrong = NULL; i < CALLS && !wrong; i++)
		wrong = check_call(args, nr, func, true);
	if (!wrong)
		wrong = check_books(s, CALLS);

	fsession_session_detach(s);
	drain();
	if (!wrong)
		wrong = check_call(args, nr, func, false);
	if (!wrong)
		return 0;
	pr_err("self-test: %s: this kernel is not supported, not loading\n",
	       wrong);
	return -EOPNOTSUPP;
}

/* By stubs of its own or by those that others have, too, where it may have its own. */
static int test_prog(bool leaf, bool unbound)
{
	struct bpf_prog *prog = nothing_prog(leaf);
	unsigned int nr;
	int err = 0;

	if (IS_ERR(prog))
		return PTR_ERR(prog);
	/* Each may have a stub of its own. Arguments beyond @nr are kept, too. */
	for (nr = REG_ARGS / 2; nr <= REG_ARGS && !err; nr += REG_ARGS / 2)
		err = test_one(prog, unbound, REG_ARGS, nr,
			       (unsigned long)fsession_selftest_regs);
	if (!err)
		err = test_one(prog, unbound, MAX_ARGS, MAX_ARGS,
			       (unsigned long)fsession_selftest_stack);
	bpf_prog_destroy(prog);
	return err;
}

int fsession_selftest(void)
{
	int err = check_no_frame();

	if (!err)
		err = test_prog(false, true);
	if (!err)
		err = test_prog(true, true);
	if (!err)
		err = test_prog(true, false);
	return err;
}
