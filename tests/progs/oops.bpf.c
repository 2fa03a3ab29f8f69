// SPDX-License-Identifier: GPL-2.0
/*
 * Three programs on a function, the middle one of which calls a helper that
 * htab_map_delete_elem() does the work of, where the task may be made to oops: at the
 * entry of one function, at the exit of another. Who comes last runs first.
 */
#include <fsession/fsession.bpf.h>

#include "again.bpf.h"

char LICENSE[] SEC("license") = "GPL";

#define ON(name, function, in_middle)              \
	SEC("fsession/fsession_testmod:" function) \
	int behind_##name(void *ctx)               \
	{                                          \
		return 0;                          \
	}                                          \
	SEC("fsession/fsession_testmod:" function) \
	int at_##name(void *ctx)                   \
	{                                          \
		if (in_middle)                     \
			call_again();              \
		return 0;                          \
	}                                          \
	SEC("fsession/fsession_testmod:" function) \
	int ahead_##name(void *ctx)                \
	{                                          \
		return 0;                          \
	}

ON(entry, "fsession_test_arg1", !bpf_session_is_return(ctx))
ON(exit, "fsession_test_arg2", bpf_session_is_return(ctx))
