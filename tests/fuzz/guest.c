// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls, fuzzed in the kernel, by several threads at once.
 *
 * An ioctl is made of a short string of bytes, an input. Zero stands for what is usual,
 * and most bytes are zero, so that a call is wrong in one or two ways. Sizes, flags,
 * counts, pointers, descriptors, addresses and BTF ids are. Where the kernel tells
 * what an ioctl has run through (KCOV, with a module that is built for it), inputs that
 * come somewhere new are kept, and changed again.
 *
 * The threads share descriptors, which any of them closes or puts another file behind
 * while the others use it; and a piece of memory, in which any of them writes, and takes
 * away the pages, while the kernel reads. A signal comes every few milliseconds.
 *
 * The functions that are attached to have a session each from the beginning to the end.
 * So an attach seldom is one for ftrace, which would take all the time there is.
 */
#include <fcntl.h>
#include <linux/kcov.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include "fuzz/guest.h"
#include "session.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define PAGE	      4096UL

#define MAX_THREADS 16
#define MAX_ERRNO   134
#define INPUT	    64
#define KEPT	    4096

struct input {
	uint8_t byte[INPUT];
};

enum verb {
	QUERY,
	ATTACH,
	MULTI,
	INFO,
	DRAIN,
	OTHER,
	VERBS
};

static const struct {
	const char *name;
	unsigned int cmd;
	uint32_t first, size;
} verbs[] = {
	[QUERY] = { "query", FSESSION_IOC_QUERY, sizeof(struct fsession_query),
		    sizeof(struct fsession_query) },
	[ATTACH] = { "attach", FSESSION_IOC_ATTACH,
		     sizeof(struct fsession_attach),
		     sizeof(struct fsession_attach) },
	[MULTI] = { "attach many", FSESSION_IOC_ATTACH_MULTI,
		    sizeof(struct fsession_attach_multi),
		    sizeof(struct fsession_attach_multi) },
	[INFO] = { "info", FSESSION_IOC_INFO,
		   offsetof(struct fsession_info, targets),
		   sizeof(struct fsession_info) },
	[DRAIN] = { "drain", FSESSION_IOC_DRAIN, sizeof(struct fsession_drain),
		    sizeof(struct fsession_drain) },
	[OTHER] = { "no ioctl", 0, 4, 64 },
};

union arg {
	uint32_t size;
	struct fsession_query query;
	struct fsession_attach attach;
	struct fsession_attach_multi multi;
	struct fsession_info info;
	struct fsession_drain drain;
	unsigned char bytes[512];
};

struct worker {
	pthread_t thread;
	uint64_t random;
	const struct fuzz_options *options;
	const struct input *in; /* the current one */
	unsigned int at;
	/* Of its own: two pages, one to read, one that is not there, one. */
	unsigned char *mem, *view;
	bool shared; /* the current call is in memory that others write to */
	int device;
	uint64_t *cover;
	int kcov;
	bool done;

	uint64_t ioctls, attached;
	uint64_t results[VERBS][MAX_ERRNO];
};

static struct worker workers[MAX_THREADS];
static volatile bool stop;
static uint64_t ioctls_done;

/*
 * Bytes
 */

static uint64_t next(struct worker *w)
{
	/* xorshift64 */
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return w->random;
}

static bool chance(struct worker *w, unsigned int one_in)
{
	return (next(w) >> 16) % one_in == 0;
}

static uint8_t byte(struct worker *w)
{
	return w->at < INPUT ? w->in->byte[w->at++] : 0;
}

static uint32_t word(struct worker *w)
{
	uint32_t v = byte(w);

	v |= byte(w) << 8;
	v |= byte(w) << 16;
	return v | (uint32_t)byte(w) << 24;
}

