// SPDX-License-Identifier: GPL-2.0
/*
 * Memory, locks, work, the caller and its files.
 */
#include <stdarg.h>

#include "kernel.h"
#include "world.h"

struct kernel_state kernel;
struct call *call;
struct task_struct *current = &(struct task_struct){};

void kernel_die(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	abort();
}

void kernel_log(const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
}

/*
 * Faults
 */

struct fault_state *faults = &(struct fault_state){};

void fault_set(unsigned int mask, unsigned int nth)
{
	*faults = (struct fault_state){ .mask = mask, .in = nth };
}

void fault_set_more(unsigned int then, bool on)
{
	faults->then = then;
	faults->on = on;
}

bool fault(enum fault what)
{
	if (!(faults->mask & 1U << what))
		return false;
	faults->passed++;
	faults->of[what]++;
	if (faults->on && faults->failed && faults->at[0].what == what)
		return true;
	if (!faults->in || --faults->in)
		return false;
	faults->in = faults->then;
	faults->then = 0;
	faults->at[faults->failed].what = what;
	faults->at[faults->failed++].nth = faults->of[what];
	return true;
}

/*
 * Sleeping
 */

void kernel_point(void)
{
	if (!kernel.mutexes && !kernel.rcu && !kernel.quiet)
		fuzz_point();
}

void kernel_might_sleep(void)
{
	kernel_assert(!kernel.rcu);
}

void mutex_lock(struct mutex *m)
{
	kernel_might_sleep();
	kernel_point();
	kernel_assert(!m->held);
	m->held = true;
	kernel.mutexes++;
}

int mutex_lock_interruptible(struct mutex *m)
{
	if (signal_pending(current))
		return -EINTR;
	mutex_lock(m);
	return 0;
}

void mutex_unlock(struct mutex *m)
{
	kernel_assert(m->held);
	m->held = false;
	kernel.mutexes--;
	kernel_point();
}

unsigned long msecs_to_jiffies(unsigned int ms)
{
	return (int)ms < 0 ? MAX_JIFFY_OFFSET : ms / (1000 / HZ);
}

/*
 * Whoever waits gives the work its turn. When that does no good the time is up, or if
 * that would take long the caller gets a signal; as it does when it waits for another
 * call, which cannot go on before this one has returned.
 */
long wait_woken(struct wait_queue_entry *wait, unsigned int mode, long timeout)
{
	(void)mode;
	kernel_might_sleep();
	kernel_assert(!kernel.mutexes && call);
	kernel_point();
	if (kernel_work() && ++wait->rounds < 4)
		return timeout - (timeout > 1);
	if (timeout < 1000 * HZ)
		return 0;
	kernel_assert(timeout != MAX_SCHEDULE_TIMEOUT || call->outer ||
		      kernel.working);
	call->signal = true;
	return timeout;
}

static struct workqueue_struct workqueue;

struct workqueue_struct *alloc_ordered_workqueue(const char *name, int flags)
{
	(void)name, (void)flags;
	return &workqueue;
}

void destroy_workqueue(struct workqueue_struct *wq)
{
	kernel_assert(!wq->only || !wq->only->pending);
	wq->only = NULL;
}

void kernel_queue(struct workqueue_struct *wq, struct delayed_work *work)
{
	kernel_assert(!wq->only || wq->only == work);
	wq->only = work;
	work->pending = true;
}

void cancel_delayed_work_sync(struct delayed_work *work)
{
	work->pending = false;
}

static struct rcu_head *trace_pending;

void call_rcu_tasks_trace(struct rcu_head *rcu,
			  void (*func)(struct rcu_head *rcu))
{
	rcu->next = trace_pending;
	rcu->func = func;
	trace_pending = rcu;
}

static void call_back(void)
{
	struct rcu_head *rcu;

	while ((rcu = trace_pending)) {
		trace_pending = rcu->next;
		rcu->func(rcu);
	}
}

void rcu_barrier_tasks_trace(void)
{
	kernel_might_sleep();
	call_back();
}

bool kernel_work(void)
{
	struct delayed_work *work = workqueue.only;
	struct call *caller = call;

	if (!kernel.working)
		call_back();
	if (!work || !work->pending || kernel.working)
		return false;
	work->pending = false;
	kernel.working = true;
	kernel.waiting = caller;
	call = NULL;
	work->work.fn(&work->work);
	call = caller;
	kernel.waiting = NULL;
	kernel.working = false;
	return true;
}

void rcu_read_lock(void)
{
	kernel.rcu++;
}

