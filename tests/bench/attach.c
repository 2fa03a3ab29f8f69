// SPDX-License-Identifier: GPL-2.0
/*
 * attach: how long it takes to put one program on many functions, and to take it
 * off, side by side in one run; and the memory that it takes.
 *
 *	attach [SIZE]...
 *
 * For as many functions as SIZE says, each in turn (100, 1000, 10000 and all
 * unless given), and all mechanisms of this kernel. The program does nothing and
 * the functions are the same for all: those that every mechanism takes. Twice, the
 * second time in the opposite order, since who comes first finds a cold machine: what
 * is printed is the shorter time of the two. Who takes very long has one time only.
 *
 *	attach		the one system call
 *	detach		close()
 *	given back	from close() until ftrace traces no function any more
 *	gone		from close() until the session is; the module's only
 *	KiB		what Slab, VmallocUsed and Percpu of /proc/meminfo are more
 *			by while it is attached
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <linux/bpf.h>
#include <linux/fsession.h>

#include "bench.h"
#include "functions.h"

#define ALL ~0U

typedef struct fsession_target_desc desc_t;

/* The functions, in the forms that the mechanisms want them in. */
struct functions {
	desc_t *list;
	uint64_t *addrs;
	uint32_t *ids;
	unsigned int count;
};

struct mechanism {
	const char *name;
	enum bpf_prog_type prog_type;
	unsigned int attach_type;
	/* A file descriptor or a negative errno. */
	int (*attach)(const struct mechanism *m, const struct functions *f,
		      unsigned int from, unsigned int count,
		      unsigned int *attached);
	int prog_fd;
	const char *missing; /* why it is not there */
};

static int device = -1;

static uint64_t now_ms(void)
{
	return now_ns() / 1000000;
}

/*
 * The mechanisms
 */

/* Functions that the module does not take are left out, and marked. */
static int attach_module(const struct mechanism *m, const struct functions *f,
			 unsigned int from, unsigned int count,
			 unsigned int *attached)
{
	struct fsession_attach_multi arg = {
		.size = sizeof(arg),
		.flags = FSESSION_MULTI_SKIP,
		.prog_fd = m->prog_fd,
		.targets = (uintptr_t)(f->list + from),
		.count = count,
	};
	int fd = ioctl(device, FSESSION_IOC_ATTACH_MULTI, &arg);

	*attached = arg.attached;
	return fd < 0 ? -errno : fd;
}

static int attach_kprobe(const struct mechanism *m, const struct functions *f,
			 unsigned int from, unsigned int count,
			 unsigned int *attached)
{
	*attached = count;
	return link_kprobes(m->prog_fd, m->attach_type, 0, f->addrs + from,
			    count);
}

static int attach_native(const struct mechanism *m, const struct functions *f,
			 unsigned int from, unsigned int count,
			 unsigned int *attached)
{
	*attached = count;
	return link_native_multi(m->prog_fd, f->ids + from, count);
}

/* clang-format off */
static struct mechanism mechanisms[] = {
	{ "session on many", BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT,
	  attach_module, -1, NULL },
	{ "native fsession.multi", BPF_PROG_TYPE_TRACING, TRACE_FSESSION_MULTI,
	  attach_native, -1, NULL },
	{ "kprobe.session", BPF_PROG_TYPE_KPROBE, TRACE_KPROBE_SESSION,
	  attach_kprobe, -1, NULL },
	{ "kprobe.multi", BPF_PROG_TYPE_KPROBE, BPF_TRACE_KPROBE_MULTI,
	  attach_kprobe, -1, NULL },
};
/* clang-format on */

#define MECHANISMS (sizeof(mechanisms) / sizeof(mechanisms[0]))
#define MODULE	   (&mechanisms[0])

/* A program that returns 0. @target is a function's id, if it takes one. */
static int load_program(const struct mechanism *m, unsigned int target)
{
	static const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts,
		    .expected_attach_type =
			    (enum bpf_attach_type)m->attach_type);
	int fd;

	if (m->attach_type == BPF_TRACE_FEXIT)
		opts.attach_btf_id = target;
	fd = bpf_prog_load(m->prog_type, "empty", "GPL", insns,
			   sizeof(insns) / sizeof(insns[0]), &opts);
	return fd < 0 ? -errno : fd;
}

static void drain(void)
{
	struct fsession_drain arg = { .size = sizeof(arg), .timeout_ms = 50 };
	uint64_t end = now_ms() + 120000;

	/* The calls that wait here may be traced; each waits for itself. */
	while (ioctl(device, FSESSION_IOC_DRAIN, &arg)) {
		if (errno != ETIMEDOUT || now_ms() > end)
			die("drain");
	}
}

