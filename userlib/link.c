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
};

/* Option @field, 0 where the caller's struct is too short to have it. */
#define opt(opts, field)                                               \
	((opts) && (opts)->sz >= offsetof(struct fsession_attach_opts, \
					  field) +                     \
					 sizeof((opts)->field)         \
		 ? (opts)->field                                       \
		 : 0)

/*
 * The caller's struct may be shorter than ours, down to its first member, or
 * longer, if what we do not know of it is zero.
 */
static bool opts_valid(const struct fsession_attach_opts *opts)
{
	const unsigned char *bytes = (const unsigned char *)opts;
	size_t i;

	if (!opts)
		return true;
	if (opts->sz < sizeof(opts->sz)) {
		pr_warn("fsession_attach_opts: size %zu is too small",
			opts->sz);
		return false;
	}
	for (i = sizeof(*opts); i < opts->sz; i++) {
		if (bytes[i]) {
			pr_warn("fsession_attach_opts: byte %zu, which this library does not know, is not zero",
				i);
			return false;
		}
	}
	if ((unsigned int)opt(opts, backend) > FSESSION_BACKEND_NATIVE) {
		pr_warn("fsession_attach_opts: there is no backend %u",
			opts->backend);
		return false;
	}
	if (opt(opts, flags)) {
		pr_warn("fsession_attach_opts: flags are 0x%x, and none is known",
			opts->flags);
		return false;
	}
	return true;
}

/* @object is what messages speak of, @function the target where known. */
static int module_attach(int prog_fd, const char *object, const char *function,
			 uint64_t attach_cookie)
{
	struct fsession_attach attach = {
		.size = sizeof(attach),
		.prog_fd = prog_fd,
		.attach_cookie = attach_cookie,
	};
	int dev, fd, err = 0;

	dev = fsession__device_open("attach", object);
	if (dev < 0)
		return dev;

	fd = ioctl(dev, FSESSION_IOC_ATTACH, &attach);
	if (fd < 0)
		err = -errno;
	close(dev);
	if (!err)
		return fd;

	if (attach.reason) {
		pr_fail("attach", object, err, "%s",
			libfsession_reason_string(attach.reason));
		fsession__hint_reason(attach.reason, function);
		return err;
	}

	switch (-err) {
	case EPERM:
		fsession__explain_eperm("attach", object, err);
		break;
	case ENOTTY:
		err = -EPROTO;
		/* fallthrough */
	case EPROTO:
	case E2BIG:
	case EINVAL:
		pr_fail("attach", object, err,
			"the module does not take this library's request");
		pr_hint("look with 'fsession status'; install module and library of one release");
		break;
	case EMFILE:
		pr_fail("attach", object, err,
			"this process has no file descriptor left");
		pr_hint("raise the limit: 'ulimit -n 65536'");
		break;
	case EBADF:
		pr_fail("attach", object, err,
			"program file descriptor %d is not open", prog_fd);
		break;
	default:
		pr_fail("attach", object, err, "the module refused");
		pr_hint("'dmesg | grep fsession' may say why");
		break;
	}
	return err;
}

/*
 * @backend may be FSESSION_BACKEND_AUTO where only the kernel knows what the
 * program was loaded for, and then refuses it for the other.
 */
static struct fsession_link *link_new(int prog_fd, const char *object,
				      const char *function, int backend,
				      bool loaded_by_us, uint64_t attach_cookie)
{
	struct fsession_link *link = calloc(1, sizeof(*link));
	bool final = backend != FSESSION_BACKEND_AUTO;
	int fd = -EINVAL;

	if (!link)
		return NULL;
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
		free(link);
		errno = -fd;
		return NULL;
	}
	link->fd = fd;
	link->backend = backend;
	link->attach_cookie = attach_cookie;
	return link;
}

LIBFSESSION_API struct fsession_link *
fsession_program__attach(const struct bpf_program *prog,
			 const struct fsession_attach_opts *opts)
{
	int err = -EINVAL, type, backend, wanted;
	const char *name, *target, *function;

	if (!prog || !opts_valid(opts)) {
		errno = EINVAL;
		return NULL;
	}

	/* Programs are loaded by now: their targets' BTF has served. */
	fsession__target_forget();

	name = bpf_program__name(prog);
	if (!fsession_program__is_session(prog)) {
		pr_fail("attach", name, err,
			"its section, \"%s\", is not an fsession section",
			bpf_program__section_name(prog));
		pr_hint("write SEC(\"fsession/FUNCTION\")");
		errno = EINVAL;
		return NULL;
	}

	target = fsession__section_target(prog);
	if (target)
		name = target;
	type = bpf_program__expected_attach_type(prog);
	if (bpf_program__type(prog) != BPF_PROG_TYPE_TRACING ||
	    (type != BPF_TRACE_FEXIT && type != FSESSION_ATTACH_TYPE_NATIVE)) {
		pr_fail("attach", name, err,
			"its object was opened before libfsession_init()");
		pr_hint("call libfsession_init() before bpf_object__open()");
		errno = EINVAL;
		return NULL;
	}
	if (bpf_program__fd(prog) < 0) {
		pr_fail("attach", name, err, "the program is not loaded");
		pr_hint("call bpf_object__load(); bpf_program__set_autoload(prog, true) before it if the program is optional");
		errno = EINVAL;
		return NULL;
	}

	backend = type == BPF_TRACE_FEXIT ? FSESSION_BACKEND_MODULE
					  : FSESSION_BACKEND_NATIVE;
	wanted = opt(opts, backend);
	if (wanted != FSESSION_BACKEND_AUTO && wanted != backend) {
		pr_fail("attach", name, err,
			"the program was loaded for the other backend, %s",
			libfsession_backend_string(backend));
		pr_hint("call libfsession_set_backend() before bpf_object__load(), or set FSESSION_BACKEND=%s",
			libfsession_backend_string(wanted));
		errno = EINVAL;
		return NULL;
	}

	function = target ? strchr(target, ':') : NULL;
	return link_new(bpf_program__fd(prog), name,
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
	return link_new(prog_fd, name, NULL, opt(opts, backend), false,
			opt(opts, attach_cookie));
}

LIBFSESSION_API int fsession_link__fd(const struct fsession_link *link)
{
	return link ? link->fd : fsession__err(-EINVAL);
}

LIBFSESSION_API int fsession_link__info(const struct fsession_link *link,
					struct fsession_info *info, char *name,
					size_t name_len)
{
	int err;

	if (!link || !info)
		return fsession__err(-EINVAL);
	if (link->backend == FSESSION_BACKEND_MODULE)
		return fsession__err(
			fsession__info(link->fd, 0, 0, info, name, name_len));

	err = fsession__native_info(link->fd, info, name, name_len);
	if (!err)
		info->attach_cookie = link->attach_cookie;
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
	free(link);
	return fsession__err(err);
}
