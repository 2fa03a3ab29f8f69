// SPDX-License-Identifier: GPL-2.0
/*
 * What the cases share; see session.h.
 */
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include <bpf/btf.h>

#include "functions.h"
#include "libfsession.h"
#include "session.h"

int try_ioctl(int fd, unsigned long cmd, void *arg)
{
	int ret = ioctl(fd, cmd, arg);

	return ret < 0 ? -errno : ret;
}

static int device_fd = -1;

int device(void)
{
	if (device_fd < 0)
		device_fd = SYS(open("/dev/fsession", O_RDWR | O_CLOEXEC));
	return device_fd;
}

void device_close(void)
{
	if (device_fd >= 0)
		SYS(close(device_fd));
	device_fd = -1;
}

static int testmod_fd = -1;
static int fsession_btf_fd = -1; /* of the module's BTF */

void drop_inherited(int but)
{
	if (but < 3) {
		SYS(close_range(3, ~0U, 0));
	} else {
		if (but > 3)
			SYS(close_range(3, but - 1, 0));
		SYS(close_range(but + 1, ~0U, 0));
	}
	device_fd = -1;
	testmod_fd = -1;
	fsession_btf_fd = -1;
}

int try_attach(int prog_fd, uint64_t attach_cookie, unsigned int *reason)
{
	struct fsession_attach arg = {
		.size = sizeof(arg),
		.prog_fd = prog_fd,
		.attach_cookie = attach_cookie,
	};
	int ret = try_ioctl(device(), FSESSION_IOC_ATTACH, &arg);

	if (reason)
		*reason = arg.reason;
	return ret;
}

int attach(int prog_fd)
{
	unsigned int reason;
	int fd = try_attach(prog_fd, 0, &reason);

	if (fd < 0)
		FAIL("attach: %s, reason %u (%s)", strerror(-fd), reason,
		     libfsession_reason_string(reason));
	return fd;
}

int try_attach_multi(int prog_fd, struct fsession_target_desc *targets,
		     unsigned int count, unsigned int flags,
		     struct fsession_attach_multi *arg)
{
	*arg = (struct fsession_attach_multi){
		.size = sizeof(*arg),
		.flags = flags,
		.prog_fd = prog_fd,
		.targets = (uintptr_t)targets,
		.count = count,
	};
	return try_ioctl(device(), FSESSION_IOC_ATTACH_MULTI, arg);
}

void check_target(const struct fsession_target_desc *target, int status,
		  unsigned int reason)
{
	CHECK_EQ(target->status, status);
	CHECK_EQ(target->reason, reason);
}

struct fsession_query query(void)
{
	struct fsession_query arg = { .size = sizeof(arg) };

	SYS(ioctl(device(), FSESSION_IOC_QUERY, &arg));
	return arg;
}

struct fsession_info info(int session_fd)
{
	struct fsession_info arg = { .size = sizeof(arg) };

	SYS(ioctl(session_fd, FSESSION_IOC_INFO, &arg));
	return arg;
}

int try_info_id(uint32_t id, unsigned int flags, struct fsession_info *out,
		char *name, size_t name_len)
{
	memset(out, 0, sizeof(*out));
	out->size = sizeof(*out);
	out->id = id;
	out->flags = flags;
	out->name = (uintptr_t)name;
	out->name_len = name_len;
	return try_ioctl(device(), FSESSION_IOC_INFO, out);
}

int try_drain(unsigned int timeout_ms, unsigned int *draining)
{
	struct fsession_drain arg = {
		.size = sizeof(arg),
		.timeout_ms = timeout_ms,
	};
	int ret = try_ioctl(device(), FSESSION_IOC_DRAIN, &arg);

	if (draining)
		*draining = arg.draining;
	return ret;
}

void drain(void)
{
	unsigned int draining;
	int ret = try_drain(20000, &draining);

	if (ret)
		FAIL("drain: %s, %u sessions left", strerror(-ret), draining);
}

void check_books_balance(const struct fsession_info *i)
{
	CHECK_EQ(i->calls, i->entries + i->misses);
	CHECK_EQ(i->entries, i->exits + i->inside + i->dropped + i->abandoned);
}

void check_missed_nothing(const struct fsession_info *i, uint64_t calls)
{
	check_books_balance(i);
	CHECK_EQ(i->calls, calls);
	CHECK_EQ(i->exits, i->entries);
	if (!kernel_is_rt())
		CHECK_EQ(i->misses, 0);
}

