// SPDX-License-Identifier: GPL-2.0
/*
 * Programs that a helper calls back, which is a kernel function like any other.
 */
#include <fsession/fsession.bpf.h>

#include "callback.h"

char LICENSE[] SEC("license") = "GPL";

struct callback c;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} one SEC(".maps");

/* The helper hands on a pointer to the stack only. */
struct caller {
	void *ctx;
};

static long look(void *map, __u32 *key, __u64 *value, struct caller *caller)
{
	__sync_fetch_and_add(&c.runs, 1);
	c.attach_cookie = bpf_get_attach_cookie(caller->ctx);
	return 0;
}

SEC("fentry/fsession_test_arg1")
int native(void *ctx)
{
	struct caller caller = { .ctx = ctx };

	bpf_for_each_map_elem(&one, look, &caller, 0);
	return 0;
}

static long ask(void *map, __u32 *key, __u64 *value, struct caller *caller)
{
	__u64 *cookie = bpf_session_cookie(caller->ctx);

	c.attach_cookie = bpf_get_attach_cookie(caller->ctx);
	if (bpf_session_is_return(caller->ctx)) {
		__sync_fetch_and_add(&c.session_runs[1], 1);
		if (*cookie != 0x900d)
			__sync_fetch_and_add(&c.wrong_answers, 1);
	} else {
		__sync_fetch_and_add(&c.session_runs[0], 1);
		*cookie = 0x900d;
	}
	return 0;
}

SEC("fsession")
int session(void *ctx)
{
	struct caller caller = { .ctx = ctx };

	bpf_for_each_map_elem(&one, ask, &caller, 0);
	return 0;
}
