/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The stub: what the ftrace site of every traced function calls. One for all
 * functions; what differs between them is found by the return address. Only a
 * function that somebody else redirects, as livepatch does, gets a *shared* stub
 * of its own, since its return address does not tell which function was called.
 */
#include <linux/linkage.h>

#include "frame.h"

/* Offset from x29 of what frame.h gives as offset from the frame. */
#define AT(offset)	[x29, #((offset) - FSESSION_FRAME_RECORD)]
#define WORD(n)		AT(FSESSION_FRAME_WORDS + 8 * (n))

.macro SAVE_ARGS
	stp	x0, x1, WORD(0)
	stp	x2, x3, WORD(2)
	stp	x4, x5, WORD(4)
	stp	x6, x7, WORD(6)
	str	x8, AT(FSESSION_FRAME_X8)
.endm

.macro RESTORE_ARGS
	ldp	x0, x1, WORD(0)
	ldp	x2, x3, WORD(2)
	ldp	x4, x5, WORD(4)
	ldp	x6, x7, WORD(6)
	ldr	x8, AT(FSESSION_FRAME_X8)
.endm

/* Leaves nothing of the frame but, in x30, the return address into the caller. */
.macro DROP_FRAME
	mov	sp, x29
	ldp	x29, x30, [sp, #FSESSION_FRAME_FP - FSESSION_FRAME_RECORD]
	add	sp, sp, #FSESSION_FRAME_SIZE - FSESSION_FRAME_RECORD
.endm

/*
 * Entered by the bl at the site of f, through a PLT when this module is out of
 * its reach, or by br x17 from ftrace's own trampoline:
 *	x30		return address into f, called "body" here. Livepatch may
 *			have made it another function's address: it is the only
 *			way on, never f + n.
 *	x9		return address into the caller of f
 *	sp ...		stack-passed arguments of f
 *	x0 - x7		arguments of f
 *	x8		where f is to put a result that no registers hold
 *	x18		shadow call stack, where there is one; kept
 *	x19 - x29	the caller's; kept
 *	x10 - x17	dead at the entry of a function; in the shared stub w10
 *			is its number
 * Leaves f's return value, x0 and x1, as f left it.
 *
 * How f is entered: by RET, since an indirect branch must land on a BTI, which
 * body is not. Every RET has its bl: the return predictor, which has seen the
 * calls of f, of the stub and the one below, is wrong about this RET and about
 * the one out of f, and then right again for every caller above. The kernel's
 * own trampolines enter f by a RET that answers the bl at the site, and so are
 * right there; but then the RET out of f, the one to the caller and those of all
 * callers above are off by one. To end with "br" instead of a RET would cost one
 * miss less, but a return address is no landing pad either.
 *
 * Unwinding goes by the two records: f and its caller show in every stack trace.
 * Addresses in them are as the kernel's trampolines leave them, not signed: f
 * signs and authenticates the one that it is given here by itself.
 */
.macro STUB name, enter
SYM_CODE_START(\name)
	bti	c
	stp	x29, x9, [sp, #FSESSION_FRAME_FP - FSESSION_FRAME_SIZE]!
	mov	x29, sp
	stp	x29, x30, [sp, #FSESSION_FRAME_RECORD - FSESSION_FRAME_FP]!
	mov	x29, sp
	sub	sp, sp, #FSESSION_FRAME_RECORD
	SAVE_ARGS

	mov	x0, sp
	mov	x2, #0
.ifc \name, fsession_shared_stub
	str	w10, AT(FSESSION_FRAME_NR)
	mov	w3, w10
.endif
.Lenter_\name:
	/* long fsession_enter(frame, extra, bytes at extra [, shared]) */
	mov	x1, sp
	bl	\enter
	cbnz	x0, .Lextra_or_pass_\name

	RESTORE_ARGS
	ldr	x10, AT(FSESSION_FRAME_BODY)
	bl	.Lbody_\name

	/* f returned. sp is as before the bl, x29 is ours again. */
	stp	x0, x1, AT(FSESSION_FRAME_RET)
	sub	x0, x29, #FSESSION_FRAME_RECORD
	bl	fsession_exit
	ldp	x0, x1, AT(FSESSION_FRAME_RET)
	DROP_FRAME
	ret

.Lextra_or_pass_\name:
	/* Positive: bytes of stack that this call needs below the frame. */
	tbnz	x0, #63, .Lpass_\name
	mov	x2, x0
	sub	x0, x29, #FSESSION_FRAME_RECORD
	sub	sp, x0, x2
.ifc \name, fsession_shared_stub
	/* Where it was kept, as nothing has happened yet. */
	ldr	w3, AT(FSESSION_FRAME_NR)
.endif
	b	.Lenter_\name

.Lpass_\name:
	/* Negative: no session here. Go on into f as if never called. */
	RESTORE_ARGS
	ldr	x10, AT(FSESSION_FRAME_BODY)
	DROP_FRAME
	/* Answers the bl at the site. */
	ret	x10

.Lbody_\name:
	ret	x10
SYM_CODE_END(\name)
.endm

	.text
STUB fsession_stub, fsession_enter
STUB fsession_shared_stub, fsession_enter_shared

/* One a function, so that its number says which: w10 is dead at entry. */
.macro SHARED_STUB number
	.balign	FSESSION_SHARED_STUB_SIZE
	bti	c
	mov	w10, #\number
	b	fsession_shared_stub
.endm

	.balign	FSESSION_SHARED_STUB_SIZE
SYM_CODE_START(fsession_shared_stubs)
.altmacro
.set	number, 0
.rept	FSESSION_SHARED_STUBS
	SHARED_STUB %number
	.set	number, number + 1
.endr
.noaltmacro
SYM_CODE_END(fsession_shared_stubs)
