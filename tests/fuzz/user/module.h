/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The module in the world: its ioctls, with a look at what they did, and the calls of
 * functions that it traces.
 */
#ifndef FUZZ_MODULE_H
#define FUZZ_MODULE_H

#include "kernel.h"
#include "world.h"

#include "fsession.h"

union arg {
	u32 size;
	struct fsession_query query;
	struct fsession_attach attach;
	struct fsession_attach_multi multi;
	struct fsession_info info;
	struct fsession_drain drain;
	u8 bytes[PAGE_SIZE + 64];
};

enum {
	VERB_QUERY,
	VERB_ATTACH,
	VERB_MULTI,
	VERB_INFO,
	VERB_DRAIN,
	VERBS
};

struct verb {
	unsigned int cmd;
	u32 first, size;
	void (*check)(long ret, const union arg *before,
		      const union arg *after);
	/* Where the results are. */
	struct {
		u32 at, size;
	} out[3];
};

extern const struct verb verbs[VERBS];

/*
 * Makes an ioctl, and dies if it did anything that it may not. @v is NULL if it is
 * none of ours.
 */
long issue(struct file *file, unsigned int cmd, const struct verb *v, u64 arg);

/* NULL: it has none. */
struct fsession_site *func_site(const struct func *f);
/* A call of @f comes, if it is traced; the last one leaves. */
void call_enter(const struct func *f);
bool call_leave(void);

void module_load(void);
void module_unload(void);

#endif /* FUZZ_MODULE_H */
