/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * libfsession: sessions on kernel functions, on top of libbpf.
 *
 * One BPF program runs at the entry and at the exit of a kernel function. It is
 * written with SEC("fsession/function"), SEC("fsession/module:function") or
 * SEC("fsession") (target set with bpf_program__set_attach_target()), includes
 * <fsession/fsession.bpf.h>, and is opened and loaded by libbpf as ever:
 *
 *	libfsession_init();
 *	obj = bpf_object__open_file("prog.bpf.o", NULL);
 *	bpf_object__load(obj);
 *	link = fsession_program__attach(prog, NULL);
 *	...
 *	fsession_link__destroy(link);
 *	bpf_object__close(obj);
 *
 * A program from SEC("fsession.multi/tcp_*") or SEC("fsession.multi/module:glob*")
 * is attached to every function that the pattern matches and that can be traced,
 * by the same call; see struct fsession_targets for more than one pattern.
 *
 * Errors are libbpf's (1.0): functions that return a pointer return NULL and
 * set errno, functions that return an int return a negative errno and set errno
 * too. What failed, on which object, and what to try next goes to the print
 * function.
 *
 * What runs the sessions is the kernel's own fsession where there is one (Linux
 * 7.0 and later), else the fsession module; programs and applications are the
 * same for both. The environment variable FSESSION_BACKEND, "native", "module" or
 * "auto", overrides that, and libfsession_set_backend() overrides both.
 *
 * A link must be used by one thread at a time; different links are independent.
 */
#ifndef LIBFSESSION_H
#define LIBFSESSION_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bpf/libbpf.h>
#include <linux/fsession.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef LIBFSESSION_API
#define LIBFSESSION_API __attribute__((visibility("default")))
#endif

#define LIBFSESSION_MAJOR_VERSION 0
#define LIBFSESSION_MINOR_VERSION 1

/**
 * libfsession_version_string() - the library's version, such as "v0.1".
 *
 * Static storage; never NULL. Since 0.1.
 */
LIBFSESSION_API const char *libfsession_version_string(void);

/**
 * libfsession_set_print() - where messages go.
 * @fn: called with libbpf's levels and a printf format; NULL for silence. It
 *	may be called from any thread that calls the library, and is not to call
 *	the library, which may hold a lock of its own.
 *
 * The default prints warnings to stderr. Returns the function set before.
 * Since 0.1.
 */
LIBFSESSION_API libbpf_print_fn_t libfsession_set_print(libbpf_print_fn_t fn);

/**
 * enum fsession_backend - what runs sessions
 * @FSESSION_BACKEND_AUTO: the kernel's own fsession if it works, else the module
 * @FSESSION_BACKEND_MODULE: the fsession module, /dev/fsession
 * @FSESSION_BACKEND_NATIVE: the kernel's own fsession
 */
enum fsession_backend {
	FSESSION_BACKEND_AUTO = 0,
	FSESSION_BACKEND_MODULE = 1,
	FSESSION_BACKEND_NATIVE = 2,
};

/**
 * libfsession_init() - claim the fsession sections for this process.
 *
 * Must be called before bpf_object__open*(); again is harmless. It registers
 * SEC("fsession"), SEC("fsession/..."), SEC("fsession.multi"),
 * SEC("fsession.multi/...") and, for sleepable programs, the same with ".s" before
 * the slash, with libbpf_register_prog_handler(), so that such programs are loaded
 * as their backend needs them. A libbpf that has sections of these names itself
 * leaves them to us.
 *
 * Returns 0 or a negative errno. Since 0.1.
 */
LIBFSESSION_API int libfsession_init(void);

/**
 * libfsession_set_backend() - choose what will run sessions.
 * @backend: for programs loaded from now on; FSESSION_BACKEND_AUTO leaves it to
 *	the environment variable FSESSION_BACKEND again, and without one to the
 *	library
 *
 * Programs that are loaded already keep their backend. May be called from any
 * thread. Returns 0, or -EINVAL for a number that is no backend. Since 0.1.
 */
LIBFSESSION_API int libfsession_set_backend(enum fsession_backend backend);

/**
 * libfsession_backend() - what a program loaded now would run on.
 *
 * Where it is not settled otherwise, the first call in a process, also the one
 * that loading a program makes, loads a tiny program and attaches it for a moment
 * to a function of the kernel that is there for tests. May be called from any
 * thread.
 *
 * Returns FSESSION_BACKEND_NATIVE; or FSESSION_BACKEND_MODULE, whether or not the
 * module is there; or, with the reason printed, -EOPNOTSUPP: native is asked for,
 * and this kernel has none; -EPERM or -EACCES: the caller may not find out; -ENOMEM,
 * -EMFILE and the like: it cannot be found out now; -EINVAL: FSESSION_BACKEND has
 * another value than it can have. Where native is not asked for, what keeps from
 * finding out is not an error, and nothing is printed: it returns
 * FSESSION_BACKEND_NATIVE, and loading the program tells. Since 0.1.
 */
