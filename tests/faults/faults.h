/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is done while something fails: a world to begin with, and one thing that is
 * done in it.
 */
#ifndef FAULTS_H
#define FAULTS_H

#include "module.h"

#define MAX_TARGETS 72
#define MAX_FILES   4

/* Where the caller's things lie; his structure is at USER_BASE. */
#define AT_NAME	   (USER_BASE + 1024)
#define AT_TARGETS (USER_BASE + PAGE_SIZE)

struct deed {
	const struct verb *verb; /* an ioctl on the first file; else NULL */
	/* Or files that are closed, or whose fdinfo is read. */
	unsigned int files, file[MAX_FILES];
	bool fdinfo;
	/* Or a livepatch that comes. */
	struct func *livepatch;
};

struct scenario {
	const char *name;
	/* Makes the world, and says what is to be done. */
	void (*before)(struct deed *deed);
	/* The reaper has not been there: what is left to do is done afterwards. */
	bool unreaped;
};

extern const struct scenario scenarios[];
extern const unsigned int nr_scenarios;

int device(void);
/* Loads one; its descriptor. */
int program(const char *func, unsigned int flags);
/* Closes @fd, whose file stays open until the end: in a message, say. */
void put_away(int fd);
struct func *func_named(const char *name);
/* Something that has to go well; what it returns. */
long surely(const struct deed *deed);

#endif /* FAULTS_H */
