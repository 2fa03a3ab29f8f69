/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The frame that the stub lays on the stack of a traced call, as seen from
 * assembly (offsets from its lowest address) and from C (the struct). The
 * static_asserts at the end tie the two.
 *
 *	caller	[ return address into the caller of f  ]  pushed by f's caller
 *	body	[ return address into f, past the site ]  pushed by f's call; in the
 *		[                                      ]  shared stub, see KEEP_TARGET
 *	rbp	[ rbp of f's caller                    ]  <- rbp
 *	rbx	[ rbx of f's caller                    ]
 *	r12	[ r12 of f's caller                    ]
 *	words	[ 6 argument registers, 1 spare        ]  <- ctx, unless wide
 *	nr	[ number of argument words             ]  ctx[-1]
 *	func	[ address of f                         ]  ctx[-2]
 *	guard	[ see fsession_guard()                 ]
 *	list	[ the programs of this call            ]
 *	run	[ struct bpf_tramp_run_ctx, 2 words    ]  <- current->bpf_ctx
 *	ret	[ rax, rdx as f returned them          ]  before, rax where rdx is to be
 *
 * When the stub runs the program itself, the frame ends here, and while f runs with
 * run, where rsp is. The upper word of run, for which nobody asks, is the cookie. At
 * the exit, rdx as f returned it is in its place of ret, and rax in the result's
 * word. While the program runs, where the number of words is not known, the
 * current->bpf_ctx of f's caller has the upper word of ret and what lay in the
 * result's word the lower one at the entry, and bpf_ctx the lower one at the exit. For
 * a leaf there is no bpf_ctx to be kept, and what lay there has the upper one. In the
 * shared stub rax as it was has the upper one, and the others are one lower. While f
 * runs, rbx is the count that the entry went by, and r12 what the stub keeps for the
 * exit: the number of the result's word, bpf_ctx, or for a leaf the list's counters.
 *
 * When C runs programs, there is more:
 *
 *	pad	[ keeps the frame a multiple of 16     ]
 *	ran	[ sessions whose entry ran, a bit each ]
 *	prog	[ the program now running              ]
 *	slot	[ cookie of the program now running    ]
 *	cookie	[ cookies of the first two sessions    ]  <- frame
 *		[ struct fsession_list says what is    ]
 *		[ here when list->extra is not zero    ]  <- rsp
 */
#ifndef FSESSION_X86_FRAME_H
#define FSESSION_X86_FRAME_H

#define FSESSION_ARG_REGS	6	/* rdi rsi rdx rcx r8 r9 */

/* Functions that can be traced and livepatched at the same time. */
#define FSESSION_SHARED_STUBS		256
#define FSESSION_SHARED_STUB_SIZE	16

/* Functions that have a stub of their own, of each number of argument words. */
#define FSESSION_BOUND_STUBS		8
#define FSESSION_BOUND_NUMBERS		0, 1, 2, 3, 4, 5, 6, 7

#define FSESSION_FRAME_RET	48
#define FSESSION_FRAME_RAX	56
#define FSESSION_FRAME_RUN	64
#define FSESSION_FRAME_LIST	80
#define FSESSION_FRAME_GUARD	88
#define FSESSION_FRAME_FUNC	96
#define FSESSION_FRAME_NR	104
#define FSESSION_FRAME_WORDS	112
#define FSESSION_FRAME_R12	168
#define FSESSION_FRAME_RBX	176
#define FSESSION_FRAME_RBP	184
#define FSESSION_FRAME_BODY	192
#define FSESSION_FRAME_CALLER	200
#define FSESSION_FRAME_SIZE	208

/* From the context down to where the stub keeps the cookie, in words. */
#define FSESSION_SOLO_COOKIE_INDEX \
	((FSESSION_FRAME_WORDS - FSESSION_FRAME_RUN - 8) / 8)

/* What the frame pointer points to. */
#define FSESSION_FRAME_BASE	FSESSION_FRAME_RBP

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
	u64 func;
	u64 nr;
	u64 words[FSESSION_ARG_REGS + 1];
	unsigned long r12;
	unsigned long rbx;
	unsigned long rbp;
	unsigned long body;
	unsigned long caller;
};

static_assert(offsetof(struct fsession_frame, ret) == FSESSION_FRAME_RET);
static_assert(offsetof(struct fsession_frame, ret[1]) == FSESSION_FRAME_RAX);
static_assert(offsetof(struct fsession_frame, run) == FSESSION_FRAME_RUN);
static_assert(offsetof(struct fsession_frame, list) == FSESSION_FRAME_LIST);
static_assert(offsetof(struct fsession_frame, guard) == FSESSION_FRAME_GUARD);
static_assert(offsetof(struct fsession_frame, func) == FSESSION_FRAME_FUNC);
static_assert(offsetof(struct fsession_frame, nr) == FSESSION_FRAME_NR);
static_assert(offsetof(struct fsession_frame, words) == FSESSION_FRAME_WORDS);
static_assert(offsetof(struct fsession_frame, r12) == FSESSION_FRAME_R12);
static_assert(offsetof(struct fsession_frame, rbx) == FSESSION_FRAME_RBX);
static_assert(offsetof(struct fsession_frame, rbp) == FSESSION_FRAME_RBP);
static_assert(offsetof(struct fsession_frame, body) == FSESSION_FRAME_BODY);
static_assert(offsetof(struct fsession_frame, caller) == FSESSION_FRAME_CALLER);
static_assert(sizeof(struct fsession_frame) == FSESSION_FRAME_SIZE);
/* What the stub makes of run: the attach cookie, and a word that it may use. */
static_assert(offsetof(struct bpf_tramp_run_ctx, bpf_cookie) == 0);
static_assert(sizeof(struct bpf_tramp_run_ctx) == 16);
/*
 * Stack-passed arguments start where the frame ends. Their copies start a
 * multiple of 16 bytes below, so that what was 16-byte aligned stays so.
 */
static_assert(FSESSION_FRAME_SIZE % 16 == 0);

#endif /* __ASSEMBLY__ */
#endif /* FSESSION_X86_FRAME_H */