/* Mostly @usual. */
static uint32_t number(struct worker *w, uint32_t usual)
{
	uint8_t b = byte(w);

	switch (b % 8) {
	case 1:
		return usual + 1;
	case 2:
		return usual - 1;
	case 3:
		return b >> 3;
	case 4:
		return 1U << (b >> 3);
	case 5:
		return ~0U >> (b >> 3);
	case 6:
		return word(w);
	default:
		return usual;
	}
}

/*
 * Memory. What the kernel is given is a view, with pages that it cannot write to or
 * that are not there; we go by another one of the same memory.
 */

#define MEM_PAGES     5
#define MEM_READ_ONLY 2
#define MEM_HOLE      3
#define SHARED_PAGES  4

static unsigned char *shared_mem, *shared_view;

static void *map_pages(int fd, unsigned int pages)
{
	/* And a page that is never there, or the end would run on into other memory. */
	void *mem = mmap(NULL, (pages + 1) * PAGE, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mem != MAP_FAILED)
		mem = mmap(mem, pages * PAGE, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_FIXED, fd, 0);
	if (mem == MAP_FAILED)
		FAIL("mmap: %s", strerror(errno));
	return mem;
}

static void map_twice(unsigned int pages, unsigned char **mem,
		      unsigned char **view)
{
	int fd = SYS(memfd_create("fuzz", MFD_CLOEXEC));

	SYS(ftruncate(fd, pages * PAGE));
	*mem = map_pages(fd, pages);
	*view = map_pages(fd, pages);
	SYS(close(fd));
}

/* The bytes at @addr of a view that are memory of ours, up to @n; or NULL. */
static unsigned char *ours(struct worker *w, uint64_t addr, size_t *n)
{
	uint64_t at = addr - (uintptr_t)w->view;
	uint64_t at_shared = addr - (uintptr_t)shared_view;

	if (at < MEM_PAGES * PAGE) {
		if (*n > MEM_PAGES * PAGE - at)
			*n = MEM_PAGES * PAGE - at;
		return w->mem + at;
	}
	if (at_shared < SHARED_PAGES * PAGE) {
		if (*n > SHARED_PAGES * PAGE - at_shared)
			*n = SHARED_PAGES * PAGE - at_shared;
		return shared_mem + at_shared;
	}
	return NULL;
}

static void put(struct worker *w, uint64_t to, const void *from, size_t n)
{
	unsigned char *p = ours(w, to, &n);

	if (p)
		memcpy(p, from, n);
}

/* Where @n bytes may lie: mostly at @usual. */
static uint64_t place(struct worker *w, size_t n, size_t usual)
{
	uint64_t mem = (uintptr_t)w->view;
	uint8_t b = byte(w);

	switch (b % 16) {
	case 1: /* the last byte that can be written */
		return mem + MEM_READ_ONLY * PAGE - n;
	case 2:
		return mem + MEM_READ_ONLY * PAGE - n + 1 + (b >> 4);
	case 3: /* the last one that can be read */
		return mem + MEM_HOLE * PAGE - n;
	case 4:
		return mem + MEM_HOLE * PAGE - n + 1 + (b >> 4);
	case 5:
		return mem + (MEM_HOLE + (b >> 4) % 2) * PAGE;
	case 6:
		return b >> 4;
	case 7:
		return 0xffffffff81000000ULL + word(w);
	case 8:
		return ~0ULL << (b >> 4) * 4;
	case 9: /* up to the end of what a process may have */
		return (1ULL << 47) - PAGE - n + (b >> 4);
	case 10:
		return mem + word(w) % (MEM_PAGES * PAGE);
	case 11:
	case 12:
		w->shared = true;
		return (uintptr_t)shared_view + word(w) % (SHARED_PAGES * PAGE);
	case 13:
		return mem + usual + (b >> 4);
	default:
		return mem + usual;
	}
}

/*
 * Files: all threads share them. What is in a slot may be closed or another one's at
 * any time.
 */

#define SLOT0	 512 /* nobody else has numbers as high */
#define SLOTS	 96
#define SESSIONS 48 /* of them, those that new sessions are put in */
#define MASTERS	 64

