// SPDX-License-Identifier: GPL-2.0
/*
 * What can be put on a function; see put.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fsession/libfsession.h>
#include <linux/fsession.h>

#include "bench.h"
#include "functions.h"
#include "put.h"

#define TRACING "/sys/kernel/tracing/"

/* One copy of a row's programs, and what keeps them attached. */
struct copy {
	struct bpf_object *obj;
	struct fsession_link *session;
	struct bpf_link *links[MAX_PROGS];
	int fds[MAX_PROGS];
};

struct put {
	struct copy copies[MAX_COPIES];
	unsigned int nr;
	unsigned int functions;
	bool tracer;
};

const char *put_directory;

/* For *_MANY; the called one is the first. */
static struct fsession_target_desc *functions;
static unsigned int nr_functions;
/* Of so many of them those that the kernel's own takes, by BTF id. */
static unsigned int native_asked;
static uint32_t *native_ids;
static unsigned int nr_native_ids;

static int device = -1;
static bool native;

static void list_functions(struct btf *btf)
{
	int id = btf__find_by_name_kind(btf, CALLED, BTF_KIND_FUNC);
	int n = functions_list(btf, &functions);

	if (n < 0) {
		errno = -n;
		die("list of functions");
	}
	nr_functions = n;
	if (id < 0 || !functions_move(functions, n, id, 0)) {
		errno = ENOENT;
		die(CALLED);
	}
}

/* That of kprobe sessions, 6.10 to 6.19, takes no context. */
static bool find_native(const struct btf *btf)
{
	int id = btf__find_by_name_kind(btf, "bpf_session_is_return",
					BTF_KIND_FUNC);

	if (id <= 0)
		return false;
	id = btf__type_by_id(btf, id)->type;
	return btf_vlen(btf__type_by_id(btf, id)) == 1;
}

/*
 * The kernel's own on many functions. A program of its kind is none of a library
 * that does not know it; and this one does nothing.
 */
static int load_native_many(void)
{
	static const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts,
		    .expected_attach_type =
			    (enum bpf_attach_type)TRACE_FSESSION_MULTI);
	int fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, "empty", "GPL", insns,
			       sizeof(insns) / sizeof(insns[0]), &opts);

	return fd < 0 ? -errno : fd;
}

/* It takes all or none, and does not say whom not. */
static void keep_taken(int prog_fd, const uint32_t *ids, unsigned int count)
{
	int fd = link_native_multi(prog_fd, ids, count);

	if (fd >= 0) {
		close(fd);
		memmove(native_ids + nr_native_ids, ids, count * sizeof(*ids));
		nr_native_ids += count;
	} else if (count > 1) {
		keep_taken(prog_fd, ids, count / 2);
		keep_taken(prog_fd, ids + count / 2, count - count / 2);
	}
}

static int attach_native_many(const struct row *row, bool called,
			      unsigned int *on)
{
	unsigned int i, count = row->functions;
	int prog_fd = load_native_many(), fd;

	if (prog_fd < 0)
		return prog_fd;
	if (count > nr_functions)
		count = nr_functions;
	if (native_asked != count) {
		free(native_ids);
		native_ids = calloc(count, sizeof(*native_ids));
		if (!native_ids)
			die("memory");
		for (i = 0; i < count; i++)
			native_ids[i] = functions[i].btf_id;
		native_asked = count;
		nr_native_ids = 0;
		keep_taken(prog_fd, native_ids, count);
	}
	fd = -EINVAL;
	if (nr_native_ids && native_ids[0] == functions[0].btf_id)
		fd = link_native_multi(prog_fd, native_ids + !called,
				       nr_native_ids - !called);
	close(prog_fd);
	*on = nr_native_ids;
	return fd;
}

