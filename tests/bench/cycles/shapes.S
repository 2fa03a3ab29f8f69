/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A function that is traced in different ways, and chains of functions that call it.
 * The stub is arch/x86/stub.S as it is. The kernel's trampoline is what the kernel
 * generates for one program at entry and one at exit of a function with one
 * argument, in its order of calls and returns; see model.c for what it calls.
 */
#include <linux/linkage.h>
#include "frame.h"
#include "offsets.h"

	.globl current_task, __preempt_count, context_tracking
	.set current_task, CPU_CURRENT
	.set __preempt_count, CPU_PREEMPT
	.set context_tracking, CPU_CONTEXT_TRACKING

/* Of a static branch that is off, nothing is left but a word to refer to. */
	.data
	.globl bpf_stats_enabled_key
bpf_stats_enabled_key:
	.quad	0

	.text

/* As compiled by the kernel: a program that returns 0. */
	.balign	16
	.globl program
program:
	endbr64
	nopl	0(%rax, %rax, 1)
	nopl	(%rax)
	pushq	%rbp
	movq	%rsp, %rbp
	endbr64
	xorl	%eax, %eax
	leave
	ret

/* Of a static call, a direct one is left, and its key, which says where it goes. */
.macro STATIC_CALL name, to
	.globl	__SCT__\name, __SCK__\name
	.set	__SCT__\name, \to
	.pushsection .data
	.balign	8
__SCK__\name:
	.quad	\to, 0
	.popsection
.endm

/* The second of each number is for a function of tests/stub, where that is linked. */
.macro BOUND_CALLS nr, i
	STATIC_CALL fsession_bound_prog_\nr\()_\i, program
.if \i == 1
	STATIC_CALL fsession_bound_body_\nr\()_\i, elsewhere_\nr
.else
	STATIC_CALL fsession_bound_body_\nr\()_\i, body_stub
.endif
.endm

.irp	nr, 0, 1, 2, 3, 4, 5, 6
.irp	i, FSESSION_BOUND_NUMBERS
	BOUND_CALLS \nr, \i
.endr
.endr

.irp	nr, 0, 1, 2, 3, 4, 5, 6
	.weak	body_bound_\nr
elsewhere_\nr:
	jmp	body_bound_\nr
.endr

.macro LEAF name, insn:vararg
	.balign	16
	.globl	leaf_\name, body_\name
leaf_\name:
	endbr64
	\insn
body_\name:
	leaq	1(%rdi), %rax
	ret
.endm

	LEAF	untraced, nopl 0(%rax, %rax, 1)
	LEAF	stub, call fsession_bound_stub_1_0
	LEAF	bare, call bare_stub
	LEAF	stub_any, call fsession_leaf_stub_1
	LEAF	bare_any, call bare_stub_any
	LEAF	stub_ibt, call ibt_stub_1
	LEAF	bare_ibt, call bare_stub_ibt
	LEAF	stub_ctx, call fsession_stub_1
	LEAF	stub_c, call fsession_stub_1
	LEAF	called, call trampoline_called
	LEAF	jumped, jmp trampoline_jumped

.macro CHAIN_LINK name, depth, callee
	.balign	16
chain_\name\()_\depth:
	subq	$8, %rsp
	call	\callee
	addq	$8, %rsp
	ret
.endm

.macro CHAINS name
	CHAIN_LINK \name, 1, leaf_\name
	.set	below, 1
.altmacro
.irp	depth, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16
	CHAIN_ON \name, \depth, %below
	.set	below, \depth
.endr
.noaltmacro
	.pushsection .rodata
	.balign	8
	.globl	chains_\name
chains_\name:
.irp	depth, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16
	.quad	chain_\name\()_\depth
.endr
	.popsection
.endm

.macro CHAIN_ON name, depth, below
	CHAIN_LINK \name, \depth, chain_\name\()_\below
.endm

	CHAINS	untraced
	CHAINS	stub
	CHAINS	bare
	CHAINS	stub_any
	CHAINS	bare_any
	CHAINS	stub_ibt
	CHAINS	bare_ibt
	CHAINS	stub_ctx
	CHAINS	stub_c
	CHAINS	called
	CHAINS	jumped

/*
 * What the predictor sees of the stub: of a bound one; and of one for several functions
 * without IBT, and with it.
 */
	.balign	16
bare_stub:
	pushq	%rbp
	movq	%rsp, %rbp
	pushq	$.Lbalanced_bare
	ret
.Lbalanced_bare:
	call	body_bare
	leave
	addq	$8, %rsp
	ret

	.balign	16
bare_stub_any:
	pushq	%rbp
	movq	%rsp, %rbp
	pushq	$.Lbalanced_any
	ret
.Lbalanced_any:
	movq	8(%rbp), %r11
	call	*%r11
	leave
	addq	$8, %rsp
	ret

	.balign	16
bare_stub_ibt:
	pushq	%rbp
	movq	%rsp, %rbp
	call	.Lbody_bare_ibt
	leave
	addq	$8, %rsp
	ret
.Lbody_bare_ibt:
	pushq	8(%rbp)
	ret

/* The trampoline's frame, from rbp. */
#define RESULT	-8
#define ARG	-16
#define NARGS	-24
#define FUNC	-32
#define KEPT	-40
#define RUN	-64
#define SIZE	64

.macro INVOKE
	movq	$0, RUN(%rbp)
	movabsq	$model_prog, %rdi
	leaq	RUN(%rbp), %rsi
	call	model_prog_enter
	movq	%rax, %rbx
	testq	%rax, %rax
	je	.Lskip_\@
	leaq	ARG(%rbp), %rdi
	call	program
.Lskip_\@:
	movabsq	$model_prog, %rdi
	movq	%rbx, %rsi
	leaq	RUN(%rbp), %rdx
	call	model_prog_exit
.endm

.macro TRAMPOLINE name
	.balign	16
trampoline_\name:
	pushq	%rbp
	movq	%rsp, %rbp
	subq	$SIZE, %rsp
	movq	%rbx, KEPT(%rbp)
	movl	$1, %eax
	movq	%rax, NARGS(%rbp)
	movabsq	$leaf_\name, %rax
	movq	%rax, FUNC(%rbp)
	movq	%rdi, ARG(%rbp)
	movabsq	$model_image, %rdi
	call	model_tramp_enter
	INVOKE
	movq	ARG(%rbp), %rdi
	call	body_\name
	movq	%rax, RESULT(%rbp)
	nopl	0(%rax, %rax, 1)
	INVOKE
	movabsq	$model_image, %rdi
	call	model_tramp_exit
	movq	RESULT(%rbp), %rax
	movq	KEPT(%rbp), %rbx
	leave
.ifc \name, called
	/* Not back to where the site was called from, but to the caller. */
	addq	$8, %rsp
.endif
	ret
.endm

	TRAMPOLINE called
	TRAMPOLINE jumped

	.balign	16
	.globl	repeat
repeat:
	pushq	%rbx
	pushq	%r12
	subq	$8, %rsp
	movq	%rdi, %r12
	movq	%rsi, %rbx
1:	movl	$1, %edi
	call	*%r12
	decq	%rbx
	jnz	1b
	addq	$8, %rsp
	popq	%r12
	popq	%rbx
	ret

	.balign	16
	.globl	add_up
add_up:
	xorl	%eax, %eax
	/* Of constants some processors add several in a cycle. */
	movl	$1, %ecx
1:
.rept	50
	addq	%rcx, %rax
.endr
	subq	$50, %rdi
	ja	1b
	ret

	.section .note.GNU-stack, "", @progbits
