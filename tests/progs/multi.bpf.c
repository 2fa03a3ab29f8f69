// SPDX-License-Identifier: GPL-2.0
/*
 * Programs that read their context by themselves, and so fit only on functions
 * that show the same.
 */
#include <fsession/fsession.bpf.h>

#include "multi.h"

char LICENSE[] SEC("license") = "GPL";

struct multi multi;

/* Loaded for a function of one argument: the argument only. */
SEC("fsession")
int reads_argument(u64 *ctx)
{
	if (!bpf_session_is_return(ctx))
		__sync_fetch_and_add(&multi.sum, ctx[0]);
	return 0;
}

/* The argument and the result. */
SEC("fsession")
int reads_result(u64 *ctx)
{
	if (bpf_session_is_return(ctx))
		__sync_fetch_and_add(&multi.sum, ctx[0] + ctx[1]);
	return 0;
}