LIBFSESSION_API int libfsession_backend(void);

/**
 * libfsession_backend_string() - a backend's name, as FSESSION_BACKEND takes it.
 *
 * Static storage; never NULL. Since 0.1.
 */
LIBFSESSION_API const char *
libfsession_backend_string(enum fsession_backend backend);

/**
 * libfsession_probe() - can sessions be attached here, and if not, why.
 *
 * Looks at the backend that libfsession_backend() names; of the module at the
 * device, the ABI and the BTF. Prints what is wrong and the command that mends
 * it.
 *
 * Returns 0, or an error of libfsession_backend(), or of the module: -ENOENT: it
 * is not loaded; -EPERM or -EACCES: the caller lacks privilege; -EPROTO: it
 * speaks another ABI; -EKEYREJECTED or -EBADMSG: the kernel did not take its BTF,
 * or it was built against another kernel's. Since 0.1.
 */
LIBFSESSION_API int libfsession_probe(void);

/**
 * libfsession_probe_backend() - libfsession_probe() for one backend.
 * @backend: the one to look at, whatever is chosen; FSESSION_BACKEND_AUTO makes
 *	it libfsession_probe()
 *
 * Returns as libfsession_probe(), and -EINVAL for a number that is no backend.
 * Since 0.1.
 */
LIBFSESSION_API int libfsession_probe_backend(enum fsession_backend backend);

/**
 * struct fsession_attach_opts - options of fsession_program__attach().
 * @sz: size of this struct, for forward/backward compatibility
 * @attach_cookie: what bpf_get_attach_cookie() returns in the program
 * @backend: an enum fsession_backend that the program must be for, or
 *	FSESSION_BACKEND_AUTO for the one that it was loaded for
 * @flags: 0
 */
struct fsession_attach_opts {
	size_t sz;
	uint64_t attach_cookie;
	uint32_t backend;
	uint32_t flags;
	size_t : 0;
};
#define fsession_attach_opts__last_field flags

/** struct fsession_link - one attached session. Opaque; owned by the caller. */
struct fsession_link;

/**
 * fsession_program__attach() - attach a loaded session program.
 * @prog: a program of a loaded object, from an fsession section
 * @opts: options, or NULL
 *
 * A program of SEC("fsession.multi/pattern") is attached as by
 * fsession_program__attach_multi() with that pattern.
 *
 * Returns a link to be given to fsession_link__destroy(), or NULL and errno:
 * those of FSESSION_IOC_ATTACH in <linux/fsession.h>, as far as the kernel's own
 * fsession tells them apart; ENOENT when the module is not loaded; EINVAL when
 * @prog is not loaded, not a session program, or not for the backend in @opts.
 * Since 0.1.
 */
LIBFSESSION_API struct fsession_link *
fsession_program__attach(const struct bpf_program *prog,
			 const struct fsession_attach_opts *opts);

/*
 * The expected_attach_type of a program for the kernel's own fsession, which headers
 * may not have: BPF_TRACE_FSESSION of Linux 7.0, BPF_TRACE_FSESSION_MULTI of 7.2.
 * Since 0.1.
 */
#define FSESSION_ATTACH_TYPE_NATIVE	  58
#define FSESSION_ATTACH_TYPE_NATIVE_MULTI 61

/**
 * fsession_fd__attach() - attach a program by its file descriptor.
 * @prog_fd: a loaded session program; still the caller's afterwards
 * @name: what to call it in messages, or NULL
 * @opts: options, or NULL
 *
 * For programs that this process did not load with libbpf: loaded as fexit for the
 * module, as FSESSION_ATTACH_TYPE_NATIVE for the kernel's own fsession, or for the
 * module where there is that. Without a backend in @opts, it is the module if that is
 * what libfsession_backend() returns; else both are tried, the kernel's own first.
 * Otherwise as fsession_program__attach(). Since 0.1.
 */
LIBFSESSION_API struct fsession_link *
fsession_fd__attach(int prog_fd, const char *name,
		    const struct fsession_attach_opts *opts);

