// SPDX-License-Identifier: GPL-2.0
/* Programs that read their context directly, up to the last word of it. */
#include <fsession/fsession.bpf.h>

#include "stack_args.h"

char LICENSE[] SEC("license") = "GPL";

struct stack_args stack_args;

/* Of twelve arguments the result is beyond what the verifier lets them read. */
#define PROGRAM(n, words)                                             \
	SEC("fsession/fsession_testmod:fsession_test_arg" #n)         \
	int arg##n(__u64 *ctx)                                        \
	{                                                             \
		int i;                                                \
                                                                      \
		if (bpf_session_is_return(ctx)) {                     \
			stack_args.runs[1]++;                         \
			_Pragma("unroll") for (i = 0; i < words; i++) \
				stack_args.ctx[1][i] = ctx[i];        \
		} else {                                              \
			stack_args.runs[0]++;                         \
			_Pragma("unroll") for (i = 0; i < words; i++) \
				stack_args.ctx[0][i] = ctx[i];        \
		}                                                     \
		return 0;                                             \
	}

PROGRAM(6, 7)
PROGRAM(7, 8)
PROGRAM(8, 9)
PROGRAM(9, 10)
PROGRAM(10, 11)
PROGRAM(11, 12)
PROGRAM(12, 12)
