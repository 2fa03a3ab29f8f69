// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls' contract: one case for every way to be wrong, one fault each.
 */
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "session.h"

#define TARGET "fsession_test_arg1"

/* Any of the structures, with room for a tail that no version has yet. */
union arg {
	__u32 size;
	struct fsession_query query;
	struct fsession_attach attach;
	struct fsession_attach_multi multi;
	struct fsession_info info;
	struct fsession_drain drain;
	unsigned char bytes[65536];
};

struct verb {
	const char *name;
	unsigned long cmd;
	size_t first; /* size of the first version */
	size_t size;  /* of the one that we know */
};

static const struct verb verbs[] = {
	{ "query", FSESSION_IOC_QUERY, sizeof(struct fsession_query),
	  sizeof(struct fsession_query) },
	{ "attach", FSESSION_IOC_ATTACH, sizeof(struct fsession_attach),
	  sizeof(struct fsession_attach) },
	{ "attach many", FSESSION_IOC_ATTACH_MULTI,
	  sizeof(struct fsession_attach_multi),
	  sizeof(struct fsession_attach_multi) },
	{ "info", FSESSION_IOC_INFO, offsetof(struct fsession_info, targets),
	  sizeof(struct fsession_info) },
	{ "drain", FSESSION_IOC_DRAIN, sizeof(struct fsession_drain),
	  sizeof(struct fsession_drain) },
};

/* One behind the last. */
#define VERBS_END (verbs + sizeof(verbs) / sizeof(verbs[0]))

static union arg arg;
static struct recording recording;
static struct fsession_target_desc target;

/* What the verbs act on: attach gets a program that can be attached. */
static void setup(void)
{
	recording = recording_load("count", TARGET);
	target = testmod_target(TARGET, 0);
}

static bool attaches(const struct verb *v)
{
	return v->cmd == FSESSION_IOC_ATTACH ||
	       v->cmd == FSESSION_IOC_ATTACH_MULTI;
}

/* An argument with which @v succeeds on the device. */
static void prepare(const struct verb *v, size_t size)
{
	memset(&arg, 0, sizeof(arg));
	arg.size = size;
	if (v->cmd == FSESSION_IOC_ATTACH)
		arg.attach.prog_fd = recording.prog_fd;
	if (v->cmd == FSESSION_IOC_ATTACH_MULTI) {
		arg.multi.prog_fd = recording.prog_fd;
		arg.multi.targets = (uintptr_t)&target;
		arg.multi.count = 1;
	}
	if (v->cmd == FSESSION_IOC_INFO)
		arg.info.id = info(recording.fd).id;
}

/* Do it; a session that comes of it is closed. */
static int issue(const struct verb *v)
{
	int ret = try_ioctl(device(), v->cmd, &arg);

	if (attaches(v) && ret >= 0) {
		close(ret);
		drain();
		ret = 0;
	}
	return ret;
}

static void expect(const struct verb *v, int err)
{
	int ret = issue(v);

	if (ret != -err)
		ktest_failed(__FILE__, __LINE__, "%s: got %d (%s), not %d (%s)",
			     v->name, ret, strerror(-ret), -err, strerror(err));
}

/* info needs a session to look at, attach must find its program free. */
static void with_session(const struct verb *v, void (*fn)(const struct verb *))
{
	if (v->cmd == FSESSION_IOC_INFO)
		recording.fd = attach(recording.prog_fd);
	fn(v);
	if (v->cmd == FSESSION_IOC_INFO) {
		recording_detach(&recording);
		drain();
	}
}

#define EACH_VERB(fn)                                  \
	do {                                           \
		const struct verb *v_;                 \
		setup();                               \
		for (v_ = verbs; v_ < VERBS_END; v_++) \
			with_session(v_, fn);          \
	} while (0)

