/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The frame that the stub lays on the stack of a traced call, as seen from
 * assembly (offsets from its lowest address) and from C (the struct). The
 * static_asserts at the end tie the two.
 *
 *	caller	[ x9: return address into the caller of f ]
 *	fp	[ x29 of f's caller                       ]  <- record of caller
 *	body	[ x30: return address into f, past its bl ]
 *	record	[ -> record of the caller                 ]  <- x29
 *	words	[ 8 argument registers, 1 spare           ]  <- ctx, unless wide
 *	nr	[ number of argument words                ]  ctx[-1]
 *	func	[ address of f                            ]  ctx[-2]
 *	x8	[ where f is to put a big result          ]
 *	ret	[ x0, x1 as f returned them               ]
 *	guard	[ see fsession_guard()                    ]
 *	ran	[ sessions whose entry ran, a bit each    ]
 *	prog	[ the program now running                 ]
 *	pad	[ keeps the frame a multiple of 16        ]
 *	list	[ the programs of this call               ]
 *	slot	[ cookie of the program now running       ]
 *	run	[ struct bpf_tramp_run_ctx                ]
 *	cookie	[ cookies of the first two sessions       ]  <- frame
 *		[ struct fsession_list says what is       ]
 *		[ here when list->extra is not zero       ]  <- sp
 */
#ifndef FSESSION_ARM64_FRAME_H
#define FSESSION_ARM64_FRAME_H

#define FSESSION_ARG_REGS	8	/* x0 - x7 */

/* Functions that can be traced and livepatched at the same time. */
#define FSESSION_SHARED_STUBS		256
#define FSESSION_SHARED_STUB_SIZE	16

#define FSESSION_FRAME_RET	80
#define FSESSION_FRAME_X8	96
#define FSESSION_FRAME_NR	112
#define FSESSION_FRAME_WORDS	120
#define FSESSION_FRAME_RECORD	192
#define FSESSION_FRAME_BODY	200
#define FSESSION_FRAME_FP	208
#define FSESSION_FRAME_CALLER	216
#define FSESSION_FRAME_SIZE	224

#ifndef __ASSEMBLY__

#include <linux/bpf.h>
#include <linux/build_bug.h>
#include <linux/stddef.h>

#define FSESSION_INLINE_COOKIES	2

struct fsession_frame {
	u64 cookie[FSESSION_INLINE_COOKIES];
	struct bpf_tramp_run_ctx run;
	u64 *slot;
	const struct fsession_list *list;
	u64 pad;
	const struct bpf_prog *prog;
	u64 ran;
	unsigned long guard;
	u64 ret[2];
	u64 x8;
	u64 func;
	u64 nr;
	u64 words[FSESSION_ARG_REGS + 1];
	unsigned long record;
	unsigned long body;
	unsigned long fp;
	unsigned long caller;
};

static_assert(offsetof(struct fsession_frame, ret) == FSESSION_FRAME_RET);
static_assert(offsetof(struct fsession_frame, x8) == FSESSION_FRAME_X8);
static_assert(offsetof(struct fsession_frame, nr) == FSESSION_FRAME_NR);
static_assert(offsetof(struct fsession_frame, words) == FSESSION_FRAME_WORDS);
static_assert(offsetof(struct fsession_frame, record) ==
	      FSESSION_FRAME_RECORD);
static_assert(offsetof(struct fsession_frame, body) == FSESSION_FRAME_BODY);
static_assert(offsetof(struct fsession_frame, fp) == FSESSION_FRAME_FP);
static_assert(offsetof(struct fsession_frame, caller) ==
	      FSESSION_FRAME_CALLER);
static_assert(sizeof(struct fsession_frame) == FSESSION_FRAME_SIZE);
/*
 * sp must be a multiple of 16. Stack-passed arguments start where the frame
 * ends.
 */
static_assert(FSESSION_FRAME_SIZE % 16 == 0);

#endif /* __ASSEMBLY__ */
#endif /* FSESSION_ARM64_FRAME_H */
