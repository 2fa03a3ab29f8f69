// SPDX-License-Identifier: GPL-2.0
/* An object without any session program. */
#include <fsession/fsession.bpf.h>

char LICENSE[] SEC("license") = "GPL";

SEC("fentry/bpf_fentry_test1")
int not_a_session(void *ctx)
{
	return 0;
}
