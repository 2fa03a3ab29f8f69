/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The stub: what the ftrace site of every traced function calls. One for all
 * functions; what differs between them is found by the return address. Only a
 * function that somebody else redirects, as livepatch does, gets a *shared* stub
 * of its own, since its return address does not tell which function was called.
 * And where all functions of a registration have as many argument words, they have
 * a stub that need not ask how many; where their program is a *leaf*, which calls
 * nothing, one that makes no run context known to those whom it might call.
 *
 * The common case, one session on the function that is not out of the ordinary
 * (see fsession_solo_start()), is done here, without calling C: C would save and
 * restore more than the work itself takes. Everything else is run.c's.
 */
#include <linux/linkage.h>
#include <asm/alternative.h>
#include <asm/assembler.h>
#include <asm/cpucaps.h>

#include "frame.h"
#include "offsets.h"

/* Offset from x29 of what frame.h gives as offset from the frame. */
#define AT(offset)	[x29, #((offset) - FSESSION_FRAME_RECORD)]
#define WORD(n)		AT(FSESSION_FRAME_WORDS + 8 * (n))

/* Address of what frame.h gives as offset from the frame. */
.macro ADR_AT reg, offset
	sub	\reg, x29, #(FSESSION_FRAME_RECORD - (\offset))
.endm

/*
 * The words. Where the number of arguments is known, the word after the last one
 * is the result's: it is zero from the start, and the register that it is the
 * place of is kept elsewhere. The other stubs find the result's word at run time,
 * and keep nothing yet; the shared one's number has that place until then.
 */
.macro SAVE_WORDS n, next, nr
.ifc \n, \nr
	stp	xzr, x\next, WORD(\n)
.else
.ifc \next, \nr
	stp	x\n, xzr, WORD(\n)
.else
	stp	x\n, x\next, WORD(\n)
.endif
.endif
.endm

.macro SAVE_ARGS nr
	SAVE_WORDS 0, 1, \nr
	SAVE_WORDS 2, 3, \nr
	SAVE_WORDS 4, 5, \nr
	SAVE_WORDS 6, 7, \nr
.ifc \nr, any
	stp	x8, x10, AT(FSESSION_FRAME_X8)
.else
.ifc \nr, 8
	stp	xzr, x8, WORD(8)
.else
	stp	x8, x\nr, AT(FSESSION_FRAME_X8)
.endif
.endif
.endm

.macro RESTORE_WORDS n, next, nr
.ifc \n, \nr
	ldr	x\next, WORD(\next)
.else
.ifc \next, \nr
	ldr	x\n, WORD(\n)
.else
	ldp	x\n, x\next, WORD(\n)
.endif
.endif
.endm

.macro RESTORE_REGS nr
	RESTORE_WORDS 0, 1, \nr
	RESTORE_WORDS 2, 3, \nr
	RESTORE_WORDS 4, 5, \nr
	RESTORE_WORDS 6, 7, \nr
.endm

.macro RESTORE_ARGS nr
	RESTORE_REGS \nr
.ifc \nr, any
	ldr	x8, AT(FSESSION_FRAME_X8)
.else
.ifc \nr, 8
	ldr	x8, AT(FSESSION_FRAME_X8)
.else
	ldp	x8, x\nr, AT(FSESSION_FRAME_X8)
.endif
.endif
.endm

