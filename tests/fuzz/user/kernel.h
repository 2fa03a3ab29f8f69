/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Stand-ins for what module/ takes from the kernel, so that it is compiled as it is.
 * Every header that it includes comes here.
 *
 * There is one thread. What others would do meanwhile is done at *points*: wherever
 * the kernel may sleep or be preempted with no mutex held, see kernel_point().
 * What may not be done is died of: kernel_assert().
 */
#ifndef FUZZ_KERNEL_H
#define FUZZ_KERNEL_H

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include <linux/bpf.h>
#include <linux/btf.h>
#include <linux/capability.h>

typedef uint64_t u64;
typedef uint32_t u32;
typedef uint16_t u16;
typedef uint8_t u8;
typedef int32_t s32;
typedef unsigned int gfp_t;

#define KBUILD_MODNAME	    "fsession"
#define CONFIG_PROC_FS	    1
#define IS_ENABLED(option)  0
#define HAVE_DIRECT_OPS	    1
#define HAVE_PROG_SLEEPABLE 1

#define __user
#define __percpu
#define __rcu
#define __aligned(n) __attribute__((aligned(n)))
#undef __always_inline
#define __always_inline inline __attribute__((always_inline))
#define likely(x)	(x)
#define unlikely(x)	(x)
#define U8_MAX		UINT8_MAX

#define PAGE_SIZE		   4096UL
#define THREAD_SIZE		   (4 * PAGE_SIZE)
#define HZ			   250
#define NR_CPUS			   2
#define for_each_possible_cpu(cpu) for ((cpu) = 0; (cpu) < NR_CPUS; (cpu)++)

/* A kernel that is not as it has to be: dies. */
#define kernel_assert(cond) \
	((cond) ? (void)0 : kernel_die(__FILE__, __LINE__, "not so: " #cond))
void kernel_die(const char *file, int line, const char *what)
	__attribute__((noreturn));
#define WARN_ON(cond) kernel_assert(!(cond))

/*
 * Ordering: there is one thread.
 */
#define READ_ONCE(x)		(*(const volatile __typeof__(x) *)&(x))
#define READ_ONCE_NOCHECK(x)	READ_ONCE(x)
#define data_race(x)		(x)
#define WRITE_ONCE(x, v)	(*(volatile __typeof__(x) *)&(x) = (v))
#define smp_load_acquire(p)	READ_ONCE(*(p))
#define smp_store_release(p, v) WRITE_ONCE(*(p), v)
#define smp_rmb()		((void)0)
#define smp_mb()		((void)0)

/*
 * Arithmetic
 */
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define min(a, b)                                  \
	({                                         \
		__typeof__(a) min_a_ = (a);        \
		__typeof__(b) min_b_ = (b);        \
		min_a_ < min_b_ ? min_a_ : min_b_; \
	})
#define max(a, b)                                  \
	({                                         \
		__typeof__(a) max_a_ = (a);        \
		__typeof__(b) max_b_ = (b);        \
		max_a_ > max_b_ ? max_a_ : max_b_; \
	})
#define min_t(type, a, b) min((type)(a), (type)(b))
#define clamp(v, lo, hi)  min(max(v, lo), hi)
#define swap(a, b)                      \
	do {                            \
		__typeof__(a) t_ = (a); \
		(a) = (b);              \
		(b) = t_;               \
	} while (0)
#define DIV_ROUND_UP(n, d) (((n) + (d)-1) / (d))
#define round_up(n, to)	   DIV_ROUND_UP(n, to) * (to)
#define offsetofend(type, member) \
	(offsetof(type, member) + sizeof(((type *)0)->member))
#define container_of(p, type, member) \
	((type *)((char *)(p)-offsetof(type, member)))

static inline u64 roundup_pow_of_two(u64 n)
{
	u64 p = 1;

	while (p < n)
		p <<= 1;
	return p;
}

static inline size_t kernel_size(size_t n, size_t size, size_t more)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes) ||
	    __builtin_add_overflow(bytes, more, &bytes))
		return SIZE_MAX;
	return bytes;
}

