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
	unsigned int cpus; /* that call at a time; 0: who asks does, alone */
};

/* One that makes @calls calls; or that does all but that, unless @traced. */
struct driver driver_load(unsigned int calls, bool traced);
void driver_close(struct driver *d);

/*
 * Nanoseconds per call: of the calls; of several CPUs at a time, of all that they do
 * from the first call to the last.
 */
double drive(const struct driver *d);

#endif /* DRIVE_H */
