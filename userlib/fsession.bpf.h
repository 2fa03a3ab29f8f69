/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * For BPF programs: upstream's spelling of sessions, for the kernel's own
 * fsession and for the module alike.
 *
 *	#include <fsession/fsession.bpf.h>
 *
 *	SEC("fsession/icmp_rcv")
 *	int BPF_PROG(on_icmp_rcv, struct sk_buff *skb)
 *	{
 *		__u64 *cookie = bpf_session_cookie(ctx);
 *
 *		if (!bpf_session_is_return(ctx))
 *			*cookie = bpf_ktime_get_ns();
 *		...
 *	}
 *
 * Works with or without vmlinux.h; vmlinux.h comes first. A vmlinux.h that
 * declares the kernel's bpf_session_is_return() and bpf_session_cookie() is
 * fine: what is called is decided when libfsession loads the program. Loaded by
 * anything else, the program is one for the module.
 */
#ifndef FSESSION_BPF_H
#define FSESSION_BPF_H

#ifndef __VMLINUX_H__
#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>
#include <linux/bpf.h>
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s8 s8;
typedef __s16 s16;
typedef __s32 s32;
typedef __s64 s64;
#endif

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "patch.h"

#ifndef __ksym
#define __ksym __attribute__((section(".ksyms")))
#endif
#ifndef __weak
#define __weak __attribute__((weak))
#endif

/*
 * Weak, so that a missing module is met by libfsession when it loads the
 * program, and explained, rather than by libbpf while it links the object.
 */
extern _Bool bpf_fsession_is_return(void) __ksym __weak;
extern __u64 *bpf_fsession_cookie(const size_t rdwr_buf_size) __ksym __weak;

/*
 * Where a program lands that is run by something else than a session: it reads
 * and writes here, and no session sees it.
 */
static __u64 __fsession_no_cookie __attribute__((unused)) SEC(".data.fsession");

/* Is the program loaded for the kernel's own fsession? The verifier knows. */
static __always_inline _Bool __fsession_native(void)
{
	__u64 backend;

	__asm__ volatile("%0 = %1 ll"
			 : "=r"(backend)
			 : "i"(FSESSION_PATCH_BACKEND));
	return backend == FSESSION_PATCH_NATIVE;
}

/* The compiler keeps @ctx and the result out of the registers of a call. */
#define __fsession_call_native(number, ctx)                             \
	({                                                              \
		__u64 __ret;                                            \
                                                                        \
		__asm__ volatile("r1 = %[arg]\n"                        \
				 "call %[func]\n"                       \
				 "%[ret] = r0"                          \
				 : [ret] "=r"(__ret)                    \
				 : [arg] "r"(ctx), [func] "i"(number)   \
				 : "r0", "r1", "r2", "r3", "r4", "r5"); \
		__ret;                                                  \
	})

static __always_inline _Bool __fsession_is_return(void *ctx)
{
	__u64 ret;

	if (__fsession_native()) {
		ret = __fsession_call_native(FSESSION_PATCH_IS_RETURN, ctx);
	} else {
		ret = bpf_fsession_is_return();
		__asm__ volatile("" : "+r"(ret));
	}
	/*
	 * Of a bool that a kfunc returns, the low byte is defined, and the verifier
	 * takes it for any number: so it would be no index into an array.
	 */
	return ret & 1;
}

static __always_inline __u64 *__fsession_cookie(void *ctx)
{
	__u64 *cookie;

	if (__fsession_native())
		return (__u64 *)__fsession_call_native(FSESSION_PATCH_COOKIE,
						       ctx);
	cookie = bpf_fsession_cookie(sizeof(__u64));
	return cookie ? cookie : &__fsession_no_cookie;
}

/**
 * bpf_session_is_return() - is this the run at the function's exit?
 * @ctx: the program's context
 *
 * Returns true at exit, false at entry. Since 0.1.
 */
#define bpf_session_is_return(ctx) __fsession_is_return(ctx)

/**
 * bpf_session_cookie() - the call's u64, zero at entry, kept until exit.
 * @ctx: the program's context
 *
 * Returns a pointer, never NULL, valid until the program returns. Since 0.1.
 */
#define bpf_session_cookie(ctx) __fsession_cookie(ctx)

#endif /* FSESSION_BPF_H */
