/* SPDX-License-Identifier: GPL-2.0 */
/* What the programs of fentry_tests.bpf.c count; index: number of the test. */
#ifndef FENTRY_TESTS_H
#define FENTRY_TESTS_H

#include <linux/types.h>

#define FENTRY_TESTS 16

struct fentry_tests {
	__u64 attach_cookie; /* set by the case */
	__u64 entries[FENTRY_TESTS], exits[FENTRY_TESTS];
	__u64 entry_ok[FENTRY_TESTS], exit_ok[FENTRY_TESTS];
};

#endif /* FENTRY_TESTS_H */
