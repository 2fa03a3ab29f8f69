/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ktest: the frame around the C cases.
 *
 * A case is a function; it passes by returning. It runs in a child of its own,
 * in a new process group, so whatever it opens, attaches or changes about
 * itself is gone when it ends.
 *
 *	CASE(attach_busy, "a second direct caller is refused")
 *	{
 *		CHECK_EQ(attach(fd), -EBUSY);
 *	}
 */
#ifndef KTEST_H
#define KTEST_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KTEST_PASS 0
#define KTEST_FAIL 1
#define KTEST_SKIP 4

/* struct ktest.flags */
#define KTEST_LOG   (1U << 0) /* "fsession:" lines in the kernel log are fine */
#define KTEST_DEBUG (1U << 1) /* only on a kernel that can inject faults */

struct ktest {
	const char *name;
	const char *desc;
	void (*fn)(void);
	unsigned int flags;
	unsigned int timeout; /* seconds; 0 for the default */
	const char *file;
	int line;
};

/* Optional after the description: .flags = ..., .timeout = ... */
#define CASE(_name, _desc, ...)                                            \
	static void _name(void);                                           \
	static const struct ktest ktest_##_name = { .name = #_name,        \
						    .desc = _desc,         \
						    .fn = _name,           \
						    .file = __FILE__,      \
						    .line = __LINE__,      \
						    __VA_ARGS__ };         \
	static const struct ktest *const ktest_ptr_##_name                 \
		__attribute__((section("ktests"), used)) = &ktest_##_name; \
	static void _name(void)

/* A line of diagnosis. */
void ktest_diag(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The case has failed, and goes on. */
void ktest_failed(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The case has failed, and ends; children of the case call it, too. */
#define FAIL(...)                                              \
	do {                                                   \
		ktest_failed(__FILE__, __LINE__, __VA_ARGS__); \
		exit(KTEST_FAIL);                              \
	} while (0)

/* What the case needs is not here; it ends. */
#define SKIP(...)                        \
	do {                             \
		ktest_diag(__VA_ARGS__); \
		ktest_skip();            \
	} while (0)
void ktest_skip(void) __attribute__((noreturn));

/* Has a CHECK of this process failed? */
bool ktest_has_failed(void);

#define CHECK(cond)                                                            \
	({                                                                     \
		bool ok_ = (cond);                                             \
		if (!ok_)                                                      \
			ktest_failed(__FILE__, __LINE__, "not so: %s", #cond); \
		ok_;                                                           \
	})

#define CHECK_OP(a, op, b)                                                         \
	({                                                                         \
		long long a_ = (long long)(a), b_ = (long long)(b);                \
		bool ok_ = a_ op b_;                                               \
		if (!ok_)                                                          \
			ktest_failed(                                              \
				__FILE__, __LINE__,                                \
				"%s is %lld (0x%llx), should be %s %lld (0x%llx)", \
				#a, a_, a_, #op, b_, b_);                          \
		ok_;                                                               \
	})

#define CHECK_EQ(a, b) CHECK_OP(a, ==, b)

#define REQUIRE(cond)                     \
	do {                              \
		if (!CHECK(cond))         \
			exit(KTEST_FAIL); \
	} while (0)

#define REQUIRE_EQ(a, b)                  \
	do {                              \
		if (!CHECK_EQ(a, b))      \
			exit(KTEST_FAIL); \
	} while (0)

/* For calls that return -1 and set errno: the value, or the case ends. */
#define SYS(call)                                               \
	({                                                      \
		long ret_ = (long)(call);                       \
		if (ret_ < 0)                                   \
			FAIL("%s: %s", #call, strerror(errno)); \
		ret_;                                           \
	})

/* Wait until @cond holds, 20 s at most (ktest_patience); then the case fails. */
#define WAIT_FOR(cond)                                                 \
	do {                                                           \
		unsigned int tries_ = 0;                               \
		while (!(cond)) {                                      \
			if (++tries_ > ktest_patience(2000))           \
				FAIL("waited in vain for: %s", #cond); \
			usleep(10000);                                 \
		}                                                      \
	} while (0)

/* The number that environment variable @name has, or @otherwise. */
unsigned long long ktest_number(const char *name, unsigned long long otherwise);

/*
 * How long something may take that takes at most @time, in any unit, in a guest
 * of the usual speed: longer where FSESSION_SLOW says so.
 */
unsigned int ktest_patience(unsigned int time);

/* Run @fn in a child process; its exit status becomes part of the case's. */
int ktest_fork(void (*fn)(void *arg), void *arg);

/* Wait for child @pid and fail if it did not exit with KTEST_PASS. */
void ktest_join(int pid);

/* Milliseconds of CLOCK_MONOTONIC. */
uint64_t ktest_ms(void);

#endif /* KTEST_H */