/**
 * struct fsession_target - a function that a program may be attached to
 * @name: the function's name
 * @addr: its address; 0 where it is not known
 * @attach_cookie: what bpf_get_attach_cookie() returns in a program on it
 * @btf_id: its id in the BTF of the set's module or of the kernel
 * @reason: with @status, an enum fsession_reason where one fits
 * @status: 0, or why it is refused, a negative errno
 * @exact: asked for by its name or id, not by a pattern with wildcards
 * @why: @status in words; NULL where that is 0
 *
 * Of a set of targets, who owns it. New members are added at the end.
 */
struct fsession_target {
	const char *name;
	uint64_t addr;
	uint64_t attach_cookie;
	uint32_t btf_id;
	uint32_t reason;
	int status;
	bool exact;
	const char *why;
};

/**
 * struct fsession_targets - a set of functions, all of the kernel proper or all
 * of one module. Opaque; to be used by one thread at a time.
 */
struct fsession_targets;

/**
 * fsession_targets__new() - an empty set.
 * @module: whose functions, or NULL for the kernel proper
 *
 * Reads the BTF and keeps it as long as the set.
 *
 * Returns a set to be given to fsession_targets__free(), or NULL and errno:
 * ESRCH: no module of that name is loaded, or it has no BTF, or that is no
 * module's name. Since 0.1.
 */
LIBFSESSION_API struct fsession_targets *
fsession_targets__new(const char *module);

/**
 * fsession_targets__free() - free a set; NULL is fine.
 *
 * Links that were made with it stay. Since 0.1.
 */
LIBFSESSION_API void fsession_targets__free(struct fsession_targets *targets);

/**
 * fsession_targets__add() - add the functions that a pattern matches.
 * @targets: the set
 * @pattern: a name, in which "*" stands for any characters and "?" for any one;
 *	"module:" may stand in front of it
 *
 * Those that are in the set already stay as they are. Of functions that share a
 * name it cannot be told which is meant: they are added, and refused.
 *
 * Returns how many functions match, or -EINVAL, with the reason printed: nothing
 * matches, other characters than letters, digits and "_.*?:" are in @pattern, or
 * its module is not that of the set. Since 0.1.
 */
LIBFSESSION_API int fsession_targets__add(struct fsession_targets *targets,
					  const char *pattern);

/**
 * fsession_targets__add_id() - add a function by its BTF id.
 * @targets: the set
 * @btf_id: the function's id
 * @attach_cookie: what bpf_get_attach_cookie() is to return on it
 *
 * Returns 0, or -EINVAL: it is no function of the set's BTF, or there already.
 * Since 0.1.
 */
LIBFSESSION_API int fsession_targets__add_id(struct fsession_targets *targets,
					     uint32_t btf_id,
					     uint64_t attach_cookie);

/**
 * fsession_targets__add_file() - add the functions that a file names.
 * @targets: the set
 * @path: of a text file with a name or pattern a line; empty lines and those that
 *	begin with "#" are skipped. "-" is standard input
 *
 * Returns how many functions match, or an error of fsession_targets__add(), or
 * of reading the file; the line is printed. Since 0.1.
 */
LIBFSESSION_API int fsession_targets__add_file(struct fsession_targets *targets,
					       const char *path);

/**
 * fsession_targets__exclude() - take away the functions that a pattern matches.
 * @targets: the set
 * @pattern: as for fsession_targets__add()
 *
 * Goes by what is in the set now. Returns how many there were, which may be 0, or
 * -EINVAL as fsession_targets__add(). Since 0.1.
 */
LIBFSESSION_API int fsession_targets__exclude(struct fsession_targets *targets,
					      const char *pattern);

/**
 * fsession_targets__cnt() - how many functions are in a set.
 *
 * Since 0.1.
 */
LIBFSESSION_API size_t
fsession_targets__cnt(const struct fsession_targets *targets);

/**
 * fsession_targets__at() - one function of a set.
 * @targets: the set
 * @index: 0 to fsession_targets__cnt() - 1, in order of BTF ids
 *
 * Returns NULL for an @index beyond the end. What it returns is valid until the
 * set is changed or freed. Since 0.1.
 */
LIBFSESSION_API const struct fsession_target *
fsession_targets__at(const struct fsession_targets *targets, size_t index);

/**
 * fsession_targets__set_cookie() - set a function's attach cookie.
 * @targets: the set
 * @index: as for fsession_targets__at()
 * @attach_cookie: what bpf_get_attach_cookie() is to return on it; 0 without
 *	this call
 *
 * Returns 0 or -EINVAL. Since 0.1.
 */
LIBFSESSION_API int
fsession_targets__set_cookie(struct fsession_targets *targets, size_t index,
			     uint64_t attach_cookie);