CASE(abi_device_mode, "only root may open the device")
{
	struct stat st;

	SYS(stat("/dev/fsession", &st));
	CHECK(S_ISCHR(st.st_mode));
	CHECK_EQ(st.st_mode & 07777, 0600);
	CHECK_EQ(st.st_uid, 0);
	CHECK_EQ(st.st_gid, 0);
}

CASE(abi_query, "the module says what it is")
{
	struct fsession_query q = query();

	CHECK_EQ(q.abi_version, FSESSION_ABI_VERSION);
	CHECK(q.features & FSESSION_FEATURE_ATTACH);
	CHECK_OP(q.max_sessions, >=, 18);
	CHECK_EQ(q.live, 0);
	CHECK_EQ(q.draining, 0);
	CHECK_OP(q.btf_base_size, >, 0);
	CHECK(memchr(q.version, '\0', sizeof(q.version)));
	CHECK(q.version[0] != '\0');
}

CASE(abi_query_btf_base, "the base hash is that of the running kernel's BTF")
{
	struct fsession_query q = query();
	uint64_t hash = 0xcbf29ce484222325ULL, size = 0;
	unsigned char buf[65536];
	ssize_t n, i;
	int fd;

	fd = SYS(open("/sys/kernel/btf/vmlinux", O_RDONLY));
	while ((n = SYS(read(fd, buf, sizeof(buf)))) > 0) {
		size += n;
		for (i = 0; i < n; i++)
			hash = (hash ^ buf[i]) * 0x100000001b3ULL;
	}
	close(fd);
	CHECK_EQ(q.btf_base_size, size);
	CHECK_EQ(q.btf_base_hash, hash);
}

CASE(abi_query_live, "live counts the sessions")
{
	struct recording r = recording_start("count", TARGET);

	CHECK_EQ(query().live, 1);
	recording_detach(&r);
	drain();
	CHECK_EQ(query().live, 0);
	CHECK_EQ(query().draining, 0);
	recording_end(&r);
}

CASE(abi_wrong_number, "numbers that are not in the file: ENOTTY")
{
	struct recording r = recording_start("count", TARGET);
	unsigned int nr;

	memset(&arg, 0, sizeof(arg));
	arg.size = sizeof(struct fsession_query);
	for (nr = 0; nr < 256; nr++) {
		/* Those that there are; further ones may come. */
		if (nr >= 0x80 && nr < 0x90)
			continue;
		CHECK_EQ(try_ioctl(device(), _IO(FSESSION_IOC_MAGIC, nr), &arg),
			 -ENOTTY);
		CHECK_EQ(try_ioctl(r.fd, _IO(FSESSION_IOC_MAGIC, nr), &arg),
			 -ENOTTY);
	}
	/* The number does not carry a size or a direction. */
	CHECK_EQ(try_ioctl(device(),
			   _IOWR(FSESSION_IOC_MAGIC, 0x80,
				 struct fsession_query),
			   &arg),
		 -ENOTTY);
	/* The same number of another magic. */
	CHECK_EQ(try_ioctl(device(), _IO('F', 0x80), &arg), -ENOTTY);
	recording_end(&r);
}

CASE(abi_session_verbs, "the device's ioctls on a session: ENOTTY")
{
	const struct verb *v;

	setup();
	recording.fd = attach(recording.prog_fd);
	for (v = verbs; v < VERBS_END; v++) {
		if (v->cmd == FSESSION_IOC_INFO)
			continue;
		prepare(v, v->size);
		CHECK_EQ(try_ioctl(recording.fd, v->cmd, &arg), -ENOTTY);
	}
}

static void size_ok(const struct verb *v)
{
	prepare(v, v->first);
	expect(v, 0);
}

CASE(abi_size_first_version, "the first version's size is taken")
{
	EACH_VERB(size_ok);
}

static void size_small(const struct verb *v)
{
	size_t sizes[] = {
		0, 1, 4, 8, v->first - 8, v->first - 4, v->first - 1
	};
	unsigned int i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		prepare(v, sizes[i]);
		expect(v, EINVAL);
	}
}

