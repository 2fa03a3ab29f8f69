/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the programs of helpers.bpf.c are told and tell.
 */
#ifndef HELPERS_H
#define HELPERS_H

#include <linux/types.h>

struct helpers {
	__u32 pid; /* whose calls it is about */
	__u32 paths;
	char path[64];
};

#endif /* HELPERS_H */