/*
 * Programs
 */

static int print_nothing(enum libbpf_print_level level, const char *fmt,
			 va_list ap)
{
	(void)level, (void)fmt, (void)ap;
	return 0;
}

static int print_warnings(enum libbpf_print_level level, const char *fmt,
			  va_list ap)
{
	char text[2048], *line, *rest = text;

	if (level != LIBBPF_WARN)
		return 0;
	vsnprintf(text, sizeof(text), fmt, ap);
	while ((line = strsep(&rest, "\n")))
		if (*line)
			ktest_diag("%s", line);
	return 0;
}

static void progs_path(char *path, size_t size, const char *file)
{
	char exe[PATH_MAX];
	ssize_t len = SYS(readlink("/proc/self/exe", exe, sizeof(exe) - 1));

	exe[len] = '\0';
	snprintf(path, size, "%s/progs/%s.bpf.o", dirname(exe), file);
}

struct bpf_object *open_object(const char *file)
{
	struct bpf_program *prog;
	struct bpf_object *obj;
	char path[PATH_MAX];
	int err;

	err = libfsession_init();
	if (err)
		FAIL("libfsession_init: %s", strerror(-err));
	libbpf_set_print(print_warnings);
	progs_path(path, sizeof(path), file);
	obj = bpf_object__open_file(path, NULL);
	if (!obj)
		FAIL("%s: %s", path, strerror(errno));
	bpf_object__for_each_program(prog, obj)
		bpf_program__set_autoload(prog, false);
	return obj;
}

static struct bpf_program *find_prog(struct bpf_object *obj, const char *name)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(obj, name);

	if (!prog)
		FAIL("no program '%s'", name);
	return prog;
}

struct bpf_program *want(struct bpf_object *obj, const char *name,
			 const char *target)
{
	struct bpf_program *prog = find_prog(obj, name);
	int err;

	bpf_program__set_autoload(prog, true);
	if (target) {
		err = bpf_program__set_attach_target(prog, 0, target);
		if (err)
			FAIL("target '%s': %s", target, strerror(-err));
	}
	return prog;
}

int try_load(struct bpf_object *obj)
{
	libbpf_print_fn_t old = libbpf_set_print(print_nothing);
	int err = bpf_object__load(obj);

	libbpf_set_print(old);
	return err;
}

void load(struct bpf_object *obj)
{
	int err = bpf_object__load(obj);

	if (err)
		FAIL("load '%s': %s", bpf_object__name(obj), strerror(-err));
}

int prog_fd(struct bpf_object *obj, const char *name)
{
	int fd = bpf_program__fd(find_prog(obj, name));

	if (fd < 0)
		FAIL("program '%s' is not loaded", name);
	return fd;
}

void *bss(struct bpf_object *obj, size_t size)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, ".bss");
	size_t page = sysconf(_SC_PAGESIZE);
	void *mem;

	if (!map)
		FAIL("no .bss in '%s'", bpf_object__name(obj));
	mem = mmap(NULL, (size + page - 1) / page * page,
		   PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
	if (mem == MAP_FAILED)
		FAIL("mmap of .bss: %s", strerror(errno));
	return mem;
}

struct bpf_prog_info prog_info(int prog_fd)
{
	struct bpf_prog_info pi = {};
	__u32 len = sizeof(pi);

	SYS(bpf_obj_get_info_by_fd(prog_fd, &pi, &len));
	return pi;
}

/* A descriptor of the BTF of module @name, or -ENOENT. */
static int try_module_btf_fd(const char *name)
{
	__u32 id = 0;

	while (!bpf_btf_get_next_id(id, &id)) {
		struct bpf_btf_info bi = {};
		__u32 len = sizeof(bi);
		char got[64] = "";
		int fd = bpf_btf_get_fd_by_id(id);

		if (fd < 0)
			continue;
		bi.name = (uintptr_t)got;
		bi.name_len = sizeof(got);
		if (!bpf_obj_get_info_by_fd(fd, &bi, &len) && bi.kernel_btf &&
		    !strcmp(got, name))
			return fd;
		close(fd);
	}
	return -ENOENT;
}