void rcu_read_unlock(void)
{
	kernel_assert(kernel.rcu);
	kernel.rcu--;
}

static struct rcu_head *rcu_pending;

void kernel_free_later(struct rcu_head *rcu, void *p)
{
	rcu->next = rcu_pending;
	rcu->free = p;
	rcu_pending = rcu;
}

/* What others have freed since is freed by the next one. */
void synchronize_rcu(void)
{
	struct rcu_head *rcu = rcu_pending, *next;

	kernel_might_sleep();
	kernel_assert(!kernel.mutexes);
	rcu_pending = NULL;
	kernel_point();
	for (; rcu; rcu = next) {
		next = rcu->next;
		kfree(rcu->free);
	}
}

/*
 * Memory
 */

/* More than a caller whose memory is user[] needs. */
#define ALLOC_MAX (512 * 1024UL)

void *kernel_alloc(size_t size)
{
	void *p;

	kernel_might_sleep();
	if (size > ALLOC_MAX || fault(FAULT_MEMORY))
		return NULL;
	if (posix_memalign(&p, 64, size ? size : 1))
		abort();
	memset(p, 0xa5, size);
	kernel.allocated++;
	return p;
}

void *kernel_zalloc(size_t size)
{
	void *p = kernel_alloc(size);

	return p ? memset(p, 0, size) : NULL;
}

void kfree(const void *p)
{
	if (!p)
		return;
	kernel_assert(kernel.allocated);
	kernel.allocated--;
	free((void *)p);
}

void *kmemdup(const void *from, size_t size, gfp_t gfp)
{
	void *p = kernel_alloc(size);

	(void)gfp;
	return p ? memcpy(p, from, size) : NULL;
}

char *kstrdup(const char *s, gfp_t gfp)
{
	return kmemdup(s, strlen(s) + 1, gfp);
}

/* Any mixing will do. */
u32 jhash(const void *key, u32 len, u32 seed)
{
	const unsigned char *p = key;

	while (len--)
		seed = (seed ^ *p++) * 16777619U;
	return seed ^ seed >> 16;
}

u32 get_random_u32(void)
{
	return 4;
}

u64 get_random_u64(void)
{
	return GOLDEN_RATIO_64;
}

/*
 * The caller
 */

unsigned char user[USER_SIZE];

static struct {
	unsigned int in;
	u64 addr;
	u32 value;
} flip;

void user_flip(unsigned int nth, u64 addr, u32 value)
{
	flip.in = nth;
	flip.addr = addr;
	flip.value = value;
}

/* How many bytes at @addr can be accessed, up to @n. */
static size_t user_room(u64 addr, size_t n, bool write)
{
	size_t room;

	for (room = 0; room < n; room++) {
		u64 page = (addr + room - USER_BASE) / PAGE_SIZE;

		if (addr + room < USER_BASE || page >= USER_PAGES ||
		    page == USER_HOLE || (write && page == USER_READ_ONLY))
			break;
	}
	return room;
}

void user_put(u64 addr, const void *from, size_t n)
{
	n = user_room(addr, n, false);
	memcpy(user + (n ? addr - USER_BASE : 0), from, n);
}

bool user_peek(u64 addr, void *to, size_t n)
{
	if (user_room(addr, n, false) < n)
		return false;
	memcpy(to, user + (addr - USER_BASE), n);
	return true;
}

/* A fault may wait for anybody. */
static size_t user_access(u64 addr, size_t n, bool write)
{
	size_t room;

	kernel_might_sleep();
	kernel_assert(!kernel.mutexes && call);
	kernel_point();
	if (flip.in && !--flip.in) {
		user_put(flip.addr, &flip.value, sizeof(flip.value));
		call->shared = true;
	}
	room = user_room(addr, n, write);
	if (fault(FAULT_COPY))
		room /= 2;
	call->faulted |= room < n;
	return room;
}

unsigned long copy_from_user(void *to, const void *from, unsigned long n)
{
	size_t room = user_access((uintptr_t)from, n, false);

	if (room)
		memcpy(to, user + ((uintptr_t)from - USER_BASE), room);
	memset((char *)to + room, 0, n - room);
	return n - room;
}

unsigned long copy_to_user(void *to, const void *from, unsigned long n)
{
	size_t room = user_access((uintptr_t)to, n, true);

	if (room) {
		memcpy(user + ((uintptr_t)to - USER_BASE), from, room);
		kernel_assert(call->writes < ARRAY_SIZE(call->write));
		call->write[call->writes].addr = (uintptr_t)to;
		call->write[call->writes++].n = room;
		if (room >= sizeof(call->wrote))
			memcpy(&call->wrote, from, sizeof(call->wrote));
	}
	return n - room;
}

