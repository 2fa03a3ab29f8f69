// SPDX-License-Identifier: GPL-2.0
/*
 * fsession doctor: what runs sessions, and whether it does.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
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
	/* Of any other failure the library knows better. */
	if (d->backend == -EINVAL || d->backend == -EOPNOTSUPP)
		mend(f, "unset FSESSION_BACKEND");
}

#define INSN(opcode, dst, src, offset, value)                         \
	{                                                             \
		.code = (opcode), .dst_reg = (dst), .src_reg = (src), \
		.off = (offset), .imm = (value),                      \
	}

/* Two, for 64 bits. */
#define INSN64(dst, src, value)                                          \
	INSN(BPF_LD | BPF_DW | BPF_IMM, dst, src, 0, (uint32_t)(value)), \
		INSN(0, 0, 0, 0, (uint64_t)(value) >> 32)

/*
 * A program that counts in the map @fd how often this process, of the pid namespace
 * @ns, makes it run: others may call the function at the same time.
 */
static int load_counter(int backend, int fd, const struct stat *ns)
{
	/* As the kernel has it. */
	const uint64_t dev = (uint64_t)major(ns->st_dev) << 20 |
			     minor(ns->st_dev);
	const uint64_t ino = ns->st_ino;
	const int info = -(int)sizeof(struct bpf_pidns_info); /* on the stack */
	const int tgid = info + (int)offsetof(struct bpf_pidns_info, tgid);
	const struct bpf_insn insns[] = {
		INSN64(BPF_REG_1, 0, dev),
		INSN64(BPF_REG_2, 0, ino),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_3, BPF_REG_10, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_3, 0, 0, info),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_4, 0, 0, -info),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0,
		     BPF_FUNC_get_ns_current_pid_tgid),
		INSN(BPF_JMP | BPF_JNE | BPF_K, BPF_REG_0, 0, 6, 0),
		INSN(BPF_LDX | BPF_W | BPF_MEM, BPF_REG_1, BPF_REG_10, tgid, 0),
		INSN(BPF_JMP | BPF_JNE | BPF_K, BPF_REG_1, 0, 4, getpid()),
		INSN64(BPF_REG_1, BPF_PSEUDO_MAP_VALUE, fd),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_2, 0, 0, 1),
		INSN(BPF_STX | BPF_DW | BPF_ATOMIC, BPF_REG_1, BPF_REG_2, 0,
		     BPF_ADD),
		/* Both jumps are to here. */
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
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
		/* By the latter the kernel's own says the same. */
		if (errno == EBUSY ||
		    (backend == FSESSION_BACKEND_NATIVE && errno == EINVAL))
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
	struct stat ns;
	int map, prog;

	if (d->backend < 0 ||
	    (d->backend == FSESSION_BACKEND_MODULE && !d->loaded)) {
		found(f, STATE_NOTE, "not made: there is no backend");
		return;
	}
	if (stat("/proc/self/ns/pid", &ns) < 0) {
		found(f, STATE_NOTE, "not made: /proc/self/ns/pid: %s",
		      strerror(errno));
		return;
	}
	map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "fsession_doctor",
			     sizeof(uint32_t), sizeof(uint64_t), 1, NULL);
	prog = map < 0 ? -errno : load_counter(d->backend, map, &ns);
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
