// SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
/*
 * Links: one attached session each, from attach to destroy.
 */
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "internal.h"

struct fsession_link {
	enum fsession_backend backend;
	int fd;
	bool disconnected;
	uint64_t attach_cookie;
	uint32_t sites;
	/* Of many functions on the kernel's own fsession, the first; else NULL. */
	char *name;
	uint32_t btf_id;
};

/*
 * The caller's struct, whose first member is its size, may be shorter than ours,
 * down to that, or longer, if what we do not know of it is zero.
 */
static bool size_valid(const char *type, const void *opts, size_t known)
{
	const unsigned char *bytes = opts;
	size_t i, size;

	memcpy(&size, opts, sizeof(size));
	if (size < sizeof(size)) {
		pr_warn("%s: size %zu is too small", type, size);
		return false;
	}
	for (i = known; i < size; i++) {
		if (bytes[i]) {
			pr_warn("%s: byte %zu, which this library does not know, is not zero",
				type, i);
			return false;
		}
	}
	return true;
}

bool fsession__opts_valid(const char *type, const void *opts, size_t known,
			  uint32_t backend, uint32_t flags,
			  uint32_t known_flags)
{
	if (opts && !size_valid(type, opts, known))
		return false;
	if (backend > FSESSION_BACKEND_NATIVE) {
		pr_warn("%s: there is no backend %u", type, backend);
		return false;
	}
	if (flags & ~known_flags) {
		pr_warn("%s: flags are 0x%x, and 0x%x is known", type, flags,
			known_flags);
		return false;
	}
	return true;
}

static bool opts_valid(const struct fsession_attach_opts *opts)
{
	return fsession__opts_valid("fsession_attach_opts", opts, sizeof(*opts),
				    opt(opts, backend), opt(opts, flags), 0);
}

/* Words for a failure that may well be none the next time; else false. */
bool fsession__explain_passing(const char *verb, const char *object, int err)
{
	switch (-err) {
	case EMFILE:
		pr_fail(verb, object, err,
			"this process has no file descriptor left");
		pr_hint("raise the limit: 'ulimit -n 65536'");
		return true;
	case ENFILE:
		pr_fail(verb, object, err,
			"the system has no file descriptor left");
		return true;
	case ENOMEM:
		pr_fail(verb, object, err, "there is no memory for it");
		return true;
	case EINTR:
		pr_fail(verb, object, err,
			"a signal came; nothing is attached");
		return true;
	case EAGAIN:
		pr_fail(verb, object, err, "the kernel cannot do it now");
		return true;
	default:
		return false;
	}
}

/*
 * Words for an attach that the module refused. @object is what they speak of,
 * @function the target where that is one, and known. Returns the error.
 */
int fsession__explain_attach(const char *verb, const char *object, int err,
			     unsigned int reason, const char *function)
{
	if (reason) {
		pr_fail(verb, object, err, "%s",
			libfsession_reason_string(reason));
		fsession__hint_reason(reason, function);
		return err;
	}

	if (fsession__explain_passing(verb, object, err))
		return err;

	switch (-err) {
	case EPERM:
		fsession__explain_eperm(verb, object, err);
		break;
	case ENOTTY:
		err = -EPROTO;
		/* fallthrough */
	case EPROTO:
	case E2BIG:
	case EINVAL:
		pr_fail(verb, object, err,
			"the module does not take this library's request");
		pr_hint("look with 'fsession status'; install module and library of one release");
		break;
	case EBADF:
		pr_fail(verb, object, err,
			"the program's file descriptor is not open");
		break;
	default:
		pr_fail(verb, object, err, "the module refused");
		pr_hint("'dmesg | grep fsession' may say why");
		break;
	}
	return err;
}

static int module_attach(int prog_fd, const char *object, const char *function,
			 uint64_t attach_cookie)
{
	struct fsession_attach attach = {
		.size = sizeof(attach),
		.prog_fd = prog_fd,
		.attach_cookie = attach_cookie,
	};
	int dev, fd;

	dev = fsession__device_open("attach", object);
	if (dev < 0)
		return dev;

	fd = ioctl(dev, FSESSION_IOC_ATTACH, &attach);
	if (fd < 0)
		fd = fsession__explain_attach("attach", object, -errno,
					      attach.reason, function);
	close(dev);
	return fd;
}

/* Takes @fd, also when it fails. */
struct fsession_link *fsession__link_new(int fd, int backend,
					 uint64_t attach_cookie, uint32_t sites)
{
	struct fsession_link *link = calloc(1, sizeof(*link));

	if (!link) {
		close(fd);
		errno = ENOMEM;
		return NULL;
	}
	link->fd = fd;
	link->backend = backend;
	link->attach_cookie = attach_cookie;
	link->sites = sites;
	return link;
}

/* The link is on many, of which this is the first; @module NULL for the kernel. */
int fsession__link_first(struct fsession_link *link, const char *function,
			 const char *module, uint32_t btf_id)
{
	int n = module ? asprintf(&link->name, "%s [%s]", function, module)
		       : asprintf(&link->name, "%s", function);

	if (n < 0)
		link->name = NULL;
	link->btf_id = btf_id;
	return n < 0 ? -ENOMEM : 0;
}

/*
 * @backend may be FSESSION_BACKEND_AUTO where only the kernel knows what the
 * program was loaded for, and then refuses it for the other.
 */