/* On the first functions of the list, or on all of these but the called one. */
static int attach_many(const struct row *row, int prog_fd, bool called,
		       unsigned int *on)
{
	unsigned int count = row->functions;
	struct fsession_attach_multi arg = {
		.size = sizeof(arg),
		.flags = FSESSION_MULTI_SKIP,
		.prog_fd = prog_fd,
	};
	int fd;

	if (count > nr_functions)
		count = nr_functions;
	arg.targets = (uintptr_t)(functions + !called);
	arg.count = count - !called;
	fd = ioctl(device, FSESSION_IOC_ATTACH_MULTI, &arg);
	*on = arg.attached;
	if (fd >= 0 && called && functions[0].status) {
		errno = -functions[0].status;
		return -errno;
	}
	functions_forget(functions, nr_functions);
	return fd < 0 ? -errno : fd;
}

static int write_tracing(const char *file, const char *text)
{
	char path[PATH_MAX];
	int fd, ret = 0;

	snprintf(path, sizeof(path), TRACING "%s", file);
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0 || (*text && write(fd, text, strlen(text)) < 0))
		ret = -errno;
	if (fd >= 0)
		close(fd);
	return ret;
}

static int attach_tracer(const char *tracer)
{
	int err = write_tracing("set_ftrace_filter", CALLED);

	return err ? err : write_tracing("current_tracer", tracer);
}

/* The attach type that libbpf does not know from the program's section, or 0. */
static unsigned int attach_type(enum how how)
{
	switch (how) {
	case NATIVE:
	case SESSION_NATIVE:
		return TRACE_FSESSION;
	case KPROBE_SESSION:
		return TRACE_KPROBE_SESSION;
	case KPROBE_MULTI:
		return BPF_TRACE_KPROBE_MULTI;
	default:
		return 0;
	}
}

static int load(struct copy *copy, const struct row *row)
{
	const char *file = attach_type(row->how) == TRACE_FSESSION
				   ? "calls_native.bpf.o"
				   : "calls.bpf.o";
	struct bpf_program *prog;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", put_directory, file);
	copy->obj = bpf_object__open_file(path, NULL);
	if (!copy->obj)
		die("open '%s'", path);
	bpf_object__for_each_program(prog, copy->obj) {
		bool wanted = false;
		int i;

		for (i = 0; i < MAX_PROGS && row->progs[i]; i++)
			wanted |=
				!strcmp(bpf_program__name(prog), row->progs[i]);
		bpf_program__set_autoload(prog, wanted);
		if (wanted && attach_type(row->how))
			bpf_program__set_expected_attach_type(
				prog, attach_type(row->how));
	}
	return bpf_object__load(copy->obj);
}

static int attach(struct put *put, struct copy *copy, const struct row *row,
		  bool called)
{
	int i;

	for (i = 0; i < MAX_PROGS && row->progs[i]; i++) {
		struct bpf_program *prog = bpf_object__find_program_by_name(
			copy->obj, row->progs[i]);
		int fd = bpf_program__fd(prog);

		switch (row->how) {
		case SESSION:
			copy->session = fsession_program__attach(prog, NULL);
			if (!copy->session)
				return -errno;
			break;
		case SESSION_NATIVE:
			copy->session = fsession_fd__attach(
				fd, row->name,
				&(struct fsession_attach_opts){
					.sz = sizeof(
						struct fsession_attach_opts),
					.backend = FSESSION_BACKEND_MODULE });
			if (!copy->session)
				return -errno;
			break;
		case SESSION_MANY:
			copy->fds[i] =
				attach_many(row, fd, called, &put->functions);
			break;
		case NATIVE:
			copy->fds[i] = link_native(fd);
			break;
		case KPROBE_SESSION:
		case KPROBE_MULTI:
			copy->fds[i] = link_kprobe_on(fd, attach_type(row->how),
						      i, CALLED);
			break;
		default:
			copy->links[i] = bpf_program__attach(prog);
			if (!copy->links[i])
				return -errno;
		}
		if (copy->fds[i] < 0)
			return copy->fds[i];
	}
	return 0;
}

static int put_copies(struct put *put, const struct row *row, bool called)
{
	unsigned int copies = row->copies ? row->copies : 1, i;
	int err = 0;

	for (i = 0; i < copies && !err; i++) {
		struct copy *copy = &put->copies[i];

		put->nr++;
		err = load(copy, row);
		if (!err)
			err = attach(put, copy, row, called);
	}
	return err;
}

