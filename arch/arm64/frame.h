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
 *	bpf_ctx	[ current->bpf_ctx of the caller          ]
 *	kept	[ a register or word that cannot lie      ]
 *		[ in its own place                        ]
 *	x8	[ where f is to put a big result          ]
 *	words	[ 8 argument registers, 1 for the result  ]  <- ctx, unless wide
 *	nr	[ number of argument words                ]  ctx[-1]
 *	func	[ address of f                            ]  ctx[-2]
 *	x19	[ x19, x20 of f's caller                  ]
 *	guard	[ see fsession_guard()                    ]
 *	list	[ the programs of this call               ]
 *	run	[ struct bpf_tramp_run_ctx, 2 words       ]  <- current->bpf_ctx
 *	ret	[ x0, x1 as f returned them               ]
 *	pad	[ keeps the frame a multiple of 16        ]
 *	ran	[ sessions whose entry ran, a bit each    ]
 *	prog	[ the program now running                 ]
 *	slot	[ cookie of the program now running       ]
 *	cookie	[ cookies of the first two sessions       ]  <- frame
 *		[ struct fsession_list says what is       ]
 *		[ here when list->extra is not zero       ]  <- sp
 *
 * When the stub runs the program itself, the frame ends with ret, and while f runs,
 * with run. The upper word of run, for which nobody asks, is the cookie. What kept is
 * for: the word after the arguments is the result's, and there may be an argument in
 * it which BTF does not know of. The stubs that know the number of words never put it
 * there, the others take it out while the program runs at the entry. Only these need
 * bpf_ctx.
 */
#ifndef FSESSION_ARM64_FRAME_H
#define FSESSION_ARM64_FRAME_H

#define FSESSION_ARG_REGS	8	/* x0 - x7 */

/* Functions that can be traced and livepatched at the same time. */
#define FSESSION_SHARED_STUBS		256
#define FSESSION_SHARED_STUB_SIZE	16

#define FSESSION_FRAME_RET	48
#define FSESSION_FRAME_RUN	64
#define FSESSION_FRAME_LIST	80
#define FSESSION_FRAME_GUARD	88
#define FSESSION_FRAME_X19	96
#define FSESSION_FRAME_FUNC	112
#define FSESSION_FRAME_NR	120
#define FSESSION_FRAME_WORDS	128
#define FSESSION_FRAME_X8	200
#define FSESSION_FRAME_KEPT	208
#define FSESSION_FRAME_BPF_CTX	216
#define FSESSION_FRAME_RECORD	224
#define FSESSION_FRAME_BODY	232
#define FSESSION_FRAME_FP	240
#define FSESSION_FRAME_CALLER	248
#define FSESSION_FRAME_SIZE	256

/* From the context down to where the stub keeps the cookie, in words. */
#define FSESSION_SOLO_COOKIE_INDEX \
	((FSESSION_FRAME_WORDS - FSESSION_FRAME_RUN - 8) / 8)

/* What the frame pointer points to. */
#define FSESSION_FRAME_BASE	FSESSION_FRAME_RECORD

#ifndef __ASSEMBLY__

#include <linux/bpf.h>
#include <linux/build_bug.h>
#include <linux/stddef.h>

#define FSESSION_INLINE_COOKIES	2

struct fsession_frame {
	u64 cookie[FSESSION_INLINE_COOKIES];
	u64 *slot;
	const struct bpf_prog *prog;
	u64 ran;
	u64 pad;
	u64 ret[2];
	struct bpf_tramp_run_ctx run;
	const struct fsession_list *list;
	unsigned long guard;
	unsigned long x19[2];
	u64 func;
	u64 nr;
	u64 words[FSESSION_ARG_REGS + 1];
	u64 x8;
	u64 kept;
	unsigned long bpf_ctx;
	unsigned long record;
	unsigned long body;
	unsigned long fp;
	unsigned long caller;
};

static_assert(offsetof(struct fsession_frame, ret) == FSESSION_FRAME_RET);
static_assert(offsetof(struct fsession_frame, run) == FSESSION_FRAME_RUN);
static_assert(offsetof(struct fsession_frame, list) == FSESSION_FRAME_LIST);
static_assert(offsetof(struct fsession_frame, guard) == FSESSION_FRAME_GUARD);
static_assert(offsetof(struct fsession_frame, x19) == FSESSION_FRAME_X19);
static_assert(offsetof(struct fsession_frame, func) == FSESSION_FRAME_FUNC);
static_assert(offsetof(struct fsession_frame, nr) == FSESSION_FRAME_NR);
static_assert(offsetof(struct fsession_frame, words) == FSESSION_FRAME_WORDS);
static_assert(offsetof(struct fsession_frame, x8) == FSESSION_FRAME_X8);
static_assert(offsetof(struct fsession_frame, kept) == FSESSION_FRAME_KEPT);
static_assert(offsetof(struct fsession_frame, bpf_ctx) ==
	      FSESSION_FRAME_BPF_CTX);
static_assert(offsetof(struct fsession_frame, record) ==
	      FSESSION_FRAME_RECORD);
static_assert(offsetof(struct fsession_frame, body) == FSESSION_FRAME_BODY);
static_assert(offsetof(struct fsession_frame, fp) == FSESSION_FRAME_FP);
static_assert(offsetof(struct fsession_frame, caller) ==
	      FSESSION_FRAME_CALLER);
static_assert(sizeof(struct fsession_frame) == FSESSION_FRAME_SIZE);
/* Pairs that the stub stores and loads at once. */
static_assert(FSESSION_FRAME_GUARD - FSESSION_FRAME_LIST == 8);
static_assert(FSESSION_FRAME_NR - FSESSION_FRAME_FUNC == 8);
static_assert(FSESSION_FRAME_X8 - FSESSION_FRAME_WORDS ==
	      8 * (FSESSION_ARG_REGS + 1));
static_assert(FSESSION_FRAME_KEPT - FSESSION_FRAME_X8 == 8);
static_assert(FSESSION_FRAME_BPF_CTX - FSESSION_FRAME_KEPT == 8);
/* What the stub makes of run: the attach cookie, and a word that it may use. */
static_assert(offsetof(struct bpf_tramp_run_ctx, bpf_cookie) == 0);
static_assert(sizeof(struct bpf_tramp_run_ctx) == 16);
/*
 * sp must be a multiple of 16. Stack-passed arguments start where the frame
 * ends.
 */
static_assert(FSESSION_FRAME_SIZE % 16 == 0);

#endif /* __ASSEMBLY__ */
#endif /* FSESSION_ARM64_FRAME_H */