static int masters[MASTERS];
static unsigned int nr_masters, nr_programs;

/* Programs that may be attached come first. */
static void master(int fd)
{
	if (nr_masters == MASTERS)
		FAIL("too many files");
	masters[nr_masters++] = fd;
}

static int slot(struct worker *w)
{
	return SLOT0 + byte(w) % SLOTS;
}

static int program(struct worker *w)
{
	return masters[byte(w) % nr_programs];
}

/* A descriptor of something else, or of nothing. */
static int no_program(struct worker *w)
{
	uint8_t b = byte(w);

	if (b < 0x40)
		return slot(w);
	if (b < 0x48)
		return (int)word(w);
	return masters[nr_programs + b % (nr_masters - nr_programs)];
}

static int some_program(struct worker *w, unsigned int of_thousand)
{
	return (next(w) >> 20) % 1000 < of_thousand ? program(w)
						    : no_program(w);
}

/*
 * Functions: those that have a session all the time come first.
 */
#define FUNCTIONS 40

static struct fsession_target_desc functions[FUNCTIONS];
static unsigned int nr_functions, nr_resident;

/* Of the test module, whose shapes differ, and of the kernel. */
static const char *const resident_names[] = {
	"fsession_test_arg1",	    "fsession_test_arg2",
	"fsession_test_arg3",	    "fsession_test_arg6",
	"fsession_test_arg8",	    "fsession_test_arg12",
	"fsession_test_arg_s16",    "fsession_test_arg_u128",
	"fsession_test_arg_narrow", "fsession_test_two_regs",
};

static const char *const kernel_names[] = {
	"bpf_fentry_test1", "bpf_fentry_test2", "bpf_fentry_test3",
	"bpf_fentry_test4", "bpf_fentry_test5", "bpf_fentry_test6",
};

/* Denied, without a return, and not traced before. */
static const char *const other_names[] = {
	"migrate_disable",
	"do_exit",
	"rcu_note_context_switch",
	"bpf_modify_return_test",
};

static void add_function(const char *name, bool of_kernel)
{
	struct fsession_target_desc *d = &functions[nr_functions];

	if (of_kernel && !(btf_has(name) && ftrace_has(name)))
		return;
	*d = of_kernel ? kernel_target(name, 0) : testmod_target(name, 0);
	nr_functions++;
}

static void fill_target(struct worker *w, struct fsession_target_desc *d,
			unsigned int function)
{
	uint8_t b = byte(w);

	*d = functions[function % nr_functions];
	d->attach_cookie = b >> 6;
	switch (b % 32) {
	case 1:
		d->addr += 1;
		break;
	case 2:
		d->addr -= 1;
		break;
	case 3:
		d->addr += 4;
		break;
	case 4:
		d->btf_id++;
		break;
	case 5:
		d->btf_id--;
		break;
	case 6:
		d->btf_id = number(w, 0);
		break;
	case 7:
		d->addr = (uint64_t)word(w) << 32 | word(w);
		break;
	case 8: /* another one's */
		d->btf_id = functions[byte(w) % nr_functions].btf_id;
		break;
	case 9: /* there twice, perhaps */
		*d = functions[byte(w) % nr_functions];
		break;
	case 10:
		d->status = number(w, 1);
		break;
	case 11:
		d->reason = number(w, 1);
		break;
	case 12:
		d->reserved = number(w, 1);
		break;
	case 13: /* of a process */
		d->addr = (uintptr_t)w->view;
		break;
	}
}

/*
 * Ioctls
 */

static void fill_attach(struct worker *w, struct fsession_attach *a)
{
	a->prog_fd = some_program(w, w->options->attaches);
	a->flags = number(w, 0);
	a->reason = number(w, 0);
	a->attach_cookie = byte(w);
}

