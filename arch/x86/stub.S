/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The stub: what the ftrace site of every traced function calls. One for all
 * functions; what differs between them is found by the return address. Only a
 * function that somebody else redirects, as livepatch does, gets a *shared* stub
 * of its own, since its return address does not tell which function was called.
 * And where all functions of a registration have as many argument words, they have
 * a stub that need not ask how many; where their program is a *leaf*, which calls
 * nothing, one that makes no run context known to those whom it might call. Some of
 * these are *bound*, to one function and one program: see bound.h.
 *
 * The common case, one session on the function that is not out of the ordinary
 * (see fsession_solo_start()), is done here, without calling C: C would push and
 * pop more than the work itself takes. Everything else is run.c's.
 */
#include <linux/linkage.h>
#include <linux/objtool.h>
#include <linux/stringify.h>
#include <asm/alternative.h>
#include <asm/asm.h>
#include <asm/cpufeatures.h>
#include <asm/ibt.h>
#include <asm/nospec-branch.h>
#include <asm/percpu.h>
#include <asm/unwind_hints.h>

#include "frame.h"
#include "offsets.h"

/*
 * Accounts for the call at the site, which nobody else does, and where f is entered
 * for that call, too: in one place, so that it is one no-op as a rule. Before, the
 * count is one short, which errs on the safe side.
 */
#if defined(CONFIG_MITIGATION_CALL_DEPTH_TRACKING) || \
	defined(CONFIG_CALL_DEPTH_TRACKING)
#define ACCOUNT_SITE	CALL_DEPTH_ACCOUNT
#define ACCOUNT_SITE_AND_BODY \
	ALTERNATIVE "", __stringify(INCREMENT_CALL_DEPTH INCREMENT_CALL_DEPTH), \
		X86_FEATURE_CALL_DEPTH
#else
#define ACCOUNT_SITE
#define ACCOUNT_SITE_AND_BODY
#endif

/* Offset from rbp of what frame.h gives as offset from the frame. */
#define AT(offset)	((offset) - FSESSION_FRAME_RBP)(%rbp)
#define WORD(n)		AT(FSESSION_FRAME_WORDS + 8 * (n))
/* The result's word, where r12 is the site's meta, in which its number is. */
#define RESULT_WORD \
	(FSESSION_FRAME_WORDS - FSESSION_FRAME_RBP - 8 * FSESSION_SOLO_META)(%rbp, %r12, 8)

/*
 * The words. Where the number of arguments is known, the word after the last one
 * is the result's: it is zero from the start, and the register that it is the
 * place of is kept in the spare word. There may be an argument in that which BTF
 * does not know of.
 */
.macro SAVE_WORD reg, n, nr
.ifc \n, \nr
	pushq	$0
.else
	pushq	\reg
.endif
.endm

.macro SAVE_SPARE reg, n, nr
.ifc \n, \nr
	pushq	\reg
.endif
.endm

/* Also of rbx and r12, which the halves use. */
.macro SAVE_REGS nr
	pushq	%rbx
	pushq	%r12
.ifc \nr, any
	/* The shared stub's number. */
	pushq	%r10
.endif
.ifc \nr, 6
	pushq	$0
.endif
	SAVE_SPARE %rdi, 0, \nr
	SAVE_SPARE %rsi, 1, \nr
	SAVE_SPARE %rdx, 2, \nr
	SAVE_SPARE %rcx, 3, \nr
	SAVE_SPARE %r8, 4, \nr
	SAVE_SPARE %r9, 5, \nr
	SAVE_WORD %r9, 5, \nr
	SAVE_WORD %r8, 4, \nr
	SAVE_WORD %rcx, 3, \nr
	SAVE_WORD %rdx, 2, \nr
	SAVE_WORD %rsi, 1, \nr
	SAVE_WORD %rdi, 0, \nr
.endm

.macro RESTORE_WORD reg, n, nr
.ifc \n, \nr
	movq	WORD(6), \reg
.else
	movq	WORD(\n), \reg
.endif
.endm

.macro FRAME_TO_RSP
	leaq	AT(0), %rsp
.endm