CASE(abi_size_small, "a size below the first version's: EINVAL")
{
	EACH_VERB(size_small);
}

static void size_large_zero(const struct verb *v)
{
	size_t page = sysconf(_SC_PAGESIZE);
	size_t sizes[] = { v->size + 1, v->size + 8, 1024, page };
	unsigned int i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		prepare(v, sizes[i]);
		expect(v, 0);
	}
}

CASE(abi_size_large_zero_tail, "a larger size whose tail is zero is taken")
{
	EACH_VERB(size_large_zero);
}

static void size_large_tail(const struct verb *v)
{
	size_t page = sysconf(_SC_PAGESIZE);

	prepare(v, v->size + 8);
	arg.bytes[v->size] = 1;
	expect(v, E2BIG);
	prepare(v, v->size + 8);
	arg.bytes[v->size + 7] = 0x80;
	expect(v, E2BIG);
	prepare(v, page);
	arg.bytes[page - 1] = 1;
	expect(v, E2BIG);
}

CASE(abi_size_large_set_tail, "a larger size whose tail is not zero: E2BIG")
{
	EACH_VERB(size_large_tail);
}

static void size_huge(const struct verb *v)
{
	size_t page = sysconf(_SC_PAGESIZE);

	prepare(v, page + 1);
	expect(v, E2BIG);
	prepare(v, sizeof(arg));
	expect(v, E2BIG);
	prepare(v, 0xffffffffu);
	expect(v, E2BIG);
}

CASE(abi_size_above_page, "a size above one page: E2BIG")
{
	EACH_VERB(size_huge);
}

static void unknown_flags(const struct verb *v)
{
	unsigned int bit;

	for (bit = 0; bit < 32; bit++) {
		/* flags comes second in all of them */
		if (v->cmd == FSESSION_IOC_INFO &&
		    1U << bit == FSESSION_INFO_NEXT)
			continue;
		if (v->cmd == FSESSION_IOC_ATTACH_MULTI &&
		    (1U << bit == FSESSION_MULTI_SKIP ||
		     1U << bit == FSESSION_MULTI_DRY_RUN))
			continue;
		prepare(v, v->size);
		arg.query.flags = 1U << bit;
		expect(v, EINVAL);
	}
}

CASE(abi_unknown_flag, "a flag that nobody knows: EINVAL")
{
	EACH_VERB(unknown_flags);
}

CASE(abi_attach_reason_set, "reason not zero on the way in: EINVAL")
{
	setup();
	prepare(&verbs[1], verbs[1].size);
	arg.attach.reason = FSESSION_REASON_BUSY;
	expect(&verbs[1], EINVAL);
}

CASE(abi_attach_multi_fields, "what is to be 0 on the way in is not: EINVAL")
{
	const struct verb *v = &verbs[2];

	setup();
	prepare(v, v->size);
	arg.multi.reason = FSESSION_REASON_BUSY;
	expect(v, EINVAL);
	prepare(v, v->size);
	arg.multi.attached = 1;
	expect(v, EINVAL);
	prepare(v, v->size);
	arg.multi.flags = FSESSION_MULTI_SKIP | FSESSION_MULTI_DRY_RUN;
	expect(v, EINVAL);
	prepare(v, v->size);
	target.status = -1;
	expect(v, EINVAL);
	target.status = 0;
	target.reason = FSESSION_REASON_BUSY;
	expect(v, EINVAL);
	target.reason = 0;
	target.reserved = 1;
	expect(v, EINVAL);
	target.reserved = 0;
	expect(v, 0);
}

CASE(abi_info_reserved_set, "reserved not zero: EINVAL")
{
	struct fsession_info i = { .size = sizeof(i), .reserved = 1 };
	struct recording r = recording_start("count", TARGET);

	CHECK_EQ(try_ioctl(r.fd, FSESSION_IOC_INFO, &i), -EINVAL);
	memset(&i, 0, sizeof(i));
	i.size = sizeof(i);
	i.id = info(r.fd).id;
	i.reserved = 0x80000000;
	CHECK_EQ(try_ioctl(device(), FSESSION_IOC_INFO, &i), -EINVAL);
	recording_end(&r);
}

