/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * fsession: BPF sessions on kernel functions, for kernels without their own.
 *
 * A session runs one BPF program at the entry and at the exit of a kernel
 * function. The program is told which of the two it is by
 * bpf_fsession_is_return() and has one u64 per call, zero at entry, that
 * bpf_fsession_cookie() points to in both runs.
 *
 *
 * DOC: Objects
 *
 * /dev/fsession (mode 0600) takes the ioctls marked [device] below. A
 * successful FSESSION_IOC_ATTACH or FSESSION_IOC_ATTACH_MULTI returns a new file
 * descriptor, the *session*: it is close-on-exec, it takes the ioctls marked
 * [session], and closing its last copy is detach. A process that dies detaches by
 * dying.
 *
 * The session's /proc/<pid>/fdinfo has, tab separated: session_id, prog_id,
 * target ("function" or "function [module]"), target_btf_id, attach_cookie, hits
 * (entries), misses, inside. A session on many functions has one line more, sites,
 * and names the first of them.
 *
 * Detach stops the program at once and never waits for calls that are still
 * inside the traced function. Those calls keep the session *draining*: it stays
 * visible to FSESSION_IOC_INFO and pins the module until the last one has left.
 *
 *
 * DOC: Programs
 *
 * A session program is a BPF program of type BPF_PROG_TYPE_TRACING with
 * expected_attach_type BPF_TRACE_FEXIT, or with FSESSION_FEATURE_NATIVE that or
 * BPF_TRACE_FSESSION, loaded for its target function and never attached by bpf(2). It
 * may be sleepable where the kernel lets it load. Its context is the one of fexit:
 * ctx[0..n) are the argument words, ctx[n] is the return value (zero at entry).
 * Helpers that read the context (bpf_get_func_arg, bpf_get_func_ret,
 * bpf_get_func_ip, bpf_get_attach_cookie, ...) answer at entry as at exit.
 *
 * FSESSION_IOC_ATTACH puts a program on the function that it was loaded for.
 * FSESSION_IOC_ATTACH_MULTI puts it on any functions of the same BTF, the kernel's
 * or that module's, that show it the same context: every word of ctx that the
 * program reads by itself has to have the same BTF type there, down to what a
 * pointer points to. A program that reads its context through helpers only goes
 * on any function. Of those that call a helper which the kernel allows by function,
 * bpf_d_path() goes on no function but its own, bpf_sk_storage_get() and _delete()
 * not on the functions of socket storage itself, and what makes tail calls, as
 * something that may be called then, on its own only.
 *
 * A program may call these kfuncs. One of BPF_TRACE_FSESSION has the kernel's own,
 * bpf_session_is_return() and bpf_session_cookie(), as well.
 *
 *	bool bpf_fsession_is_return(void)
 *		true at exit; false at entry, and in a program that no session
 *		runs.
 *	u64 *bpf_fsession_cookie(const size_t rdwr_buf_size)
 *		the call's cookie, if rdwr_buf_size is at most 8; NULL for any
 *		other size, and in a program that no session runs.
 *
 *
 * DOC: The books
 *
 * For every session, at any time:
 *	calls   = entries + misses
 *	entries = exits + inside + dropped + abandoned
 * A *miss* is a call for which the program did not run because it was already
 * running on that CPU, or because a quarter or less of the kernel stack was left
 * (on x86_64: of the task's; of an interrupt's nobody asks); it has neither an entry
 * nor an exit run. *dropped* calls left after detach, or on a CPU on which a run of
 * the program had been preempted (a sleepable one; any on PREEMPT_RT; one that bpf(2)
 * has attached meanwhile to its own function, which the session is not on), if the
 * kernel gives it a stack of its own for each CPU (from 6.13 on). *abandoned* calls
 * will never leave: their task exited inside the function. Calls made where RCU does
 * not watch (idle) are not seen.
 *
 *
 * DOC: Argument structures
 *
 * Every structure begins with its size as the caller knows it. A smaller one
 * than the module knows is extended by zeroes, down to the first version's
 * size; of a larger one the unknown tail must be zero. Fields marked [in] are
 * read, [out] written, and both must be what is documented here when they are
 * not meaningful. Reserved fields and padding must be zero.
 *
 *
 * DOC: Error numbers
 *
 * Any ioctl:
 *	ENOTTY		not an ioctl number of this file
 *	EINVAL		size below the first version's, unknown flag, reserved
 *			field not zero, or a combination that makes no sense
 *	E2BIG		size above the module's with a non-zero tail, or above
 *			one page
 *	EFAULT		a pointer that cannot be read or written
 *	EPERM		the caller lacks CAP_SYS_ADMIN and has not both CAP_BPF
 *			and CAP_PERFMON
 *	EINTR		a signal came while waiting
 *	ENOMEM
 *
 * FSESSION_IOC_ATTACH, with the value of fsession_attach.reason:
 *	EBADF		prog_fd is not an open file		FSESSION_REASON_NONE
 *	EPROTOTYPE	not a BPF program, or of another type	_PROG_TYPE
 *	EPROTONOSUPPORT	a tracing program of another attach type _ATTACH_TYPE
 *	EALREADY	the program is attached here, or is or was attached by
 *			bpf(2)				_PROG_ATTACHED
 *	EOPNOTSUPP	the target is a BPF program		_PROG_TARGET
 *	ENOENT		the target has no ftrace site		_NO_SITE
 *	ENOTSUP		(EOPNOTSUPP) an argument's place is not known _ARGS
 *	EACCES		tracing this function breaks the kernel	_DENIED
 *	EDEADLK		the function never returns		_NORETURN
 *	ENOTUNIQ	the kernel took a module's function for its own of the
 *			same name, or the other way round	_AMBIGUOUS
 *	EBUSY		another user has the function's direct call, or one that
 *			redirects it has come to more than 256 with sessions
 *							_BUSY
 *	E2BIG		the function has max_sessions already	_FULL
 *	ESTALE		the module that owns the target is going or gone, or is
 *			another than the one that the program was loaded for
 *							_MODULE_GOING
 *	ENODEV		ftrace is switched off or has shut down	_FTRACE_OFF
 *	ENOSPC		the kernel's ftrace can take no more functions (8,000 in
 *			all before Linux 6.4)			_KERNEL_LIMIT
 *	EMFILE, ENFILE	no file descriptor is left		_NONE
 *
 * FSESSION_IOC_ATTACH_MULTI: the same, of which those from ENOENT to ENOSPC are also
 * those of a target's status, and:
 *	EINVAL		targets is NULL, or count is 0		_NONE
 *	E2BIG		count is above FSESSION_MAX_TARGETS	_NONE
 *	EINVAL		btf_id is 0, or is no function of the program's BTF
 *								_BTF_ID
 *	EINVAL		a btf_id or an address is there twice	_TWICE
 *	ESTALE		at the address does not begin the function that btf_id
 *			names					_NAME
 *	EPROTO		the program reads words of its context that are of
 *			another type there			_CONTEXT
 *	EINVAL		the program is sleepable, and the function is neither the
 *			one that it was loaded for nor a system call	_SLEEPABLE
 *	EINVAL		the kernel allows a helper that the program calls, or may
 *			by a tail call, for the function that it was loaded for;
 *			not for this one			_HELPER
 *
 * FSESSION_IOC_INFO:
 *	ENOENT		no session of that id, or none after it
 *	ENOSPC		name_len or target_count is not zero and too small; it
 *			says what it takes, and as many targets as fit are there
 *	EINVAL		one of targets and target_count is zero, and the other
 *			is not
 *
 * FSESSION_IOC_DRAIN:
 *	ETIMEDOUT	sessions are still draining after timeout_ms, or at once
 *			where that is 0
 */