static int module_btf_fd(const char *name)
{
	int fd = try_module_btf_fd(name);

	if (fd < 0)
		FAIL("module '%s' has no BTF in the kernel", name);
	return fd;
}

/* For function @btf_id of the BTF that @btf_fd is; closes that. */
static int load_clone(const struct bpf_program *prog, int btf_fd,
		      uint32_t btf_id)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts);
	/* libbpf numbers the modules of a program's kfuncs from 1. */
	struct bpf_prog_info pi = prog_info(bpf_program__fd(prog));
	int fd_array[8], fd;
	unsigned int i;

	if (fsession_btf_fd < 0)
		fsession_btf_fd = module_btf_fd("fsession");
	for (i = 0; i < 8; i++)
		fd_array[i] = fsession_btf_fd;

	opts.expected_attach_type = BPF_TRACE_FEXIT;
	opts.attach_btf_id = btf_id;
	opts.attach_btf_obj_fd = btf_fd;
	opts.fd_array = fd_array;
	fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, pi.name, "GPL",
			   bpf_program__insns(prog),
			   bpf_program__insn_cnt(prog), &opts);
	if (fd < 0)
		fd = -errno;
	close(btf_fd);
	return fd;
}

int try_clone(const struct bpf_program *prog)
{
	struct bpf_prog_info pi = prog_info(bpf_program__fd(prog));

	return try_clone_for(prog, pi.attach_btf_id);
}

int try_clone_for(const struct bpf_program *prog, uint32_t btf_id)
{
	struct bpf_prog_info pi = prog_info(bpf_program__fd(prog));

	return load_clone(prog, SYS(bpf_btf_get_fd_by_id(pi.attach_btf_obj_id)),
			  btf_id);
}

int try_clone_for_testmod(const struct bpf_program *prog, uint32_t btf_id)
{
	int btf_fd = try_module_btf_fd(MODULE);

	return btf_fd < 0 ? btf_fd : load_clone(prog, btf_fd, btf_id);
}

struct recording recording_load(const char *name, const char *target)
{
	struct recording r = { .obj = open_object("recorder"), .fd = -1 };

	r.prog = want(r.obj, name, target);
	load(r.obj);
	r.rec = bss(r.obj, sizeof(*r.rec));
	r.prog_fd = bpf_program__fd(r.prog);
	return r;
}

struct recording recording_start(const char *name, const char *target)
{
	struct recording r = recording_load(name, target);

	r.fd = attach(r.prog_fd);
	return r;
}

void recording_detach(struct recording *r)
{
	SYS(close(r->fd));
	r->fd = -1;
}

void munmap_recorder(struct recording *r)
{
	munmap(r->rec, sizeof(*r->rec));
	r->rec = NULL;
}

void recording_end(struct recording *r)
{
	if (r->fd >= 0)
		recording_detach(r);
	munmap_recorder(r);
	bpf_object__close(r->obj);
	drain();
}

struct leaf_session leaf_load(const char *name, const char *target)
{
	struct leaf_session l = { .obj = open_object("leaf"), .fd = -1 };

	want(l.obj, name, target);
	load(l.obj);
	l.leaf = bss(l.obj, sizeof(*l.leaf));
	return l;
}

struct leaf_session leaf_start(const char *name, const char *target)
{
	struct leaf_session l = leaf_load(name, target);

	l.fd = attach(prog_fd(l.obj, name));
	return l;
}

void leaf_end(struct leaf_session *l, uint64_t calls)
{
	CHECK_EQ(l->leaf->runs, 2 * calls);
	CHECK_BOOKS(info(l->fd), calls, calls, calls);
	SYS(close(l->fd));
	bpf_object__close(l->obj);
}

void check_recorded(const struct recorder *rec, uint64_t calls)
{
	CHECK_EQ(rec->at[0].runs, calls);
	CHECK_EQ(rec->at[1].runs, calls);
	CHECK_EQ(rec->dirty_cookies, 0);
	CHECK_EQ(rec->wrong_cookies, 0);
	CHECK_EQ(rec->early_returns, 0);
}

void test_run(int prog_fd)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	int err = bpf_prog_test_run_opts(prog_fd, &opts);

	if (err)
		FAIL("test run: %s", strerror(-err));
	CHECK_EQ(opts.retval, 0);
}

/*
 * The test module
 */

static int testmod(void)
{
	if (testmod_fd < 0)
		testmod_fd = SYS(open("/dev/" MODULE, O_RDWR | O_CLOEXEC));
	return testmod_fd;
}