/* All but r9, which comes last. */
.macro RESTORE_ARGS nr
	RESTORE_WORD %rdi, 0, \nr
	RESTORE_WORD %rsi, 1, \nr
	RESTORE_WORD %rdx, 2, \nr
	RESTORE_WORD %rcx, 3, \nr
	RESTORE_WORD %r8, 4, \nr
.endm

/*
 * @insn, of five bytes or more; or a jump to @to, where f may be entered by a branch:
 * with IBT it may not, and a retpoline is no better than a return.
 */
.macro INSN_OR_JUMP insn, to
	ALTERNATIVE_2 "\insn", "jmp \to", ALT_NOT(X86_FEATURE_RETPOLINE), \
		"\insn", X86_FEATURE_IBT
.endm

/* A return to nobody, which goes on at @to: see below. */
.macro BALANCE to
	pushq	$\to
	UNWIND_HINT_FUNC
	RET
.endm

#ifdef FSESSION_SOLO_STUB

/* Of the frame's place, see arch.h. */
.macro STACK_IS_LOW
	testl	$FSESSION_STACK_BITS, %esp
.endm

#ifdef HAVE_PCPU_HOT
#define CURRENT		PER_CPU_VAR(pcpu_hot + FSESSION_HOT_CURRENT)
#define PREEMPT_COUNT	PER_CPU_VAR(pcpu_hot + FSESSION_HOT_PREEMPT)
#else
#define CURRENT		PER_CPU_VAR(current_task)
#define PREEMPT_COUNT	PER_CPU_VAR(__preempt_count)
#endif

#ifdef CONFIG_HAS_SEPARATE_PREEMPT_RESCHED_BITS
#define INC_PREEMPT	incq	PREEMPT_COUNT
#define DEC_PREEMPT	decq	PREEMPT_COUNT
#else
#define INC_PREEMPT	incl	PREEMPT_COUNT
#define DEC_PREEMPT	decl	PREEMPT_COUNT
#endif

/* preempt_enable(): zero says that a reschedule is due, too. */
.macro PREEMPT_ENABLE resched
	DEC_PREEMPT
#ifdef CONFIG_PREEMPTION
	jz	\resched
#endif
.endm

/*
 * What a program runs under: run_lock() and run_unlock() of run.c. On PREEMPT_RT that
 * takes calls, which leave no register that a call does not keep.
 */
#ifdef CONFIG_PREEMPT_RT
.macro RUN_LOCK
	call	__rcu_read_lock
	call	migrate_disable
.endm

.macro RUN_UNLOCK
	call	migrate_enable
	call	__rcu_read_unlock
.endm

.macro RUN_UNLOCK_RESCHED resched
	RUN_UNLOCK
.endm
#else
.macro RUN_LOCK
	INC_PREEMPT
.endm

/* A reschedule that is due is left to whoever goes on. */
.macro RUN_UNLOCK
	DEC_PREEMPT
.endm

.macro RUN_UNLOCK_RESCHED resched
	PREEMPT_ENABLE \resched
.endm
#endif

/* Goes to @to while the kernel keeps statistics of programs' runs. */
.macro JUMP_IF_STATS to
.Lstats_\@:
	.byte	0x0f, 0x1f, 0x44, 0x00, 0x00
	.pushsection __jump_table, "aw"
	.balign	8
#ifdef ANNOTATE_DATA_SPECIAL
	ANNOTATE_DATA_SPECIAL
#endif
	.long	.Lstats_\@ - .
	.long	\to - .
	.quad	bpf_stats_enabled_key - .
	.popsection
.endm

/*
 * current->bpf_ctx is ours only while the program runs. While f runs it is the
 * caller's: f may be a helper of a program that runs, and go by it, or call that
 * program back. What it was is kept in r12 where the number of words is known.
 *
 * A leaf runs under the caller's. Who goes by bpf_ctx is called by a program; who
 * interrupts one, and runs another, sets its own.
 */
.macro SOLO_SET_BPF_CTX_AT_ENTRY nr, leaf
.if !\leaf
	movq	CURRENT, %rcx
