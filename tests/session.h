/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the cases share: programs, sessions through the bare ioctls, the test
 * module's calls. Whatever fails here ends the case, unless the name begins
 * with try_: those return a negative errno.
 */
#ifndef SESSION_H
#define SESSION_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/fsession.h>

#include "kmod/fsession_testmod.h"
#include "ktest.h"
#include "progs/leaf.h"
#include "progs/recorder.h"

#define MODULE "fsession_testmod"

/*
 * In a child: let go of every descriptor but stdio and @but (or -1), so that no
 * session of the parent's is kept by it.
 */
void drop_inherited(int but);

/*
 * The device
 */

/* A file of /dev/fsession; one for the whole process. */
int device(void);
void device_close(void);

/* ioctl(2), and a negative errno for -1. */
int try_ioctl(int fd, unsigned long cmd, void *arg);

/* FSESSION_IOC_ATTACH; the session or a negative errno. */
int try_attach(int prog_fd, uint64_t attach_cookie, unsigned int *reason);
int attach(int prog_fd);

/* FSESSION_IOC_ATTACH_MULTI likewise; *@arg is what it leaves. */
int try_attach_multi(int prog_fd, struct fsession_target_desc *targets,
		     unsigned int count, unsigned int flags,
		     struct fsession_attach_multi *arg);
/* What it has to say of a target. */
void check_target(const struct fsession_target_desc *target, int status,
		  unsigned int reason);

/* Attaching @prog_fd must fail with both of these. */
#define CHECK_REFUSED(prog_fd, err, why)                  \
	do {                                              \
		unsigned int why_ = 0;                    \
		int got_ = try_attach(prog_fd, 0, &why_); \
		CHECK_EQ(got_, -(err));                   \
		CHECK_EQ(why_, why);                      \
		if (got_ >= 0)                            \
			close(got_);                      \
	} while (0)

struct fsession_query query(void);

/* What a session fd tells; @name may be NULL. */
struct fsession_info info(int session_fd);
int try_info_id(uint32_t id, unsigned int flags, struct fsession_info *out,
		char *name, size_t name_len);

/* Wait for everything detached before, 20 s at most. */
void drain(void);
int try_drain(unsigned int timeout_ms, unsigned int *draining);

/* Compare the books with what the case knows; all but the named are zero. */
#define CHECK_BOOKS(i, _calls, _entries, _exits) \
	do {                                     \
		CHECK_EQ((i).calls, _calls);     \
		CHECK_EQ((i).entries, _entries); \
		CHECK_EQ((i).exits, _exits);     \
		CHECK_EQ((i).misses, 0);         \
		CHECK_EQ((i).inside, 0);         \
		CHECK_EQ((i).dropped, 0);        \
		CHECK_EQ((i).abandoned, 0);      \
	} while (0)

/* The two rules that hold whatever happened. */
void check_books_balance(const struct fsession_info *i);
/*
 * ... and @calls calls, made by several tasks, have returned and not been missed
 * (but see kernel_is_rt()).
 */
void check_missed_nothing(const struct fsession_info *i, uint64_t calls);

/*
 * Programs
 */

/* Open progs/FILE.bpf.o; nothing of it is to be loaded yet. */
struct bpf_object *open_object(const char *file);

/* Have @name loaded with its object; for @target if that is not NULL. */
struct bpf_program *want(struct bpf_object *obj, const char *name,
			 const char *target);
void load(struct bpf_object *obj);
int try_load(struct bpf_object *obj);
int prog_fd(struct bpf_object *obj, const char *name);

/* The object's .bss, shared with the programs. */
void *bss(struct bpf_object *obj, size_t size);

/* One more program like a loaded one; -errno if the kernel refuses. */
int try_clone(const struct bpf_program *prog);
/* ... for another function of the same BTF. */
int try_clone_for(const struct bpf_program *prog, uint32_t btf_id);
/* ... for one of the test module, as it is loaded now; -ENOENT if it is not. */
int try_clone_for_testmod(const struct bpf_program *prog, uint32_t btf_id);