int copy_struct_from_user(void *to, size_t ksize, const void *from,
			  size_t usize)
{
	size_t size = min(ksize, usize), i;
	unsigned char tail[PAGE_SIZE];

	kernel_assert(usize <= PAGE_SIZE && ksize <= sizeof(call->seen));
	memset((char *)to + size, 0, ksize - size);
	if (usize > ksize) {
		if (copy_from_user(tail, (const char *)from + size,
				   usize - size))
			return -EFAULT;
		for (i = 0; i < usize - size; i++) {
			if (tail[i])
				return -E2BIG;
		}
	}
	if (copy_from_user(to, from, size))
		return -EFAULT;
	call->got = true;
	call->ksize = ksize;
	call->usize = usize;
	memcpy(call->seen, to, ksize);
	return 0;
}

bool signal_pending(struct task_struct *task)
{
	(void)task;
	if (call && fault(FAULT_SIGNAL))
		call->signal = true;
	return call && call->signal;
}

bool fatal_signal_pending(struct task_struct *task)
{
	return signal_pending(task);
}

bool capable(int cap)
{
	kernel_assert(call);
	return kernel.caps >> cap & 1;
}

struct pid *task_tgid(struct task_struct *task)
{
	return (struct pid *)task;
}

struct pid *get_pid(struct pid *pid)
{
	kernel.pids++;
	return pid;
}

void put_pid(struct pid *pid)
{
	if (!pid)
		return;
	kernel_assert(kernel.pids);
	kernel.pids--;
}

void *pid_task(struct pid *pid, int type)
{
	(void)type;
	kernel_assert(kernel.rcu);
	return pid;
}

u32 pid_nr_ns(struct pid *pid, void *ns)
{
	(void)pid, (void)ns;
	return 42;
}

/*
 * Modules
 */

struct module kernel_this_module = { .name = "fsession" };

bool try_module_get(struct module *mod)
{
	if (mod->state == MODULE_STATE_GOING || fault(FAULT_MODULE))
		return false;
	mod->refs++;
	return true;
}

void __module_get(struct module *mod)
{
	kernel_assert(mod->refs || mod == THIS_MODULE);
	mod->refs++;
}

void module_put(struct module *mod)
{
	if (!mod)
		return;
	kernel_assert(mod->refs);
	mod->refs--;
}

void kobject_put(struct kobject *kobj)
{
	kernel_assert(kobj->refs);
	kobj->refs--;
}

/*
 * Files
 */

const struct file_operations *device_fops;

int misc_register(struct miscdevice *misc)
{
	kernel_assert(misc->mode == 0600);
	device_fops = misc->fops;
	return 0;
}

void misc_deregister(struct miscdevice *misc)
{
	(void)misc;
	device_fops = NULL;
}

struct open_file {
	struct file file;
	enum file_kind kind;
	struct bpf_prog *prog;
};

static struct fd {
	bool reserved;
	bool o_path;
	struct open_file *file;
} fds[FDS];

static int fd_free(void)
{
	unsigned int i;

	for (i = 0; i < FDS; i++) {
		if (!fds[i].reserved && !fds[i].file)
			return i;
	}
	return -EMFILE;
}

static struct open_file *file_new(enum file_kind kind)
{
	struct open_file *f = kernel_zalloc(sizeof(*f));

	if (f) {
		f->file.refs = 1;
		f->kind = kind;
	}
	return f;
}

int fd_open(enum file_kind kind, struct bpf_prog *prog, unsigned int flags)
{
	struct open_file *f = file_new(kind);
	int fd = fd_free();

	if (!f || fd < 0) {
		kfree(f);
		if (prog)
			bpf_prog_put(prog);
		return -1;
	}
	f->prog = prog;
	if (kind == FILE_DEVICE)
		f->file.fops = device_fops;
	fds[fd].file = f;
	fds[fd].o_path = flags & FD_O_PATH;
	return fd;
}

struct file *file_get(unsigned int fd)
{
	if (fd >= FDS || !fds[fd].file || fds[fd].o_path)
		return NULL;
	fds[fd].file->file.refs++;
	return &fds[fd].file->file;
}

enum file_kind file_kind(const struct file *file)
{
	return container_of(file, struct open_file, file)->kind;
}