static struct fsession_link *attach_one(int prog_fd, const char *object,
					const char *function, int backend,
					bool loaded_by_us,
					uint64_t attach_cookie)
{
	bool final = backend != FSESSION_BACKEND_AUTO;
	int fd = -EINVAL;

	if (!final)
		backend = fsession__backend("attach", object);
	if (backend == FSESSION_BACKEND_NATIVE)
		fd = fsession__native_attach(prog_fd, object, function,
					     attach_cookie, loaded_by_us,
					     final);
	if (fd == -EINVAL && !final && backend == FSESSION_BACKEND_NATIVE)
		backend = FSESSION_BACKEND_MODULE;
	if (backend == FSESSION_BACKEND_MODULE)
		fd = module_attach(prog_fd, object, function, attach_cookie);
	else if (backend < 0)
		fd = backend;
	if (fd < 0) {
		errno = -fd;
		return NULL;
	}
	return fsession__link_new(fd, backend, attach_cookie, 1);
}

/* What messages about attaching @prog speak of. */
const char *fsession__prog_object(const struct bpf_program *prog)
{
	const char *target = NULL;

	/* Of many, the functions may be others than the section's. */
	if (fsession_program__is_session(prog) &&
	    !fsession_program__is_multi(prog))
		target = fsession__section_target(prog);

	return target ? target : bpf_program__name(prog);
}

/*
 * Can @prog be attached now, by backend @wanted? Returns the one that it was
 * loaded for, or -EINVAL, explained.
 */
int fsession__prog_ready(const struct bpf_program *prog, int wanted)
{
	const char *object = fsession__prog_object(prog);
	int err = -EINVAL, backend;

	/* Programs are loaded by now: their targets' BTF has served. */
	fsession__target_forget();

	if (!fsession_program__is_session(prog)) {
		pr_fail("attach", object, err,
			"its section, \"%s\", is not an fsession section",
			bpf_program__section_name(prog));
		pr_hint("write SEC(\"fsession/FUNCTION\")");
		return err;
	}
	backend = fsession__prog_backend(prog);
	if (backend < 0) {
		pr_fail("attach", object, err,
			"its object was opened before libfsession_init()");
		pr_hint("call libfsession_init() before bpf_object__open()");
		return err;
	}
	if (bpf_program__fd(prog) < 0) {
		pr_fail("attach", object, err, "the program is not loaded");
		pr_hint("call bpf_object__load(); bpf_program__set_autoload(prog, true) before it if the program is optional");
		return err;
	}
	if (wanted != FSESSION_BACKEND_AUTO && wanted != backend) {
		pr_fail("attach", object, err,
			"the program was loaded for the other backend, %s",
			libfsession_backend_string(backend));
		pr_hint("call libfsession_set_backend() before bpf_object__load(), or set FSESSION_BACKEND=%s",
			libfsession_backend_string(wanted));
		return err;
	}
	return backend;
}

LIBFSESSION_API struct fsession_link *
fsession_program__attach(const struct bpf_program *prog,
			 const struct fsession_attach_opts *opts)
{
	const char *target, *function;
	int backend;

	if (!prog || !opts_valid(opts)) {
		errno = EINVAL;
		return NULL;
	}
	backend = fsession__prog_ready(prog, opt(opts, backend));
	if (backend < 0) {
		errno = -backend;
		return NULL;
	}
	if (fsession_program__is_multi(prog))
		return fsession__attach_section(prog, backend,
						opt(opts, attach_cookie));

	target = fsession__section_target(prog);
	function = target ? strchr(target, ':') : NULL;
	return attach_one(bpf_program__fd(prog), fsession__prog_object(prog),
			  function ? function + 1 : target, backend, true,
			  opt(opts, attach_cookie));
}

LIBFSESSION_API struct fsession_link *
fsession_fd__attach(int prog_fd, const char *name,
		    const struct fsession_attach_opts *opts)
{
	char buf[32];

	if (!opts_valid(opts)) {
		errno = EINVAL;
		return NULL;
	}
	if (!name) {
		snprintf(buf, sizeof(buf), "fd %d", prog_fd);
		name = buf;
	}
	return attach_one(prog_fd, name, NULL, opt(opts, backend), false,
			  opt(opts, attach_cookie));
}

LIBFSESSION_API int fsession_link__fd(const struct fsession_link *link)
{
	return link ? link->fd : fsession__err(-EINVAL);
}

static int native_info(const struct fsession_link *link,
		       struct fsession_info *info, char *name, size_t name_len)
{
	int err = fsession__native_info(link->fd, info, name, name_len);

	if (err)
		return err;
	info->attach_cookie = link->attach_cookie;
	info->sites = link->sites;
	if (!link->name)
		return 0;
	info->target_btf_id = link->btf_id;
	if (name && name_len)
		snprintf(name, name_len, "%s", link->name);
	return 0;
}

LIBFSESSION_API int fsession_link__info(const struct fsession_link *link,
					struct fsession_info *info, char *name,
					size_t name_len)
{
	struct fsession_info own;
	int err;

	if (!link || !info)
		return fsession__err(-EINVAL);
	err = fsession__check_size("fsession_info", info->size,
				   FSESSION_INFO_SIZE_0);
	if (err)
		return fsession__err(err);
	if (link->backend == FSESSION_BACKEND_MODULE)
		err = fsession__info(link->fd, 0, 0, &own, name, name_len);
	else
		err = native_info(link, &own, name, name_len);
	if (!err)
		fsession__copy_out(info, info->size, &own, sizeof(own));
	return fsession__err(err);
}

LIBFSESSION_API enum fsession_backend
fsession_link__backend(const struct fsession_link *link)
{
	return link ? link->backend : FSESSION_BACKEND_AUTO;
}

LIBFSESSION_API void fsession_link__disconnect(struct fsession_link *link)
{
	if (link)
		link->disconnected = true;
}

LIBFSESSION_API int fsession_link__destroy(struct fsession_link *link)
{
	int err = 0;

	if (!link)
		return 0;
	if (!link->disconnected && close(link->fd) < 0)
		err = -errno;
	free(link->name);
	free(link);
	return fsession__err(err);
}