.ifc \nr, any
	leaq	AT(FSESSION_FRAME_RUN), %rdx
	pushq	FSESSION_TASK_BPF_CTX(%rcx)
	movq	%rdx, FSESSION_TASK_BPF_CTX(%rcx)
.else
	movq	FSESSION_TASK_BPF_CTX(%rcx), %r12
	movq	%rsp, FSESSION_TASK_BPF_CTX(%rcx)
.endif
.endif
.endm

.macro SOLO_SET_BPF_CTX_AT_EXIT nr, leaf
.if !\leaf
	movq	CURRENT, %rcx
	leaq	AT(FSESSION_FRAME_RUN), %rdx
.ifc \nr, any
	pushq	FSESSION_TASK_BPF_CTX(%rcx)
.endif
	movq	%rdx, FSESSION_TASK_BPF_CTX(%rcx)
.endif
.endm

.macro SOLO_RESTORE_BPF_CTX nr, leaf
.if !\leaf
	movq	CURRENT, %rcx
.ifc \nr, any
	popq	FSESSION_TASK_BPF_CTX(%rcx)
.else
	movq	%r12, FSESSION_TASK_BPF_CTX(%rcx)
.endif
.endif
.endm

/*
 * A call is counted in and out by the same counters, which are the list's. Where r12 is
 * needed for nothing else, they are kept in that.
 */
.macro SOLO_FLIGHT nr, leaf
	.set	flight_kept, \leaf
.ifc \nr, any
	.set	flight_kept, 0
.endif
.endm

.macro SOLO_COUNT_IN nr, leaf
	SOLO_FLIGHT \nr, \leaf
.if flight_kept
	movq	FSESSION_LIST_FLIGHT(%r9), %r12
	incq	%gs:FSESSION_FLIGHT_IN(%r12)
.else
	movq	FSESSION_LIST_FLIGHT(%r9), %rcx
	incq	%gs:FSESSION_FLIGHT_IN(%rcx)
.endif
.endm

/* The list may be gone once it is counted out and preemption is on. */
.macro SOLO_COUNT_OUT nr, leaf
	SOLO_FLIGHT \nr, \leaf
.if flight_kept
	incq	%gs:FSESSION_FLIGHT_OUT(%r12)
.else
	movq	AT(FSESSION_FRAME_LIST), %rcx
	movq	FSESSION_LIST_FLIGHT(%rcx), %rcx
	incq	%gs:FSESSION_FLIGHT_OUT(%rcx)
.endif
.endm

/* The rest of the frame, from the words down. */
.macro SOLO_FRAME meta, func:vararg
	pushq	\meta
	pushq	\func
	pushq	FSESSION_LIST_GUARD(%r9)
	xorq	%rbp, (%rsp)
	pushq	%r9
	pushq	$0			/* cookie */
	pushq	FSESSION_LIST_COOKIE(%r9)
.endm

/* With preemption off from here on; or to @slow, where RCU does not watch. */
.macro SOLO_BEGIN slow
	testl	$FSESSION_RCU_WATCHING, PER_CPU_VAR(context_tracking + FSESSION_CT_STATE)
	jz	\slow
	INC_PREEMPT
.endm

/* The call is counted in, in the count at rbx, too; or to @slow, if that was not zero. */
.macro SOLO_MAY_RUN slow, nr, leaf
	jnz	\slow
	JUMP_IF_STATS \slow
	incl	%gs:(%rbx)
	SOLO_COUNT_IN \nr, \leaf
.endm

/* The program of the list in r9; or that which there is a direct call to. */
.macro CALL_PROG directly
	leaq	WORD(0), %rdi
.ifb \directly
	movq	FSESSION_LIST_FUNC(%r9), %rax
	CALL_NOSPEC rax
.else
	call	\directly
.endif
.endm

/* Preemption is off, on PREEMPT_RT no longer than until the call is counted in. */
.macro SOLO_RUN_AT_ENTRY name, directly
#ifdef CONFIG_PREEMPT_RT
	RUN_LOCK
	PREEMPT_ENABLE .Lresched_run_\name
.Lrun_\name:
.ifb \directly
	movq	AT(FSESSION_FRAME_LIST), %r9
.endif
#endif
	CALL_PROG \directly
	decl	%gs:(%rbx)
