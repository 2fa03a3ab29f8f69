// SPDX-License-Identifier: GPL-2.0
/*
 * Programs that write down all that a session can see of a call. What they find
 * must not depend on what runs them: see differ.c.
 */
#include <fsession/fsession.bpf.h>

#include "again.bpf.h"
#include "differ.h"

char LICENSE[] SEC("license") = "GPL";

struct differ_log events;

static __always_inline struct differ_event *note(void *ctx, char prog)
{
	__u64 *cookie = bpf_session_cookie(ctx), value;
	struct differ_event *e;
	__u32 n;
	int i;

	if (events.only_tgid &&
	    events.only_tgid != bpf_get_current_pid_tgid() >> 32)
		return NULL;
	n = __sync_fetch_and_add(&events.cnt, 1);
	if (n >= DIFFER_EVENTS)
		return NULL;
	e = &events.event[n];
	e->prog = prog;
	e->is_return = bpf_session_is_return(ctx);
	e->ip = bpf_get_func_ip(ctx);
	e->arg_cnt = bpf_get_func_arg_cnt(ctx);
#pragma unroll
	for (i = 0; i < DIFFER_ARGS; i++) {
		value = 0;
		e->arg_err[i] = bpf_get_func_arg(ctx, i, &value);
		e->arg[i] = value;
	}
	value = 0;
	e->ret_err = bpf_get_func_ret(ctx, &value);
	e->ret = value;
	e->attach_cookie = bpf_get_attach_cookie(ctx);
	e->cookie = *cookie;
	/* To be found at the exit: which program, which call. */
	if (!e->is_return)
		*cookie = (__u64)prog << 32 | (__u32)e->arg[0];
	return e;
}

#define NOTE(letter, function)         \
	SEC("fsession/" function)      \
	int prog_##letter(void *ctx)   \
	{                              \
		note(ctx, #letter[0]); \
		return 0;              \
	}

#define TM(name) "fsession_testmod:fsession_test_" name

/* Three on one function. */
NOTE(a, TM("arg1"))
NOTE(b, TM("arg1"))
NOTE(c, TM("arg1"))
/* Arguments, in registers, on the stack, narrow, structures. */
NOTE(d, TM("arg0"))
NOTE(e, TM("arg6"))
NOTE(f, TM("arg8"))
NOTE(g, TM("arg12"))
NOTE(h, TM("arg_s16"))
NOTE(i, TM("arg_s16_odd"))
/* Results. */
NOTE(j, TM("int"))
NOTE(k, TM("u8"))
NOTE(l, TM("s16"))
NOTE(m, TM("bool"))
NOTE(n, TM("void"))
NOTE(o, TM("ptr"))
/* Calls in calls. */
NOTE(p, TM("nested"))
NOTE(q, TM("outer"))
/* Somebody sleeps in it. */
NOTE(r, TM("wait"))
NOTE(s, TM("wait"))
/* The kernel's own. */
NOTE(t, "bpf_fentry_test1")

SEC("fsession/" TM("int"))
int BPF_PROG(typed, int a, int ret)
{
	struct differ_event *e = note(ctx, 'T');

	if (e) {
		e->ctx_arg = a;
		e->ctx_ret = ret;
	}
	return 0;
}

/* Its helper calls the function that it traces. */
SEC("fsession/htab_map_delete_elem")
int again(void *ctx)
{
	if (note(ctx, 'A'))
		call_again();
	return 0;
}

SEC("fsession/" TM("arg1"))
int stack(void *ctx)
{
	struct differ_event *e = note(ctx, 'S');

	if (e)
		e->stack_size =
			bpf_get_stack(ctx, e->stack, sizeof(e->stack), 0);
	return 0;
}

SEC("fsession.multi/" TM("arg?"))
int many(void *ctx)
{
	note(ctx, 'M');
	return 0;
}
