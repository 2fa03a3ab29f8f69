/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Hard interrupts and NMIs, all the time and on all CPUs, whatever these are at. Each
 * calls a function that has a session, and its program takes the stack, as a profiler
 * does: through what has been interrupted, which may be anywhere in a stub.
 */
#ifndef RAIN_H_
#define RAIN_H_

/* Now and then they call @also, too, unless it is NULL: a function of the test module. */
void rain_start(const char *also);

/* It stops. No call may have been missed, and no stack. */
void rain_end(void);

#endif /* RAIN_H_ */