static void fill_multi(struct worker *w, struct fsession_attach_multi *m)
{
	struct fsession_target_desc d[FUNCTIONS];
	unsigned int n = byte(w) % (nr_functions + 1), i, first = byte(w);
	uint8_t flags = byte(w);

	m->flags = flags < 0xe0 ? flags % 3 : number(w, 0);
	m->prog_fd = some_program(w, w->options->attaches);
	/* To look each of them up takes its time. */
	if (!chance(w, 8))
		n %= 4;
	m->reason = number(w, 0);
	m->attached = number(w, 0);
	m->count = number(w, n);
	/* Megabytes take their time. */
	if (m->count > 512 && m->count <= FSESSION_MAX_TARGETS &&
	    !chance(w, 64))
		m->count %= 256;
	for (i = 0; i < n; i++)
		fill_target(w, &d[i],
			    n <= nr_resident ? (first + i) % nr_resident
					     : first + i);
	m->targets = place(w, n * sizeof(d[0]), PAGE);
	put(w, m->targets, d, n * sizeof(d[0]));
}

static volatile uint32_t last_id;

static void fill_info(struct worker *w, struct fsession_info *i)
{
	uint8_t b = byte(w);

	i->flags = number(w, 0);
	i->id = b & 1 ? 0 : number(w, last_id - byte(w));
	if (b & 2)
		i->flags |= FSESSION_INFO_NEXT;
	if (b & 4) {
		i->name_len = number(w, 128);
		i->name = place(w, i->name_len % PAGE, 1024);
	}
	if (b & 8) {
		i->target_count = number(w, FUNCTIONS);
		i->targets = place(w, i->target_count % 128 * 32, PAGE);
	}
	if (b & 16)
		i->reserved = number(w, 1);
	if (b & 32)
		i->reserved2 = number(w, 1);
	if (b & 64)
		i->calls = word(w);
}

static void fill_drain(struct worker *w, struct fsession_drain *d)
{
	uint8_t b = byte(w);

	d->flags = number(w, 0);
	/* The signal ends a long one. */
	d->timeout_ms = b < 0xf0 ? 0 : number(w, b & 3);
	d->draining = byte(w);
}

static uint32_t some_size(struct worker *w, enum verb v)
{
	uint8_t b = byte(w);

	switch (b % 16) {
	case 1:
		return verbs[v].first;
	case 2:
		return verbs[v].size + (b >> 4);
	case 3:
		return verbs[v].first - (b >> 4);
	case 4:
		return verbs[v].first + (b >> 4);
	case 5:
		return PAGE;
	case 6:
		return PAGE + 1;
	case 7:
		return number(w, verbs[v].size);
	default:
		return verbs[v].size;
	}
}

/* The errors of uapi/linux/fsession.h, of a file that is there all the time. */
static bool may_fail(enum verb v, int err)
{
	static const int of_any[] = { EINVAL, E2BIG, EFAULT, EINTR, ENOMEM };
	static const int of_attach[] = {
		EBADF,	EPROTOTYPE, EPROTONOSUPPORT, EALREADY, EOPNOTSUPP,
		ENOENT, EACCES,	    EDEADLK,	     ENOTUNIQ, EBUSY,
		ESTALE, ENODEV,	    ENOSPC,	     EMFILE,   ENFILE,
	};
	unsigned int i;

	if (v == OTHER)
		return err == ENOTTY;
	for (i = 0; i < ARRAY_SIZE(of_any); i++) {
		if (of_any[i] == err)
			return true;
	}
	for (i = 0; i < ARRAY_SIZE(of_attach); i++) {
		if ((v == ATTACH || v == MULTI) && of_attach[i] == err)
			return true;
	}
	return (v == MULTI && err == EPROTO) ||
	       (v == INFO && (err == ENOENT || err == ENOSPC)) ||
	       (v == DRAIN && err == ETIMEDOUT);
}