static bool wait_given_back(void)
{
	uint64_t end = now_ms() + 120000;

	while (functions_enabled()) {
		if (now_ms() > end)
			return false;
		usleep(2000);
	}
	return true;
}

/* Load the programs, and see that they attach to one function. */
static void prepare(unsigned int target, desc_t *one)
{
	const struct functions f = { one, (uint64_t *)&one->addr, &one->btf_id,
				     1 };
	struct mechanism *m;
	unsigned int n;
	int fd;

	for (m = mechanisms; m < mechanisms + MECHANISMS; m++) {
		m->prog_fd = fd = load_program(m, target);
		if (fd >= 0)
			fd = m->attach(m, &f, 0, 1, &n);
		if (fd >= 0)
			close(fd);
		else
			m->missing = why_missing(fd);
		/* The next one may be another user of the function. */
		drain();
		wait_given_back();
	}
	if (MODULE->missing)
		die("the module: %s", MODULE->missing);
}

/*
 * Which functions
 */

static void keep(struct functions *f, unsigned int from, unsigned int count)
{
	memmove(f->list + f->count, f->list + from, count * sizeof(*f->list));
	memmove(f->ids + f->count, f->ids + from, count * sizeof(*f->ids));
	memmove(f->addrs + f->count, f->addrs + from,
		count * sizeof(*f->addrs));
	f->count += count;
}

/*
 * Keep what @m takes: it takes all or none, and does not say whom not. What is
 * kept moves to places that were looked at.
 */
static void keep_taken(const struct mechanism *m, struct functions *f,
		       unsigned int from, unsigned int count)
{
	unsigned int attached;
	int fd = m->attach(m, f, from, count, &attached);

	if (fd >= 0) {
		close(fd);
		keep(f, from, count);
	} else if (count > 1) {
		keep_taken(m, f, from, count / 2);
		keep_taken(m, f, from + count / 2, count - count / 2);
	}
}

/* The functions that every mechanism takes. */
static struct functions choose(const struct btf *btf, desc_t *list,
			       unsigned int count)
{
	struct functions f = { list, malloc(count * sizeof(*f.addrs)),
			       malloc(count * sizeof(*f.ids)), 0 };
	unsigned int i, n = 0, attached;
	const struct mechanism *m;
	int fd;

	if (!f.addrs || !f.ids)
		die("memory");
	printf("%u functions that can be told by their names\n", count);
	fd = MODULE->attach(MODULE, &f, 0, count, &attached);
	if (fd < 0)
		die("attach to all functions");
	close(fd);
	drain();
	for (i = 0; i < count; i++) {
		if (!list[i].status &&
		    !functions_long_result(btf, list[i].btf_id))
			list[n++] = list[i];
	}
	printf("%u taken by the module, %u of them with a result of one word\n",
	       attached, n);
	functions_forget(list, n);
	for (i = 0; i < n; i++) {
		f.addrs[i] = list[i].addr;
		f.ids[i] = list[i].btf_id;
	}
	f.count = n;
	for (m = MODULE + 1; m < mechanisms + MECHANISMS; m++) {
		if (m->missing)
			continue;
		n = f.count;
		f.count = 0;
		keep_taken(m, &f, 0, n);
		printf("%u taken by %s\n", f.count, m->name);
		wait_given_back();
	}
	fflush(stdout);
	return f;
}

/*
 * Measuring
 */

enum {
	SLAB,
	VMALLOC,
	PERCPU,
	KINDS
};

struct memory {
	long long kb[KINDS];
};

static struct memory memory(void)
{
	static const char *const kinds[KINDS] = {
		[SLAB] = "Slab:",
		[VMALLOC] = "VmallocUsed:",
		[PERCPU] = "Percpu:",
	};
	struct memory m = {};
	FILE *f = fopen("/proc/meminfo", "re");
	char line[256];
	int i;

	while (f && fgets(line, sizeof(line), f))
		for (i = 0; i < KINDS; i++)
			if (!strncmp(line, kinds[i], strlen(kinds[i])))
				m.kb[i] = atoll(line + strlen(kinds[i]));
	if (f)
		fclose(f);
	return m;
}

/*
 * What it is when it does not change any more: the kernel frees in its own time,
 * with grace periods in between.
 */
static struct memory settled(void)
{
	struct memory last = memory(), m;
	int i, same = 0, tries;

	for (tries = 0; tries < 60 && same < 4; tries++) {
		usleep(500000);
		m = memory();
		for (i = 0; i < KINDS; i++)
			if (llabs(m.kb[i] - last.kb[i]) > 32)
				break;
		same = i == KINDS ? same + 1 : 0;
		last = m;
	}
	return last;
}