#ifndef _UAPI_LINUX_FSESSION_H
#define _UAPI_LINUX_FSESSION_H

#include <linux/ioctl.h>
#include <linux/types.h>

/*
 * The number does not carry the structure's size: it stays the same when the
 * structure grows, and the size field says which version the caller speaks.
 */
#define FSESSION_IOC_MAGIC	0xF5

#define FSESSION_IOC_QUERY	_IO(FSESSION_IOC_MAGIC, 0x80)
#define FSESSION_IOC_ATTACH	_IO(FSESSION_IOC_MAGIC, 0x81)
#define FSESSION_IOC_INFO	_IO(FSESSION_IOC_MAGIC, 0x82)
#define FSESSION_IOC_DRAIN	_IO(FSESSION_IOC_MAGIC, 0x83)
#define FSESSION_IOC_ATTACH_MULTI	_IO(FSESSION_IOC_MAGIC, 0x84)

/* Raised when a structure or a meaning changes; never for an addition. */
#define FSESSION_ABI_VERSION	1

/* Bits of fsession_query.features. */
#define FSESSION_FEATURE_ATTACH	(1ULL << 0)	/* one program on one function */
#define FSESSION_FEATURE_MULTI	(1ULL << 1)	/* one program on many */
#define FSESSION_FEATURE_NATIVE	(1ULL << 2)	/* programs of BPF_TRACE_FSESSION */