/* What came back, where nobody else writes. */
static void check_result(struct worker *w, enum verb v, const union arg *arg,
			 uint64_t at, int ret)
{
	size_t n = arg->size < sizeof(*arg) ? arg->size : sizeof(*arg);
	union arg got = {};
	unsigned char *p = ours(w, at, &n);

	if (!p || w->shared || (ret < 0 && ret != -ETIMEDOUT))
		return;
	memcpy(&got, p, n);
	CHECK_EQ(got.size, arg->size);
	if (v == QUERY) {
		CHECK_EQ(got.query.abi_version, FSESSION_ABI_VERSION);
	} else if (v == ATTACH) {
		CHECK_EQ(got.attach.reason, 0);
		CHECK_EQ(got.attach.prog_fd, arg->attach.prog_fd);
	} else if (v == MULTI) {
		CHECK_EQ(got.multi.reason, 0);
		CHECK_OP(got.multi.attached, <=, got.multi.count);
	} else if (v == INFO) {
		check_books_balance(&got.info);
		CHECK_OP(got.info.sites, >, 0);
	} else if (v == DRAIN) {
		CHECK_EQ(!got.drain.draining, !ret);
	}
}

/* The session becomes one of those that all threads have. */
static void take_session(struct worker *w, int fd)
{
	struct fsession_info i = { .size = sizeof(i) };

	w->attached++;
	if (!ioctl(fd, FSESSION_IOC_INFO, &i))
		last_id = i.id;
	dup3(fd, SLOT0 + next(w) % SESSIONS, O_CLOEXEC);
	/* Nobody else closes one that low. */
	if (fd < SLOT0)
		close(fd);
}

static void one_ioctl(struct worker *w)
{
	uint8_t which = byte(w), file = byte(w);
	enum verb v = which % 16 < 15 ? which % 5 : OTHER;
	unsigned int cmd = verbs[v].cmd;
	union arg arg = {};
	int ret, fd = file < 0xc0 ? w->device : slot(w);
	uint64_t at;

	w->shared = false;
	if (v == ATTACH)
		fill_attach(w, &arg.attach);
	else if (v == MULTI)
		fill_multi(w, &arg.multi);
	else if (v == INFO)
		fill_info(w, &arg.info);
	else if (v == DRAIN)
		fill_drain(w, &arg.drain);
	else
		arg.query.flags = number(w, 0);
	arg.size = some_size(w, v);
	if (v == OTHER)
		cmd = which & 0x80 ? word(w) | 1U << 31
				   : (unsigned int)_IO(FSESSION_IOC_MAGIC,
						       byte(w) & 0x7f);
	at = place(w, arg.size % PAGE, 0);
	put(w, at, &arg, sizeof(arg));
	ret = ioctl(fd, cmd, at);
	if (ret < 0)
		ret = -errno;
	w->ioctls++;
	w->results[v][ret < 0 ? (-ret < MAX_ERRNO ? -ret : 1) : 0]++;
	if (ret >= 0 && (v == ATTACH || (v == MULTI && ret)))
		take_session(w, ret);
	if (fd != w->device)
		return;
	if (ret < 0 && !may_fail(v, -ret))
		ktest_failed(__FILE__, __LINE__, "%s: %s", verbs[v].name,
			     strerror(-ret));
	check_result(w, v, &arg, at, ret);
}

/*
 * What is kept
 */

static struct input kept[KEPT];
static unsigned int nr_kept;
static pthread_mutex_t kept_lock = PTHREAD_MUTEX_INITIALIZER;
static uint8_t seen[1 << 16];
static unsigned int nr_seen;

#define COVER_WORDS 65536

static void cover_open(struct worker *w)
{
	void *mem;

	w->kcov = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC);
	if (w->kcov < 0)
		return;
	SYS(ioctl(w->kcov, KCOV_INIT_TRACE, COVER_WORDS));
	mem = mmap(NULL, COVER_WORDS * sizeof(uint64_t), PROT_READ | PROT_WRITE,
		   MAP_SHARED, w->kcov, 0);
	if (mem == MAP_FAILED)
		FAIL("mmap of kcov: %s", strerror(errno));
	w->cover = mem;
	SYS(ioctl(w->kcov, KCOV_ENABLE, KCOV_TRACE_PC));
}

