// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's own fsession, for comparison: an object of its own, as only
 * Linux 7.0 and later can load it. The driver loads these programs as fsession
 * instead of fexit. Their libbpf need not know fsession, and the kernels that
 * have kfuncs of these names with another prototype never see it.
 */
#include <stdbool.h>

#include <linux/types.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

extern bool bpf_session_is_return(void *ctx) __ksym;
extern __u64 *bpf_session_cookie(void *ctx) __ksym;

SEC("fexit/bpf_get_numa_node_id")
int native_empty(void *ctx)
{
	return 0;
}

SEC("fexit/bpf_get_numa_node_id")
int native_cookie(void *ctx)
{
	__u64 *cookie = bpf_session_cookie(ctx);

	if (!bpf_session_is_return(ctx))
		*cookie = 1;
	return 0;
}

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

SEC("fexit/bpf_get_numa_node_id")
int native_count(void *ctx)
{
	__u32 key = bpf_session_is_return(ctx);
	__u64 *value = bpf_map_lookup_elem(&counts, &key);

	if (value)
		++*value;
	return 0;
}