/* Functions of one session. */
#define FSESSION_MAX_TARGETS	(1U << 20)

/**
 * struct fsession_query - FSESSION_IOC_QUERY [device]: what this module is
 * @size:		[in] sizeof(struct fsession_query)
 * @flags:		[in] 0
 * @abi_version:	[out] FSESSION_ABI_VERSION of the module
 * @max_sessions:	[out] sessions that one function can carry
 * @features:		[out] FSESSION_FEATURE_* that the module has
 * @live:		[out] sessions attached now
 * @draining:		[out] sessions detached, with calls still inside or the
 *			function not yet released
 * @btf_base_size:	[out] bytes of the kernel BTF that the module was built
 *			against
 * @btf_base_hash:	[out] FNV-1a (64 bit) of those bytes
 * @version:		[out] the module's release, NUL-terminated
 *
 * Since ABI version 1. Returns 0.
 */
struct fsession_query {
	__u32 size;
	__u32 flags;
	__u32 abi_version;
	__u32 max_sessions;
	__u64 features;
	__u32 live;
	__u32 draining;
	__u64 btf_base_size;
	__u64 btf_base_hash;
	char version[32];
};

/* Why an attach was refused; goes with the errno in the table above. */
enum fsession_reason {
	FSESSION_REASON_NONE		= 0,
	FSESSION_REASON_PROG_TYPE	= 1,
	FSESSION_REASON_ATTACH_TYPE	= 2,
	FSESSION_REASON_PROG_ATTACHED	= 3,
	FSESSION_REASON_PROG_TARGET	= 4,
	FSESSION_REASON_NO_SITE		= 5,
	FSESSION_REASON_ARGS		= 6,
	FSESSION_REASON_DENIED		= 7,
	FSESSION_REASON_NORETURN	= 8,
	FSESSION_REASON_BUSY		= 9,
	FSESSION_REASON_FULL		= 10,
	FSESSION_REASON_MODULE_GOING	= 11,
	FSESSION_REASON_FTRACE_OFF	= 12,
	FSESSION_REASON_AMBIGUOUS	= 13,
	FSESSION_REASON_BTF_ID		= 14,
	FSESSION_REASON_TWICE		= 15,
	FSESSION_REASON_NAME		= 16,
	FSESSION_REASON_CONTEXT		= 17,
	FSESSION_REASON_KERNEL_LIMIT	= 18,
	FSESSION_REASON_SLEEPABLE	= 19,
	FSESSION_REASON_HELPER		= 20,
};

