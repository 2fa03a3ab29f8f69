// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls, fuzzed in user space: module/ as it is, but for what runs in a traced
 * call, in the world of world.h.
 *
 * An input is a list of operations. Most are ioctls, with sizes, pointers, numbers and
 * file descriptors of which every kind of wrong one is a byte away from the right one.
 * The others change the world: files come and go, functions are called, memory runs
 * out, somebody else writes to the structure, a livepatch comes. Any operation can
 * take place in the middle of the one before.
 *
 * What is looked at, beside what the sanitizers see: that an ioctl wrote where it may
 * and nowhere else, changed no field that is the caller's, failed with an errno and a
 * reason that uapi/linux/fsession.h has; and that in the end nothing is left.
 */
#include "module.h"

#define POINTS	  32
#define MAX_OPS	  200
#define MAX_DEPTH 3

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Something happens in the middle of @depth ioctls, at the @point to come. */
static unsigned int depth, point;

/*
 * The input. Behind its end there are zeroes.
 */
static const uint8_t *input, *input_end;

static u8 byte(void)
{
	return input < input_end ? *input++ : 0;
}

static u32 word(void)
{
	u32 w = byte();

	w |= byte() << 8;
	w |= byte() << 16;
	return w | (u32)byte() << 24;
}

/* Mostly @usual: 0 is the likeliest byte, and whatever is behind the end. */
static u32 number(u32 usual)
{
	u8 b = byte();

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
		return word();
	default:
		return usual;
	}
}

/* Where @n bytes may lie. */
static u64 place(size_t n, u64 usual)
{
	u8 b = byte();

	switch (b % 16) {
	case 1: /* the last byte that can be written */
		return USER_BASE + USER_READ_ONLY * PAGE_SIZE - n;
	case 2:
		return USER_BASE + USER_READ_ONLY * PAGE_SIZE - n + 1 +
		       (b >> 4);
	case 3: /* the last one that can be read */
		return USER_BASE + USER_HOLE * PAGE_SIZE - n;
	case 4:
		return USER_BASE + USER_HOLE * PAGE_SIZE - n + 1 + (b >> 4);
	case 5:
		return USER_BASE + USER_SIZE - n;
	case 6:
		return USER_BASE + USER_SIZE - n + 1 + (b >> 4);
	case 7:
		return USER_BASE + USER_READ_ONLY * PAGE_SIZE + 8 * (b >> 4);
	case 8:
		return USER_BASE + USER_HOLE * PAGE_SIZE;
	case 9:
		return b >> 4;
	case 10:
		return funcs[b >> 4].addr;
	case 11:
		return 0xffffffffffffffff << (b >> 4) * 4;
	case 12:
		return USER_BASE + word() % USER_SIZE;
	case 13:
		return usual + (b >> 4);
	default:
		return usual;
	}
}

/*
 * Ioctls
 */

static void fill_query(union arg *arg)
{
	arg->query.flags = number(0);
	arg->query.live = byte();
}

static int some_fd(void)
{
	u8 b = byte();

	if (b < 0xc0)
		return b % 12;
	if (b < 0xf0)
		return b % FDS;
	return b % 2 ? -1 : (int)word();
}

static void fill_attach(union arg *arg)
{
	arg->attach.prog_fd = some_fd();
	arg->attach.flags = number(0);
	arg->attach.reason = number(0);
	arg->attach.attach_cookie = byte();
}

static struct fsession_target_desc targets[256];

/* Mostly that of @func. */
static void fill_target(struct fsession_target_desc *d, unsigned int func)
{
	const struct func *f = &funcs[func % nr_funcs];
	u8 b = byte();

	*d = (struct fsession_target_desc){
		.addr = f->addr,
		.btf_id = f->btf_id,
		.attach_cookie = b >> 6,
	};
	switch (b % 64) {
	case 1:
		d->addr += 1;
		break;
	case 2:
		d->addr += 4;
		break;
	case 3:
		d->btf_id++;
		break;
	case 4:
		d->btf_id = number(0);
		break;
	case 5:
		d->addr = (u64)word() << 32 | word();
		break;
	case 6:
		d->btf_id = funcs[byte() % nr_funcs].btf_id;
		break;
	case 7:
		d->status = number(1);
		break;
	case 8:
		d->reason = number(1);
		break;
	case 9:
		d->reserved = number(1);
		break;
	case 10:
		d->attach_cookie = ~0ULL;
		break;
	case 11:
		f = &funcs[byte() % nr_funcs];
		d->addr = f->addr;
		d->btf_id = f->btf_id;
		break;
	}
}