/* A program of recorder.bpf.o. */
struct recording {
	struct bpf_object *obj;
	struct bpf_program *prog;
	struct recorder *rec;
	int prog_fd;
	int fd; /* the session */
};

/* Load "record" or "count" or "empty" for @target, not yet attached. */
struct recording recording_load(const char *name, const char *target);
/* ... and attach it. */
struct recording recording_start(const char *name, const char *target);
/* Close the session; the program stays. */
void recording_detach(struct recording *r);
/* The program's memory is no more to be looked at. */
void munmap_recorder(struct recording *r);
/* Close everything and wait until it is gone. */
void recording_end(struct recording *r);

/* A program of "leaf", which calls nothing, and its session. */
struct leaf_session {
	struct bpf_object *obj;
	struct leaf *leaf;
	int fd;
};

struct leaf_session leaf_load(const char *name, const char *target);
/* ... and attach it. */
struct leaf_session leaf_start(const char *name, const char *target);
/* "runs" has run at entry and exit of @calls calls in all. Close everything. */
void leaf_end(struct leaf_session *l, uint64_t calls);

/* The recorder's sums of a program that ran @calls times, and its cookies. */
void check_recorded(const struct recorder *rec, uint64_t calls);

/* Make the kernel call bpf_fentry_test1... once each. */
void test_run(int prog_fd);

struct bpf_prog_info prog_info(int prog_fd);

/*
 * The test module
 */

/* Close its device, which keeps it loaded. */
void testmod_close(void);
struct fsession_tm_call tm_prepare(const char *function, uint64_t count);
int try_tm_call(struct fsession_tm_call *call);
void tm_call(struct fsession_tm_call *call);
/* Call @function @count times with args[0] counting up from 1. */
struct fsession_tm_call tm_calls(const char *function, uint64_t count);
/* A process that sleeps in fsession_test_wait until woken. */
int tm_sleeper(void);
void tm_wake(void);
int tm_waiting(void);

/*
 * The system
 */

/* The address of a kernel symbol, @module NULL for the kernel's own; or 0. */
uint64_t symbol(const char *name, const char *module);
/* For each address the last symbol at or below it. */
#define SYMBOL_NAME 64
void symbols_at(const __u64 *addrs, unsigned int count,
		char (*names)[SYMBOL_NAME]);
/* The kernel's function for a system call, by its bare name. */
#ifdef __x86_64__
#define SYSCALL(name) "__x64_sys_" name
#else
#define SYSCALL(name) "__arm64_sys_" name
#endif
/* Is @function in available_filter_functions? */
bool ftrace_has(const char *function);
/* Lines of enabled_functions that name @function. */
bool ftrace_enabled_on(const char *function);
/* The BTF of the kernel proper, and of the test module. */
struct btf *kernel_btf(void);
struct btf *testmod_btf(void);
/* Has the kernel's own BTF a function of this name? */
bool btf_has(const char *function);
/* One of them, for FSESSION_IOC_ATTACH_MULTI. */
struct fsession_target_desc kernel_target(const char *function,
					  uint64_t attach_cookie);
struct fsession_target_desc testmod_target(const char *function,
					   uint64_t attach_cookie);
/* Write @text to @file; false if that fails. */
bool write_file(const char *file, const char *text);
bool read_file(const char *file, char *text, size_t size);
/* Of tracefs' files, some see no empty write, but this. */
bool truncate_file(const char *file);
/* Is this kernel at least this one? */
bool kernel_is_at_least(unsigned int major, unsigned int minor);
/*
 * Is it PREEMPT_RT? There a program can be preempted, and its session misses
 * what other tasks call on the same CPU in the meantime.
 */
bool kernel_is_rt(void);
/* A module's reference count, -1 if it is not loaded. */
int module_refcount(const char *module);
/* delete_module(2), non-blocking: 0 or a negative errno. */
int try_rmmod(const char *module);
/* Load a module with modprobe(8). */
void modprobe(const char *module);

#endif /* SESSION_H */
