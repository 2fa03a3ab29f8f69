// SPDX-License-Identifier: GPL-2.0
/*
 * Bound stubs: which are taken, and by whom; see arch/x86/bound.h.
 *
 * Their calls are patched before the site calls them. After ftrace has let go of the
 * site, all who come back into one find their session detached and leave it to the stub
 * that it lies in, so it is free for another one. The calls stay as they are until
 * then: the next program may well be the same.
 */
#include <linux/cache.h>
#include <linux/cpufeature.h>
#include <linux/sizes.h>
#include <linux/static_call.h>

#include "fsession.h"

#ifdef FSESSION_BOUND_STUB

#define STUB(nr, i)	fsession_bound_stub_##nr##_##i
#define PROG(nr, i)	fsession_bound_prog_##nr##_##i
#define BODY(nr, i)	fsession_bound_body_##nr##_##i

#define DEFINE_ONE(nr, i) \
	void STUB(nr, i)(void); \
	DEFINE_STATIC_CALL_NULL(PROG(nr, i), *((struct bpf_prog *)0)->bpf_func); \
	DEFINE_STATIC_CALL_NULL(BODY(nr, i), STUB(nr, i));
#define CALL(name) { \
	.key = &STATIC_CALL_KEY(name), \
	.tramp = STATIC_CALL_TRAMP_ADDR(name), \
}
#define BOUND_ONE(nr, i) { \
	.list = &fsession_no_list, \
	.stub = STUB(nr, i), \
	.prog = CALL(PROG(nr, i)), \
	.body = CALL(BODY(nr, i)), \
},

#define EACH(ONE, nr) \
	ONE(nr, 0) ONE(nr, 1) ONE(nr, 2) ONE(nr, 3) \
	ONE(nr, 4) ONE(nr, 5) ONE(nr, 6) ONE(nr, 7)

#define DEFINE_ALL(nr)	EACH(DEFINE_ONE, nr)
#define BOUND_ALL(nr)	{ EACH(BOUND_ONE, nr) },

FSESSION_ARCH_STUBS(DEFINE_ALL)

struct fsession_bound fsession_bound[FSESSION_ARG_REGS + 1][FSESSION_BOUND_STUBS]
____cacheline_aligned = {
	FSESSION_ARCH_STUBS(BOUND_ALL)
};

/*
 * Where calls are counted for the return predictor, static calls go by the code before
 * a function, which counts; but a body has none, and the stubs do not count either.
 */
static bool calls_are_counted(void)
{
#ifdef X86_FEATURE_CALL_DEPTH
	return boot_cpu_has(X86_FEATURE_CALL_DEPTH);
#else
	return false;
#endif
}

static bool in_reach(const struct fsession_bound *b, unsigned long func)
{
	long way = (long)func - (long)b->stub;

	/* From anywhere in the stub. */
	return way - SZ_64K == (s32)(way - SZ_64K) &&
	       way + SZ_64K == (s32)(way + SZ_64K);
}

/**
 * fsession_bound_get() - take a stub.
 * @prog: what it is to call
 * @target: the function that is to call it, whose arguments are all in registers
 *
 * Returns one that has called the program before, or another one; or NULL.
 */
struct fsession_bound *fsession_bound_get(const struct bpf_prog *prog,
					  const struct fsession_target *target)
{
	struct fsession_bound *b = fsession_bound[target->nr], *got = NULL;
	u32 i;

	lockdep_assert_held(&fsession_mutex);
	if (calls_are_counted())
		return NULL;
	for (i = 0; i < FSESSION_BOUND_STUBS; i++, b++) {
		if (b->prog_func || !in_reach(b, (unsigned long)prog->bpf_func))
			continue;
		if (!got || b->prog.key->func == prog->bpf_func)
			got = b;
	}
	if (got) {
		got->prog_func = (unsigned long)prog->bpf_func;
		got->func = target->func;
	}
	return got;
}

/* Nobody calls it any more. */
void fsession_bound_put(struct fsession_bound *b)
{
	lockdep_assert_held(&fsession_mutex);
	if (!b)
		return;
	WARN_ON(b->list != &fsession_no_list);
	b->prog_func = 0;
}

/* Runs the program of @list, which is the site's now, if it is the one to be called. */
void fsession_bound_run(struct fsession_bound *b,
			const struct fsession_list *list)
{
	lockdep_assert_held(&fsession_mutex);
	if (!b)
		return;
	if (list->func != b->prog_func)
		list = &fsession_no_list;
	/* Readers follow the pointer: address dependency. */
	smp_store_release(&b->list, list);
}

/* Nobody calls it yet. Not with the mutex held: waits for all CPUs, more than once. */
void fsession_bound_patch(struct fsession_bound *b,
			  const struct fsession_target *target)
{
	if (!b)
		return;
	__static_call_update(b->prog.key, b->prog.tramp, (void *)b->prog_func);
	__static_call_update(b->body.key, b->body.tramp,
			     (void *)fsession_arch_body(target->ip));
}

#endif /* FSESSION_BOUND_STUB */