void fput(struct file *file)
{
	struct open_file *f = container_of(file, struct open_file, file);

	kernel_assert(file->refs);
	if (--file->refs)
		return;
	if (file->fops && file->fops->release)
		file->fops->release(NULL, file);
	if (f->kind == FILE_SESSION)
		module_put(file->fops->owner);
	if (f->prog)
		bpf_prog_put(f->prog);
	kfree(f);
}

void fd_close(unsigned int fd)
{
	struct open_file *f;

	/* One that is reserved cannot be closed. */
	if (fd >= FDS || !fds[fd].file)
		return;
	f = fds[fd].file;
	fds[fd].file = NULL;
	fds[fd].o_path = false;
	fput(&f->file);
}

int fd_dup(unsigned int fd, unsigned int to)
{
	struct file *file = file_get(fd);

	if (!file)
		return -EBADF;
	if (to >= FDS || fds[to].reserved || to == fd) {
		fput(file);
		return -EBUSY;
	}
	fd_close(to);
	fds[to].file = container_of(file, struct open_file, file);
	return to;
}

bool fd_reserved(void)
{
	unsigned int i;

	for (i = 0; i < FDS; i++) {
		if (fds[i].reserved)
			return true;
	}
	return false;
}

unsigned int fd_refs(unsigned int fd)
{
	return fd < FDS && fds[fd].file ? fds[fd].file->file.refs : 0;
}

bool fd_is_session(unsigned int fd)
{
	return fd < FDS && fds[fd].file && fds[fd].file->kind == FILE_SESSION;
}

int get_unused_fd_flags(unsigned int flags)
{
	int fd = fault(FAULT_FD) ? -ENFILE : fd_free();

	kernel_assert(flags == O_CLOEXEC);
	if (fd >= 0)
		fds[fd].reserved = true;
	return fd;
}

void put_unused_fd(unsigned int fd)
{
	kernel_assert(fd < FDS && fds[fd].reserved);
	fds[fd].reserved = false;
}

void fd_install(unsigned int fd, struct file *file)
{
	kernel_assert(fd < FDS && fds[fd].reserved && !fds[fd].file);
	fds[fd].reserved = false;
	fds[fd].file = container_of(file, struct open_file, file);
	/* From here on it is everybody's. */
	kernel_point();
}

struct file *anon_inode_getfile(const char *name,
				const struct file_operations *fops, void *priv,
				int flags)
{
	struct open_file *f;

	(void)name, (void)flags;
	if (fault(FAULT_FILE))
		return ERR_PTR(-ENFILE);
	f = file_new(FILE_SESSION);
	if (!f)
		return ERR_PTR(-ENOMEM);
	__module_get(fops->owner);
	f->file.fops = fops;
	f->file.private_data = priv;
	return &f->file;
}

struct bpf_prog *bpf_prog_get_type_dev(u32 fd, enum bpf_prog_type type,
				       bool attach_drv)
{
	struct bpf_prog *prog;

	kernel_assert(!attach_drv);
	kernel_point();
	if (fd >= FDS || !fds[fd].file || fds[fd].o_path || fault(FAULT_PROG))
		return ERR_PTR(-EBADF);
	prog = fds[fd].file->prog;
	if (!prog || prog->type != type)
		return ERR_PTR(-EINVAL);
	bpf_prog_inc(prog);
	return prog;
}

void bpf_prog_inc(struct bpf_prog *prog)
{
	kernel_assert(prog->refs);
	prog->refs++;
}

void bpf_prog_put(struct bpf_prog *prog)
{
	kernel_assert(prog->refs);
	if (!--prog->refs)
		prog_free(prog);
}

struct seq_file {
	size_t len;
	char text[4096];
};

void seq_printf(struct seq_file *m, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	m->len +=
		vsnprintf(m->text + m->len, sizeof(m->text) - m->len, fmt, ap);
	va_end(ap);
	kernel_assert(m->len < sizeof(m->text));
}

const char *fdinfo(struct file *file)
{
	static struct seq_file m;

	memset(&m, 0, sizeof(m));
	if (file->fops && file->fops->show_fdinfo)
		file->fops->show_fdinfo(&m, file);
	return m.text;
}

void kernel_check_gone(void)
{
	kernel_assert(!fd_reserved());
	kernel_assert(!kernel.mutexes && !kernel.rcu && !kernel.working);
	synchronize_rcu();
	kernel_assert(!rcu_pending && !trace_pending);
	kernel_assert(!kernel.allocated);
	kernel_assert(!kernel.pids);
	kernel_assert(!THIS_MODULE->refs);
}