/**
 * struct fsession_attach - FSESSION_IOC_ATTACH [device]: attach a program
 * @size:		[in] sizeof(struct fsession_attach)
 * @flags:		[in] 0
 * @prog_fd:		[in] a loaded session program (see "Programs")
 * @reason:		[out] an enum fsession_reason; written when the ioctl
 *			fails for what the program or its target is; 0 on entry
 * @attach_cookie:	[in] what bpf_get_attach_cookie() returns in the program
 *
 * The session takes its own reference to the program; @prog_fd may be closed.
 * One program has one session at a time; it may be attached again after detach.
 * A module that has the target is pinned until the function is as if never
 * traced.
 *
 * Since ABI version 1. Returns the session's file descriptor.
 */
struct fsession_attach {
	__u32 size;
	__u32 flags;
	__s32 prog_fd;
	__u32 reason;
	__u64 attach_cookie;
};

/**
 * struct fsession_target_desc - one function of a session on many
 * @addr:		FSESSION_IOC_ATTACH_MULTI: [in] its address
 *			FSESSION_IOC_INFO: [out] the same; 0 when the caller
 *			lacks CAP_SYSLOG
 * @attach_cookie:	[in], and [out] of FSESSION_IOC_INFO: what
 *			bpf_get_attach_cookie() returns in the program on it
 * @btf_id:		[in], and [out] of FSESSION_IOC_INFO: its id in the
 *			program's BTF
 * @status:		[out] 0, or why the program is not on it, a negative errno
 *			of the table above
 * @reason:		[out] of FSESSION_IOC_ATTACH_MULTI: an enum
 *			fsession_reason
 * @reserved:		0
 *
 * What is [out] only is to be 0 on the way in.
 */
struct fsession_target_desc {
	__u64 addr;
	__u64 attach_cookie;
	__u32 btf_id;
	__s32 status;
	__u32 reason;
	__u32 reserved;
};

/* fsession_attach_multi.flags */
#define FSESSION_MULTI_SKIP	(1U << 0)
#define FSESSION_MULTI_DRY_RUN	(1U << 1)

/**
 * struct fsession_attach_multi - FSESSION_IOC_ATTACH_MULTI [device]: attach a
 *				  program to many functions
 * @size:		[in] sizeof(struct fsession_attach_multi)
 * @flags:		[in] FSESSION_MULTI_SKIP, FSESSION_MULTI_DRY_RUN or 0
 * @prog_fd:		[in] a loaded session program (see "Programs")
 * @reason:		[out] an enum fsession_reason, of what the ioctl fails
 *			for; 0 on entry
 * @targets:		[in] user pointer: the functions, @count times a struct
 *			fsession_target_desc
 * @count:		[in] 1 to FSESSION_MAX_TARGETS
 * @attached:		[out] functions that the program is on; would be on; 0 on entry
 *
 * Without FSESSION_MULTI_SKIP the program is attached to all functions or to none.
 * If one is refused the ioctl fails with the error of the first such. Those that were
 * found to be refused have their status. The others have 0, and may be refused yet for
 * what is looked at later: that a function is full, and then what ftrace has against
 * it. The program has run on none.
 *
 * With it, functions that are refused are left out and have their status. Only if
 * that is so of all, the ioctl fails with the error of the first. What is wrong
 * with the call and not with a function, a btf_id that is 0 and what is there
 * twice, is never left out.
 *
 * FSESSION_MULTI_DRY_RUN attaches nothing and returns 0: every function that an
 * attach would refuse has its status, as far as that can be known. It cannot of
 * another user of the function's direct call, nor of ftrace being switched off.
 *
 * The statuses are written if the targets have been looked at, whether the ioctl
 * fails or not; but not where it fails with a @reason of FSESSION_REASON_NONE, as with
 * ENOMEM or with EINTR, of a signal, which are no target's. The whole is one session: the program is
 * on all functions from the same moment on, and off them from the same moment on. An
 * ioctl that fails has attached nothing, and the program has not run.
 *
 * Since ABI version 1, with FSESSION_FEATURE_MULTI. Returns the session's file
 * descriptor, or 0 of a dry run.
 */
struct fsession_attach_multi {
	__u32 size;
	__u32 flags;
	__s32 prog_fd;
	__u32 reason;
	__u64 targets;
	__u32 count;
	__u32 attached;
};