/* The calls that wait here may be traced; each waits for itself. */
static void drain(void)
{
	struct fsession_drain arg = { .size = sizeof(arg), .timeout_ms = 50 };
	int tries;

	for (tries = 0; ioctl(device, FSESSION_IOC_DRAIN, &arg); tries++)
		if (errno != ETIMEDOUT || tries == 1200)
			die("drain");
}

/*
 * Keep the functions that the module takes, and that have a result such as the
 * kernel's own takes.
 */
static void keep_common(const struct btf *btf)
{
	static const struct row row = { .how = SESSION_MANY,
					.progs = { "session_empty" } };
	struct fsession_attach_multi arg = {
		.size = sizeof(arg),
		.flags = FSESSION_MULTI_SKIP,
		.targets = (uintptr_t)functions,
		.count = nr_functions,
	};
	struct copy copy = {};
	unsigned int i, n = 0;
	int fd;

	if (load(&copy, &row))
		die("load %s", row.progs[0]);
	arg.prog_fd = bpf_program__fd(
		bpf_object__find_program_by_name(copy.obj, row.progs[0]));
	fd = ioctl(device, FSESSION_IOC_ATTACH_MULTI, &arg);
	if (fd < 0)
		die("attach to all functions");
	close(fd);
	bpf_object__close(copy.obj);
	drain();
	for (i = 0; i < nr_functions; i++)
		if (!functions[i].status &&
		    !functions_long_result(btf, functions[i].btf_id))
			functions[n++] = functions[i];
	nr_functions = n;
	functions_forget(functions, nr_functions);
}

void put_init(bool many)
{
	struct btf *btf = btf__load_vmlinux_btf();

	if (!btf)
		die("the kernel's BTF");
	/* "session" is the module's here, also where there is another. */
	setenv("FSESSION_BACKEND", "module", 1);
	if (libfsession_init())
		exit(2);
	device = open("/dev/fsession", O_RDWR | O_CLOEXEC);
	if (device < 0)
		die("/dev/fsession");
	native = find_native(btf);
	if (many)
		list_functions(btf);
	if (many && native)
		keep_common(btf);
	btf__free(btf);
}

struct put *put_on(const struct row *row, bool called, const char **missing)
{
	struct put *put = calloc(1, sizeof(*put));
	int err = 0;

	if (!put)
		die("memory");
	/* Minutes for each of several attempts, with every instruction emulated. */
	if (row->how == NATIVE_MANY && row->functions == ALL && native) {
		free(put);
		*missing = "not measured: attaching takes too long in a guest";
		return NULL;
	}
	put->functions = 1;
	if (!native && (row->how == NATIVE_MANY ||
			attach_type(row->how) == TRACE_FSESSION)) {
		err = -EINVAL;
	} else if (row->how == NATIVE_MANY) {
		put->nr = 1;
		err = attach_native_many(row, called, &put->functions);
		put->copies[0].fds[0] = err;
	} else if (row->how == TRACER) {
		put->tracer = true;
		err = attach_tracer(row->progs[0]);
	} else {
		err = put_copies(put, row, called);
	}
	if (err >= 0)
		return put;
	put_off(put);
	if (row->how == SESSION || row->how == SESSION_MANY) {
		errno = -err;
		die("%s: %s", row->group, row->name);
	}
	*missing = why_missing(err);
	return NULL;
}

unsigned int put_functions(const struct put *put)
{
	return put->functions;
}

void put_off(struct put *put)
{
	unsigned int i, k;

	for (i = 0; i < put->nr; i++) {
		struct copy *copy = &put->copies[i];

		if (copy->session && fsession_link__destroy(copy->session))
			die("detach");
		for (k = 0; k < MAX_PROGS; k++) {
			if (copy->fds[k] > 0)
				close(copy->fds[k]);
			bpf_link__destroy(copy->links[k]);
		}
		bpf_object__close(copy->obj);
	}
	if (put->tracer) {
		write_tracing("current_tracer", "nop");
		write_tracing("set_ftrace_filter", "");
	}
	free(put);
	drain();
}
