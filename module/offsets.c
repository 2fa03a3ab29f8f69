// SPDX-License-Identifier: GPL-2.0
/*
 * What the stub has to know of structures: compiled to assembly only, of which
 * kbuild makes offsets.h.
 */
#define COMPILE_OFFSETS
#include <linux/context_tracking_state.h>
#include <linux/kbuild.h>
#include <linux/log2.h>
#include <linux/sched.h>

#include "fsession.h"

#ifdef FSESSION_SOLO_STUB
/* The stub counts in 32 bits. */
static_assert(sizeof(*((struct bpf_prog *)0)->active) <= sizeof(int));
#endif

void fsession_offsets(void);
void fsession_offsets(void)
{
#ifdef FSESSION_SOLO_STUB
	DEFINE(FSESSION_SOLO_STUB, 1);
	DEFINE(FSESSION_RCU_WATCHING, FSESSION_RCU_WATCHING);
	DEFINE(FSESSION_SOLO_META,
	       FSESSION_META_COOKIE(FSESSION_SOLO_COOKIE_INDEX));
#ifdef FSESSION_META
	DEFINE(FSESSION_META, 1);
	static_assert(FSESSION_META_EXIT == 0x80ULL << 56);
#endif
	DEFINE(FSESSION_TO_EXIT, FSESSION_SOLO_ENTRY ^ FSESSION_SOLO_EXIT);
	OFFSET(FSESSION_CT_STATE, context_tracking, state);
	OFFSET(FSESSION_TASK_BPF_CTX, task_struct, bpf_ctx);
	FSESSION_ARCH_OFFSETS();
	OFFSET(FSESSION_TABLE_BYTES, fsession_table, bytes);
	OFFSET(FSESSION_TABLE_SLOT, fsession_table, slot);
	OFFSET(FSESSION_SITE_LIST, fsession_site, list);
	OFFSET(FSESSION_SITE_FUNC, fsession_site, func);
	OFFSET(FSESSION_SITE_KEY, fsession_site, key);
	OFFSET(FSESSION_SITE_META, fsession_site, meta);
	OFFSET(FSESSION_LIST_ACTIVE, fsession_list, active);
	OFFSET(FSESSION_LIST_FLIGHT, fsession_list, flight);
	OFFSET(FSESSION_LIST_GUARD, fsession_list, guard);
	OFFSET(FSESSION_LIST_FUNC, fsession_list, func);
	OFFSET(FSESSION_LIST_COOKIE, fsession_list, attach_cookie);
	OFFSET(FSESSION_FLIGHT_IN, fsession_flight, in);
	OFFSET(FSESSION_FLIGHT_OUT, fsession_flight, out);
#endif
#ifdef FSESSION_BOUND_STUB
	DEFINE(FSESSION_BOUND_STUB, 1);
	OFFSET(FSESSION_BOUND_LIST, fsession_bound, list);
	OFFSET(FSESSION_BOUND_FUNC, fsession_bound, func);
	DEFINE(FSESSION_BOUND_SIZE, sizeof(struct fsession_bound));
	OFFSET(FSESSION_CALL_FUNC, static_call_key, func);
#endif
}