/* fsession_info.state */
enum fsession_state {
	FSESSION_STATE_LIVE	= 1,
	FSESSION_STATE_DRAINING	= 2,
};

/* fsession_info.flags */
#define FSESSION_INFO_NEXT	(1U << 0)

/**
 * struct fsession_info - FSESSION_IOC_INFO [device, session]: one session
 * @size:		[in] sizeof(struct fsession_info)
 * @flags:		[in] device: FSESSION_INFO_NEXT for the session with the
 *			lowest id above @id, 0 for session @id; session: 0
 * @id:			[in] device: see @flags; session: 0
 *			[out] the session's id, never used twice until the
 *			module is unloaded
 * @state:		[out] enum fsession_state
 * @prog_id:		[out] the BPF program's id
 * @owner_pid:		[out] process id, in the caller's namespace, of the
 *			process that attached; 0 when not visible from there or
 *			gone
 * @attach_cookie:	[out] as given at attach
 * @target_addr:	[out] the function's address; 0 when the caller lacks
 *			CAP_SYSLOG
 * @target_btf_id:	[out] the function's id in its BTF
 * @sites:		[out] functions attached
 * @calls:		[out] calls seen (see "The books")
 * @entries:		[out] entry runs
 * @exits:		[out] exit runs
 * @misses:		[out] calls without a run
 * @inside:		[out] entered and not left
 * @dropped:		[out] left without an exit run
 * @abandoned:		[out] task exited inside
 * @name:		[in] user pointer: where to put the function's name,
 *			"function" or "function [module]"
 * @name_len:		[in] bytes at @name, 0 for no name
 *			[out] bytes that the name takes, with its NUL
 * @reserved:		0
 * @targets:		[in] user pointer: where to put the functions, as struct
 *			fsession_target_desc, in the order in which they were
 *			given; or 0
 * @target_count:	[in] how many fit there, 0 for none
 *			[out] functions given, with those that were refused
 * @reserved2:		0
 *
 * Of a session on many functions, attach_cookie, target_addr, target_btf_id and
 * the name are those of the first that the program is on; the counts are sums.
 *
 * Since ABI version 1; the fields from @targets on, with FSESSION_FEATURE_MULTI.
 * Returns 0.
 */
struct fsession_info {
	__u32 size;
	__u32 flags;
	__u32 id;
	__u32 state;
	__u32 prog_id;
	__u32 owner_pid;
	__u64 attach_cookie;
	__u64 target_addr;
	__u32 target_btf_id;
	__u32 sites;
	__u64 calls;
	__u64 entries;
	__u64 exits;
	__u64 misses;
	__u64 inside;
	__u64 dropped;
	__u64 abandoned;
	__u64 name;
	__u32 name_len;
	__u32 reserved;
	__u64 targets;
	__u32 target_count;
	__u32 reserved2;
};

/**
 * struct fsession_drain - FSESSION_IOC_DRAIN [device]: wait for detached
 *			   sessions to be gone
 * @size:		[in] sizeof(struct fsession_drain)
 * @flags:		[in] 0
 * @timeout_ms:		[in] milliseconds to wait at most; 0 looks without
 *			waiting
 * @draining:		[out] sessions still draining
 *
 * Waits only for sessions that were detached before the call. After it returns
 * 0 they pin no module, and their functions are as if never traced, but for those that
 * were attached by one FSESSION_IOC_ATTACH_MULTI with one that a session is on yet:
 * ftrace has them as one, and gets them back as one. Where the way
 * into this very ioctl is traced, the caller may be inside when it begins to wait,
 * and would wait for itself: wait in short steps.
 *
 * Since ABI version 1. Returns 0; ETIMEDOUT also writes @draining.
 */
struct fsession_drain {
	__u32 size;
	__u32 flags;
	__u32 timeout_ms;
	__u32 draining;
};

#endif /* _UAPI_LINUX_FSESSION_H */
