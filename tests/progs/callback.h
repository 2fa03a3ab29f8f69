/* SPDX-License-Identifier: GPL-2.0 */
/* What a program's callback, which a helper calls, has found. */
#ifndef CALLBACK_H
#define CALLBACK_H

#include <linux/types.h>

struct callback {
	__u64 runs;
	__u64 attach_cookie; /* of the last one */
	__u64 session_runs[2];
	__u64 wrong_answers; /* of the kfuncs, to a session's callback */
};

#endif /* CALLBACK_H */