/**
 * fsession_targets__check() - which of them could be attached to now, and if not,
 * why.
 * @targets: the set; every function gets its status
 * @prog: by this loaded program; NULL for one that reads nothing of its context
 *
 * Attaches nothing. Whether another user has a function's direct call is taken
 * from /sys/kernel/tracing/enabled_functions. With the kernel's own fsession less
 * is known before it is tried.
 *
 * Returns how many could be, or a negative errno, explained but for a NULL: -EINVAL:
 * @prog is not loaded, or no session's, or for functions of another module. Since 0.1.
 */
LIBFSESSION_API int fsession_targets__check(struct fsession_targets *targets,
					    const struct bpf_program *prog);

/* struct fsession_multi_opts.flags */

/* Attach to those that can be, and leave the others out. */
#define FSESSION_ATTACH_SKIP (1U << 0)

/**
 * struct fsession_multi_opts - options of fsession_program__attach_multi().
 * @sz: size of this struct, for forward/backward compatibility
 * @ids: BTF ids of functions, of the kernel or of the module that the program was
 *	loaded for; or NULL
 * @cookies: with @ids, the attach cookie of each, or NULL
 * @cnt: how many @ids
 * @targets: a set of functions, or NULL. Afterwards it has the status of each
 * @backend: as in struct fsession_attach_opts
 * @flags: FSESSION_ATTACH_SKIP or 0
 */
struct fsession_multi_opts {
	size_t sz;
	const uint32_t *ids;
	const uint64_t *cookies;
	size_t cnt;
	struct fsession_targets *targets;
	uint32_t backend;
	uint32_t flags;
	size_t : 0;
};
#define fsession_multi_opts__last_field flags

/**
 * fsession_program__attach_multi() - attach a loaded session program to many
 * functions.
 * @prog: a program of a loaded object, from an "fsession.multi" section
 * @pattern: as for fsession_targets__add(), or NULL
 * @opts: options, or NULL
 *
 * Exactly one of @pattern, @opts->ids and @opts->targets says which functions. All
 * of one attach begin at the same moment, or none does.
 *
 * A pattern with wildcards means those functions that can be traced: it leaves out
 * what no program can ever be attached to, such as a function that the compiler
 * has inlined or one of two with the same name. All else that is refused, and
 * whatever was asked for by its name or id, fails the whole; FSESSION_ATTACH_SKIP
 * has it left out instead.
 *
 * The program was verified for one function. It may read words of its context by
 * itself, such as arguments, on functions where these are of the same type; through
 * helpers, such as bpf_get_func_arg(), on any. (The kernel's own fsession.multi
 * takes helpers only.) Without a pattern in its section, that function is
 * bpf_fentry_test1() unless bpf_program__set_attach_target() was called.
 *
 * A signal ends it with EINTR and nothing attached. (The kernel's own fsession.multi
 * does not look for one; to find out what to skip takes it a number of attaches.)
 *
 * Returns a link to be given to fsession_link__destroy(), or NULL and errno:
 * EINVAL: not exactly one of the three; @cookies without @ids; an id that is 0,
 * there twice or no function's; a pattern that matches nothing; E2BIG: more than
 * FSESSION_MAX_TARGETS; the error of the first function that is refused, of those
 * of FSESSION_IOC_ATTACH_MULTI in <linux/fsession.h>; and those of
 * fsession_program__attach(). Since 0.1.
 */
LIBFSESSION_API struct fsession_link *
fsession_program__attach_multi(const struct bpf_program *prog,
			       const char *pattern,
			       const struct fsession_multi_opts *opts);

/**
 * fsession_program__is_multi() - does the program come from an "fsession.multi"
 * section?
 *
 * Since 0.1.
 */
LIBFSESSION_API bool fsession_program__is_multi(const struct bpf_program *prog);

/**
 * fsession_program__set_targets() - say which functions a program will be for.
 * @prog: a program of an opened object that is not loaded yet, from an
 *	"fsession.multi" section
 * @targets: the functions; need not stay
 *
 * The program is then verified for one of them, instead of one that its section's
 * pattern matches or that bpf_program__set_attach_target() names, before or after.
 * Needed for functions of a module that the section does not name. It attaches nothing.
 *
 * Returns 0 or a negative errno, explained but for a NULL: -ESRCH: a program can be
 * loaded for none of them, or of the first 256. Since 0.1.
 */
LIBFSESSION_API int
fsession_program__set_targets(struct bpf_program *prog,
			      struct fsession_targets *targets);

/**
 * fsession_program__is_session() - does the program come from an fsession
 * section?
 *
 * True of an "fsession.multi" section, too. Since 0.1.
 */