.endm

/*
 * The entry half, of what fsession_enter() does, for a solo list. rsp is at the
 * words, and rbx and r12 are in the frame. Leaves for slow with nothing done but for
 * rbx; comes out below with rsp at the run context, or in the shared stub at what rax
 * was.
 *
 * One question is asked for many: the count at list->active is not zero when the
 * program runs on this CPU already, and it is never zero where that is not the
 * program's own count, which is so if the list is not solo, is no list at all, or
 * its session is detached. Asking first and then counting is as good as doing both
 * at once: whoever comes in between is an interrupt, and leaves the count as it
 * found it.
 */
.macro SOLO_ENTRY name, nr, leaf
.Lsolo_\name:
	INSN_OR_JUMP "STACK_IS_LOW", .Lbalance_\name
	jz	.Llow_\name
.Lroom_\name:
	ANNOTATE_NOENDBR
	SOLO_BEGIN .Lslow_\name
	/* The site: as fsession_site_find(). */
.ifc \name, fsession_shared_stub
	leaq	fsession_shared_body(%rip), %rcx
	movq	(%rcx, %r10, 8), %r10
.else
	movq	AT(FSESSION_FRAME_BODY), %r10
.endif
	movq	fsession_table(%rip), %rcx
	movl	FSESSION_TABLE_BYTES(%rcx), %edx
	andl	%r10d, %edx
	movq	FSESSION_TABLE_SLOT(%rcx, %rdx), %r8
	cmpl	%r10d, FSESSION_SITE_KEY(%r8)
	jne	.Lprobe_\name
.Lfound_\name:
	movq	FSESSION_SITE_LIST(%r8), %r9
	movq	FSESSION_LIST_ACTIVE(%r9), %rbx
	cmpl	$0, %gs:(%rbx)
	SOLO_MAY_RUN .Lslow_preempt_\name, \nr, \leaf

.ifc \nr, any
	movzwl	FSESSION_SITE_META(%r8), %r12d
	SOLO_FRAME %r12, FSESSION_SITE_FUNC(%r8)
.else
	SOLO_FRAME $(\nr + FSESSION_SOLO_META), FSESSION_SITE_FUNC(%r8)
.endif
.ifc \name, fsession_shared_stub
	pushq	%rax			/* may be the result: see below */
.endif
	SOLO_SET_BPF_CTX_AT_ENTRY \nr, \leaf
.ifc \nr, any
	pushq	RESULT_WORD
	movq	$0, RESULT_WORD		/* no result yet */
.endif

	SOLO_RUN_AT_ENTRY \name
.ifc \nr, any
	popq	RESULT_WORD
.endif
	SOLO_RESTORE_BPF_CTX \nr, \leaf
	RUN_UNLOCK_RESCHED .Lresched_entry_\name
.endm

/*
 * The exit half, of what fsession_exit() does, when the entry was as above; f has
 * left rax, rdx, r12 and rbx, which is the count that the entry went by. Where list->
 * active is another by now, the session is detached, or the frame was counted out
 * as abandoned and has another list. @out is whose labels it leaves for.
 */
.macro SOLO_EXIT name, nr, leaf, out, directly
	pushq	%rdx
.ifc \nr, any
	movq	%rax, RESULT_WORD
.else
	movq	%rax, WORD(\nr)
.endif
	RUN_LOCK
	movq	AT(FSESSION_FRAME_LIST), %r9
	cmpq	%rbx, FSESSION_LIST_ACTIVE(%r9)
	jne	.Lslow_exit_\out
	SOLO_SET_BPF_CTX_AT_EXIT \nr, \leaf
	incl	%gs:(%rbx)
#ifdef FSESSION_META
	movb	$0x80, AT(FSESSION_FRAME_NR + 7)
#else
	xorb	$FSESSION_TO_EXIT, AT(FSESSION_FRAME_GUARD)
#endif
	CALL_PROG \directly
	decl	%gs:(%rbx)
	SOLO_RESTORE_BPF_CTX \nr, \leaf
	movq	$0, AT(FSESSION_FRAME_GUARD)
	SOLO_COUNT_OUT \nr, \leaf
	RUN_UNLOCK_RESCHED .Lresched_exit_\out
