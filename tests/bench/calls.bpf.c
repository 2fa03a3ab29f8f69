// SPDX-License-Identifier: GPL-2.0
/*
 * What a traced call costs. The driver calls a function of the kernel that is
 * nearly empty, from a program that does nothing else. What is put on that
 * function does nothing, or hands a value from entry to exit, or counts.
 */
#include <fsession/fsession.bpf.h>

char LICENSE[] SEC("license") = "GPL";

volatile const __u32 calls = 1;
volatile const bool traced = true;

__u64 ns;

static int call(__u32 i, void *ctx)
{
	bpf_get_numa_node_id();
	return 0;
}

static int nothing(__u32 i, void *ctx)
{
	return 0;
}

SEC("raw_tp")
int driver(void *ctx)
{
	__u64 start = bpf_ktime_get_ns();

	if (traced)
		bpf_loop(calls, call, NULL, 0);
	else
		bpf_loop(calls, nothing, NULL, 0);
	ns = bpf_ktime_get_ns() - start;
	return 0;
}

SEC("fsession/bpf_get_numa_node_id")
int session_empty(void *ctx)
{
	return 0;
}

SEC("fsession/bpf_get_numa_node_id")
int session_cookie(void *ctx)
{
	__u64 *cookie = bpf_session_cookie(ctx);

	if (!bpf_session_is_return(ctx))
		*cookie = 1;
	return 0;
}

SEC("fentry/bpf_get_numa_node_id")
int fentry_empty(void *ctx)
{
	return 0;
}

SEC("fexit/bpf_get_numa_node_id")
int fexit_empty(void *ctx)
{
	return 0;
}

/* What a session's cookie stands in for. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, __u64);
} started SEC(".maps");

SEC("fentry/bpf_get_numa_node_id")
int fentry_map(void *ctx)
{
	__u64 key = bpf_get_current_pid_tgid(), value = 1;

	bpf_map_update_elem(&started, &key, &value, BPF_ANY);
	return 0;
}

SEC("fexit/bpf_get_numa_node_id")
int fexit_map(void *ctx)
{
	__u64 key = bpf_get_current_pid_tgid();

	if (bpf_map_lookup_elem(&started, &key))
		bpf_map_delete_elem(&started, &key);
	return 0;
}

/* Entries and exits, one word each. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

static __always_inline int count(__u32 key)
{
	__u64 *value = bpf_map_lookup_elem(&counts, &key);

	if (value)
		++*value;
	return 0;
}

SEC("fsession/bpf_get_numa_node_id")
int session_count(void *ctx)
{
	return count(bpf_session_is_return(ctx));
}

SEC("fentry/bpf_get_numa_node_id")
int fentry_count(void *ctx)
{
	return count(0);
}

SEC("fexit/bpf_get_numa_node_id")
int fexit_count(void *ctx)
{
	return count(1);
}

SEC("kprobe/bpf_get_numa_node_id")
int kprobe_empty(void *ctx)
{
	return 0;
}

SEC("kretprobe/bpf_get_numa_node_id")
int kretprobe_empty(void *ctx)
{
	return 0;
}