CASE(abi_info_session_id, "a session knows itself: id or flags set is EINVAL")
{
	struct fsession_info i = { .size = sizeof(i) };
	struct recording r = recording_start("count", TARGET);

	i.id = info(r.fd).id;
	CHECK_EQ(try_ioctl(r.fd, FSESSION_IOC_INFO, &i), -EINVAL);
	memset(&i, 0, sizeof(i));
	i.size = sizeof(i);
	i.flags = FSESSION_INFO_NEXT;
	CHECK_EQ(try_ioctl(r.fd, FSESSION_IOC_INFO, &i), -EINVAL);
	recording_end(&r);
}

/* Two pages of which the second cannot be touched. */
static unsigned char *page_before_hole(void)
{
	size_t page = sysconf(_SC_PAGESIZE);
	unsigned char *mem = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mem == MAP_FAILED)
		FAIL("mmap: %s", strerror(errno));
	SYS(mprotect(mem + page, page, PROT_NONE));
	return mem;
}

static void bad_pointers(const struct verb *v)
{
	size_t page = sysconf(_SC_PAGESIZE);
	unsigned char *mem = page_before_hole(), *p;

	CHECK_EQ(try_ioctl(device(), v->cmd, NULL), -EFAULT);
	CHECK_EQ(try_ioctl(device(), v->cmd, mem + page), -EFAULT);
	/* A kernel address. */
	CHECK_EQ(try_ioctl(device(), v->cmd, (void *)-4096L), -EFAULT);

	/* Just what can be read: taken. A byte less: not. */
	prepare(v, v->size);
	p = mem + page - v->size;
	memcpy(p, &arg, v->size);
	if (!attaches(v))
		CHECK_EQ(try_ioctl(device(), v->cmd, p), 0);
	memmove(p + 4, &arg, v->size - 4);
	CHECK_EQ(try_ioctl(device(), v->cmd, p + 4), -EFAULT);

	/* The structure is there, its zero tail is not. */
	prepare(v, v->size + 16);
	memcpy(p, &arg, v->size);
	CHECK_EQ(try_ioctl(device(), v->cmd, p), -EFAULT);
	munmap(mem, 2 * page);
}

CASE(abi_bad_pointer, "an argument that cannot be read: EFAULT")
{
	EACH_VERB(bad_pointers);
	CHECK_EQ(query().live, 0);
}

static void read_only(const struct verb *v)
{
	size_t page = sysconf(_SC_PAGESIZE);
	unsigned char *mem;

	if (attaches(v))
		return; /* the session is the caller's all the same */
	mem = page_before_hole();
	prepare(v, v->size);
	memcpy(mem, &arg, v->size);
	SYS(mprotect(mem, page, PROT_READ));
	CHECK_EQ(try_ioctl(device(), v->cmd, mem), -EFAULT);
	munmap(mem, 2 * page);
}

CASE(abi_read_only_pointer, "results that cannot be written: EFAULT")
{
	EACH_VERB(read_only);
}

CASE(abi_info_name, "the name, its length, and too little room for it")
{
	const char want[] = TARGET " [" MODULE "]";
	struct recording r = recording_start("count", TARGET);
	struct fsession_info i;
	char name[128];
	uint32_t id = info(r.fd).id;

	/* How long is it? */
	CHECK_EQ(try_info_id(id, 0, &i, NULL, 0), 0);
	CHECK_EQ(i.name_len, sizeof(want));

	/* Exactly enough. */
	memset(name, 'x', sizeof(name));
	CHECK_EQ(try_info_id(id, 0, &i, name, sizeof(want)), 0);
	CHECK(!strcmp(name, want));
	CHECK_EQ(i.name_len, sizeof(want));
	CHECK_EQ(name[sizeof(want)], 'x');

	/* More than enough. */
	memset(name, 'x', sizeof(name));
	CHECK_EQ(try_info_id(id, 0, &i, name, sizeof(name)), 0);
	CHECK(!strcmp(name, want));
	CHECK_EQ(i.name_len, sizeof(want));

	/* One byte short. */
	CHECK_EQ(try_info_id(id, 0, &i, name, sizeof(want) - 1), -ENOSPC);
	CHECK_EQ(i.name_len, sizeof(want));

	recording_end(&r);
}

