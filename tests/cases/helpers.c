// SPDX-License-Identifier: GPL-2.0
/*
 * Helpers that the verifier allows by the function that a program is loaded for: on
 * another function, of which it was not asked.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "functions.h"
#include "progs/helpers.h"
#include "session.h"

/* @prog is on its own function, the first of @t, and cannot be on the second. */
static void only_its_own(int prog, struct fsession_target_desc t[2])
{
	struct fsession_attach_multi multi;
	int fd;

	functions_forget(t, 2);
	CHECK_EQ(try_attach_multi(prog, t, 2, 0, &multi), -EINVAL);
	CHECK_EQ(multi.reason, FSESSION_REASON_HELPER);
	check_target(&t[0], 0, 0);
	check_target(&t[1], -EINVAL, FSESSION_REASON_HELPER);

	functions_forget(t, 2);
	fd = try_attach_multi(prog, t, 2, FSESSION_MULTI_SKIP, &multi);
	REQUIRE(fd >= 0);
	CHECK_EQ(multi.attached, 1);
	check_target(&t[1], -EINVAL, FSESSION_REASON_HELPER);
	close(fd);
	drain();
}

CASE(multi_helper_d_path, "bpf_d_path() is on no function but its own")
{
	struct bpf_object *obj = open_object("helpers");
	struct bpf_program *prog = want(obj, "calls_d_path", NULL);
	struct fsession_target_desc t[] = { kernel_target("vfs_truncate", 0),
					    kernel_target("path_put", 0) };
	struct fsession_attach_multi multi;
	struct helpers *h;
	int fd;

	load(obj);
	h = bss(obj, sizeof(*h));
	h->pid = getpid();
	only_its_own(bpf_program__fd(prog), t);
	CHECK_EQ(h->paths, 0);

	fd = try_attach_multi(bpf_program__fd(prog), t, 1, 0, &multi);
	REQUIRE(fd >= 0);
	CHECK_EQ(truncate("/dev/null", 0), -1);
	CHECK_EQ(h->paths, 1);
	CHECK_EQ(strcmp(h->path, "/dev/null"), 0);
	close(fd);
	drain();
	bpf_object__close(obj);
}

CASE(multi_helper_sk_storage,
     "socket storage is used anywhere but in its own functions")
{
	static const char *const names[] = { "calls_sk_storage",
					     "deletes_sk_storage" };
	struct fsession_target_desc own[] = {
		kernel_target("tcp_close", 0),
		kernel_target("bpf_sk_storage_free", 0),
	};
	struct fsession_target_desc two[] = {
		own[0],
		kernel_target("tcp_shutdown", 0),
	};
	struct bpf_object *obj = open_object("helpers");
	struct fsession_attach_multi multi;
	unsigned int i;
	int fd;

	for (i = 0; i < 2; i++)
		want(obj, names[i], NULL);
	load(obj);
	for (i = 0; i < 2; i++) {
		only_its_own(prog_fd(obj, names[i]), own);
		fd = try_attach_multi(prog_fd(obj, names[i]), two, 2, 0,
				      &multi);
		REQUIRE(fd >= 0);
		CHECK_EQ(multi.attached, 2);
		close(fd);
		drain();
	}
	bpf_object__close(obj);
}

CASE(multi_tail_call,
     "what goes on to who knows what is on no function but its own")
{
	struct leaf_session l = leaf_load("tail_caller", "fsession_test_arg1");
	struct fsession_target_desc t[] = {
		testmod_target("fsession_test_arg1", 0),
		/* Of the same prototype. */
		testmod_target("fsession_test_patched", 0),
	};

	only_its_own(prog_fd(l.obj, "tail_caller"), t);
	bpf_object__close(l.obj);
}