.Lexited_\name:
.ifc \nr, any
	movq	RESULT_WORD, %rax
.else
	movq	WORD(\nr), %rax
.endif
	popq	%rdx
.endm

/* Where f is entered by a branch. Does what it stands in the place of, too. */
.macro SOLO_BALANCE name
.Lbalance_\name:
	STACK_IS_LOW
	jz	.Llow_\name
	BALANCE .Lroom_\name
.endm

/* A reschedule that is due while @name is at the entry. */
.macro SOLO_RESCHED_AT_ENTRY name
#ifdef CONFIG_PREEMPT_RT
.Lresched_run_\name:
	call	fsession_resched
	jmp	.Lrun_\name
#elif defined(CONFIG_PREEMPTION)
.Lresched_entry_\name:
	call	fsession_resched
	jmp	.Lenter_body_\name
#endif
.endm

/* What the two halves jump out to. */
.macro SOLO_OUT_OF_LINE name, nr
.Llow_\name:
	/* fsession_arch_stack_low(), unless it is another stack than the task's. */
	movq	CURRENT, %r8
	movq	%rsp, %r9
	subq	FSESSION_TASK_STACK(%r8), %r9
	cmpq	$FSESSION_STACK_LOW, %r9
	jb	.Lslow_\name
	jmp	.Lroom_\name

.Lprobe_\name:
	/* A site with another key, or the one that stands for none. */
	leaq	fsession_no_site(%rip), %r11
.Lnext_\name:
	cmpq	%r11, %r8
	je	.Lslow_preempt_\name
	addl	$8, %edx
	andl	FSESSION_TABLE_BYTES(%rcx), %edx
	movq	FSESSION_TABLE_SLOT(%rcx, %rdx), %r8
	cmpl	%r10d, FSESSION_SITE_KEY(%r8)
	jne	.Lnext_\name
	jmp	.Lfound_\name

.Lslow_preempt_\name:
	/* A reschedule that is due is left to the C half. */
	DEC_PREEMPT
	jmp	.Lslow_\name

.Lslow_exit_\name:
	RUN_UNLOCK
.ifc \nr, any
	movq	RESULT_WORD, %rax
.else
	movq	WORD(\nr), %rax
.endif
	/* The places of both are within the frame of C. rdx has its own already. */
	leaq	AT(0), %rsp
	movq	%rax, AT(FSESSION_FRAME_RET)
	jmp	.Lexit_\name

	SOLO_RESCHED_AT_ENTRY \name
#if defined(CONFIG_PREEMPTION) && !defined(CONFIG_PREEMPT_RT)
.Lresched_exit_\name:
	call	fsession_resched
	jmp	.Lexited_\name
#endif
.endm

#endif /* FSESSION_SOLO_STUB */

/*
 * An unwinder takes body for the return address of a call, and looks for what it has to
 * know of that at the byte before. Of another function's first instruction, to which
 * livepatch sends us, that is none of the function's, and the walk may end there. So
 * the shared stub keeps the address of the byte after. @body: where it is.
 */
.macro KEEP_TARGET name, body
.ifc \name, fsession_shared_stub
	incq	\body
.endif
.endm

/* Makes of it what it was, on the way there. */
.macro TARGET_OF name, body
.ifc \name, fsession_shared_stub
	decq	\body
.endif
.endm

/*
 * Goes on into f and comes back when it returns, with rsp as before and rbp ours
 * again. objtool takes the call for a jump: f's return is known to us only.
 */
.macro CALL_BODY name, nr, half
	UNWIND_HINT_SAVE
	RESTORE_ARGS \nr
	ACCOUNT_SITE_AND_BODY
.ifc \nr, 5
	INSN_OR_JUMP __stringify({disp32} movq WORD(6), %r9), .Lbranch_\half\()_\name
.else
	INSN_OR_JUMP __stringify({disp32} movq WORD(5), %r9), .Lbranch_\half\()_\name
.endif
	ANNOTATE_INTRA_FUNCTION_CALL
	call	.Lbody_\name
	UNWIND_HINT_RESTORE
