/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Bound stubs, for the assembler: a part of stub.S.
 *
 * One is for a leaf that is attached to one function, and to that it is bound from
 * before the first call until after the last: it looks nothing up, and calls the
 * program and goes on into the function directly, by static calls. So it needs no
 * retpoline, and no way of its own where there is IBT: every return from what it calls
 * is the one that the predictor expects, and what the call at the site has left there
 * is spent on a return to nobody, as where stub.S enters f by a branch. f is always
 * entered where its own body begins: a site that somebody redirects calls a shared stub,
 * and a call that somebody overrides comes with another body.
 *
 * The frame is that of the stub @out, in which this one lies. That sees to every call
 * that is out of the ordinary: from the start, when nothing has been done yet but to
 * save registers, or from where f has returned. One that runs another program is such,
 * and one with another body.
 */
#ifndef FSESSION_X86_BOUND_H
#define FSESSION_X86_BOUND_H

/* A member of the struct fsession_bound of a stub. */
#define BOUND_MEMBER(nr, i, member) \
	FSESSION_BOUND_SIZE * ((nr) * FSESSION_BOUND_STUBS + (i)) + (member) + \
		fsession_bound(%rip)

/* objtool puts a key into the table of static calls if it is a symbol here. */
.macro STATIC_CALL_KEY key
	.pushsection .discard.addressable, "aw"
	.quad	\key
	.popsection
.endm

.macro BOUND_STUB out, nr, i
	.balign	16, 0xcc
	.globl	fsession_bound_stub_\nr\()_\i
fsession_bound_stub_\nr\()_\i:
	UNWIND_HINT_FUNC
	ANNOTATE_NOENDBR
	BALANCE	.Lbalanced_\nr\()_\i
.Lbalanced_\nr\()_\i:
	UNWIND_HINT_FUNC
	ANNOTATE_NOENDBR
	pushq	%rbp
	movq	%rsp, %rbp
	SAVE_REGS \nr

	/*
	 * As SOLO_ENTRY, but for the site. What is asked of active there is asked of the
	 * body along with it.
	 */
	STACK_IS_LOW
	jz	.Lunbalance_\out
	SOLO_BEGIN .Lunbalance_\out
	movq	BOUND_MEMBER(\nr, \i, FSESSION_BOUND_LIST), %r9
	movq	FSESSION_LIST_ACTIVE(%r9), %rbx
	movl	AT(FSESSION_FRAME_BODY), %r10d
	subl	__SCK__fsession_bound_body_\nr\()_\i + FSESSION_CALL_FUNC(%rip), %r10d
	orl	%gs:(%rbx), %r10d
	SOLO_MAY_RUN .Lunbalance_preempt_\out, \nr, 1
	SOLO_FRAME $(\nr + FSESSION_SOLO_META), BOUND_MEMBER(\nr, \i, FSESSION_BOUND_FUNC)
	SOLO_RUN_AT_ENTRY bound_\nr\()_\i, __SCT__fsession_bound_prog_\nr\()_\i
	RUN_UNLOCK_RESCHED .Lresched_entry_bound_\nr\()_\i
.Lenter_body_bound_\nr\()_\i:
	RESTORE_ARGS \nr
	RESTORE_WORD %r9, 5, \nr
	call	__SCT__fsession_bound_body_\nr\()_\i

	SOLO_EXIT bound_\nr\()_\i, \nr, 1, \out, __SCT__fsession_bound_prog_\nr\()_\i
	RETURN

	SOLO_RESCHED_AT_ENTRY bound_\nr\()_\i
	STATIC_CALL_KEY __SCK__fsession_bound_prog_\nr\()_\i
	STATIC_CALL_KEY __SCK__fsession_bound_body_\nr\()_\i
.endm

/* @out does by itself what was done for the return predictor: back to before that. */
.macro BOUND_STUBS out, nr
.Lunbalance_preempt_\out:
	/* A reschedule that is due is left to whoever sees to the call. */
	DEC_PREEMPT
.Lunbalance_\out:
	ANNOTATE_INTRA_FUNCTION_CALL
	call	.Lunbalanced_\out
.Lunbalanced_\out:
	addq	$8, %rsp
	jmp	.Lsolo_\out

.irp	i, FSESSION_BOUND_NUMBERS
	BOUND_STUB \out, \nr, \i
.endr
.endm

#endif /* FSESSION_X86_BOUND_H */