static void fill_multi(union arg *arg)
{
	u32 i, n, func;

	arg->multi.prog_fd = some_fd();
	arg->multi.flags = byte();
	if (arg->multi.flags >= 0x80)
		arg->multi.flags = number(0);
	else
		arg->multi.flags %= 4;
	arg->multi.reason = number(0);
	arg->multi.attached = number(0);
	n = byte() % (nr_funcs + 1);
	func = byte();
	arg->multi.count = number(n);
	for (i = 0; i < n; i++)
		fill_target(&targets[i], func + i);
	arg->multi.targets =
		place(n * sizeof(targets[0]), USER_BASE + PAGE_SIZE);
	user_put(arg->multi.targets, targets, n * sizeof(targets[0]));
}

/* An id that there is, perhaps: of the session of one of the files. */
static u32 some_id(void)
{
	struct file *file = file_get(byte() % FDS);
	u32 id = 0;

	if (file && file_kind(file) == FILE_SESSION)
		id = ((struct fsession_session *)file->private_data)->id;
	if (file)
		fput(file);
	return number(id);
}

static void fill_info(union arg *arg)
{
	u8 b = byte();

	arg->info.flags = number(0);
	arg->info.id = b & 1 ? 0 : some_id();
	if (b & 2)
		arg->info.flags |= FSESSION_INFO_NEXT;
	if (b & 4) {
		arg->info.name_len = number(64);
		arg->info.name =
			place(arg->info.name_len % PAGE_SIZE, USER_BASE + 1024);
	}
	if (b & 8) {
		arg->info.target_count = number(16);
		arg->info.targets = place(arg->info.target_count % 128 * 32,
					  USER_BASE + PAGE_SIZE);
	}
	if (b & 16)
		arg->info.reserved = number(1);
	if (b & 32)
		arg->info.reserved2 = number(1);
	if (b & 64)
		arg->info.calls = word();
}

static void fill_drain(union arg *arg)
{
	arg->drain.flags = number(0);
	arg->drain.timeout_ms = number(100);
	arg->drain.draining = byte();
}

static void (*const fill[VERBS])(union arg *arg) = {
	[VERB_QUERY] = fill_query, [VERB_ATTACH] = fill_attach,
	[VERB_MULTI] = fill_multi, [VERB_INFO] = fill_info,
	[VERB_DRAIN] = fill_drain,
};

static u32 some_size(const struct verb *v)
{
	u8 b = byte();

	switch (b % 16) {
	case 1:
		return v->first;
	case 2:
		return v->size + (b >> 4);
	case 3:
		return v->first - (b >> 4);
	case 4:
		return v->first + (b >> 4);
	case 5:
		return PAGE_SIZE;
	case 6:
		return PAGE_SIZE + 1;
	case 7:
		return number(v->size);
	default:
		return v->size;
	}
}

static void do_ioctl(void)
{
	static union arg args[MAX_DEPTH + 1];
	union arg *arg = &args[depth];
	u8 fd = byte(), which = byte();
	const struct verb *v = &verbs[which % 8 % ARRAY_SIZE(verbs)];
	u32 size, cmd = v->cmd;
	struct file *file;
	u64 at;

	memset(arg, 0, sizeof(*arg));
	fill[v - verbs](arg);
	size = some_size(v);
	arg->size = size;
	if (which >= 0xf0) {
		cmd = which == 0xf0 ? word()
				    : (u32)_IO(FSESSION_IOC_MAGIC, byte());
		for (v = verbs; v < verbs + ARRAY_SIZE(verbs) && v->cmd != cmd;)
			v++;
		if (v == verbs + ARRAY_SIZE(verbs))
			v = NULL;
	}
	/* Behind what anybody knows there is something. */
	if (which & 8 && size <= PAGE_SIZE && size > sizeof(arg->info))
		arg->bytes[size - 1 - byte() % (size - sizeof(arg->info))] = 1;
	at = place(min(size, PAGE_SIZE), USER_BASE);
	user_put(at, arg, min((size_t)size, sizeof(*arg)));
	file = file_get(fd >= 0x80 ? fd % FDS : 0);
	if (!file)
		return;
	if (file->fops)
		issue(file, cmd, v, at);
	fput(file);
}

/* More sessions on one function than there may be. */
static void do_crowd(void)
{
	unsigned int func = byte() % nr_funcs, n = byte() % 40;
	struct fsession_attach arg = { .size = sizeof(arg) };
	struct file *file = file_get(0);

	if (!file || file_kind(file) != FILE_DEVICE)
		n = 0;
	while (n--) {
		arg.prog_fd = fd_open(FILE_PROG, prog_new(func, 0), 0);
		user_put(USER_BASE, &arg, sizeof(arg));
		issue(file, FSESSION_IOC_ATTACH, &verbs[VERB_ATTACH],
		      USER_BASE);
		fd_close(arg.prog_fd);
	}
	if (file)
		fput(file);
}

/*
 * Everything else
 */

static void do_open(void)
{
	u8 what = byte(), flags = byte();

	if (what >= 0xf0)
		fd_open(FILE_OTHER, NULL, flags & FD_O_PATH);
	else if (what >= 0xe0)
		fd_open(FILE_DEVICE, NULL, flags & FD_O_PATH);
	else
		fd_open(FILE_PROG,
			prog_new(what, what >= 0xc0 ? PROG_TWIN : flags),
			what >= 0xd0 ? FD_O_PATH : 0);
}