struct result {
	int fd; /* or a negative errno */
	unsigned int attached;
	unsigned int times; /* that it was measured */
	uint64_t attach, detach, given_back, gone;
	bool all_back;
	long long kb[KINDS]; /* the first time */
};

/* Above, once is enough. */
#define LONG_MS 30000

static void shorter(uint64_t *best, uint64_t ms, bool first)
{
	if (first || ms < *best)
		*best = ms;
}

static void measure(const struct mechanism *m, const struct functions *f,
		    unsigned int count, struct result *r)
{
	bool first = !r->times++;
	struct memory before, after;
	uint64_t start;
	int i;

	before = settled();
	start = now_ms();
	r->fd = m->attach(m, f, 0, count, &r->attached);
	if (r->fd < 0)
		return;
	shorter(&r->attach, now_ms() - start, first);
	after = settled();

	start = now_ms();
	close(r->fd);
	shorter(&r->detach, now_ms() - start, first);
	r->all_back = wait_given_back();
	shorter(&r->given_back, now_ms() - start, first);
	if (m == MODULE) {
		drain();
		shorter(&r->gone, now_ms() - start, first);
	}
	for (i = 0; first && i < KINDS; i++)
		r->kb[i] = after.kb[i] - before.kb[i];
}

static void print_seconds(bool known, uint64_t ms)
{
	if (known)
		printf(" %8llu.%03llu", (unsigned long long)ms / 1000,
		       (unsigned long long)ms % 1000);
	else
		printf(" %12s", "-");
}

static void print(const struct mechanism *m, const struct result *r)
{
	long long sum = 0;
	int i;

	printf("%-22s", m->name);
	if (m->missing || r->fd < 0) {
		printf(" -  (%s)\n",
		       m->missing ? m->missing : strerror(-r->fd));
		return;
	}
	printf(" %9u", r->attached);
	print_seconds(true, r->attach);
	print_seconds(true, r->detach);
	print_seconds(r->all_back, r->given_back);
	print_seconds(m == MODULE, r->gone);
	for (i = 0; i < KINDS; i++) {
		printf(" %8lld", r->kb[i]);
		sum += r->kb[i];
	}
	printf(" %10.0f\n", r->attached ? sum * 1024.0 / r->attached : 0);
}

static void table(const struct functions *f, unsigned int size)
{
	unsigned int count = size < f->count ? size : f->count;
	struct result results[MECHANISMS] = {};
	unsigned int i;

	for (i = 0; i < 2 * MECHANISMS; i++) {
		unsigned int n = i < MECHANISMS ? i : 2 * MECHANISMS - 1 - i;
		struct result *r = &results[n];

		if (!mechanisms[n].missing && r->fd >= 0 &&
		    r->attach + r->given_back < LONG_MS)
			measure(&mechanisms[n], f, count, r);
	}
	printf("\n%-22s %9s %12s %12s %12s %12s %8s %8s %8s %10s\n", "seconds",
	       "attached", "attach", "detach", "given back", "gone", "slab KiB",
	       "vmalloc", "percpu", "B/function");
	for (i = 0; i < MECHANISMS; i++)
		print(&mechanisms[i], &results[i]);
	fflush(stdout);
}

/* 0 if it is none. */
static unsigned int size_of(const char *arg)
{
	return strcmp(arg, "all") ? strtoul(arg, NULL, 0) : ALL;
}

int main(int argc, char **argv)
{
	static const unsigned int sizes[] = { 100, 1000, 10000, ALL };
	struct functions f;
	struct btf *btf;
	desc_t *list, one;
	int n, i, target;

	for (i = 1; i < argc; i++) {
		if (!size_of(argv[i])) {
			fprintf(stderr, "usage: attach [SIZE|all]...\n");
			return 2;
		}
	}
	device = open("/dev/fsession", O_RDWR | O_CLOEXEC);
	if (device < 0)
		die("/dev/fsession");
	btf = btf__load_vmlinux_btf();
	if (!btf)
		die("the kernel's BTF");
	target = btf__find_by_name_kind(btf, "bpf_fentry_test1", BTF_KIND_FUNC);
	n = functions_list(btf, &list);
	if (n < 0) {
		errno = -n;
		die("list of functions");
	}
	if (target < 0 || !functions_move(list, n, target, 0)) {
		errno = ENOENT;
		die("bpf_fentry_test1");
	}
	one = list[0];
	prepare(target, &one);
	if (functions_enabled())
		fprintf(stderr,
			"attach: functions are traced already, so when they are given back is not seen\n");

	f = choose(btf, list, n);
	if (argc > 1) {
		for (i = 1; i < argc; i++)
			table(&f, size_of(argv[i]));
	} else {
		for (i = 0; i < (int)(sizeof(sizes) / sizeof(sizes[0])); i++)
			table(&f, sizes[i]);
	}
	return 0;
}
