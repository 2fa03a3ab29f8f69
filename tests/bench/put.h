/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What can be put on a function, for calls.
 */
#ifndef PUT_H
#define PUT_H

#include <stdbool.h>

#define CALLED	   "bpf_get_numa_node_id"
#define MAX_PROGS  2
#define MAX_COPIES 18
#define ALL	   ~0U

/* How programs get there. */
enum how {
	SESSION,
	SESSION_NATIVE, /* the module runs a program for the kernel's own fsession */
	SESSION_MANY,
	NATIVE,
	NATIVE_MANY,
	TRAMPOLINE, /* fentry, fexit */
	PROBES,	    /* kprobe, kretprobe */
	KPROBE_SESSION,
	KPROBE_MULTI, /* the second program at the exit */
	TRACER	      /* no program: the name of one of ftrace's tracers */
};

struct row {
	const char *group; /* what is done; rows of one group are compared */
	const char *name;
	enum how how;
	const char *progs[MAX_PROGS];
	unsigned int copies;	/* of the programs; 0 is one, too */
	unsigned int functions; /* of *_MANY */
};

struct put;

/* Where BPF objects are. */
extern const char *put_directory;

/* Call once; @many if there are rows of *_MANY. */
void put_init(bool many);

/*
 * Attaches what @row says. @called is whether the called function is one of many;
 * of one, it is. NULL and *@missing if this kernel does not have it.
 */
struct put *put_on(const struct row *row, bool called, const char **missing);

/* On how many functions it is. */
unsigned int put_functions(const struct put *put);

/* Gone when it returns: the next row may be another user of the function. */
void put_off(struct put *put);

#endif /* PUT_H */
