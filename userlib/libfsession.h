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
 * Errors are libbpf's (1.0): functions that return a pointer return NULL and
 * set errno, functions that return an int return a negative errno and set errno
 * too. What failed, on which object, and what to try next goes to the print
 * function.
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
 *	may be called from any thread that calls the library.
 *
 * The default prints warnings to stderr. Returns the function set before.
 * Since 0.1.
 */
LIBFSESSION_API libbpf_print_fn_t libfsession_set_print(libbpf_print_fn_t fn);

/**
 * libfsession_init() - claim the fsession sections for this process.
 *
 * Must be called before bpf_object__open*(); again is harmless. It registers
 * SEC("fsession"), SEC("fsession/...") with libbpf_register_prog_handler(), so
 * that such programs are loaded as the module needs them.
 *
 * Returns 0 or a negative errno. Since 0.1.
 */
LIBFSESSION_API int libfsession_init(void);

/**
 * libfsession_probe() - can sessions be attached here, and if not, why.
 *
 * Looks at the device, the module's ABI and its BTF; prints what is wrong and
 * the command that mends it. Changes nothing.
 *
 * Returns 0; -ENOENT: the module is not loaded; -EPERM or -EACCES: the caller
 * lacks privilege; -EPROTO: the module speaks another ABI; -EKEYREJECTED or
 * -EBADMSG: the kernel did not take the module's BTF, or it was built against
 * another kernel's. Since 0.1.
 */
LIBFSESSION_API int libfsession_probe(void);

/**
 * struct fsession_attach_opts - options of fsession_program__attach().
 * @sz: size of this struct, for forward/backward compatibility
 * @attach_cookie: what bpf_get_attach_cookie() returns in the program
 */
struct fsession_attach_opts {
	size_t sz;
	uint64_t attach_cookie;
	size_t : 0;
};
#define fsession_attach_opts__last_field attach_cookie

/** struct fsession_link - one attached session. Opaque; owned by the caller. */
struct fsession_link;

/**
 * fsession_program__attach() - attach a loaded session program.
 * @prog: a program of a loaded object, from an fsession section
 * @opts: options, or NULL
 *
 * Returns a link to be given to fsession_link__destroy(), or NULL and errno:
 * those of FSESSION_IOC_ATTACH in <linux/fsession.h>, ENOENT when the module is
 * not loaded, EINVAL when @prog is not loaded or not a session program.
 * Since 0.1.
 */
LIBFSESSION_API struct fsession_link *
fsession_program__attach(const struct bpf_program *prog,
			 const struct fsession_attach_opts *opts);

/**
 * fsession_fd__attach() - attach a program by its file descriptor.
 * @prog_fd: a loaded session program; still the caller's afterwards
 * @name: what to call it in messages, or NULL
 * @opts: options, or NULL
 *
 * For programs that this process did not load with libbpf. Otherwise as
 * fsession_program__attach(). Since 0.1.
 */
LIBFSESSION_API struct fsession_link *
fsession_fd__attach(int prog_fd, const char *name,
		    const struct fsession_attach_opts *opts);

/**
 * fsession_program__is_session() - does the program come from an fsession
 * section?
 *
 * Since 0.1.
 */
LIBFSESSION_API bool
fsession_program__is_session(const struct bpf_program *prog);

/**
 * fsession_link__fd() - the session's file descriptor.
 *
 * It stays the link's. A duplicate of it keeps the session attached after the
 * link is gone. Since 0.1.
 */
LIBFSESSION_API int fsession_link__fd(const struct fsession_link *link);

/**
 * fsession_link__info() - what the session has seen so far.
 * @link: the link
 * @info: filled in; its size, flags, id, name and name_len are set by the
 *	library on the way in and mean what <linux/fsession.h> says afterwards;
 *	name is 0
 * @name: where to put the function's name, or NULL
 * @name_len: bytes at @name; a longer name is cut
 *
 * Returns 0 or a negative errno. Since 0.1.
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
 * @query: filled in
 *
 * Returns 0 or a negative errno. Since 0.1.
 */
LIBFSESSION_API int libfsession_query(struct fsession_query *query);

/**
 * libfsession_next_session() - walk the sessions of the whole system.
 * @id: 0 to begin; the id of the session found on return
 * @info: filled in, as by fsession_link__info()
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
 * libfsession_drain() - wait until the sessions detached so far are gone.
 * @timeout_ms: how long to wait at most, in milliseconds
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