LIBFSESSION_API bool
fsession_program__is_session(const struct bpf_program *prog);

/**
 * fsession_link__fd() - the session's file descriptor.
 *
 * It stays the link's. A duplicate of it keeps the session attached after the
 * link is gone. It takes the ioctls of <linux/fsession.h>, or, of the kernel's
 * own fsession, is that of a BPF link. Since 0.1.
 */
LIBFSESSION_API int fsession_link__fd(const struct fsession_link *link);

/**
 * fsession_link__backend() - what runs the session.
 *
 * Never FSESSION_BACKEND_AUTO, but for a @link that is NULL. Since 0.1.
 */
LIBFSESSION_API enum fsession_backend
fsession_link__backend(const struct fsession_link *link);

/* In struct fsession_info: a count that is not kept, or kept from the caller. */
#define FSESSION_NOT_COUNTED UINT64_MAX

/**
 * fsession_link__info() - what the session has seen so far.
 * @link: the link
 * @info: its size is set by the caller, to sizeof(struct fsession_info); the rest is
 *	filled in, and means what <linux/fsession.h> says; name is 0
 * @name: where to put the function's name, or NULL
 * @name_len: bytes at @name; a longer name is cut
 *
 * Of a session on many functions the counts are sums, @sites says how many, and the
 * name, @target_btf_id and @attach_cookie are those of the first.
 *
 * No more than @info->size bytes are written, so that an application goes on with a
 * library whose struct has grown; what a later struct has and this library does not
 * know is 0.
 *
 * The kernel's own fsession keeps no books. With FSESSION_BACKEND_NATIVE @id is
 * the BPF link's id, @owner_pid the caller's, @target_addr 0; @misses counts the
 * runs, not the calls, that the program missed since it was loaded, an entry and
 * an exit as one each; all other counts are FSESSION_NOT_COUNTED. The runs are in
 * run_cnt of the program's struct bpf_prog_info, entry and exit as one each, if
 * BPF statistics are on (sysctl kernel.bpf_stats_enabled).
 *
 * Returns 0 or a negative errno: -EINVAL: @info->size is less than the struct had in
 * the first version; -E2BIG: it is above a page. Since 0.1.
 */
LIBFSESSION_API int fsession_link__info(const struct fsession_link *link,
					struct fsession_info *info, char *name,
					size_t name_len);

/**
 * fsession_link__disconnect() - let the session outlive the link.
 *
 * fsession_link__destroy() will free the link and leave the file descriptor,
 * which is the caller's from then on. Since 0.1.
 */
LIBFSESSION_API void fsession_link__disconnect(struct fsession_link *link);

/**
 * fsession_link__destroy() - detach and free the link.
 * @link: the link, or NULL
 *
 * Does not wait for calls that are inside the traced function; their exit runs
 * do not happen. Returns 0 or a negative errno. Since 0.1.
 */
LIBFSESSION_API int fsession_link__destroy(struct fsession_link *link);

/**
 * libfsession_query() - ask the module what it is.
 * @query: its size is set by the caller, to sizeof(struct fsession_query), as of
 *	fsession_link__info(); the rest is filled in
 *
 * Returns 0 or a negative errno. Since 0.1.
 */
LIBFSESSION_API int libfsession_query(struct fsession_query *query);

/**
 * libfsession_next_session() - walk the module's sessions, of the whole system.
 * @id: 0 to begin; the id of the session found on return
 * @info: its size is set by the caller, the rest filled in, as by fsession_link__info()
 * @name: where to put the function's name, or NULL
 * @name_len: bytes at @name; a longer name is cut
 *
 * Returns 0, or -ENOENT after the last one, or another negative errno.
 * Since 0.1.
 */
LIBFSESSION_API int libfsession_next_session(uint32_t *id,
					     struct fsession_info *info,
					     char *name, size_t name_len);

/**
 * libfsession_drain() - wait until the module's sessions detached so far are gone.
 * @timeout_ms: how long to wait at most, in milliseconds
 *
 * The kernel's own fsession has nothing to wait for, and without the module there is
 * nothing either.
 *
 * Returns 0, -ETIMEDOUT, or another negative errno. Since 0.1.
 */
LIBFSESSION_API int libfsession_drain(unsigned int timeout_ms);

/**
 * libfsession_reason_string() - an enum fsession_reason in words.
 *
 * Static storage; never NULL. Since 0.1.
 */
LIBFSESSION_API const char *libfsession_reason_string(unsigned int reason);

#ifdef __cplusplus
}
#endif

#endif /* LIBFSESSION_H */
