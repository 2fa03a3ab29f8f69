/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A function for each stub, whose site calls that stub. It returns a sum of all its
 * argument words, each with a factor of its own, in rax, and in rdx what is made of
 * that; and leaves nothing in the registers that a function may use. Where it is to
 * find its session detached when it returns, it sees to that itself.
 */
#include <linux/linkage.h>
#include "frame.h"
#include "offsets.h"

#define FACTOR(n) (2 * (n) + 3)

	.data
	.balign	8
	.globl	detach_at, detached
/* A list's active, or NULL; and what it is then. */
detach_at:
	.quad	0
detached:
	.quad	0
	.globl	rcu_locked, migration_off
rcu_locked:
	.long	0
migration_off:
	.long	0

	.section .rodata
	.balign	8
	.globl	sites
sites:
	.text

/* The word with number \n, if there are \nr. */
.macro ADD_WORD nr, n, word:vararg
.if \nr > \n
	imulq	$FACTOR(\n), \word, %r11
	addq	%r11, %rax
.endif
.endm

.macro SITE name, stub, nr, bound=0
	.balign	16
	.globl	body_\name
site_\name:
	call	\stub
body_\name:
	xorl	%eax, %eax
	ADD_WORD \nr, 0, %rdi
	ADD_WORD \nr, 1, %rsi
	ADD_WORD \nr, 2, %rdx
	ADD_WORD \nr, 3, %rcx
	ADD_WORD \nr, 4, %r8
	ADD_WORD \nr, 5, %r9
	movq	%rax, %rdx
	notq	%rdx
	movq	detach_at(%rip), %rcx
	testq	%rcx, %rcx
	jz	.Lattached_\name
	movq	detached(%rip), %r11
	movq	%r11, (%rcx)
.Lattached_\name:
	movq	$-1, %rcx
	movq	%rcx, %rsi
	movq	%rcx, %rdi
	movq	%rcx, %r8
	movq	%rcx, %r9
	movq	%rcx, %r10
	movq	%rcx, %r11
	ret

	.pushsection .rodata
	.quad	.Lname_\name, site_\name, body_\name
	.long	\nr, \bound
	.popsection
	.pushsection .rodata.str, "aMS", @progbits, 1
.Lname_\name:
	.asciz	"\stub"
	.popsection
.endm

	SITE	any, fsession_stub, 6
	SITE	leaf_any, fsession_leaf_stub, 6
	/* Number 5, see stepped.c. */
	SITE	shared, fsession_shared_stubs+5*FSESSION_SHARED_STUB_SIZE, 6
.irp	nr, 0, 1, 2, 3, 4, 5, 6
	SITE	\nr, fsession_stub_\nr, \nr
	SITE	leaf_\nr, fsession_leaf_stub_\nr, \nr
	/* In shapes.S it is bound to this body. */
	SITE	bound_\nr, fsession_bound_stub_\nr\()_1, \nr, 1
.endr

	.pushsection .rodata
	.quad	0
	.popsection

/*
 * void call_site(site, const u64 words[6], u64 result[8]): rax, rdx and what a
 * function keeps: rbx rbp r12 r13 r14 r15. It finds KEPT + n in the nth of these.
 */
	.balign	16
	.globl	call_site
call_site:
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	pushq	%rdx
	movq	%rdi, %r11
	movq	%rsi, %r10
	movq	0(%r10), %rdi
	movq	8(%r10), %rsi
	movq	16(%r10), %rdx
	movq	24(%r10), %rcx
	movq	32(%r10), %r8
	movq	40(%r10), %r9
	movq	$KEPT, %rbx
	movq	$KEPT + 1, %rbp
	movq	$KEPT + 2, %r12
	movq	$KEPT + 3, %r13
	movq	$KEPT + 4, %r14
	movq	$KEPT + 5, %r15
	call	*%r11
	popq	%r11
	movq	%rax, 0(%r11)
	movq	%rdx, 8(%r11)
	movq	%rbx, 16(%r11)
	movq	%rbp, 24(%r11)
	movq	%r12, 32(%r11)
	movq	%r13, 40(%r11)
	movq	%r14, 48(%r11)
	movq	%r15, 56(%r11)
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	ret

/* What is called on PREEMPT_RT leaves nothing in registers, either. */
.macro CALLED name, insn, what
	.balign	16
	.globl	\name
\name:
	\insn	\what(%rip)
	movq	$-1, %rax
	movq	%rax, %rcx
	movq	%rax, %rdx
	movq	%rax, %rsi
	movq	%rax, %rdi
	movq	%rax, %r8
	movq	%rax, %r9
	movq	%rax, %r10
	movq	%rax, %r11
	ret
.endm
	CALLED	__rcu_read_lock, incl, rcu_locked
	CALLED	__rcu_read_unlock, decl, rcu_locked
	CALLED	migrate_disable, incl, migration_off
	CALLED	migrate_enable, decl, migration_off

	.section .note.GNU-stack, "", @progbits
