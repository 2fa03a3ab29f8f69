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
	int fd;
	bool disconnected;
};

/*
 * The caller's struct may be shorter than ours, down to its first member, or
 * longer, if what we do not know of it is zero.
 */
static bool opts_valid(const struct fsession_attach_opts *opts)
{
	const size_t known = offsetof(struct fsession_attach_opts,
				      fsession_attach_opts__last_field) +
			     sizeof(opts->fsession_attach_opts__last_field);
	const unsigned char *bytes = (const unsigned char *)opts;
	size_t i;

	if (!opts)
		return true;
	if (opts->sz < sizeof(opts->sz)) {
		pr_warn("fsession_attach_opts: size %zu is too small",
			opts->sz);
		return false;
	}
	for (i = known; i < opts->sz; i++) {
		if (bytes[i]) {
			pr_warn("fsession_attach_opts: byte %zu, which this library does not know, is not zero",
				i);
			return false;
		}
	}
	return true;
}

static uint64_t opts_cookie(const struct fsession_attach_opts *opts)
{
	const size_t end =
		offsetof(struct fsession_attach_opts, attach_cookie) +
		sizeof(opts->attach_cookie);

	return opts && opts->sz >= end ? opts->attach_cookie : 0;
}

/* @object is what messages speak of, @function the target where known. */
static int attach(int prog_fd, const char *object, const char *function,
		  const struct fsession_attach_opts *opts)
{
	struct fsession_attach attach = {
		.size = sizeof(attach),
		.prog_fd = prog_fd,
		.attach_cookie = opts_cookie(opts),
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

static struct fsession_link *link_new(int prog_fd, const char *object,
				      const char *function,
				      const struct fsession_attach_opts *opts)
{
	struct fsession_link *link;

	if (!opts_valid(opts)) {
		errno = EINVAL;
		return NULL;
	}

	link = calloc(1, sizeof(*link));
	if (!link)
		return NULL;
	link->fd = attach(prog_fd, object, function, opts);
	if (link->fd < 0) {
		int err = -link->fd;

		free(link);
		errno = err;
		return NULL;
	}
	return link;
}

LIBFSESSION_API struct fsession_link *
fsession_program__attach(const struct bpf_program *prog,
			 const struct fsession_attach_opts *opts)
{
	const char *name, *target, *function;
	int err = -EINVAL;

	if (!prog) {
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
	if (bpf_program__type(prog) != BPF_PROG_TYPE_TRACING ||
	    bpf_program__expected_attach_type(prog) != BPF_TRACE_FEXIT) {
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

	function = target ? strchr(target, ':') : NULL;
	return link_new(bpf_program__fd(prog), name,
			function ? function + 1 : target, opts);
}

LIBFSESSION_API struct fsession_link *
fsession_fd__attach(int prog_fd, const char *name,
		    const struct fsession_attach_opts *opts)
{
	char buf[32];

	if (!name) {
		snprintf(buf, sizeof(buf), "fd %d", prog_fd);
		name = buf;
	}
	return link_new(prog_fd, name, NULL, opts);
}

LIBFSESSION_API int fsession_link__fd(const struct fsession_link *link)
{
	return link ? link->fd : fsession__err(-EINVAL);
}

LIBFSESSION_API int fsession_link__info(const struct fsession_link *link,
					struct fsession_info *info, char *name,
					size_t name_len)
{
	if (!link || !info)
		return fsession__err(-EINVAL);
	return fsession__err(
		fsession__info(link->fd, 0, 0, info, name, name_len));
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
