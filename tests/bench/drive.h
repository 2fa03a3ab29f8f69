/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The program that calls the function, for calls.
 */
#ifndef DRIVE_H
#define DRIVE_H

#include <stdbool.h>

struct bpf_object;
struct bpf_map;

struct driver {
	struct bpf_object *obj;
	int prog_fd;
	struct bpf_map *result;
	unsigned int calls;
};

/* One that makes @calls calls; or that does all but that, unless @traced. */
struct driver driver_load(unsigned int calls, bool traced);
void driver_close(struct driver *d);

/* Nanoseconds per call. */
double drive(const struct driver *d);

/* ... when CPUs 0 to @cpus - 1 call at a time: of all they do, by call. */
double drive_together(const struct driver *d, unsigned int cpus);

#endif /* DRIVE_H */
