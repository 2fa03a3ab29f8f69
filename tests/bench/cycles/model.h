/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is timed: functions that are traced in different ways, each under chains of
 * calls. See shapes.S.
 */
#ifndef MODEL_H
#define MODEL_H

#include <stdbool.h>

#define DEPTHS 16

typedef long (*function_t)(long);

/* Element n is a function that n + 1 functions are called for. */
extern const function_t chains_untraced[DEPTHS];
extern const function_t chains_stub[DEPTHS];
extern const function_t chains_bare[DEPTHS];
extern const function_t chains_stub_c[DEPTHS];
extern const function_t chains_called[DEPTHS];
extern const function_t chains_jumped[DEPTHS];

/* Calls @f @times times. */
void repeat(function_t f, unsigned long times);
/* As many instructions as @adds, each of which waits for the one before. */
void add_up(unsigned long adds);

/* The per-CPU area, the tables and the lists. */
void model_init(void);
/* Were the stub's functions called @calls times each, and all is as before? */
bool model_balanced(unsigned long calls);

#endif /* MODEL_H */