void testmod_close(void)
{
	if (testmod_fd >= 0)
		SYS(close(testmod_fd));
	testmod_fd = -1;
}

struct fsession_tm_call tm_prepare(const char *function, uint64_t count)
{
	struct fsession_tm_call call = { .count = count };
	unsigned int i;

	snprintf(call.name, sizeof(call.name), "%s", function);
	for (i = 0; i < FSESSION_TM_WORDS; i++)
		call.args[i] = 0x1111111111111111ULL * (i + 1);
	return call;
}

int try_tm_call(struct fsession_tm_call *call)
{
	return try_ioctl(testmod(), FSESSION_TM_CALL, call);
}

void tm_call(struct fsession_tm_call *call)
{
	uint64_t count = call->count;
	int ret = try_tm_call(call);

	if (ret)
		FAIL("call of '%s': %s", call->name, strerror(-ret));
	CHECK_EQ(call->count, count);
	CHECK_EQ(call->bad, 0);
	CHECK_EQ(call->leaks, 0);
}

struct fsession_tm_call tm_calls(const char *function, uint64_t count)
{
	struct fsession_tm_call call = tm_prepare(function, count);

	call.args[0] = 1;
	call.flags = FSESSION_TM_VARY;
	tm_call(&call);
	return call;
}

int tm_waiting(void)
{
	return SYS(ioctl(testmod(), FSESSION_TM_WAITING));
}

void tm_wake(void)
{
	SYS(ioctl(testmod(), FSESSION_TM_WAKE));
}

static void sleep_in_wait(void *unused)
{
	struct fsession_tm_call call = tm_prepare("fsession_test_wait", 1);

	(void)unused;
	drop_inherited(-1);
	call.args[0] = 77;
	tm_call(&call);
	CHECK_EQ(call.ret[0], 77);
}

int tm_sleeper(void)
{
	int before = tm_waiting();
	int pid = ktest_fork(sleep_in_wait, NULL);

	WAIT_FOR(tm_waiting() > before);
	return pid;
}

/*
 * The system
 */

static char *file_text(const char *file)
{
	char *text = read_text(file);

	if (!text)
		FAIL("%s: %s", file, strerror(errno));
	return text;
}

/* Tells one time that a module is loaded from another; 0 if it is not. */
static ino_t module_instance(const char *module)
{
	struct stat st;
	char path[128];

	snprintf(path, sizeof(path), "/sys/module/%s", module);
	return stat(path, &st) ? 0 : st.st_ino;
}

/*
 * /proc/kallsyms, or of @module what it has of modules: as it was when last read, if
 * the module is the same. An emulated kernel takes seconds to write it.
 */
static const char *kallsyms(const char *module)
{
	static char of[64], *text, *modules;
	static ino_t instance;
	ino_t now = module ? module_instance(module) : 0;

	if (!text || (module && (strcmp(of, module) || instance != now))) {
		free(text);
		text = file_text("/proc/kallsyms");
		modules = strstr(text, "\t[") ?: text + strlen(text);
		/* With the line that it is in. */
		while (modules > text && modules[-1] != '\n')
			modules--;
		snprintf(of, sizeof(of), "%s", module ?: "");
		instance = now;
	}
	return module ? modules : text;
}

uint64_t symbol(const char *name, const char *module)
{
	const char *text = kallsyms(module), *at, *line;
	char words[320];

	/* "address type name\n" or "address type name\t[module]\n" */
	if (module)
		snprintf(words, sizeof(words), " %s\t[%s]\n", name, module);
	else
		snprintf(words, sizeof(words), " %s\n", name);
	for (at = text; (at = strstr(at, words)); at++) {
		if (at[-1] != 't' && at[-1] != 'T')
			continue;
		for (line = at; line > text && line[-1] != '\n'; line--)
			;
		return strtoull(line, NULL, 16);
	}
	return 0;
}

/* Is there a line in @file whose first word is @word? */
static bool file_has_word(const char *file, const char *word)
{
	char *text = file_text(file), *line = text;
	size_t len = strlen(word);
	bool found = false;

	while (line && !found) {
		found = !strncmp(line, word, len) && line[len] &&
			strchr(" \t\n[", line[len]);
		line = strchr(line, '\n');
		line += !!line;
	}
	free(text);
	return found;
}

