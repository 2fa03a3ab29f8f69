// SPDX-License-Identifier: GPL-2.0
/*
 * What the library does of itself: loading programs, links, errors.
 */
#include <sys/resource.h>

#include "libfsession.h"
#include "said.h"
#include "session.h"

#define TARGET "fsession_test_arg1"

static bool has_native(void)
{
	return kernel_is_at_least(7, 0);
}

/* Two programs that have a kfunc of their own, which is not there. */
static void optional_kfunc(enum fsession_backend backend)
{
	static const char *const names[] = { "with_header", "without" };
	unsigned int i;

	CHECK_EQ(libfsession_set_backend(backend), 0);
	for (i = 0; i < 2; i++) {
		struct bpf_object *obj = open_object("optional");
		struct bpf_program *prog = want(obj, names[i], NULL);
		struct fsession_link *link;
		const __u64 *runs;

		forget_said();
		if (bpf_object__load(obj))
			FAIL("%s is not loaded: %s", names[i], said);
		CHECK_EQ(strlen(said), 0);
		runs = bss(obj, 2 * sizeof(*runs));
		link = fsession_program__attach(prog, NULL);
		if (!link)
			FAIL("%s is not attached: %s", names[i], said);
		CHECK_EQ(fsession_link__backend(link), backend);
		tm_calls(TARGET, 3);
		CHECK_EQ(runs[0] + runs[1], 6);
		CHECK_EQ(runs[1], i ? 0 : 3);
		fsession_link__destroy(link);
		bpf_object__close(obj);
		WAIT_FOR(!ftrace_enabled_on(TARGET));
	}
}

CASE(library_optional_kfunc,
     "a program may have a kfunc of its own that is not there")
{
	optional_kfunc(FSESSION_BACKEND_MODULE);
}

CASE(library_optional_kfunc_native, "the same on the kernel's own fsession")
{
	if (!has_native())
		SKIP("this kernel has no fsession of its own");
	optional_kfunc(FSESSION_BACKEND_NATIVE);
}

CASE(library_native_module_kfunc,
     "the kernel's own takes no program that calls the module's kfuncs")
{
	struct bpf_object *obj;

	if (!has_native())
		SKIP("this kernel has no fsession of its own");
	libfsession_set_backend(FSESSION_BACKEND_NATIVE);
	obj = open_object("optional");
	want(obj, "direct", NULL);
	forget_said();
	CHECK_EQ(try_load(obj), -EINVAL);
	CHECK_SAID("fsession.bpf.h");
	bpf_object__close(obj);
}

CASE(library_no_module_kfunc,
     "without the module, a program that needs its kfuncs is told so",
     .flags = KTEST_LOG)
{
	struct bpf_object *obj = open_object("optional");

	want(obj, "with_header", NULL);
	device_close();
	WAIT_FOR(try_rmmod("fsession") == 0);
	forget_said();
	CHECK_EQ(try_load(obj), -ENOENT);
	CHECK_SAID("modprobe fsession");
	bpf_object__close(obj);
	modprobe("fsession");
}

CASE(library_drain_no_module, "without the module there is nothing to wait for",
     .flags = KTEST_LOG)
{
	device_close();
	WAIT_FOR(try_rmmod("fsession") == 0);
	forget_said();
	CHECK_EQ(libfsession_drain(0), 0);
	CHECK_EQ(strlen(said), 0);
	modprobe("fsession");
	CHECK_EQ(libfsession_drain(1000), 0);
}

CASE(library_no_descriptor, "an error that passes is not kept for an answer")
{
	struct rlimit limit, none;
	int backend;

	forget_said();
	libfsession_set_backend(FSESSION_BACKEND_NATIVE);
	SYS(getrlimit(RLIMIT_NOFILE, &limit));
	none = limit;
	none.rlim_cur = 0;
	SYS(setrlimit(RLIMIT_NOFILE, &none));
	CHECK_EQ(libfsession_backend(), -EMFILE);
	CHECK(!strstr(said, "has no fsession"));
	errno = 0;
	CHECK(!fsession_targets__new(NULL));
	CHECK_EQ(errno, EMFILE);

	SYS(setrlimit(RLIMIT_NOFILE, &limit));
	backend = libfsession_backend();
	CHECK_EQ(backend, has_native() ? FSESSION_BACKEND_NATIVE : -EOPNOTSUPP);
}