.Lback_\half\()_\name:
.endm

/* The same by a branch. */
.macro BRANCH_TO_BODY name, nr, half
.Lbranch_\half\()_\name:
	RESTORE_WORD %r9, 5, \nr
	movq	AT(FSESSION_FRAME_BODY), %r11
	TARGET_OF \name, %r11
	CALL_NOSPEC r11
	jmp	.Lback_\half\()_\name
.endm

/* Back to the caller of f. */
.macro RETURN
	movq	AT(FSESSION_FRAME_R12), %r12
	movq	AT(FSESSION_FRAME_RBX), %rbx
	leave
	/* Drop body: f is done with it. */
	addq	$8, %rsp
	UNWIND_HINT_FUNC
	RET
.endm

#ifdef FSESSION_BOUND_STUB
#include "bound.h"
#endif

/*
 * Entered by the call at the site of f, or from ftrace's own trampoline, which
 * then makes it look like that call:
 *	(%rsp)		return address into f, called "body" here. Livepatch may
 *			have made it another function's address: it is the only
 *			way on, never f + n. The shared stub keeps the next byte's.
 *	8(%rsp)		return address into the caller of f
 *	16(%rsp) ...	stack-passed arguments of f
 *	rdi rsi rdx rcx r8 r9
 *			arguments of f
 *	rbx rbp r12-r15	the caller's; kept
 *	rax		dead at the entry of a function that is not variadic; but
 *			the result, where somebody has overridden the call, whose
 *			body is a return then: kept in the shared stub, and where no
 *			session is found, as none is by such a body in the others
 *	r10 r11		dead; in the shared stub r10 is its number
 * Leaves f's return value, rax and rdx, as f left it. Nobody comes here by an
 * indirect branch, so there is no ENDBR: ftrace's trampoline returns here.
 *
 * Nothing that is needed yet lies below rsp at any instruction: there an interrupt
 * writes. tests/stub has it written over at each of them.
 *
 * While f runs, rbp is the frame's, and rbx and r12 may be ours: f keeps them, as
 * any function does, and has no use for what is in them.
 *
 * How f is entered: by push and RET, not by an indirect call or jump, where body would
 * have to have an ENDBR for that, and where it would be a retpoline. Every RET has its
 * call, so the return predictor is off for two returns, this RET and the one out of f,
 * but right again for every caller above; a call that is never returned from, as the
 * kernel's own trampolines before 6.19 make it, would cost each of these a miss.
 * Elsewhere it is an indirect call, through the kernel's thunk if a mitigation wants
 * that. Then f's return is right, and one miss is spent, on a return to the next
 * instruction, to be rid of what the call at the site has left in the predictor. It
 * comes first, when there is nothing yet that would have to be fetched again, and
 * after it the call at the site was a jump, as far as the predictor knows.
 *
 * Unwinding: rbp holds our frame from the third instruction on, and ORC data
 * follows from it, except where the hints say that the stack is as in a
 * function that was just called. f and its caller show in every stack trace.
 */
.macro STUB name, enter, nr, leaf=0, bound=0
SYM_START(\name, SYM_L_GLOBAL, SYM_A_ALIGN)
	ANNOTATE_NOENDBR
	KEEP_TARGET \name, (%rsp)
	pushq	%rbp
	movq	%rsp, %rbp
	SAVE_REGS \nr

#ifdef FSESSION_SOLO_STUB
	SOLO_ENTRY \name, \nr, \leaf
.Lenter_body_\name:
.ifc \name, fsession_shared_stub
	popq	%rax
.endif
	CALL_BODY \name, \nr, solo
	SOLO_EXIT \name, \nr, \leaf, \name
	RETURN
	SOLO_OUT_OF_LINE \name, \nr
	BRANCH_TO_BODY \name, \nr, solo
	SOLO_BALANCE \name

.Lslow_\name:
	FRAME_TO_RSP
#else
	INSN_OR_JUMP "FRAME_TO_RSP", .Lbalance_\name
.Lbalance_done_\name:
	ANNOTATE_NOENDBR
#endif
	movq	%rax, AT(FSESSION_FRAME_RAX)
	movq	%rsp, %rdi
	xorl	%edx, %edx
