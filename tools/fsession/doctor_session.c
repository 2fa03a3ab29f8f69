// SPDX-License-Identifier: GPL-2.0
/*
 * fsession doctor: what runs sessions, and whether it does.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor.h"

/* Which the kernel calls when a tracing program is test-run. */
#define TRIAL_FUNCTION "bpf_fentry_test1"

void look_native(const struct doctor *d, struct finding *f)
{
	struct finding heard = {};
	int err;

	(void)d;
	listen_for(&heard);
	err = libfsession_probe_backend(FSESSION_BACKEND_NATIVE);
	listen_for(NULL);
	if (!err)
		found(f, STATE_OK, "the kernel has an fsession of its own");
	else if (err == -EOPNOTSUPP)
		found(f, STATE_OK,
		      "the kernel has no fsession of its own: it takes the module");
	else
		found(f, STATE_NOTE, "cannot tell: %s", heard.said);
}

void look_backend(const struct doctor *d, struct finding *f)
{
	const char *env = getenv("FSESSION_BACKEND");

	if (d->backend >= 0) {
		found(f, STATE_OK, "%s%s",
		      libfsession_backend_string(d->backend),
		      env && *env ? ", with FSESSION_BACKEND set" : "");
		return;
	}
	f->state = STATE_FAIL;
	listen_for(f);
	libfsession_backend();
	listen_for(NULL);
	mend(f, "unset FSESSION_BACKEND");
}

/* A program that counts its runs in the map @fd. */
static int load_counter(int backend, int fd)
{
	const struct bpf_insn insns[] = {
		{
			.code = BPF_LD | BPF_DW | BPF_IMM,
			.dst_reg = BPF_REG_1,
			.src_reg = BPF_PSEUDO_MAP_VALUE,
			.imm = fd,
		},
		{},
		{
			.code = BPF_ALU64 | BPF_MOV | BPF_K,
			.dst_reg = BPF_REG_2,
			.imm = 1,
		},
		{
			.code = BPF_STX | BPF_DW | BPF_ATOMIC,
			.dst_reg = BPF_REG_1,
			.src_reg = BPF_REG_2,
			.imm = BPF_ADD,
		},
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts,
		    .expected_attach_type =
			    backend == FSESSION_BACKEND_NATIVE
				    ? (enum bpf_attach_type)
					      FSESSION_ATTACH_TYPE_NATIVE
				    : BPF_TRACE_FEXIT);
	int id = libbpf_find_vmlinux_btf_id(TRIAL_FUNCTION, BPF_TRACE_FEXIT);

	if (id < 0)
		return id;
	opts.attach_btf_id = id;
	fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, "fsession_doctor", "GPL",
			   insns, sizeof(insns) / sizeof(insns[0]), &opts);
	return fd < 0 ? -errno : fd;
}

/* One call of a traced function, and what came of it. */
static void try_session(struct finding *f, int backend, int map, int prog)
{
	LIBBPF_OPTS(fsession_attach_opts, attach_opts);
	LIBBPF_OPTS(bpf_test_run_opts, run_opts);
	struct fsession_link *link;
	uint64_t runs = 0;
	uint32_t key = 0;

	attach_opts.backend = backend;
	f->state = STATE_FAIL;
	listen_for(f);
	link = fsession_fd__attach(prog, TRIAL_FUNCTION, &attach_opts);
	listen_for(NULL);
	if (!link) {
		if (errno == EBUSY)
			f->state = STATE_NOTE;
		return;
	}
	if (bpf_prog_test_run_opts(prog, &run_opts) < 0)
		found(f, STATE_FAIL, "the kernel does not call %s: %s",
		      TRIAL_FUNCTION, strerror(errno));
	else if (bpf_map_lookup_elem(map, &key, &runs) < 0 || runs != 2)
		found(f, STATE_FAIL,
		      "a call of %s made a program run %llu times, not at entry and exit",
		      TRIAL_FUNCTION, (unsigned long long)runs);
	else
		found(f, STATE_OK, "a session on %s ran at entry and at exit",
		      TRIAL_FUNCTION);
	fsession_link__destroy(link);
}

void look_trial(const struct doctor *d, struct finding *f)
{
	int map, prog;

	if (d->backend < 0 ||
	    (d->backend == FSESSION_BACKEND_MODULE && !d->loaded)) {
		found(f, STATE_NOTE, "not made: there is no backend");
		return;
	}
	map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "fsession_doctor",
			     sizeof(uint32_t), sizeof(uint64_t), 1, NULL);
	prog = map < 0 ? -errno : load_counter(d->backend, map);
	if (prog >= 0)
		try_session(f, d->backend, map, prog);
	else
		found(f, STATE_FAIL, "a program for %s does not load: %s",
		      TRIAL_FUNCTION, strerror(-prog));
	if (prog >= 0)
		close(prog);
	if (map >= 0)
		close(map);
}

void look_libbpf(const struct doctor *d, struct finding *f)
{
	(void)d;
	found(f, STATE_OK, "%s; fsession %s, library %s",
	      libbpf_version_string(), FSESSION_VERSION,
	      libfsession_version_string());
}