CASE(abi_info_name_kernel, "a kernel function's name has no module")
{
	struct recording r = recording_start("count", "bpf_fentry_test1");
	struct fsession_info i;
	char name[64];

	CHECK_EQ(try_info_id(info(r.fd).id, 0, &i, name, sizeof(name)), 0);
	CHECK(!strcmp(name, "bpf_fentry_test1"));
	recording_end(&r);
}

CASE(abi_info_name_pointer, "a name pointer that cannot be written: EFAULT")
{
	struct recording r = recording_start("count", TARGET);
	size_t page = sysconf(_SC_PAGESIZE);
	char *mem = (char *)page_before_hole();
	struct fsession_info i;
	uint32_t id = info(r.fd).id;

	CHECK_EQ(try_info_id(id, 0, &i, NULL, 128), -EFAULT);
	CHECK_EQ(try_info_id(id, 0, &i, mem + page, 128), -EFAULT);
	CHECK_EQ(try_info_id(id, 0, &i, mem + page - 4, 128), -EFAULT);
	CHECK_EQ(try_info_id(id, 0, &i, (char *)-4096L, 128), -EFAULT);
	recording_end(&r);
}

/*
 * Privilege
 */

#define CAP(c) (1ULL << (c))
#ifndef CAP_PERFMON
#define CAP_PERFMON 38
#define CAP_BPF	    39
#endif

static void keep_caps(uint64_t caps)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = {};

	data[0].effective = data[0].permitted = caps;
	data[1].effective = data[1].permitted = caps >> 32;
	SYS(syscall(SYS_capset, &head, data));
}

/* As prepare(), for those who may not ask for a session's id. */
static void prepare_any(const struct verb *v)
{
	memset(&arg, 0, sizeof(arg));
	arg.size = v->size;
	if (v->cmd == FSESSION_IOC_INFO)
		arg.info.flags = FSESSION_INFO_NEXT;
	else
		prepare(v, v->size);
}

struct cap_try {
	uint64_t caps;
	int err; /* of every ioctl */
};

static void try_with_caps(void *data)
{
	const struct cap_try *try = data;
	const struct verb *v;
	struct fsession_info i = { .size = sizeof(i) };
	/* Opened before; what counts is who calls. */
	int session = recording.fd;

	keep_caps(try->caps);
	for (v = verbs; v < VERBS_END; v++) {
		prepare_any(v);
		/* Attached already: the privileged get this far. */
		expect(v, attaches(v) && !try->err ? EALREADY : try->err);
	}
	CHECK_EQ(try_ioctl(session, FSESSION_IOC_INFO, &i), -try->err);
}

static void with_caps(uint64_t caps, int err)
{
	struct cap_try try = { .caps = caps, .err = err };

	ktest_join(ktest_fork(try_with_caps, &try));
}

CASE(abi_without_capabilities, "without the capabilities: EPERM")
{
	setup();
	device();
	recording.fd = attach(recording.prog_fd);
	with_caps(0, EPERM);
	/* Everything but the three that count. */
	with_caps(~(CAP(CAP_SYS_ADMIN) | CAP(CAP_BPF) | CAP(CAP_PERFMON)) &
			  (CAP(CAP_BPF + 1) - 1),
		  EPERM);
}

CASE(abi_half_of_the_capabilities, "CAP_BPF or CAP_PERFMON alone: EPERM")
{
	setup();
	device();
	recording.fd = attach(recording.prog_fd);
	with_caps(CAP(CAP_BPF), EPERM);
	with_caps(CAP(CAP_PERFMON), EPERM);
}