.Lenter_\name:
	/* long fsession_enter(frame, extra, bytes at extra [, shared]) */
	movq	%rsp, %rsi
.ifc \name, fsession_shared_stub
	/* Where it was kept, as nothing has happened yet. */
	movl	WORD(6), %ecx
.endif
	call	\enter
	testq	%rax, %rax
	jnz	.Lextra_or_pass_\name

.ifc \name, fsession_shared_stub
	movq	AT(FSESSION_FRAME_RAX), %rax
.endif
	CALL_BODY \name, \nr, c
	movq	%rax, AT(FSESSION_FRAME_RET)
	movq	%rdx, AT(FSESSION_FRAME_RET + 8)
.Lexit_\name:
	leaq	AT(0), %rdi
	call	fsession_exit
	movq	AT(FSESSION_FRAME_RET), %rax
	movq	AT(FSESSION_FRAME_RET + 8), %rdx
	RETURN

.Lextra_or_pass_\name:
	/* Positive: bytes of stack that this call needs below the frame. */
	js	.Lpass_\name
	leaq	AT(0), %rdi
	movq	%rdi, %rsp
	subq	%rax, %rsp
	movq	%rax, %rdx
	jmp	.Lenter_\name

.Lpass_\name:
	/* Negative: no session here. Go on into f as if never called. */
	movq	AT(FSESSION_FRAME_RAX), %rax
	RESTORE_ARGS \nr
	RESTORE_WORD %r9, 5, \nr
	movq	AT(FSESSION_FRAME_R12), %r12
.ifc \name, fsession_shared_stub
	/* Livepatch looks for f on the stack, and for nothing in a register. */
	movq	AT(FSESSION_FRAME_RBX), %rbx
.else
	INSN_OR_JUMP __stringify({disp32} movq AT(FSESSION_FRAME_RBX), %rbx), \
		.Lpass_branch_\name
.endif
	leave
	TARGET_OF \name, (%rsp)
	ACCOUNT_SITE
	RET

.ifnc \name, fsession_shared_stub
.Lpass_branch_\name:
	movq	AT(FSESSION_FRAME_RBX), %rbx
	leave
	popq	%r11
	UNWIND_HINT_FUNC
	JMP_NOSPEC r11
.endif

	BRANCH_TO_BODY \name, \nr, c
#ifndef FSESSION_SOLO_STUB
.Lbalance_\name:
	FRAME_TO_RSP
	BALANCE .Lbalance_done_\name
#endif

.Lbody_\name:
	UNWIND_HINT_FUNC
	pushq	8(%rbp)
	UNWIND_HINT_FUNC
	TARGET_OF \name, (%rsp)
	RET

#ifdef FSESSION_BOUND_STUB
.if \bound
	BOUND_STUBS \name, \nr
.endif
#endif
SYM_FUNC_END(\name)
.endm

	.text
STUB fsession_stub, fsession_enter, any
STUB fsession_leaf_stub, fsession_enter, any, leaf=1
STUB fsession_shared_stub, fsession_enter_shared, any
.irp	nr, 0, 1, 2, 3, 4, 5, 6
STUB fsession_stub_\nr, fsession_enter, \nr
STUB fsession_leaf_stub_\nr, fsession_enter, \nr, leaf=1, bound=1
.endr

/* One a function, so that its number says which: r10 is dead at entry. */
.macro SHARED_STUB number
SYM_START(fsession_shared_stub_\number, SYM_L_LOCAL, .balign FSESSION_SHARED_STUB_SIZE, 0xcc;)
	/* Not needed here either, but the note of it is no match for .altmacro. */
	ENDBR
	movl	$\number, %r10d
	jmp	fsession_shared_stub
SYM_FUNC_END(fsession_shared_stub_\number)
.endm

	.balign	FSESSION_SHARED_STUB_SIZE, 0xcc
	.globl	fsession_shared_stubs
fsession_shared_stubs:
.altmacro
.set	number, 0
.rept	FSESSION_SHARED_STUBS
	SHARED_STUB %number
	.set	number, number + 1
.endr
.noaltmacro