void symbols_at(const __u64 *addrs, unsigned int count,
		char (*names)[SYMBOL_NAME])
{
	uint64_t *best = calloc(count, sizeof(*best));
	char *text = file_text("/proc/kallsyms"), *rest = text;
	struct ksym sym;
	unsigned int i;

	REQUIRE(best);
	while (ksym_next(&rest, &sym)) {
		for (i = 0; i < count; i++) {
			/* Of two at the same place the first one will do. */
			if (sym.addr > addrs[i] || sym.addr <= best[i])
				continue;
			best[i] = sym.addr;
			snprintf(names[i], sizeof(names[i]), "%s", sym.name);
		}
	}
	free(text);
	free(best);
}

bool ftrace_has(const char *function)
{
	return file_has_word("/sys/kernel/tracing/available_filter_functions",
			     function);
}

bool ftrace_enabled_on(const char *function)
{
	return file_has_word("/sys/kernel/tracing/enabled_functions", function);
}

struct btf *kernel_btf(void)
{
	static struct btf *btf;

	if (!btf)
		btf = btf__load_vmlinux_btf();
	if (!btf)
		FAIL("no BTF of the kernel: %s", strerror(errno));
	return btf;
}

struct btf *testmod_btf(void)
{
	static struct btf *btf;

	if (!btf)
		btf = btf__load_module_btf(MODULE, kernel_btf());
	if (!btf)
		FAIL("no BTF of the test module: %s", strerror(errno));
	return btf;
}

bool btf_has(const char *function)
{
	return btf__find_by_name_kind(kernel_btf(), function, BTF_KIND_FUNC) >
	       0;
}

static struct fsession_target_desc target_desc(const struct btf *btf,
					       const char *function,
					       const char *module,
					       uint64_t attach_cookie)
{
	int id = btf__find_by_name_kind(btf, function, BTF_KIND_FUNC);
	struct fsession_target_desc d = {
		.addr = symbol(function, module),
		.attach_cookie = attach_cookie,
		.btf_id = id,
	};

	if (id <= 0 || !d.addr)
		FAIL("no function '%s' in %s", function,
		     module ? module : "the kernel");
	return d;
}

struct fsession_target_desc kernel_target(const char *function,
					  uint64_t attach_cookie)
{
	return target_desc(kernel_btf(), function, NULL, attach_cookie);
}

struct fsession_target_desc testmod_target(const char *function,
					   uint64_t attach_cookie)
{
	return target_desc(testmod_btf(), function, MODULE, attach_cookie);
}

bool write_file(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC);
	size_t len = strlen(text);
	bool ok;

	if (fd < 0)
		return false;
	ok = write(fd, text, len) == (ssize_t)len;
	if (close(fd))
		ok = false;
	return ok;
}

bool truncate_file(const char *file)
{
	int fd = open(file, O_WRONLY | O_TRUNC | O_CLOEXEC);

	return fd >= 0 && !close(fd);
}

bool read_file(const char *file, char *text, size_t size)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return false;
	while (len < size - 1 && (n = read(fd, text + len, size - 1 - len)) > 0)
		len += n;
	text[len] = '\0';
	close(fd);
	return true;
}

bool kernel_is_at_least(unsigned int major, unsigned int minor)
{
	unsigned int maj = 0, min = 0;
	struct utsname u;

	SYS(uname(&u));
	sscanf(u.release, "%u.%u", &maj, &min);
	return maj > major || (maj == major && min >= minor);
}

bool kernel_is_rt(void)
{
	struct utsname u;

	SYS(uname(&u));
	return strstr(u.version, "PREEMPT_RT");
}

int module_refcount(const char *module)
{
	char path[128], text[32];

	snprintf(path, sizeof(path), "/sys/module/%s/refcnt", module);
	if (!read_file(path, text, sizeof(text)))
		return -1;
	return atoi(text);
}

int try_rmmod(const char *module)
{
	return syscall(SYS_delete_module, module, O_NONBLOCK) ? -errno : 0;
}

void modprobe(const char *module)
{
	char command[128];

	snprintf(command, sizeof(command), "modprobe %s 2>&1 | sed 's/^/# /'",
		 module);
	fflush(stdout);
	if (system(command) || module_refcount(module) < 0)
		FAIL("modprobe %s failed", module);
}