#define struct_size(p, member, n) \
	kernel_size(n, sizeof((p)->member[0]), sizeof(*(p)))

#define GOLDEN_RATIO_64 0x61C8864680B583EBull

static inline u32 hash_32(u32 v, unsigned int bits)
{
	return v * 0x61C88647U >> (32 - bits);
}

u32 jhash(const void *key, u32 len, u32 seed);

static inline u32 jhash_2words(u32 a, u32 b, u32 seed)
{
	const u32 words[2] = { a, b };

	return jhash(words, sizeof(words), seed);
}

u32 get_random_u32(void);
u64 get_random_u64(void);

/*
 * Errors in pointers
 */
#define IS_ERR_VALUE(x) ((unsigned long)(x) >= (unsigned long)-4095)

static inline void *ERR_PTR(long err)
{
	return (void *)err;
}

static inline long PTR_ERR(const void *p)
{
	return (long)p;
}

static inline bool IS_ERR(const void *p)
{
	return IS_ERR_VALUE(p);
}

static inline bool IS_ERR_OR_NULL(const void *p)
{
	return !p || IS_ERR(p);
}

#define ERR_CAST(p) ((void *)(p))

/*
 * Strings
 */
static inline void strscpy_pad(char *to, const char *from, size_t size)
{
	strncpy(to, from, size);
	to[size - 1] = '\0';
}

