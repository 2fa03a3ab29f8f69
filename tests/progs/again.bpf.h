/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For programs on htab_map_delete_elem(): a helper that calls it. User space calls it
 * by taking something out of @outer.
 */
#ifndef AGAIN_BPF_H
#define AGAIN_BPF_H

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, int);
	__type(value, long);
} outer SEC(".maps"), inner SEC(".maps");

static __always_inline void call_again(void)
{
	int key = 1;

	bpf_map_delete_elem(&inner, &key);
}

#endif /* AGAIN_BPF_H */
