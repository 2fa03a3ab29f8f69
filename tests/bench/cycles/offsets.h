/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Stand-in for what kbuild makes of arch/x86/offsets.c: of the structures in
 * model.h, which has to agree.
 */
#ifndef OFFSETS_H
#define OFFSETS_H

#define FSESSION_SOLO_STUB    1
#define FSESSION_RCU_WATCHING 8
#define FSESSION_C_ENTRY      2
#define FSESSION_C_EXIT	      3
#define FSESSION_TO_EXIT      1
#define FSESSION_SOLO_META    0
#define FSESSION_CT_STATE     0
#define FSESSION_TASK_BPF_CTX 128
#define FSESSION_TABLE_BYTES  8
#define FSESSION_TABLE_SLOT   40
#define FSESSION_SITE_LIST    0
#define FSESSION_SITE_FUNC    8
#define FSESSION_SITE_KEY     24
#define FSESSION_SITE_META    30
#define FSESSION_LIST_ACTIVE  0
#define FSESSION_LIST_FLIGHT  8
#define FSESSION_LIST_GUARD   16
#define FSESSION_LIST_FUNC    24
#define FSESSION_LIST_COOKIE  32
#define FSESSION_FLIGHT_IN    0
#define FSESSION_FLIGHT_OUT   8
#define FSESSION_BOUND_STUB   1
#define FSESSION_BOUND_LIST   0
#define FSESSION_BOUND_FUNC   8
#define FSESSION_BOUND_SIZE   16
#define FSESSION_CALL_FUNC    0

/* As kernels with PREEMPT_DYNAMIC are, as Debian's. */
#define CONFIG_PREEMPTION 1

/* A thread's stack here lies anywhere: it is never low. */
#define FSESSION_STACK_BITS 0x7fffffff
#define FSESSION_STACK_LOW  0
#define FSESSION_TASK_STACK 0

/* Where per-CPU variables lie from gs, see struct cpu. */
#define CPU_CURRENT	     8
#define CPU_PREEMPT	     16
#define CPU_CONTEXT_TRACKING 20

#endif /* OFFSETS_H */
