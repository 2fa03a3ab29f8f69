// SPDX-License-Identifier: GPL-2.0
/*
 * Arguments and results of every shape, as the function, the program and the
 * caller see them. The test module checks every call against what the function
 * must compute; here the same is checked of what the program was told.
 */
#include "session.h"

struct shape {
	const char *function;
	unsigned int words; /* that the program sees */
	/* Where in the caller's words each of them is, if not in order. */
	const unsigned char *place;
	uint64_t ret_mask;
	bool scratch;	      /* word 0 points to memory */
	unsigned int boolean; /* this word's lowest byte has to be 0 or 1 */
};

#define ALL (~0ULL)

static void check_shape(const struct shape *s)
{
	struct recording r = recording_load("record", s->function);
	struct fsession_tm_call untraced = tm_prepare(s->function, 1), traced;
	const struct recorder_run *run;
	uint64_t ip = symbol(s->function, MODULE);
	unsigned int w, n;
	char why[64];
	int ret;

	if (s->scratch) {
		untraced.scratch_mask = 1;
		untraced.scratch[0] = 0x5c4a7c;
		untraced.scratch[1] = 0x11a77e4;
	}
	if (s->boolean)
		untraced.args[s->boolean] ^= 0x32;
	traced = untraced;
	tm_call(&untraced);

	ret = try_attach(r.prog_fd, 0x1234567, NULL);
	if (ret < 0)
		FAIL("attach to %s: %s", s->function, strerror(-ret));
	r.fd = ret;
	tm_call(&traced);

	/* The caller, and the function itself. */
	if (s->ret_mask)
		CHECK_EQ(traced.ret[0] & s->ret_mask,
			 untraced.ret[0] & s->ret_mask);
	if (!s->scratch)
		CHECK(!memcmp(traced.seen, untraced.seen, sizeof(traced.seen)));
	CHECK(!memcmp(traced.scratch, untraced.scratch,
		      sizeof(traced.scratch)));

	/* The program, at entry and at exit. */
	check_recorded(r.rec, 1);
	for (n = 0; n < 2; n++) {
		run = &r.rec->at[n];
		snprintf(why, sizeof(why), "%s, %s", s->function,
			 n ? "exit" : "entry");
		CHECK_EQ(run->arg_cnt, s->words);
		CHECK_EQ(run->ip, ip);
		CHECK_EQ(run->attach_cookie, 0x1234567);
		for (w = 0; w < RECORDER_ARGS; w++) {
			uint64_t word;

			if (w >= s->words) {
				if (run->arg_err[w] != -EINVAL)
					ktest_failed(
						__FILE__, __LINE__,
						"%s: argument %u: %lld", why, w,
						(long long)run->arg_err[w]);
				continue;
			}
			word = traced.args[s->place ? s->place[w] : w];
			/* Its kernel address is not known here. */
			if (s->scratch && w == 0)
				word = run->arg[w];
			if (run->arg_err[w] || run->arg[w] != word)
				ktest_failed(
					__FILE__, __LINE__,
					"%s: argument %u: %lld, 0x%llx, not 0x%llx",
					why, w, (long long)run->arg_err[w],
					(unsigned long long)run->arg[w],
					(unsigned long long)word);
		}
		CHECK_EQ(run->ret_err, 0);
	}
	CHECK_EQ(r.rec->at[0].ret, 0);
	CHECK_EQ(r.rec->at[1].ret & s->ret_mask, traced.ret[0] & s->ret_mask);
	CHECK_BOOKS(info(r.fd), 1, 1, 1);

	/* Nothing of it changes when it is gone. */
	recording_detach(&r);
	drain();
	untraced.count = 1;
	tm_call(&untraced);
	CHECK_EQ(traced.ret[0] & s->ret_mask, untraced.ret[0] & s->ret_mask);
	recording_end(&r);
}

