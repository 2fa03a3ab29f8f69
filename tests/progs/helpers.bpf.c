// SPDX-License-Identifier: GPL-2.0
/*
 * Programs with helpers that the verifier allows by the function that they are
 * loaded for.
 */
#include <fsession/fsession.bpf.h>

#include "helpers.h"

char LICENSE[] SEC("license") = "GPL";

struct path;
struct sock;

struct helpers helpers;

/* A function of its own, whose calls are the program's. */
static __noinline int tell_path(struct path *path)
{
	__sync_fetch_and_add(&helpers.paths, 1);
	return bpf_d_path(path, helpers.path, sizeof(helpers.path));
}

/* Of functions whose first argument is a path. */
SEC("fsession/vfs_truncate")
int calls_d_path(u64 *ctx)
{
	if (bpf_get_current_pid_tgid() >> 32 != helpers.pid ||
	    bpf_session_is_return(ctx))
		return 0;
	tell_path((struct path *)ctx[0]);
	return 0;
}

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, u64);
} storage SEC(".maps");

/* Of functions whose first argument is a socket. */
SEC("fsession/tcp_close")
int calls_sk_storage(u64 *ctx)
{
	bpf_sk_storage_get(&storage, (struct sock *)ctx[0], NULL, 0);
	return 0;
}

SEC("fsession/tcp_close")
int deletes_sk_storage(u64 *ctx)
{
	bpf_sk_storage_delete(&storage, (struct sock *)ctx[0]);
	return 0;
}
