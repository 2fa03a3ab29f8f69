/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ioctls, fuzzed in the kernel; see guest.c and ../cases/fuzz.c.
 */
#ifndef FUZZ_GUEST_H
#define FUZZ_GUEST_H

#include <stdint.h>

struct fuzz_options {
	unsigned int seed;
	unsigned int seconds;
	uint64_t ioctls; /* end after as many; 0: do not */
	unsigned int threads;
	/* Of a thousand attaches, how many may have a program that can be. */
	unsigned int attaches;
};

/* Fails the case if anything is wrong, and says what was done. */
void fuzz(const struct fuzz_options *options);

#endif /* FUZZ_GUEST_H */