#define SHAPE(_name, _desc, ...)                                             \
	CASE(shape_##_name, _desc)                                           \
	{                                                                    \
		check_shape(&(struct shape){                                 \
			.function = "fsession_test_" #_name, __VA_ARGS__ }); \
	}

#define PLACE(...)                       \
	.place = (const unsigned char[]) \
	{                                \
		__VA_ARGS__              \
	}

SHAPE(arg0, "no arguments", .words = 0, .ret_mask = ALL)
SHAPE(arg1, "one argument", .words = 1, .ret_mask = ALL)
SHAPE(arg2, "two arguments", .words = 2, .ret_mask = ALL)
SHAPE(arg3, "three arguments", .words = 3, .ret_mask = ALL)
SHAPE(arg4, "four arguments", .words = 4, .ret_mask = ALL)
SHAPE(arg5, "five arguments", .words = 5, .ret_mask = ALL)
SHAPE(arg6, "six arguments", .words = 6, .ret_mask = ALL)

/*
 * On the stack, from the seventh on, or the ninth on arm64: the kernel's own
 * trampoline of 6.1 cannot, nor can that of 6.12 on arm64.
 */
SHAPE(arg7, "seven arguments, on x86-64 one on the stack", .words = 7,
      .ret_mask = ALL)
SHAPE(arg8, "eight arguments, the last in registers on arm64", .words = 8,
      .ret_mask = ALL)
SHAPE(arg9, "nine arguments, on arm64 one on the stack", .words = 9,
      .ret_mask = ALL)
SHAPE(arg10, "ten arguments, two or four on the stack", .words = 10,
      .ret_mask = ALL)
SHAPE(arg11, "eleven arguments, three or five on the stack", .words = 11,
      .ret_mask = ALL)
SHAPE(arg12, "twelve arguments, four or six on the stack", .words = 12,
      .ret_mask = ALL)
SHAPE(arg_narrow, "narrow arguments, in registers and on the stack", .words = 9,
      .ret_mask = ALL, .boolean = 2)

/*
 * The program sees the prototype's order without gaps, which is not that of the
 * places; see the models in the test module.
 */
#ifdef __x86_64__
#define ALIGNED_ODD 0, 1, 2, 3
#define S16_EDGE    0, 1, 2, 3, 4, 6, 7, 5
#define U128_EDGE   0, 1, 2, 3, 4, 6, 7, 5
#define S16_LAST    0, 1, 2, 3, 4, 5, 6, 7, 8, 9
#else
#define ALIGNED_ODD 0, 2, 3, 4
#define S16_EDGE    0, 1, 2, 3, 4, 5, 6, 7
#define U128_EDGE   0, 1, 2, 3, 4, 6, 7, 8
#define S16_LAST    0, 1, 2, 3, 4, 5, 6, 8, 9, 10
#endif

SHAPE(arg_u128, "a 16-byte integer behind an odd register", .words = 4,
      .ret_mask = ALL, PLACE(ALIGNED_ODD))
SHAPE(arg_s128, "a structure that is one, behind an odd register", .words = 4,
      .ret_mask = ALL, PLACE(ALIGNED_ODD))
SHAPE(arg_s16_odd, "a structure of two words, behind an odd register",
      .words = 4, .ret_mask = ALL)
SHAPE(arg_s16_edge,
      "a structure that leaves x86-64's last register to its successor",
      .words = 8, .ret_mask = ALL, PLACE(S16_EDGE))
SHAPE(arg_u128_edge, "a 16-byte integer that does the same", .words = 8,
      .ret_mask = ALL, PLACE(U128_EDGE))
SHAPE(arg_s16_last, "a structure that leaves arm64's last register to nobody",
      .words = 10, .ret_mask = ALL, PLACE(S16_LAST))
SHAPE(arg_u128_last, "a 16-byte integer that does the same", .words = 10,
      .ret_mask = ALL, PLACE(0, 1, 2, 3, 4, 5, 6, 8, 9, 10))
SHAPE(arg_u128_stack, "a 16-byte integer on the stack, last", .words = 9,
      .ret_mask = ALL, PLACE(0, 1, 2, 3, 4, 5, 6, 8, 9))
SHAPE(arg_u128_gap, "a 16-byte integer behind an odd word on the stack",
      .words = 11, .ret_mask = ALL, PLACE(0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11))
SHAPE(arg_s128_gap, "a structure that is one, behind an odd word there",
      .words = 11, .ret_mask = ALL, PLACE(0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11))

CASE(shape_arg_aligned,
     "a structure that an attribute aligns: the function has its words")
{
	/* BTF does not tell, so what the program is shown is not looked at. */
	struct recording r =
		recording_start("count", "fsession_test_arg_aligned");
	struct fsession_tm_call call =
		tm_prepare("fsession_test_arg_aligned", 1);
	static const unsigned char place[] = { 0, 1, 2, 3, 4, 5, 6, 8, 9, 10 };
	unsigned int i;

	tm_call(&call);
	for (i = 0; i < sizeof(place); i++)
		CHECK_EQ(call.seen[i], call.args[place[i]]);
	check_recorded(r.rec, 1);
	recording_end(&r);
}

SHAPE(void, "no result; the function writes memory", .words = 2,
      .scratch = true)
SHAPE(int, "a negative int", .words = 1, .ret_mask = 0xffffffff)
SHAPE(ptr, "a pointer, from memory", .words = 1, .ret_mask = ALL,
      .scratch = true)
SHAPE(u8, "a result of 8 bits", .words = 1, .ret_mask = 0xff)
SHAPE(s16, "a result of 16 bits", .words = 1, .ret_mask = 0xffff)
SHAPE(bool, "a bool", .words = 1, .ret_mask = 0xff)
SHAPE(arg_s8, "a structure in one register", .words = 2, .ret_mask = ALL)
SHAPE(arg_s12, "a structure in two registers, not filled", .words = 4,
      .ret_mask = ALL)
SHAPE(arg_s16, "a structure in two registers, first", .words = 3,
      .ret_mask = ALL)

/* Both of the registers that a function can return in, and the program's word. */
static void check_both_registers(const char *function)
{
	struct recording r = recording_start("record", function);
	struct fsession_tm_call call = tm_prepare(function, 1000);

	call.args[0] = 0x0123456789abcdefULL;
	call.args[1] = 0xfedcba9876543210ULL;
	tm_call(&call);
	CHECK_EQ(call.ret[0], 0x0123456789abcdefULL);
	CHECK_EQ(call.ret[1], 0xfedcba9876543210ULL);
	check_recorded(r.rec, 1000);
	CHECK_EQ(r.rec->at[1].ret, 0x0123456789abcdefULL);
	recording_end(&r);
}

CASE(shape_u128, "16 bytes returned: both registers are right at the caller")
{
	struct bpf_object *obj = open_object("recorder");

	want(obj, "record", "fsession_test_u128");
	if (try_load(obj) == -EOPNOTSUPP)
		SKIP("this kernel's verifier refuses results above 8 bytes");
	bpf_object__close(obj);
	check_both_registers("fsession_test_u128");
}

CASE(shape_two_regs, "the same where the result's type does not tell")
{
	check_both_registers("fsession_test_two_regs");
}

CASE(shape_two_regs_stack, "the same of a function with arguments on the stack")
{
	struct fsession_tm_call call =
		tm_prepare("fsession_test_arg8_two_regs", 1000);
	struct recording r = recording_start("record", call.name);
	uint64_t first;

	tm_call(&call);
	check_recorded(r.rec, 1000);
	CHECK_EQ(call.ret[1], call.args[7]);
	CHECK_EQ(r.rec->at[1].ret, call.ret[0]);
	first = call.ret[0];
	recording_end(&r);
	call.count = 1;
	tm_call(&call);
	CHECK_EQ(call.ret[0], first);
}

/* Is where the result is to go an argument? Not on arm64, where it is in x8. */
#ifdef __x86_64__
#define HIDDEN 1
#else
#define HIDDEN 0
#endif

CASE(shape_indirect, "a result in memory: it is where the caller wants it")
{
	struct fsession_tm_call call =
		tm_prepare("fsession_test_indirect", 1000);
	struct recording r = recording_start("record", call.name);
	unsigned int n;

	tm_call(&call);
	check_recorded(r.rec, 1000);
	CHECK_EQ(call.ret[0], call.args[0]);
	CHECK_EQ(call.ret[1], call.args[1]);
	CHECK_EQ(call.ret[2], ~call.args[0]);
	CHECK_EQ(call.ret[3], ~call.args[1]);
	for (n = 0; n < 2; n++) {
		CHECK_EQ(r.rec->at[n].arg_cnt, 2 + HIDDEN);
		CHECK_EQ(r.rec->at[n].arg[HIDDEN], call.args[0]);
		CHECK_EQ(r.rec->at[n].arg[HIDDEN + 1], call.args[1]);
	}
	recording_end(&r);
}

CASE(shape_ret_s16, "a structure returned: the verifier refuses to load")
{
	struct bpf_object *obj = open_object("recorder");

	want(obj, "record", "fsession_test_ret_s16");
	CHECK_OP(try_load(obj), <, 0);
	bpf_object__close(obj);
	CHECK_EQ(query().live, 0);
}

/*
 * The same with the arguments that the kernel's callers give
 */

static void check_vmlinux(const char *function, unsigned int words,
			  uint64_t first, uint64_t ret)
{
	struct recording r = recording_start("record", function);
	unsigned int n, w;

	test_run(r.prog_fd);
	check_recorded(r.rec, 1);
	for (n = 0; n < 2; n++) {
		CHECK_EQ(r.rec->at[n].arg_cnt, words);
		/* They count up from the first. */
		for (w = 0; w < words; w++) {
			CHECK_EQ(r.rec->at[n].arg_err[w], 0);
			CHECK_EQ(r.rec->at[n].arg[w] & 0xff, first + w);
		}
		CHECK_EQ(r.rec->at[n].arg_err[words], -EINVAL);
		CHECK_EQ(r.rec->at[n].ip, symbol(function, NULL));
	}
	CHECK_EQ(r.rec->at[1].ret & 0xffffffff, ret);
	recording_end(&r);
}

CASE(kernel_function_1, "bpf_fentry_test1: one argument")
{
	check_vmlinux("bpf_fentry_test1", 1, 1, 2);
}

CASE(kernel_function_3, "bpf_fentry_test3: three arguments")
{
	check_vmlinux("bpf_fentry_test3", 3, 4, 15);
}

CASE(kernel_function_6, "bpf_fentry_test6: six arguments")
{
	check_vmlinux("bpf_fentry_test6", 6, 16, 111);
}

/*
 * Contexts
 */

static void check_context(unsigned int context, uint64_t count)
{
	struct recording r = recording_start("count", "fsession_test_arg6");
	struct fsession_tm_call call = tm_prepare("fsession_test_arg6", count);
	int ret;

	call.flags = FSESSION_TM_VARY;
	call.context = context;
	ret = try_tm_call(&call);
	if (ret == -EOPNOTSUPP)
		SKIP("no such context on this machine");
	CHECK_EQ(ret, 0);
	CHECK_EQ(call.count, count);
	CHECK_EQ(call.bad, 0);
	CHECK_EQ(call.leaks, 0);
	check_recorded(r.rec, count);
	CHECK_BOOKS(info(r.fd), count, count, count);
	recording_end(&r);
}

CASE(context_kthread, "called in a kernel thread")
{
	check_context(FSESSION_TM_KTHREAD, 1000);
}

CASE(context_softirq, "called in softirq")
{
	check_context(FSESSION_TM_SOFTIRQ, 1000);
}

CASE(context_hardirq, "called in a hard interrupt")
{
	check_context(FSESSION_TM_HARDIRQ, 1000);
}

CASE(context_nmi, "called in an NMI")
{
	check_context(FSESSION_TM_NMI, 200);
}

CASE(context_irqs_off, "called with interrupts disabled")
{
	struct recording r = recording_start("count", "fsession_test_arg6");
	struct fsession_tm_call call = tm_prepare("fsession_test_arg6", 1000);

	call.flags = FSESSION_TM_VARY | FSESSION_TM_IRQS_OFF;
	tm_call(&call);
	check_recorded(r.rec, 1000);
	recording_end(&r);
}

CASE(context_sleeping, "a function that sleeps between the two runs")
{
	struct recording r = recording_start("count", "fsession_test_sleep");
	struct fsession_tm_call call = tm_prepare("fsession_test_sleep", 5);

	call.args[0] = 20;
	tm_call(&call);
	check_recorded(r.rec, 5);
	CHECK_BOOKS(info(r.fd), 5, 5, 5);
	recording_end(&r);
}
