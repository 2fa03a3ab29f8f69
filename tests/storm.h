/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the storms share: functions that are called all the time, with sessions on
 * them that are there from the beginning to the end (residents), and others that
 * come and go at random. A case adds what makes its own weather.
 *
 *	storm_begin(8, STORM_SINGLES);
 *	while (storm_lasts())
 *		something_else();
 *	storm_end();
 *
 *	FSESSION_STORM_SECONDS	how long (half of FSESSION_SLOW times as long as the case
 *				says, where that is set)
 *	FSESSION_STORM_SEED	what is random (from the clock; printed)
 */
#ifndef STORM_H
#define STORM_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "progs/numbered.h"
#include "session.h"

/*
 * How long and how random it is to be, as the environment says, or @seconds and the
 * clock; printed. storm_begin() does it, unless it has been done.
 */
void storm_clock(unsigned int seconds);
/* The time begins to run. */
void storm_go(void);
bool storm_lasts(void);
/*
 * Does it last, or has what it is about not @happened yet? Then it goes on for up to
 * eight times as long.
 */
bool storm_goes_on(bool happened);
/* So much time, of any unit, or more where FSESSION_SLOW says so. */
unsigned int storm_time(unsigned int time);
/* A seed for part @part of the storm; no two have the same. */
unsigned int storm_seed(unsigned int part);
/* Sleeps up to @us microseconds. */
void storm_pause(unsigned int *seed, unsigned int us);

/* storm_begin()'s flags: what comes and goes. */
#define STORM_SINGLES (1U << 0)
#define STORM_MULTIS  (1U << 1) /* on overlapping sets of functions */
#define STORM_KILLS   (1U << 2) /* owners with sessions, which are killed */
#define STORM_CALM    (1U << 3) /* seldom: others need ftrace's locks, too */

void storm_begin(unsigned int seconds, unsigned int flags);
/*
 * Everything stops. Residents must have missed nothing, and nothing may be left.
 */
void storm_end(void);
/* So many calls of @function, one that has a resident, were made by others. */
void storm_also_called(const char *function, uint64_t calls);

/*
 * Something is changed that outlives the case: @restore is called in a process of
 * its own when the case has ended, even if it was killed, or at storm_restore(). It
 * has no descriptors of ours, and must do no harm where nothing was changed.
 */
void storm_restore_with(void (*restore)(void));
void storm_restore(void);

/*
 * The parts, for who needs them by themselves.
 */

/*
 * A program that counts in numbered.one[] by its attach cookie, loaded for @target,
 * and the counters. Clones of it have the same.
 */
struct bpf_program *storm_program(const char *target, struct numbered **n);
/* A clone for @function of the test module. */
int storm_clone(const struct bpf_program *prog, const char *function);

/* A session with attach cookie @number that comes and goes. */
struct storm_slot {
	int prog_fd;
	int fd; /* -1: detached */
	unsigned int number;
	bool quiet; /* detached and drained: the program must not run */
	uint64_t runs[2];
};

/* Attached: 0, or detached, or ENOMEM, which leaves nothing. */
int storm_toggle(struct storm_slot *s, struct numbered *n, unsigned int *seed);

/* Sessions that come and go on some functions that are called. */
struct storm_churner {
	pthread_t thread;
	unsigned int seed;
	struct bpf_program *prog;
	struct numbered *n;
	struct storm_slot *singles, *multis;
	unsigned int nr_singles, nr_multis;
	bool calm;
	bool hungry; /* there may be no memory: ENOMEM is fine, info is not asked */
	volatile uint64_t attached, attached_multi, refused, no_memory;
};

/* Number @which of those in this process; STORM_SINGLES, STORM_MULTIS. */
void storm_churner_load(struct storm_churner *c, unsigned int which,
			unsigned int flags);
void storm_churn(struct storm_churner *c);
void storm_churner_end(struct storm_churner *c);

/* The last word on a session: it saw @calls calls, and its program ran for all. */
void storm_check_resident(const char *name, int fd,
			  const struct numbered_one *one, uint64_t calls);

#endif /* STORM_H */
