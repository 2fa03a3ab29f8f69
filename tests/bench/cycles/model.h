/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is timed: functions that are traced in different ways, each under chains of
 * calls. See shapes.S.
 */
#ifndef MODEL_H
#define MODEL_H

#include <stdbool.h>
#include <stdint.h>

#define DEPTHS	   16
#define PROCESSORS 17

typedef long (*function_t)(long);

/* Element n is a function that n + 1 functions are called for. */
extern const function_t chains_untraced[DEPTHS];
extern const function_t chains_stub[DEPTHS];
extern const function_t chains_bare[DEPTHS];
extern const function_t chains_stub_any[DEPTHS];
extern const function_t chains_bare_any[DEPTHS];
extern const function_t chains_stub_ibt[DEPTHS];
extern const function_t chains_bare_ibt[DEPTHS];
extern const function_t chains_stub_ctx[DEPTHS];
extern const function_t chains_stub_c[DEPTHS];
extern const function_t chains_called[DEPTHS];
extern const function_t chains_jumped[DEPTHS];

/* Calls @f @times times. */
void repeat(function_t f, unsigned long times);
/* As many instructions as @adds, each of which waits for the one before. */
void add_up(unsigned long adds);

/* The tables and the lists; the thread is on processor 0. */
void model_init(void);
/* This thread has the per-CPU area and the task of @processor from now on. */
void model_use(unsigned int processor);
/* One more function, that stepped.c calls: see sites.S. */
void model_trace(void (*func)(void), void (*body)(void), unsigned int nr,
		 bool bound);
void model_detach(void);
/* Where its list says whether it is attached, and what it says when it is not. */
uint64_t *model_active(uint64_t *detached);
void model_set(bool running, bool rcu_watches, bool reschedule);

struct model_state {
	unsigned long in, out;
	uint32_t preempt_count;
	uint32_t active;
	const void *bpf_ctx;
};

void model_get(struct model_state *state);

/*
 * Was the stub called there as often as @calls, and in the shapes that no threads
 * call as often as @others, and is all well?
 */
bool model_balanced(unsigned int processor, unsigned long calls,
		    unsigned long others);

#endif /* MODEL_H */