static void cover_close(struct worker *w)
{
	if (!w->cover)
		return;
	SYS(ioctl(w->kcov, KCOV_DISABLE, 0));
	munmap(w->cover, COVER_WORDS * sizeof(uint64_t));
	close(w->kcov);
}

/* Has the last ioctl been where none was before? */
static bool cover_new(struct worker *w)
{
	uint64_t i, n = __atomic_load_n(&w->cover[0], __ATOMIC_RELAXED);
	bool new = false;

	for (i = 1; i <= n; i++) {
		uint32_t at = w->cover[i] * 0x9e3779b97f4a7c15ULL >> 48;

		if (seen[at])
			continue;
		if (!__atomic_exchange_n(&seen[at], 1, __ATOMIC_RELAXED))
			__atomic_fetch_add(&nr_seen, 1, __ATOMIC_RELAXED);
		new = true;
	}
	return new;
}

static void keep(const struct input *in)
{
	pthread_mutex_lock(&kept_lock);
	if (nr_kept < KEPT)
		kept[nr_kept++] = *in;
	pthread_mutex_unlock(&kept_lock);
}

/* A new one, or one of those that are kept with some other bytes. */
static void make_input(struct worker *w, struct input *in)
{
	unsigned int i, n = nr_kept;

	if (n && chance(w, 2)) {
		*in = kept[next(w) % n];
		for (i = next(w) % 4 + 1; i; i--)
			in->byte[next(w) % INPUT] = next(w) >> 24;
		return;
	}
	for (i = 0; i < INPUT; i++)
		in->byte[i] = chance(w, 6) ? next(w) >> 24 : 0;
	/* What is called, in which way. */
	in->byte[0] = next(w) >> 24;
	if (chance(w, 4))
		in->byte[1] = next(w) >> 24;
	/* Numbers, of programs and functions mostly. */
	for (i = 2; i < 6; i++)
		in->byte[i] = chance(w, 2) ? next(w) >> 24 : 0;
}

/*
 * Meanwhile
 */

static void disturb(struct worker *w)
{
	static const int protections[] = { PROT_READ | PROT_WRITE, PROT_READ,
					   PROT_NONE };
	int to = SLOT0 + next(w) % SLOTS;

	switch (next(w) % 8) {
	case 0:
		close(to);
		break;
	case 1:
	case 2:
		dup3(masters[next(w) % nr_masters], to, O_CLOEXEC);
		break;
	case 3:
		dup3(SLOT0 + next(w) % SLOTS, to, O_CLOEXEC);
		break;
	case 4:
		mprotect(shared_view + next(w) % SHARED_PAGES * PAGE, PAGE,
			 protections[next(w) % 3]);
		break;
	default:
		*(volatile uint32_t *)(shared_mem +
				       next(w) % (SHARED_PAGES * PAGE / 4) *
					       4) =
			chance(w, 2) ? next(w) : next(w) % 256;
	}
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct input in;

	cover_open(w);
	while (!stop) {
		make_input(w, &in);
		w->in = &in;
		w->at = 0;
		if (w->cover)
			__atomic_store_n(&w->cover[0], 0, __ATOMIC_RELAXED);
		one_ioctl(w);
		if (w->cover && cover_new(w))
			keep(&in);
		if (chance(w, 16))
			disturb(w);
		if (!(w->ioctls % 64))
			__atomic_fetch_add(&ioctls_done, 64, __ATOMIC_RELAXED);
	}
	cover_close(w);
	w->done = true;
	return NULL;
}

/*
 * All of it
 */

static struct bpf_object *resident_objs[FUNCTIONS];
static int residents[FUNCTIONS];