static void do_fdinfo(void)
{
	struct file *file = file_get(byte() % FDS);

	if (!file)
		return;
	fdinfo(file);
	fput(file);
}

/* In the caller's context, whoever it interrupts. */
static void in_the_world(unsigned int op)
{
	struct func *f;
	u8 b;

	switch (op) {
	case 0:
		do_open();
		break;
	case 1:
		fd_close(byte() % FDS);
		break;
	case 2:
		b = byte();
		fd_dup(b % FDS, byte() % FDS);
		break;
	case 3:
		kernel_work();
		break;
	case 4:
		call_enter(&funcs[byte() % nr_funcs]);
		break;
	case 5:
		call_leave();
		break;
	case 6:
		b = byte();
		if (b & 0x80)
			b = 1U << FAULT_MEMORY;
		if (b & 1U << FAULT_COPY)
			b |= 1U << FAULT_BTF;
		fault_set(b, 1 + byte() % 64);
		break;
	case 7:
		b = byte();
		user_flip(1 + b % 16, USER_BASE + word() % USER_SIZE, word());
		break;
	case 8:
		b = byte();
		kernel.caps = (u64)(b & 1) << CAP_SYS_ADMIN |
			      (u64)(b >> 1 & 1) << CAP_BPF |
			      (u64)(b >> 2 & 1) << CAP_PERFMON |
			      (u64)(b >> 3 & 1) << CAP_SYSLOG;
		break;
	case 9:
		b = byte();
		func_ipmodify(&funcs[b % nr_funcs], b & 0x80);
		break;
	case 10:
		f = &funcs[byte() % nr_funcs];
		f->busy = !f->ops && !f->busy;
		break;
	case 11:
		if (!target_module.refs)
			target_module.state = byte() & 3;
		break;
	case 12:
		ftrace_off = byte() & 1;
		break;
	case 13:
		do_fdinfo();
		break;
	case 14:
		do_crowd();
		break;
	}
}

static void do_op(void)
{
	struct call *caller = call;
	u8 op = byte();

	if (op < 0x80)
		do_ioctl();
	else if (op < 0x90)
		point = 1 + byte() % POINTS;
	else
		in_the_world(op % 15);
	call = caller;
}

void fuzz_point(void)
{
	struct call *c;

	if (!point || --point || depth == MAX_DEPTH)
		return;
	for (c = call; c; c = c->outer)
		c->shared = true;
	for (c = kernel.waiting; c; c = c->outer)
		c->shared = true;
	depth++;
	do_op();
	depth--;
}

static void settle(void)
{
	unsigned int i;

	point = 0;
	fault_set(0, 0);
	user_flip(0, 0, 0);
	ftrace_off = false;
	while (call_leave())
		;
	for (i = 0; i < nr_funcs; i++)
		func_ipmodify(&funcs[i], false);
	for (i = 0; i < FDS; i++)
		fd_close(i);
	for (i = 0; kernel_work(); i++)
		kernel_assert(i < 100);
	kernel_assert(!fsession_session_any());
	kernel_assert(fsession_direct_room() == FSESSION_MAX_DIRECT);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	world_init();
	fsession_target_init();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int i;

	input = data;
	input_end = data + size;
	memset(user, 0, sizeof(user));
	world_reset();
	kernel.caps = 1ULL << CAP_SYS_ADMIN | 1ULL << CAP_SYSLOG;
	module_load();
	/* What most inputs begin with. */
	fd_open(FILE_DEVICE, NULL, 0);
	fd_open(FILE_PROG, prog_new(0, 0), 0);
	fd_open(FILE_PROG, prog_new(0, PROG_TYPED), 0);
	fd_open(FILE_PROG, prog_new(15, PROG_SLEEPABLE), 0);
	fd_open(FILE_PROG, prog_new(25, PROG_LEAF), 0);
	fd_open(FILE_OTHER, NULL, 0);

	for (i = 0; input < input_end && i < MAX_OPS; i++)
		do_op();

	settle();
	module_unload();
	world_check_gone();
	kernel_check_gone();
	return 0;
}

#ifdef FUZZ_REPLAY
/* Without libFuzzer: the inputs are files. */
int main(int argc, char **argv)
{
	static uint8_t data[65536];
	int i;

	LLVMFuzzerInitialize(&argc, &argv);
	for (i = 1; i < argc; i++) {
		FILE *f = fopen(argv[i], "r");
		size_t n = f ? fread(data, 1, sizeof(data), f) : 0;

		if (!f) {
			perror(argv[i]);
			return 1;
		}
		fclose(f);
		LLVMFuzzerTestOneInput(data, n);
	}
	printf("fuzz: %d inputs, nothing wrong\n", argc - 1);
	return 0;
}
#endif
