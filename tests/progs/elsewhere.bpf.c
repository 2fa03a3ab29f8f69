// SPDX-License-Identifier: GPL-2.0
/*
 * Calls of the kfuncs from where no session is, and from a session in ways that
 * the header does not offer.
 */
#include <fsession/fsession.bpf.h>

#include "elsewhere.h"

char LICENSE[] SEC("license") = "GPL";

struct elsewhere e;

static __always_inline void ask(__u64 *runs, __u64 *is_return, __u64 *cookies)
{
	__u64 *cookie = bpf_fsession_cookie(sizeof(__u64));

	__sync_fetch_and_add(runs, 1);
	if (bpf_fsession_is_return())
		__sync_fetch_and_add(is_return, 1);
	if (cookie) {
		__sync_fetch_and_add(cookies, 1);
		*cookie = 0xbad;
	}
}

/* Attached by bpf(2), at the entry ... */
SEC("fentry/bpf_fentry_test1")
int native_fentry(void *ctx)
{
	ask(&e.runs, &e.is_return, &e.cookies);
	return 0;
}

/* ... and at the exit. */
SEC("fexit/bpf_fentry_test1")
int native_fexit(void *ctx)
{
	ask(&e.runs, &e.is_return, &e.cookies);
	return 0;
}

/* The header's dummy takes what such a program writes. */
SEC("fexit/bpf_fentry_test2")
int native_header(void *ctx)
{
	__u64 *cookie = bpf_session_cookie(ctx);

	__sync_fetch_and_add(&e.runs, 1);
	if (bpf_session_is_return(ctx))
		__sync_fetch_and_add(&e.is_return, 1);
	*cookie = 0xbad;
	return 0;
}

/* On another function than the session: the call is between its two runs. */
SEC("fexit/fsession_test_arg1")
int native_inside(void *ctx)
{
	ask(&e.runs, &e.is_return, &e.cookies);
	return 0;
}

/* A tracepoint that a session program's helper hits. */
SEC("tp_btf/bpf_trace_printk")
int tracepoint(void *ctx)
{
	if (e.only_tgid == bpf_get_current_pid_tgid() >> 32)
		ask(&e.tp_runs, &e.tp_is_return, &e.tp_cookies);
	return 0;
}

SEC("fsession")
int print(void *ctx)
{
	__u64 *cookie = bpf_session_cookie(ctx);

	if (bpf_session_is_return(ctx)) {
		__sync_fetch_and_add(&e.session_runs[1], 1);
		if (*cookie != 0x900d)
			__sync_fetch_and_add(&e.wrong_cookies, 1);
	} else {
		__sync_fetch_and_add(&e.session_runs[0], 1);
		*cookie = 0x900d;
	}
	bpf_printk("fsession test");
	return 0;
}

/* The answer is an index: the verifier has to know that it is 0 or 1. */
SEC("fsession")
int by_answer(void *ctx)
{
	__sync_fetch_and_add(&e.session_runs[bpf_session_is_return(ctx)], 1);
	return 0;
}

struct timer {
	struct bpf_timer timer;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, int);
	__type(value, struct timer);
} timers SEC(".maps");

static int on_timer(void *map, int *key, struct timer *timer)
{
	ask(&e.timer_runs, &e.timer_is_return, &e.timer_cookies);
	return 0;
}

/*
 * Starts a timer in both runs, or in one; the callback runs later, in softirq. Of both
 * it may run once or twice.
 */
SEC("fsession")
int start_timer(void *ctx)
{
	struct timer *timer;
	int key = 0;

	timer = bpf_map_lookup_elem(&timers, &key);
	if (!timer)
		return 0;
	if (bpf_session_is_return(ctx))
		__sync_fetch_and_add(&e.session_runs[1], 1);
	else
		__sync_fetch_and_add(&e.session_runs[0], 1);
	if (e.only_at_entry && bpf_session_is_return(ctx))
		return 0;
	bpf_timer_init(&timer->timer, &timers, 1 /* CLOCK_MONOTONIC */);
	bpf_timer_set_callback(&timer->timer, on_timer);
	bpf_timer_start(&timer->timer, 1000000 /* ns */, 0);
	return 0;
}

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, int);
	__type(value, struct timer);
} inner_timers SEC(".maps");

/* On the function that calls the callback: starts @timers_to_start of them. */
SEC("fsession")
int around_timer(void *ctx)
{
	__u64 *cookie = bpf_session_cookie(ctx);
	struct timer *timer;
	int key = 0;

	timer = bpf_map_lookup_elem(&inner_timers, &key);
	if (!timer)
		return 0;
	if (bpf_session_is_return(ctx)) {
		__sync_fetch_and_add(&e.session_runs[1], 1);
		if (*cookie != 0x900d)
			__sync_fetch_and_add(&e.wrong_cookies, 1);
		return 0;
	}
	__sync_fetch_and_add(&e.session_runs[0], 1);
	*cookie = 0x900d;
	if (!e.timers_to_start)
		return 0;
	e.timers_to_start--;
	bpf_timer_init(&timer->timer, &inner_timers, 1 /* CLOCK_MONOTONIC */);
	bpf_timer_set_callback(&timer->timer, on_timer);
	bpf_timer_start(&timer->timer, 1000000 /* ns */, 0);
	return 0;
}

/* Sizes other than a cookie's. */
SEC("fsession")
int sizes(void *ctx)
{
	if (bpf_session_is_return(ctx))
		__sync_fetch_and_add(&e.session_runs[1], 1);
	else
		__sync_fetch_and_add(&e.session_runs[0], 1);
#define SIZE(n)                     \
	if (bpf_fsession_cookie(n)) \
	__sync_fetch_and_add(&e.sizes_ok[n], 1)
	SIZE(1);
	SIZE(2);
	SIZE(4);
	SIZE(8);
#undef SIZE
	if (bpf_fsession_cookie(9))
		__sync_fetch_and_add(&e.size_9, 1);
	if (bpf_fsession_cookie(4096))
		__sync_fetch_and_add(&e.size_4096, 1);
	return 0;
}

/* Asked from a function of the program's own. */
static __noinline int ask_below(void)
{
	__u64 *cookie = bpf_fsession_cookie(sizeof(__u64));

	if (!cookie)
		return 2;
	if (!bpf_fsession_is_return()) {
		*cookie = 0x900d;
		return 0;
	}
	if (*cookie != 0x900d)
		__sync_fetch_and_add(&e.wrong_cookies, 1);
	return 1;
}

SEC("fsession")
int below(void *ctx)
{
	int run = ask_below();

	if (run == 0)
		__sync_fetch_and_add(&e.session_runs[0], 1);
	else if (run == 1)
		__sync_fetch_and_add(&e.session_runs[1], 1);
	return 0;
}