/* A program for each function, one that has a session and four that have not. */
static void add_programs(const char *name, unsigned int i)
{
	struct recording r = recording_load("empty", name);
	unsigned int n;

	residents[i] = attach(r.prog_fd);
	resident_objs[i] = r.obj;
	munmap_recorder(&r);
	for (n = 0; n < (i < 4 ? 4 : 1); n++)
		master(try_clone(r.prog));
}

static void add_program(const char *file, const char *name, const char *target)
{
	struct bpf_object *obj = open_object(file);

	want(obj, name, target);
	load(obj);
	master(dup(prog_fd(obj, name)));
	bpf_object__close(obj);
}

static void add_other_files(void)
{
	static const char *const names[] = { "prog_fentry", "prog_tp_btf",
					     "prog_kprobe", "prog_socket",
					     "prog_raw_tp" };
	struct bpf_object *obj = open_object("kinds");
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		want(obj, names[i], NULL);
	load(obj);
	for (i = 0; i < ARRAY_SIZE(names); i++)
		master(dup(prog_fd(obj, names[i])));
	master(bpf_raw_tracepoint_open("sched_switch",
				       prog_fd(obj, "prog_raw_tp")));
	bpf_object__close(obj);
	master(open("/dev/fsession", O_RDWR | O_CLOEXEC));
	master(open("/dev/fsession", O_RDONLY | O_CLOEXEC));
	master(open("/dev/fsession", O_PATH | O_CLOEXEC));
	master(open("/dev/null", O_RDWR | O_CLOEXEC));
	master(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
	master(open("/", O_PATH | O_CLOEXEC));
	master(epoll_create1(EPOLL_CLOEXEC));
	master(eventfd(0, EFD_CLOEXEC));
	master(syscall(SYS_pidfd_open, getpid(), 0));
	master(bpf_map_create(BPF_MAP_TYPE_ARRAY, "fuzz", 4, 4, 1, NULL));
	master(memfd_create("fuzz", MFD_CLOEXEC));
	/* A session, to be taken for a program. */
	master(dup(residents[0]));
}

static unsigned int enabled_functions(void)
{
	FILE *f = fopen("/sys/kernel/tracing/enabled_functions", "re");
	unsigned int lines = 0;
	int c;

	if (!f)
		FAIL("enabled_functions: %s", strerror(errno));
	while ((c = getc_unlocked(f)) != EOF)
		lines += c == '\n';
	fclose(f);
	return lines;
}

static void on_signal(int sig)
{
	(void)sig;
}

static void setup(void)
{
	struct sigaction sa = { .sa_handler = on_signal };
	unsigned int i, n;

	SYS(sigaction(SIGUSR1, &sa, NULL));
	device();
	for (i = 0; i < ARRAY_SIZE(resident_names); i++) {
		add_function(resident_names[i], false);
		add_programs(resident_names[i], i);
	}
	nr_resident = nr_functions;
	for (i = 0; i < ARRAY_SIZE(kernel_names); i++)
		add_function(kernel_names[i], true);
	for (i = 0; i < ARRAY_SIZE(other_names); i++)
		add_function(other_names[i], true);
	/* On functions that have no session: ftrace takes its time. */
	for (n = 0; n < 2 && btf_has(kernel_names[n]); n++)
		add_program("recorder", "empty", kernel_names[n]);
	/* They read their context themselves, so that types matter. */
	add_program("multi", "reads_argument", resident_names[0]);
	add_program("multi", "reads_result", resident_names[0]);
	nr_programs = nr_masters;
	add_other_files();
	for (i = 0; i < nr_masters; i++) {
		if (masters[i] < 0)
			FAIL("file %u: %s", i, strerror(errno));
	}
	map_twice(SHARED_PAGES, &shared_mem, &shared_view);
}

static void start(struct worker *w, unsigned int i,
		  const struct fuzz_options *options)
{
	memset(w, 0, sizeof(*w));
	w->options = options;
	w->random = (options->seed + 1ULL) * 0x9e3779b97f4a7c15ULL + i;
	w->device = device();
	map_twice(MEM_PAGES, &w->mem, &w->view);
	SYS(mprotect(w->view + MEM_READ_ONLY * PAGE, PAGE, PROT_READ));
	SYS(mprotect(w->view + MEM_HOLE * PAGE, PAGE, PROT_NONE));
	REQUIRE_EQ(pthread_create(&w->thread, NULL, work, w), 0);
}

static void signal_all(unsigned int threads)
{
	unsigned int i;

	for (i = 0; i < threads; i++) {
		if (!workers[i].done)
			pthread_kill(workers[i].thread, SIGUSR1);
	}
}

static void end(const struct fuzz_options *options)
{
	uint64_t until = ktest_ms() + 100000;
	unsigned int i;

	stop = true;
	for (i = 0; i < options->threads; i++) {
		while (!workers[i].done) {
			if (ktest_ms() > until)
				FAIL("thread %u does not come back", i);
			signal_all(options->threads);
			usleep(1000);
		}
		pthread_join(workers[i].thread, NULL);
	}
	SYS(close_range(SLOT0, SLOT0 + SLOTS - 1, 0));
	for (i = 0; i < nr_masters; i++)
		close(masters[i]);
	for (i = 0; i < nr_resident; i++) {
		close(residents[i]);
		bpf_object__close(resident_objs[i]);
	}
}

static void report(const struct fuzz_options *options, uint64_t ms)
{
	uint64_t all = 0, attached = 0, done = 0;
	unsigned int i, v, err;

	for (v = 0; v < VERBS; v++) {
		uint64_t sums[MAX_ERRNO] = {};
		char line[384];
		int at = 0;

		for (err = 0; err < MAX_ERRNO; err++) {
			for (i = 0; i < options->threads; i++)
				sums[err] += workers[i].results[v][err];
			if (sums[err])
				at += snprintf(line + at, sizeof(line) - at,
					       " %s %llu",
					       err ? strerrorname_np(err) : "0",
					       (unsigned long long)sums[err]);
			if (at >= (int)sizeof(line) - 32)
				break;
		}
		done += sums[0];
		ktest_diag("%s:%s", verbs[v].name, at ? line : " none");
	}
	for (i = 0; i < options->threads; i++) {
		all += workers[i].ioctls;
		attached += workers[i].attached;
	}
	ktest_diag("%llu ioctls in %llu s, %llu attached, %u places seen, "
		   "%u inputs kept",
		   (unsigned long long)all, (unsigned long long)ms / 1000,
		   (unsigned long long)attached, nr_seen, nr_kept);
	CHECK_OP(done, >, 0);
	CHECK_OP(all, >=, options->ioctls);
}

void fuzz(const struct fuzz_options *options)
{
	unsigned int enabled = enabled_functions(), i = 0, functions_called;
	int refcount;
	uint64_t begin;

	device();
	refcount = module_refcount("fsession");
	ktest_diag("seed %u, %u threads", options->seed, options->threads);
	setup();
	functions_called = ARRAY_SIZE(resident_names);
	begin = ktest_ms();
	for (i = 0; i < options->threads; i++)
		start(&workers[i], i, options);
	i = 0;
	while (ktest_ms() - begin < options->seconds * 1000ULL &&
	       (!options->ioctls ||
		__atomic_load_n(&ioctls_done, __ATOMIC_RELAXED) <
			options->ioctls) &&
	       !ktest_has_failed()) {
		tm_calls(resident_names[i++ % functions_called], 20);
		usleep(20000);
		signal_all(options->threads);
	}
	end(options);
	report(options, ktest_ms() - begin);

	CHECK_EQ(try_drain(100000, NULL), 0);
	CHECK_EQ(query().live, 0);
	CHECK_EQ(query().draining, 0);
	WAIT_FOR(module_refcount("fsession") == refcount);
	WAIT_FOR(enabled_functions() == enabled);
}