CASE(abi_bpf_and_perfmon, "CAP_BPF and CAP_PERFMON together are enough")
{
	setup();
	device();
	recording.fd = attach(recording.prog_fd);
	with_caps(CAP(CAP_BPF) | CAP(CAP_PERFMON), 0);
}

CASE(abi_sys_admin, "CAP_SYS_ADMIN alone is enough")
{
	setup();
	device();
	recording.fd = attach(recording.prog_fd);
	with_caps(CAP(CAP_SYS_ADMIN), 0);
}

static void attach_unprivileged(void *unused)
{
	int fd;

	(void)unused;
	keep_caps(CAP(CAP_BPF) | CAP(CAP_PERFMON));
	fd = attach(recording.prog_fd);
	CHECK_EQ(info(fd).state, FSESSION_STATE_LIVE);
}

CASE(abi_attach_with_bpf_and_perfmon, "an attach with just the two works")
{
	setup();
	device();
	ktest_join(ktest_fork(attach_unprivileged, NULL));
}

static void attach_without_a_file(void *unused)
{
	(void)unused;
	keep_caps(CAP(CAP_BPF) | CAP(CAP_PERFMON));
	prepare(&verbs[2], verbs[2].size);
	expect(&verbs[2], ENFILE);
	CHECK_EQ(arg.multi.attached, 0);
	CHECK_EQ(arg.multi.reason, 0);
}

CASE(abi_no_file_left, "no file is left for a session: it is on no function")
{
	char old[32];

	REQUIRE(read_file("/proc/sys/fs/file-max", old, sizeof(old)));
	setup();
	device();
	/* Of which those with CAP_SYS_ADMIN take no notice. */
	REQUIRE(write_file("/proc/sys/fs/file-max", "0"));
	ktest_join(ktest_fork(attach_without_a_file, NULL));
	write_file("/proc/sys/fs/file-max", old);
	drain();
	CHECK_EQ(query().live, 0);
}

static void root_of_another_namespace(void *unused)
{
	const struct verb *v;

	(void)unused;
	if (unshare(CLONE_NEWUSER))
		SKIP("no user namespaces here: %s", strerror(errno));
	for (v = verbs; v < VERBS_END; v++) {
		prepare_any(v);
		expect(v, EPERM);
	}
}

CASE(abi_user_namespace, "a user namespace's root is nobody: EPERM")
{
	setup();
	device();
	recording.fd = attach(recording.prog_fd);
	ktest_join(ktest_fork(root_of_another_namespace, NULL));
}

static void check_addresses(uint64_t addr)
{
	struct fsession_target_desc t = {};
	struct fsession_info i = { .size = sizeof(i),
				   .targets = (uintptr_t)&t,
				   .target_count = 1 };

	CHECK_EQ(try_ioctl(recording.fd, FSESSION_IOC_INFO, &i), 0);
	CHECK_EQ(i.target_addr, addr);
	CHECK_EQ(i.target_count, 1);
	CHECK_EQ(t.addr, addr);
	CHECK(t.btf_id);
}

static void none_without_syslog(void *unused)
{
	(void)unused;
	keep_caps(CAP(CAP_BPF) | CAP(CAP_PERFMON));
	check_addresses(0);
}

CASE(abi_target_addr, "kernel addresses only for who may see them")
{
	char old[16];

	if (!read_file("/proc/sys/kernel/kptr_restrict", old, sizeof(old)))
		FAIL("no kptr_restrict");
	setup();
	recording.fd = attach(recording.prog_fd);
	REQUIRE(write_file("/proc/sys/kernel/kptr_restrict", "1"));
	check_addresses(symbol(TARGET, MODULE));
	ktest_join(ktest_fork(none_without_syslog, NULL));
	write_file("/proc/sys/kernel/kptr_restrict", old);
}
