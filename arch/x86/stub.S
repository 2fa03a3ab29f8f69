/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The stub: what the ftrace site of every traced function calls. One for all
 * functions; what differs between them is found by the return address. Only a
 * function that somebody else redirects, as livepatch does, gets a *shared* stub
 * of its own, since its return address does not tell which function was called.
 */
#include <linux/linkage.h>
#include <linux/objtool.h>
#include <asm/asm.h>
#include <asm/cpufeatures.h>
#include <asm/ibt.h>
#include <asm/nospec-branch.h>
#include <asm/unwind_hints.h>

#include "frame.h"

/* Call depth tracking came with its feature bit. */
#ifndef X86_FEATURE_CALL_DEPTH
#define CALL_DEPTH_ACCOUNT
#endif

/* Offset from rbp of what frame.h gives as offset from the frame. */
#define AT(offset)	((offset) - FSESSION_FRAME_RBP)(%rbp)
#define WORD(n)		AT(FSESSION_FRAME_WORDS + 8 * (n))

.macro RESTORE_ARGS
	movq	WORD(0), %rdi
	movq	WORD(1), %rsi
	movq	WORD(2), %rdx
	movq	WORD(3), %rcx
	movq	WORD(4), %r8
	movq	WORD(5), %r9
.endm

/*
 * Entered by the call at the site of f, or from ftrace's own trampoline, which
 * then makes it look like that call:
 *	(%rsp)		return address into f, called "body" here. Livepatch may
 *			have made it another function's address: it is the only
 *			way on, never f + n.
 *	8(%rsp)		return address into the caller of f
 *	16(%rsp) ...	stack-passed arguments of f
 *	rdi rsi rdx rcx r8 r9
 *			arguments of f
 *	rbx rbp r12-r15	the caller's; kept
 *	rax r10 r11	dead at the entry of a function that is not variadic; in
 *			the shared stub eax is its number
 * Leaves f's return value, rax and rdx, as f left it.
 *
 * How f is entered: by push and RET, not by an indirect call or jump, since
 * body has no ENDBR to land on. Every RET has its call, so the return predictor
 * is off for two returns (this RET and the one out of f) but right again for
 * every caller above; a call that is never returned from, as the kernel's own
 * trampolines before 6.19 make it, would cost each of these a miss.
 *
 * Unwinding: rbp holds our frame from the third instruction on, and ORC data
 * follows from it, except where the hints say that the stack is as in a
 * function that was just called. f and its caller show in every stack trace.
 */
.macro STUB name, enter
SYM_START(\name, SYM_L_GLOBAL, SYM_A_ALIGN)
	ENDBR
	/* Accounts for the call at the site, which nobody else does. */
	CALL_DEPTH_ACCOUNT
	pushq	%rbp
	movq	%rsp, %rbp
	subq	$FSESSION_FRAME_RBP, %rsp
	movq	%rdi, WORD(0)
	movq	%rsi, WORD(1)
	movq	%rdx, WORD(2)
	movq	%rcx, WORD(3)
	movq	%r8, WORD(4)
	movq	%r9, WORD(5)

	movq	%rsp, %rdi
	xorl	%edx, %edx
.ifc \name, fsession_shared_stub
	movl	%eax, AT(FSESSION_FRAME_NR)
	movl	%eax, %ecx
.endif
.Lenter_\name:
	/* long fsession_enter(frame, extra, bytes at extra [, shared]) */
	movq	%rsp, %rsi
	call	\enter
	testq	%rax, %rax
	jnz	.Lextra_or_pass_\name

	RESTORE_ARGS
	CALL_DEPTH_ACCOUNT
	/* objtool takes the call for a jump: f's return is known to us only. */
	UNWIND_HINT_SAVE
	ANNOTATE_INTRA_FUNCTION_CALL
	call	.Lbody_\name

	/* f returned. rsp is as before the call, rbp is ours again. */
	UNWIND_HINT_RESTORE
	movq	%rax, AT(FSESSION_FRAME_RET)
	movq	%rdx, AT(FSESSION_FRAME_RET + 8)
	leaq	AT(0), %rdi
	call	fsession_exit
	movq	AT(FSESSION_FRAME_RET), %rax
	movq	AT(FSESSION_FRAME_RET + 8), %rdx
	leave
	/* Drop body: f is done with it. */
	addq	$8, %rsp
	UNWIND_HINT_FUNC
	RET

.Lextra_or_pass_\name:
	/* Positive: bytes of stack that this call needs below the frame. */
	js	.Lpass_\name
	leaq	AT(0), %rdi
	movq	%rdi, %rsp
	subq	%rax, %rsp
	movq	%rax, %rdx
.ifc \name, fsession_shared_stub
	/* Where it was kept, as nothing has happened yet. */
	movl	AT(FSESSION_FRAME_NR), %ecx
.endif
	jmp	.Lenter_\name

.Lpass_\name:
	/* Negative: no session here. Go on into f as if never called. */
	RESTORE_ARGS
	leave
	RET

.Lbody_\name:
	UNWIND_HINT_FUNC
	pushq	8(%rbp)
	UNWIND_HINT_FUNC
	RET
SYM_FUNC_END(\name)
.endm

	.text
STUB fsession_stub, fsession_enter
STUB fsession_shared_stub, fsession_enter_shared

/* One a function, so that its number says which: eax is dead at entry. */
.macro SHARED_STUB number
SYM_START(fsession_shared_stub_\number, SYM_L_LOCAL, .balign FSESSION_SHARED_STUB_SIZE, 0xcc;)
	ENDBR
	movl	$\number, %eax
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
