// SPDX-License-Identifier: GPL-2.0
/*
 * Programs that would call a kfunc which no kernel has, and do without; and one that
 * calls the module's in its own way.
 */
#include <fsession/fsession.bpf.h>

char LICENSE[] SEC("license") = "GPL";

extern void fsession_test_no_such_kfunc(void) __ksym __weak;

__u64 runs[2]; /* at entry, at exit */

SEC("fsession/fsession_test_arg1")
int with_header(void *ctx)
{
	if (fsession_test_no_such_kfunc)
		fsession_test_no_such_kfunc();
	__sync_fetch_and_add(&runs[bpf_session_is_return(ctx)], 1);
	return 0;
}

/* Asks nothing of its session, either. */
SEC("fsession/fsession_test_arg1")
int without(void *ctx)
{
	if (fsession_test_no_such_kfunc)
		fsession_test_no_such_kfunc();
	__sync_fetch_and_add(&runs[0], 1);
	return 0;
}

SEC("fsession/fsession_test_arg1")
int direct(void *ctx)
{
	__sync_fetch_and_add(&runs[!!bpf_fsession_is_return()], 1);
	return 0;
}