/* Leaves nothing of the frame but, in x30, the return address into the caller. */
.macro DROP_FRAME
	ldp	x19, x20, AT(FSESSION_FRAME_X19)
	mov	sp, x29
	ldp	x29, x30, [sp, #FSESSION_FRAME_FP - FSESSION_FRAME_RECORD]
	add	sp, sp, #FSESSION_FRAME_SIZE - FSESSION_FRAME_RECORD
.endm

#ifdef FSESSION_SOLO_STUB

/*
 * Registers of the solo halves, as far as they are kept over some distance:
 *	x9	the program's code
 *	x11	the list
 *	x12	the site
 *	x13	where to count the call; the site's meta
 *	x14	current
 *	x15	this CPU's per-CPU offset: only while preemption is off
 *	x16 x17	anything
 *	x19	the program's count, a per-CPU pointer: from the entry to the exit
 *	x20	from the entry to the exit. Where the number of words is known,
 *		the caller's current->bpf_ctx, unless the program is a leaf; else
 *		the address of the result's word
 *	x30	the key of the site; f's is in the frame
 */

/* What is loaded in pairs. */
#if FSESSION_LIST_FLIGHT != FSESSION_LIST_ACTIVE + 8 || \
	FSESSION_LIST_FUNC != FSESSION_LIST_GUARD + 8
#error "struct fsession_list has changed"
#endif

/* From a per-CPU pointer in x13 to a member of what it points to on this CPU. */
.macro FLIGHT_AT offset
	add	x13, x13, x15
.if \offset
	add	x13, x13, #\offset
.endif
.endm

/*
 * preempt_disable() and preempt_enable(): zero says that a reschedule is due, too.
 * Asked a second time, for an interrupt may have made it due between the load and
 * the store. A kernel that does not preempt itself has no count.
 */
.macro PREEMPT_DISABLE
#ifdef CONFIG_PREEMPT_COUNT
	ldr	w16, [x14, #FSESSION_TASK_PREEMPT_COUNT]
	add	w16, w16, #1
	str	w16, [x14, #FSESSION_TASK_PREEMPT_COUNT]
#endif
.endm

.macro PREEMPT_ENABLE resched
#ifdef CONFIG_PREEMPT_COUNT
	ldr	x16, [x14, #FSESSION_TASK_PREEMPT]
	sub	x16, x16, #1
	str	w16, [x14, #FSESSION_TASK_PREEMPT_COUNT]
#ifdef CONFIG_PREEMPTION
	cbz	x16, \resched
	ldr	x16, [x14, #FSESSION_TASK_PREEMPT]
	cbz	x16, \resched
#endif
#endif
.endm

/* A reschedule that is due is left to the C half. */
.macro PREEMPT_ENABLE_NO_RESCHED
#ifdef CONFIG_PREEMPT_COUNT
	ldr	w16, [x14, #FSESSION_TASK_PREEMPT_COUNT]
	sub	w16, w16, #1
	str	w16, [x14, #FSESSION_TASK_PREEMPT_COUNT]
#endif
.endm

/* Goes to @to while the kernel keeps statistics of programs' runs. */
.macro JUMP_IF_STATS to
.Lstats_\@:
	nop
	.pushsection __jump_table, "aw"
	.balign	8
	.long	.Lstats_\@ - .
	.long	\to - .
	.quad	bpf_stats_enabled_key - .
	.popsection
.endm

/*
 * Counts a call at x13: in by stadd, out by staddl, which is a release (see
 * SOLO_EXIT). x16 is 1. In one instruction, or exclusively: whoever interrupts this
 * may count here, too, and what it has counted must not be lost.
 */
.macro COUNT_CALL op, name
alternative_if_not ARM64_HAS_LSE_ATOMICS
	b	.L\op\()_\name
alternative_else
	.arch_extension lse
	\op	x16, [x13]
alternative_endif
.Lcounted_\op\()_\name:
.endm

/* Out of line, where there is no such instruction. */
.macro COUNT_CALL_EXCLUSIVELY op, store, name
.L\op\()_\name:
	ldxr	x16, [x13]
	add	x16, x16, #1
	\store	w17, x16, [x13]
	cbnz	w17, .L\op\()_\name
	b	.Lcounted_\op\()_\name
.endm

/*
 * current->bpf_ctx is ours only while the program runs. While f runs it is the
 * caller's: f may be a helper of a program that runs, and go by it, or call that
 * program back. x14 is current.
 *
 * A leaf runs under the caller's. Who goes by bpf_ctx is called by a program; who
 * interrupts one, and runs another, sets its own.
 */
.macro SOLO_SET_BPF_CTX leaf
.if !\leaf
	ADR_AT	x17, FSESSION_FRAME_RUN
	str	x17, [x14, #FSESSION_TASK_BPF_CTX]
.endif
.endm

/* And what it was at the entry again. */
.macro SOLO_RESTORE_BPF_CTX nr, leaf
.if !\leaf
.ifc \nr, any
	ldr	x16, AT(FSESSION_FRAME_BPF_CTX)
	str	x16, [x14, #FSESSION_TASK_BPF_CTX]
.else
	str	x20, [x14, #FSESSION_TASK_BPF_CTX]
.endif
.endif
.endm

/*
 * The entry half, of what fsession_enter() does, for a solo list. sp is at the
 * frame's run context, and stays there while f runs. Leaves for slow with nothing
 * done but for x19.
 *
 * One question is asked for many: the count at list->active is not zero when the
 * program runs on this CPU already, and it is never zero where that is not the
 * program's own count, which is so if the list is not solo, is no list at all, or
 * its session is detached. Asking first and then counting is as good as doing both
 * at once, and so are a load and a store that count: whoever comes in between is an
 * interrupt, and leaves the count as it found it. From 7.0 on the kernel has a byte
 * here for each kind of context. Whose byte it is does not matter, since a run is
 * let in only if the others are zero.
 *
 * Order: what is read here is found by following pointers from the site table on,
 * each published by a release when all behind it was there, which takes no barrier.
 * list->active alone is written later; what it points to was there when the list
 * was published. A program that is found here is not put, and a list not freed,
 * before preemption is on again: both wait for a grace period, and what is counted
 * here has been seen by whoever waited. The frame and the run context are this
 * task's and read on this CPU only.
 */
.macro SOLO_ENTRY name, nr, leaf
#ifdef FSESSION_STACK_BITS
	/* fsession_arch_stack_low() */
	mov	x16, sp
	tst	x16, #FSESSION_STACK_BITS
	b.eq	.Lslow_\name
#endif
	mrs	x14, sp_el0
	PREEMPT_DISABLE
	get_this_cpu_offset x15
	adrp	x16, context_tracking + FSESSION_CT_STATE
	add	x16, x16, x15
	ldr	w16, [x16, #:lo12:context_tracking + FSESSION_CT_STATE]
	tbz	w16, #FSESSION_RCU_WATCHING_BIT, .Lslow_preempt_\name
	/*
	 * The site: as fsession_site_find(), but by the low half of the address,
	 * which is enough: kernel and modules lie within 2 GiB.
	 */
.ifc \name, fsession_shared_stub
	adrp	x17, fsession_shared_body
	add	x17, x17, #:lo12:fsession_shared_body
	ldr	x30, [x17, w10, uxtw #3]
.endif
	adrp	x16, fsession_table
	ldr	x16, [x16, #:lo12:fsession_table]
	ldr	w13, [x16, #FSESSION_TABLE_BYTES]
	and	w13, w13, w30
	add	x12, x16, x13
	ldr	x12, [x12, #FSESSION_TABLE_SLOT]
	ldr	w11, [x12, #FSESSION_SITE_KEY]
	cmp	w11, w30
	b.ne	.Lprobe_\name
.Lfound_\name:
	ldr	x11, [x12, #FSESSION_SITE_LIST]
	ldp	x19, x13, [x11, #FSESSION_LIST_ACTIVE]
	ldr	w16, [x15, x19]
	cbnz	w16, .Lslow_preempt_\name
	JUMP_IF_STATS .Lslow_preempt_\name
	mov	w16, #1
	str	w16, [x15, x19]
	FLIGHT_AT FSESSION_FLIGHT_IN
	COUNT_CALL stadd, \name

	/* The rest of the frame, but for what is C's. */
	ldp	x16, x9, [x11, #FSESSION_LIST_GUARD]
	eor	x16, x16, x29
	stp	x11, x16, AT(FSESSION_FRAME_LIST)
	ldr	x16, [x12, #FSESSION_SITE_FUNC]
.ifc \nr, any
	ldrh	w13, [x12, #FSESSION_SITE_META]
.else
	mov	x13, #(\nr + FSESSION_SOLO_META)
.endif
	stp	x16, x13, AT(FSESSION_FRAME_FUNC)
	ldr	x16, [x11, #FSESSION_LIST_COOKIE]
	stp	x16, xzr, AT(FSESSION_FRAME_RUN)	/* cookie: 0 */
	ADR_AT	x0, FSESSION_FRAME_WORDS
.ifc \nr, any
#ifdef FSESSION_META
	and	x13, x13, #0xff
#endif
	add	x20, x0, x13, lsl #3
	ldr	x16, [x20]
	str	xzr, [x20]			/* no result yet */
.if \leaf
	str	x16, AT(FSESSION_FRAME_KEPT)
.else
	ldr	x17, [x14, #FSESSION_TASK_BPF_CTX]
	stp	x16, x17, AT(FSESSION_FRAME_KEPT)
.endif
.elseif !\leaf
	ldr	x20, [x14, #FSESSION_TASK_BPF_CTX]
.endif
	SOLO_SET_BPF_CTX \leaf

	blr	x9
	get_this_cpu_offset x15
	ldr	w16, [x15, x19]
	sub	w16, w16, #1
	str	w16, [x15, x19]
	mrs	x14, sp_el0
	SOLO_RESTORE_BPF_CTX \nr, \leaf
	PREEMPT_ENABLE .Lresched_entry_\name
.endm

/* The arguments again, after SOLO_ENTRY. */
.macro SOLO_RESTORE_ARGS nr
.ifc \nr, any
	ldp	x8, x16, AT(FSESSION_FRAME_X8)
	str	x16, [x20]
	RESTORE_REGS any
.else
	RESTORE_ARGS \nr
.endif
.endm

/*
 * The exit half, of what fsession_exit() does, when the entry was as above; f has
 * left x0, x1, x20 and x19, which is the count that the entry went by. Where list->
 * active is another by now, the session is detached, or the frame was counted out
 * as abandoned and has another list.
 *
 * Order: the list is there as long as this call is not counted out, its program as
 * long as preemption is off, if list->active was its count then. To count out is a
 * release: all that was done with the list and its session comes before it, and so
 * does the count of the call in, which may have been on another CPU. Pairs with
 * list_count() and with the barrier in fsession_list_reap().
 */
.macro SOLO_EXIT name, nr, leaf
	stp	x0, x1, [sp, #FSESSION_FRAME_RET - FSESSION_FRAME_RUN]!
	mrs	x14, sp_el0
	PREEMPT_DISABLE
#ifdef FSESSION_META
	ldr	x11, AT(FSESSION_FRAME_LIST)
#else
	ldp	x11, x13, AT(FSESSION_FRAME_LIST)
#endif
	ldr	x16, [x11, #FSESSION_LIST_ACTIVE]
	cmp	x16, x19
	b.ne	.Lslow_exit_\name
	get_this_cpu_offset x15
	ldr	w16, [x15, x19]
	add	w16, w16, #1
	str	w16, [x15, x19]
#ifdef FSESSION_META
	mov	w13, #0x80
	strb	w13, AT(FSESSION_FRAME_NR + 7)
#else
	eor	x13, x13, #FSESSION_TO_EXIT
	str	x13, AT(FSESSION_FRAME_GUARD)
#endif
	SOLO_SET_BPF_CTX \leaf
.ifc \nr, any
	str	x0, [x20]
.else
	str	x0, WORD(\nr)
.endif

	ADR_AT	x0, FSESSION_FRAME_WORDS
	ldr	x9, [x11, #FSESSION_LIST_FUNC]
	blr	x9
	get_this_cpu_offset x15
	ldr	w16, [x15, x19]
	sub	w16, w16, #1
	str	w16, [x15, x19]
	mrs	x14, sp_el0
	SOLO_RESTORE_BPF_CTX \nr, \leaf
	ldr	x11, AT(FSESSION_FRAME_LIST)
	str	xzr, AT(FSESSION_FRAME_GUARD)
	/* The list may be gone once it is counted out. */
	ldr	x13, [x11, #FSESSION_LIST_FLIGHT]
	FLIGHT_AT FSESSION_FLIGHT_OUT
	mov	x16, #1
	COUNT_CALL staddl, \name
	PREEMPT_ENABLE .Lresched_exit_\name
.Lexited_\name:
	ldp	x0, x1, AT(FSESSION_FRAME_RET)
.endm

/* What the two halves jump out to. */
.macro SOLO_OUT_OF_LINE name, nr
.Lprobe_\name:
	/*
	 * A site with another key, or the one that stands for none. x16 is the
	 * table, x13 the offset of the site's slot.
	 */
	adrp	x9, fsession_no_site
	add	x9, x9, #:lo12:fsession_no_site
.Lnext_\name:
	cmp	x12, x9
	b.eq	.Lslow_preempt_\name
	ldr	w11, [x16, #FSESSION_TABLE_BYTES]
	add	w13, w13, #8
	and	w13, w13, w11
	add	x12, x16, x13
	ldr	x12, [x12, #FSESSION_TABLE_SLOT]
	ldr	w11, [x12, #FSESSION_SITE_KEY]
	cmp	w11, w30
	b.ne	.Lnext_\name
	b	.Lfound_\name

.Lslow_preempt_\name:
	PREEMPT_ENABLE_NO_RESCHED
	b	.Lslow_\name

.Lslow_exit_\name:
	PREEMPT_ENABLE_NO_RESCHED
	sub	sp, x29, #FSESSION_FRAME_RECORD
	b	.Lexit_\name

#ifdef CONFIG_PREEMPTION
.Lresched_entry_\name:
	bl	fsession_resched
	b	.Lenter_body_\name

.Lresched_exit_\name:
	bl	fsession_resched
	b	.Lexited_\name
#endif

	COUNT_CALL_EXCLUSIVELY stadd, stxr, \name
	COUNT_CALL_EXCLUSIVELY staddl, stlxr, \name
.endm

#endif /* FSESSION_SOLO_STUB */

/*
 * Goes on into f and comes back when it returns, with sp as before and x29 ours
 * again.
 */
.macro CALL_BODY name
	ldr	x10, AT(FSESSION_FRAME_BODY)
	bl	.Lbody_\name
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
 * While f runs, x29 is the frame's and x19 and x20 may be ours: f keeps them, as
 * any function does, and has no use for what is in them.
 *
 * How f is entered: by RET, since an indirect branch must land on a BTI, which
 * body is not. Every RET has its bl: the return predictor, which has seen the
 * calls of f, of the stub and the one below, is wrong about this RET and about
 * the one out of f, and then right again for every caller above. The kernel's
 * own trampolines enter f by a RET that answers the bl at the site, and so are
 * right there; but then the RET out of f, the one to the caller and those of all
 * callers above are off by one. To end with "br" instead of a RET would cost one
 * miss less, but a return address is no landing pad either. A program is called
 * by BLR, and begins with one.
 *
 * Unwinding goes by the two records: f and its caller show in every stack trace.
 * Addresses in them are as the kernel's trampolines leave them, not signed: f
 * signs and authenticates the one that it is given here by itself.
 */
.macro STUB name, enter, nr, leaf=0
SYM_CODE_START(\name)
	bti	c
	stp	x29, x9, [sp, #FSESSION_FRAME_FP - FSESSION_FRAME_SIZE]!
	mov	x29, sp
	stp	x29, x30, [sp, #FSESSION_FRAME_RECORD - FSESSION_FRAME_FP]!
	mov	x29, sp
	sub	sp, sp, #FSESSION_FRAME_RECORD - FSESSION_FRAME_RUN
	SAVE_ARGS \nr
	stp	x19, x20, AT(FSESSION_FRAME_X19)

#ifdef FSESSION_SOLO_STUB
	SOLO_ENTRY \name, \nr, \leaf
.Lenter_body_\name:
	SOLO_RESTORE_ARGS \nr
	CALL_BODY \name
	SOLO_EXIT \name, \nr, \leaf
	DROP_FRAME
	ret
	SOLO_OUT_OF_LINE \name, \nr
#endif

.Lslow_\name:
	sub	sp, sp, #FSESSION_FRAME_RUN
	mov	x0, sp
	mov	x2, #0
.Lenter_\name:
	/* long fsession_enter(frame, extra, bytes at extra [, shared]) */
	mov	x1, sp
.ifc \name, fsession_shared_stub
	/* Where it was kept, as nothing has happened yet. */
	ldr	w3, AT(FSESSION_FRAME_KEPT)
.endif
	bl	\enter
	cbnz	x0, .Lextra_or_pass_\name

	RESTORE_ARGS \nr
	CALL_BODY \name
	stp	x0, x1, AT(FSESSION_FRAME_RET)
.Lexit_\name:
	ADR_AT	x0, 0
	bl	fsession_exit
	ldp	x0, x1, AT(FSESSION_FRAME_RET)
	DROP_FRAME
	ret

.Lextra_or_pass_\name:
	/* Positive: bytes of stack that this call needs below the frame. */
	tbnz	x0, #63, .Lpass_\name
	mov	x2, x0
	ADR_AT	x0, 0
	sub	sp, x0, x2
	b	.Lenter_\name

.Lpass_\name:
	/* Negative: no session here. Go on into f as if never called. */
	RESTORE_ARGS \nr
	ldr	x10, AT(FSESSION_FRAME_BODY)
	DROP_FRAME
	/* Answers the bl at the site. */
	ret	x10

.Lbody_\name:
	ret	x10
SYM_CODE_END(\name)
.endm

	.text
STUB fsession_stub, fsession_enter, any
STUB fsession_leaf_stub, fsession_enter, any, leaf=1
STUB fsession_shared_stub, fsession_enter_shared, any
.irp	nr, 0, 1, 2, 3, 4, 5, 6, 7, 8
STUB fsession_stub_\nr, fsession_enter, \nr
STUB fsession_leaf_stub_\nr, fsession_enter, \nr, leaf=1
.endr

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
