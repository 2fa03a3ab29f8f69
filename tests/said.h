/* SPDX-License-Identifier: GPL-2.0 */
/* What the library says. */
#ifndef SAID_H
#define SAID_H

#include "ktest.h"

/* Its warnings since forget_said(). */
extern char said[16384];

/* From now on, it is kept. */
void forget_said(void);
void print_said(void);

#define CHECK_SAID(text)                                                      \
	do {                                                                  \
		if (!strstr(said, text)) {                                    \
			ktest_failed(__FILE__, __LINE__,                      \
				     "the message has no '%s' in it:", text); \
			print_said();                                         \
		}                                                             \
	} while (0)

#endif /* SAID_H */