static inline bool strstarts(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

char *strchrnul(const char *s, int c);

#define pr_err(...)		 kernel_log(__VA_ARGS__)
#define pr_warn_ratelimited(...) kernel_log(__VA_ARGS__)
void kernel_log(const char *fmt, ...);

/*
 * Lists
 */
struct list_head {
	struct list_head *next, *prev;
};

#define LIST_HEAD(name) struct list_head name = { &(name), &(name) }

static inline void INIT_LIST_HEAD(struct list_head *head)
{
	head->next = head->prev = head;
}

static inline bool list_empty(const struct list_head *head)
{
	return head->next == head;
}

#define list_empty_careful(head) list_empty(head)

static inline void list_add_tail(struct list_head *new, struct list_head *head)
{
	new->prev = head->prev;
	new->next = head;
	head->prev->next = new;
	head->prev = new;
}

static inline void list_add(struct list_head *new, struct list_head *head)
{
	list_add_tail(new, head->next);
}

static inline void kernel_list_unlink(struct list_head *node)
{
	kernel_assert(node->next->prev == node && node->prev->next == node);
	node->next->prev = node->prev;
	node->prev->next = node->next;
}

static inline void list_del(struct list_head *node)
{
	kernel_list_unlink(node);
	node->next = node->prev = NULL;
}

static inline void list_del_init(struct list_head *node)
{
	kernel_list_unlink(node);
	INIT_LIST_HEAD(node);
}

static inline void list_move_tail(struct list_head *node,
				  struct list_head *head)
{
	kernel_list_unlink(node);
	list_add_tail(node, head);
}

#define list_entry(p, type, member) container_of(p, type, member)
#define list_for_each_entry(pos, head, member)                         \
	for (pos = list_entry((head)->next, __typeof__(*pos), member); \
	     &pos->member != (head);                                   \
	     pos = list_entry(pos->member.next, __typeof__(*pos), member))
#define list_for_each_entry_safe(pos, n, head, member)                  \
	for (pos = list_entry((head)->next, __typeof__(*pos), member),  \
	    n = list_entry(pos->member.next, __typeof__(*pos), member); \
	     &pos->member != (head);                                    \
	     pos = n, n = list_entry(n->member.next, __typeof__(*n), member))

struct hlist_node {
	struct hlist_node *next, **pprev;
};

struct hlist_head {
	struct hlist_node *first;
};

static inline void INIT_HLIST_NODE(struct hlist_node *node)
{
	node->next = NULL;
	node->pprev = NULL;
}

static inline bool hlist_unhashed(const struct hlist_node *node)
{
	return !node->pprev;
}

static inline void hlist_add_head(struct hlist_node *node,
				  struct hlist_head *head)
{
	node->next = head->first;
	node->pprev = &head->first;
	if (node->next)
		node->next->pprev = &node->next;
	head->first = node;
}

static inline void hlist_del_init(struct hlist_node *node)
{
	if (hlist_unhashed(node))
		return;
	*node->pprev = node->next;
	if (node->next)
		node->next->pprev = node->pprev;
	INIT_HLIST_NODE(node);
}

/* A pointer of NULL is an entry of NULL: the node need not be first. */
#define hlist_entry_or_null(p, type, member)                \
	({                                                  \
		struct hlist_node *p_ = (p);                \
		p_ ? container_of(p_, type, member) : NULL; \
	})
#define hlist_for_each_entry(pos, head, member)                         \
	for (pos = hlist_entry_or_null((head)->first, __typeof__(*pos), \
				       member);                         \
	     pos; pos = hlist_entry_or_null(pos->member.next,           \
					    __typeof__(*pos), member))

/*
 * Counts
 */
typedef struct {
	int counter;
} atomic_t;

typedef struct {
	int64_t counter;
} atomic64_t;

typedef struct {
	int refs;
} refcount_t;

#define atomic_read(a)		 ((a)->counter)
#define atomic_set_release(a, v) ((a)->counter = (v))
#define atomic_add(n, a)	 ((a)->counter += (n))
#define atomic_sub(n, a)	 ((a)->counter -= (n))
#define atomic_add_return(n, a)	 ((a)->counter += (n))
#define atomic_cmpxchg(a, old, new)           \
	({                                    \
		int was_ = (a)->counter;      \
		if (was_ == (old))            \
			(a)->counter = (new); \
		was_;                         \
	})
#define atomic64_read(a)       ((a)->counter)
#define atomic64_inc_return(a) (++(a)->counter)

static inline void refcount_set(refcount_t *r, int n)
{
	r->refs = n;
}

static inline void refcount_inc(refcount_t *r)
{
	kernel_assert(r->refs > 0);
	r->refs++;
}

static inline bool refcount_dec_and_test(refcount_t *r)
{
	kernel_assert(r->refs > 0);
	return !--r->refs;
}

#define DECLARE_BITMAP(name, bits) u8 name[bits]

static inline unsigned long find_first_zero_bit(const u8 *map,
						unsigned long bits)
{
	unsigned long i = 0;

	while (i < bits && map[i])
		i++;
	return i;
}

static inline bool test_and_set_bit(unsigned long i, u8 *map)
{
	bool was = map[i];

	map[i] = 1;
	return was;
}

static inline void clear_bit_unlock(unsigned long i, u8 *map)
{
	kernel_assert(map[i]);
	map[i] = 0;
}

/*
 * Sleeping
 */
void kernel_point(void);
void kernel_might_sleep(void);
#define cond_resched() kernel_point()
/* Only where somebody else has to go on, who does not here. */
#define msleep(ms) kernel_die(__FILE__, __LINE__, "waits for ever")

struct mutex {
	bool held;
};

#define DEFINE_MUTEX(name) struct mutex name
void mutex_lock(struct mutex *m);
void mutex_unlock(struct mutex *m);
int mutex_lock_interruptible(struct mutex *m);
#define lockdep_assert_held(m) kernel_assert((m)->held)

typedef struct {
	int unused;
} wait_queue_head_t;

struct wait_queue_entry {
	unsigned int rounds;
};

#define DECLARE_WAIT_QUEUE_HEAD(name) wait_queue_head_t name
#define DEFINE_WAIT_FUNC(name, fn)    struct wait_queue_entry name = {}
#define TASK_INTERRUPTIBLE	      1
#define MAX_SCHEDULE_TIMEOUT	      LONG_MAX
#define MAX_JIFFY_OFFSET	      ((LONG_MAX >> 1) - 1)
#define add_wait_queue(head, wait)    ((void)(head), (void)(wait))
#define remove_wait_queue(head, wait) ((void)(head), (void)(wait))
#define wake_up_all(head)	      ((void)(head))
long wait_woken(struct wait_queue_entry *wait, unsigned int mode, long timeout);
unsigned long msecs_to_jiffies(unsigned int ms);

struct work_struct {
	void (*fn)(struct work_struct *work);
};

struct delayed_work {
	struct work_struct work;
	bool pending;
};

struct workqueue_struct {
	struct delayed_work *only;
};

#define DECLARE_DELAYED_WORK(name, func) \
	struct delayed_work name = { .work = { .fn = (func) } }
struct workqueue_struct *alloc_ordered_workqueue(const char *name, int flags);
void destroy_workqueue(struct workqueue_struct *wq);
void kernel_queue(struct workqueue_struct *wq, struct delayed_work *work);
#define mod_delayed_work(wq, work, delay) kernel_queue(wq, work)
#define queue_delayed_work(wq, work, delay) \
	((void)(delay), kernel_queue(wq, work))
void cancel_delayed_work_sync(struct delayed_work *work);
/* Does what is queued; false when that is nothing, or is being done. */
bool kernel_work(void);

struct rcu_head {
	struct rcu_head *next;
	void *free;
	void (*func)(struct rcu_head *rcu);
};

void rcu_read_lock(void);
void rcu_read_unlock(void);
#define rcu_is_watching() true
void synchronize_rcu(void);
/* Called back before the next work is done. */
void call_rcu_tasks_trace(struct rcu_head *rcu,
			  void (*func)(struct rcu_head *rcu));
void rcu_barrier_tasks_trace(void);
#define synchronize_rcu_tasks_rude() synchronize_rcu()
void kernel_free_later(struct rcu_head *rcu, void *p);
#define kvfree_rcu(p, member) kernel_free_later(&(p)->member, p)

/*
 * Memory
 */
#define GFP_KERNEL	   0
#define GFP_KERNEL_ACCOUNT 0
void *kernel_alloc(size_t size);
void kfree(const void *p);
#define kvfree(p)		     kfree(p)
#define kmalloc_array(n, size, gfp)  kernel_alloc(kernel_size(n, size, 0))
#define kvmalloc_array(n, size, gfp) kernel_alloc(kernel_size(n, size, 0))
#define kvcalloc(n, size, gfp)	     kernel_zalloc(kernel_size(n, size, 0))
#define kzalloc(size, gfp)	     kernel_zalloc(size)
#define kvzalloc(size, gfp)	     kernel_zalloc(size)
void *kernel_zalloc(size_t size);
void *kmemdup(const void *from, size_t size, gfp_t gfp);
char *kstrdup(const char *s, gfp_t gfp);

#define DEFINE_PER_CPU(type, name)  type name
#define DECLARE_PER_CPU(type, name) extern type name
#define alloc_percpu_gfp(type, gfp) \
	((type *)kernel_zalloc(NR_CPUS * sizeof(type)))
#define free_percpu(p)	       kfree(p)
#define per_cpu_ptr(p, cpu)    ((p) + (cpu))
#define this_cpu_inc_return(x) (++(x))
#define this_cpu_dec(x)	       ((x)--)

/*
 * The caller and its memory. A user pointer is no address here.
 */
struct pid;
struct task_struct {
	int unused;
};
extern struct task_struct *current;

#define PIDTYPE_TGID 1
struct pid *task_tgid(struct task_struct *task);
struct pid *get_pid(struct pid *pid);
void put_pid(struct pid *pid);
void *pid_task(struct pid *pid, int type);
u32 pid_nr_ns(struct pid *pid, void *ns);
#define task_active_pid_ns(task) NULL
#define task_stack_page(task)	 ((void *)(task))
bool signal_pending(struct task_struct *task);
bool fatal_signal_pending(struct task_struct *task);
bool capable(int cap);

#define u64_to_user_ptr(x) ((void *)(uintptr_t)(x))
unsigned long copy_from_user(void *to, const void __user *from,
			     unsigned long n);
unsigned long copy_to_user(void __user *to, const void *from, unsigned long n);
int copy_struct_from_user(void *to, size_t ksize, const void __user *from,
			  size_t usize);
#define get_user(x, p) (copy_from_user(&(x), p, sizeof(*(p))) ? -EFAULT : 0)
#define put_user(x, p)                                              \
	({                                                          \
		__typeof__(*(p)) put_ = (x);                        \
		copy_to_user(p, &put_, sizeof(put_)) ? -EFAULT : 0; \
	})
long copy_from_kernel_nofault(void *to, const void *from, size_t n);

/*
 * Modules
 */
struct kobject {
	struct kset *kset;
	struct kernfs_node *sd;
	int refs;
};

struct module_kobject {
	struct kobject kobj;
	struct module *mod;
};

enum module_state {
	MODULE_STATE_LIVE,
	MODULE_STATE_COMING,
	MODULE_STATE_GOING
};

struct module {
	const char *name;
	enum module_state state;
	int refs;
	struct module_kobject mkobj;
};

extern struct module kernel_this_module;
#define THIS_MODULE (&kernel_this_module)
bool try_module_get(struct module *mod);
void __module_get(struct module *mod);
void module_put(struct module *mod);
bool within_module_core(unsigned long addr, const struct module *mod);
struct kobject *kset_find_obj(struct kset *kset, const char *name);
void kobject_put(struct kobject *kobj);

#define KSYM_NAME_LEN	512
#define KSYM_SYMBOL_LEN (KSYM_NAME_LEN + 64)
int sprint_symbol(char *buf, unsigned long addr);
int sprint_symbol_no_offset(char *buf, unsigned long addr);

/*
 * Files
 */
struct inode;
struct seq_file;
typedef unsigned short umode_t;

struct file {
	const struct file_operations *fops;
	void *private_data;
	int refs;
};

struct file_operations {
	struct module *owner;
	int (*open)(struct inode *inode, struct file *file);
	int (*release)(struct inode *inode, struct file *file);
	long (*unlocked_ioctl)(struct file *file, unsigned int cmd,
			       unsigned long arg);
	long (*compat_ioctl)(struct file *file, unsigned int cmd,
			     unsigned long arg);
	void (*show_fdinfo)(struct seq_file *m, struct file *file);
};

struct miscdevice {
	int minor;
	const char *name;
	const struct file_operations *fops;
	umode_t mode;
};

#define MISC_DYNAMIC_MINOR 255
int misc_register(struct miscdevice *misc);
void misc_deregister(struct miscdevice *misc);
#define nonseekable_open NULL
#define compat_ptr_ioctl NULL

#ifndef O_CLOEXEC
#define O_CLOEXEC 02000000
#endif
#ifndef O_RDONLY
#define O_RDONLY 0
#endif
int get_unused_fd_flags(unsigned int flags);
void put_unused_fd(unsigned int fd);
void fd_install(unsigned int fd, struct file *file);
struct file *anon_inode_getfile(const char *name,
				const struct file_operations *fops, void *priv,
				int flags);
void fput(struct file *file);
void seq_printf(struct seq_file *m, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

struct bin_attribute {
	size_t size;
	void *private;
	ssize_t (*read)(struct file *file, struct kobject *kobj,
			struct bin_attribute *attr, char *buf, loff_t from,
			size_t len);
};

struct kernfs_node {
	void *priv;
	int refs;
};

extern struct kobject *kernel_kobj;
struct kernfs_node *kernfs_find_and_get(struct kernfs_node *dir,
					const char *name);
void kernfs_put(struct kernfs_node *node);

/*
 * BPF
 */
#define MAX_BPF_FUNC_ARGS 12

struct btf_func_model {
	u8 nr_args;
	u8 arg_size[MAX_BPF_FUNC_ARGS];
};

struct bpf_trampoline {
	struct {
		void *addr;
		struct btf_func_model model;
	} func;
};

struct bpf_run_ctx;
struct bpf_tramp_run_ctx {
	u64 bpf_cookie;
	struct bpf_run_ctx *saved_run_ctx;
};

struct bpf_prog_aux {
	u32 id;
	u32 max_ctx_offset;
	u32 attach_btf_id;
	const char *attach_func_name;
	const struct btf *attach_btf;
	struct bpf_prog *dst_prog;
	struct bpf_trampoline *dst_trampoline;
	struct mutex dst_mutex;
};

struct bpf_prog {
	int refs;
	enum bpf_prog_type type;
	enum bpf_attach_type expected_attach_type;
	bool sleepable;
	bool cb_access;
	bool jited;
	u32 jited_len;
	int *active;
	void *bpf_func;
	struct bpf_prog_aux *aux;
	u32 len;
	const struct bpf_insn *insnsi;
};

#define BPF_TAIL_CALL 0xf0

u64 __bpf_call_base(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5);

struct bpf_prog *bpf_prog_get_type_dev(u32 fd, enum bpf_prog_type type,
				       bool attach_drv);
void bpf_prog_inc(struct bpf_prog *prog);
void bpf_prog_put(struct bpf_prog *prog);

const struct btf_type *btf_type_by_id(const struct btf *btf, u32 id);
#define btf_kind(t)   BTF_INFO_KIND((t)->info)
#define btf_vlen(t)   BTF_INFO_VLEN((t)->info)
#define btf_is_ptr(t) (btf_kind(t) == BTF_KIND_PTR)
#define btf_is_int(t) (btf_kind(t) == BTF_KIND_INT)
#define btf_is_any_enum(t) \
	(btf_kind(t) == BTF_KIND_ENUM || btf_kind(t) == BTF_KIND_ENUM64)
#define btf_is_composite(t) \
	(btf_kind(t) == BTF_KIND_STRUCT || btf_kind(t) == BTF_KIND_UNION)
#define btf_type_is_func(t)	  (btf_kind(t) == BTF_KIND_FUNC)
#define btf_type_is_func_proto(t) (btf_kind(t) == BTF_KIND_FUNC_PROTO)
#define btf_members(t)		  ((const struct btf_member *)((t) + 1))

/*
 * ftrace
 */
#define MCOUNT_INSN_SIZE 5

enum ftrace_ops_cmd {
	FTRACE_OPS_CMD_ENABLE_SHARE_IPMODIFY_SELF,
	FTRACE_OPS_CMD_ENABLE_SHARE_IPMODIFY_PEER,
	FTRACE_OPS_CMD_DISABLE_SHARE_IPMODIFY_PEER,
};

struct ftrace_ops {
	int (*ops_func)(struct ftrace_ops *ops, enum ftrace_ops_cmd cmd);
	unsigned long *ips;
	unsigned int nr;
	unsigned long addr; /* 0: not registered */
	unsigned long flags;
	bool done; /* it has been registered */
	bool freed;
};
#define FTRACE_OPS_FL_ENABLED 1UL

int ftrace_set_filter_ips(struct ftrace_ops *ops, unsigned long *ips,
			  unsigned int nr, int remove, int reset);
void ftrace_free_filter(struct ftrace_ops *ops);
int register_ftrace_direct(struct ftrace_ops *ops, unsigned long addr);
int unregister_ftrace_direct(struct ftrace_ops *ops, unsigned long addr,
			     bool free_filters);
int modify_ftrace_direct_nolock(struct ftrace_ops *ops, unsigned long addr);

#endif /* FUZZ_KERNEL_H */