CASE(library_attach_no_descriptor,
     "attach without a file descriptor left says so, and what to do")
{
	struct bpf_object *obj = open_object("recorder");
	struct bpf_program *prog = want(obj, "empty", TARGET);
	struct rlimit limit, few;
	struct fsession_link *link;
	int lowest, err;
	unsigned int spare;

	libfsession_set_backend(FSESSION_BACKEND_MODULE);
	load(obj);
	SYS(getrlimit(RLIMIT_NOFILE, &limit));
	lowest = SYS(dup(0));
	SYS(close(lowest));
	/* The device takes one, the session another. */
	for (spare = 0; spare < 2; spare++) {
		few = limit;
		few.rlim_cur = lowest + spare;
		forget_said();
		SYS(setrlimit(RLIMIT_NOFILE, &few));
		link = fsession_program__attach(prog, NULL);
		err = errno;
		SYS(setrlimit(RLIMIT_NOFILE, &limit));
		CHECK(!link);
		CHECK_EQ(err, EMFILE);
		CHECK_SAID("no file descriptor left");
		CHECK_SAID("ulimit -n");
	}
	link = fsession_program__attach(prog, NULL);
	CHECK(link);
	fsession_link__destroy(link);
	bpf_object__close(obj);
}

/* A struct as it may be one day, and as it was in the first version. */
struct info_of_tomorrow {
	struct fsession_info info;
	uint64_t more[2];
};

static void check_sizes(const struct fsession_link *link, uint32_t prog_id)
{
	const uint32_t first = offsetof(struct fsession_info, targets);
	struct info_of_tomorrow t;

	memset(&t, 0x5a, sizeof(t));
	t.info.size = sizeof(t);
	CHECK_EQ(fsession_link__info(link, &t.info, NULL, 0), 0);
	CHECK_EQ(t.info.size, sizeof(t));
	CHECK_EQ(t.info.prog_id, prog_id);
	CHECK_EQ(t.info.name, 0);
	CHECK_EQ(t.more[0] | t.more[1], 0);

	memset(&t, 0x5a, sizeof(t));
	t.info.size = first;
	CHECK_EQ(fsession_link__info(link, &t.info, NULL, 0), 0);
	CHECK_EQ(t.info.size, first);
	CHECK_EQ(t.info.prog_id, prog_id);
	/* It ends there. */
	CHECK_EQ(t.info.targets, 0x5a5a5a5a5a5a5a5a);

	t.info.size = first - 1;
	CHECK_EQ(fsession_link__info(link, &t.info, NULL, 0), -EINVAL);
	t.info.size = 0;
	CHECK_EQ(fsession_link__info(link, &t.info, NULL, 0), -EINVAL);
	t.info.size = UINT32_MAX;
	CHECK_EQ(fsession_link__info(link, &t.info, NULL, 0), -E2BIG);
}

CASE(library_sizes, "structs are filled in as far as the caller knows them")
{
	struct {
		struct fsession_query query;
		uint64_t more;
	} q;
	struct recording r = recording_load("count", TARGET);
	struct fsession_link *link = fsession_program__attach(r.prog, NULL);
	uint32_t prog_id = prog_info(r.prog_fd).id, id = 0;
	struct info_of_tomorrow t;

	REQUIRE(link);
	check_sizes(link, prog_id);
	memset(&t, 0x5a, sizeof(t));
	t.info.size = sizeof(t);
	CHECK_EQ(libfsession_next_session(&id, &t.info, NULL, 0), 0);
	CHECK_EQ(t.info.id, id);
	CHECK_EQ(t.more[0] | t.more[1], 0);
	t.info.size = 0;
	CHECK_EQ(libfsession_next_session(&id, &t.info, NULL, 0), -EINVAL);
	fsession_link__destroy(link);
	drain();

	memset(&q, 0x5a, sizeof(q));
	q.query.size = sizeof(q);
	CHECK_EQ(libfsession_query(&q.query), 0);
	CHECK_EQ(q.query.abi_version, FSESSION_ABI_VERSION);
	CHECK_EQ(q.more, 0);
	q.query.size = 0;
	CHECK_EQ(libfsession_query(&q.query), -EINVAL);
	bpf_object__close(r.obj);

	if (!has_native())
		return;
	libfsession_set_backend(FSESSION_BACKEND_NATIVE);
	r = recording_load("count", TARGET);
	link = fsession_program__attach(r.prog, NULL);
	REQUIRE(link);
	check_sizes(link, prog_info(r.prog_fd).id);
	fsession_link__destroy(link);
	bpf_object__close(r.obj);
	WAIT_FOR(!ftrace_enabled_on(TARGET));
}
