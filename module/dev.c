// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/fsession and the session's file: every byte that comes from user space
 * is looked at here.
 */
#include <linux/anon_inodes.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "fsession.h"

/*
 * An ioctl: @min_size is the size of the structure's first version, @size of
 * the one that we know. @fn gets a copy of the caller's, extended by zeroes,
 * and whatever it returns the first min(size, caller's) bytes are copied back.
 */
struct ioctl_op {
	unsigned int cmd;
	u32 min_size;
	u32 size;
	long (*fn)(struct file *file, void *arg);
};

union ioctl_arg {
	u32 size;
	struct fsession_query query;
	struct fsession_attach attach;
	struct fsession_attach_multi multi;
	struct fsession_info info;
	struct fsession_drain drain;
};

#define OP(_cmd, _type, _last, _fn) \
	{ \
		.cmd = (_cmd), \
		.min_size = offsetofend(struct _type, _last), \
		.size = sizeof(struct _type), \
		.fn = (_fn), \
	}

static long op_query(struct file *file, void *arg)
{
	struct fsession_query *q = arg;

	if (q->flags)
		return -EINVAL;
	q->abi_version = FSESSION_ABI_VERSION;
	q->max_sessions = FSESSION_MAX_SESSIONS;
	q->features = FSESSION_FEATURE_ATTACH | FSESSION_FEATURE_MULTI;
	if (FSESSION_META_EXIT)
		q->features |= FSESSION_FEATURE_NATIVE;
	fsession_session_count(&q->live, &q->draining);
	q->btf_base_size = fsession_btf_base.size;
	q->btf_base_hash = fsession_btf_base.hash;
	strscpy_pad(q->version, FSESSION_VERSION, sizeof(q->version));
	return 0;
}

static const struct file_operations session_fops;

/* The program of an attach, or the reason why it is none. */
static struct bpf_prog *get_prog(int fd, enum fsession_reason *reason)
{
	struct bpf_prog *prog;

	prog = bpf_prog_get_type_dev(fd, BPF_PROG_TYPE_TRACING, false);
	if (prog == ERR_PTR(-EINVAL)) {
		*reason = FSESSION_REASON_PROG_TYPE;
		return ERR_PTR(-EPROTOTYPE);
	}
	return prog;
}

/*
 * The file of session @s, which has not started; without one there is no session. An
 * error pointer is passed on, and so is NULL, of a dry run.
 */
static struct file *session_file(struct fsession_session *s)
{
	struct file *file;

	if (IS_ERR_OR_NULL(s))
		return ERR_CAST(s);
	file = anon_inode_getfile("[fsession]", &session_fops, s, O_RDONLY);
	if (IS_ERR(file))
		fsession_session_detach(s);
	return file;
}

/*
 * The session of @file starts. @fd, which was taken before anything was attached, is
 * the file's, or is given up for what session_file() passes on.
 */
static long start(int fd, struct file *file)
{
	if (IS_ERR_OR_NULL(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	fsession_session_start(file->private_data);
	fd_install(fd, file);
	return fd;
}

static struct file *attach(const struct fsession_attach *arg,
			   struct fsession_attachment *a,
			   enum fsession_reason *reason)
{
	struct bpf_prog *prog = get_prog(arg->prog_fd, reason);
	struct fsession_session *s;
	int err;

	if (IS_ERR(prog))
		return ERR_CAST(prog);
	a->target[0].attach_cookie = arg->attach_cookie;
	err = fsession_target_resolve(prog, a, reason);
	if (err)
		s = ERR_PTR(err);
	else
		s = fsession_session_attach(prog, a, reason);
	bpf_prog_put(prog);
	return session_file(s);
}

static long op_attach(struct file *file, void *arg)
{
	enum fsession_reason reason = FSESSION_REASON_NONE;
	struct fsession_attach *user = arg;
	struct fsession_attachment *a;
	struct file *session;
	int fd;

	if (user->flags || user->reason)
		return -EINVAL;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	a = fsession_attachment_new(1);
	session = a ? attach(user, a, &reason) : ERR_PTR(-ENOMEM);
	fsession_attachment_free(a);
	user->reason = reason;
	return start(fd, session);
}

/* Targets that are copied from and to the caller at a time. */
#define CHUNK	64

static int get_targets(struct fsession_attachment *a,
		       const struct fsession_target_desc __user *user)
{
	struct fsession_target_desc *desc;
	u32 i, n, from;
	int err = 0;

	desc = kmalloc_array(CHUNK, sizeof(*desc), GFP_KERNEL);
	if (!desc)
		return -ENOMEM;
	for (from = 0; !err && from < a->nr; from += n) {
		n = min_t(u32, a->nr - from, CHUNK);
		if (copy_from_user(desc, user + from, n * sizeof(*desc))) {
			err = -EFAULT;
			break;
		}
		for (i = 0; i < n; i++) {
			struct fsession_target *t = &a->target[from + i];

			if (desc[i].status || desc[i].reason ||
			    desc[i].reserved)
				err = -EINVAL;
			t->func = desc[i].addr;
			t->attach_cookie = desc[i].attach_cookie;
			t->btf_id = desc[i].btf_id;
		}
		cond_resched();
		if (fatal_signal_pending(current))
			err = -EINTR;
	}
	kfree(desc);
	return err;
}

static int put_statuses(const struct fsession_attachment *a,
			struct fsession_target_desc __user *user)
{
	u32 i;

	for (i = 0; i < a->nr; i++, user++) {
		const struct fsession_target *t = &a->target[i];

		cond_resched();
		/* They were 0 on the way in. */
		if (t->status && (put_user(t->status, &user->status) ||
				  put_user((u32)t->reason, &user->reason)))
			return -EFAULT;
	}
	return 0;
}

static u32 count_attached(const struct fsession_attachment *a)
{
	u32 i, n = 0;

	for (i = 0; i < a->nr; i++)
		n += !a->target[i].status;
	return n;
}

/* NULL when a dry run is done. */
static struct file *attach_multi(struct fsession_attach_multi *arg,
				 struct fsession_attachment *a,
				 enum fsession_reason *reason)
{
	struct fsession_target_desc __user *user = u64_to_user_ptr(arg->targets);
	struct fsession_session *s;
	struct bpf_prog *prog;
	struct file *file;
	int err;

	a->skip = arg->flags & FSESSION_MULTI_SKIP;
	a->dry_run = arg->flags & FSESSION_MULTI_DRY_RUN;
	err = get_targets(a, user);
	if (err)
		return ERR_PTR(err);
	prog = get_prog(arg->prog_fd, reason);
	if (IS_ERR(prog))
		return ERR_CAST(prog);
	err = fsession_target_resolve_multi(prog, a, reason);
	if (!err && a->dry_run)
		err = fsession_session_dry_run(prog, a, reason);
	if (err || a->dry_run)
		s = ERR_PTR(err);
	else
		s = fsession_session_attach(prog, a, reason);
	bpf_prog_put(prog);
	file = session_file(s);
	/* What ends without a reason ends for no target; it may be tried again. */
	if (IS_ERR(file) && !*reason)
		return file;
	if (put_statuses(a, user)) {
		if (!IS_ERR_OR_NULL(file))
			fput(file);
		*reason = FSESSION_REASON_NONE;
		file = ERR_PTR(-EFAULT);
	}
	if (!IS_ERR(file))
		arg->attached = count_attached(a);
	return file;
}

/* One of them at most. */
static bool multi_flags_valid(u32 flags)
{
	return !flags || flags == FSESSION_MULTI_SKIP ||
	       flags == FSESSION_MULTI_DRY_RUN;
}

static long op_attach_multi(struct file *file, void *arg)
{
	enum fsession_reason reason = FSESSION_REASON_NONE;
	struct fsession_attach_multi *user = arg;
	struct fsession_attachment *a;
	struct file *session;
	int fd;

	if (!multi_flags_valid(user->flags) || user->reason ||
	    user->attached || !user->targets || !user->count)
		return -EINVAL;
	if (user->count > FSESSION_MAX_TARGETS)
		return -E2BIG;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	a = fsession_attachment_new(user->count);
	session = a ? attach_multi(user, a, &reason) : ERR_PTR(-ENOMEM);
	fsession_attachment_free(a);
	user->reason = reason;
	return start(fd, session);
}

/*
 * Fills in @info for @s. Name and targets are kept, to be put to the caller when
 * the mutex is free: a page fault in there may take for ever.
 */
static char *read_info(struct fsession_session *s, struct fsession_info *info,
		       struct fsession_targets **targets)
{
	lockdep_assert_held(&fsession_mutex);
	fsession_session_read(s, info);
	if (!capable(CAP_SYSLOG))
		info->target_addr = 0;
	refcount_inc(&s->targets->ref);
	*targets = s->targets;
	return kstrdup(s->name, GFP_KERNEL);
}

static long put_name(struct fsession_info *info, const char *name)
{
	u32 room = info->name_len, len = strlen(name) + 1;

	info->name_len = len;
	if (!room)
		return 0;
	if (room < len)
		return -ENOSPC;
	if (copy_to_user(u64_to_user_ptr(info->name), name, len))
		return -EFAULT;
	return 0;
}

/* As many as there is room for. */
static long put_targets(struct fsession_info *info,
			const struct fsession_targets *targets)
{
	struct fsession_target_desc __user *user = u64_to_user_ptr(info->targets);
	bool show = capable(CAP_SYSLOG);
	u32 i, room = info->target_count;

	info->target_count = targets->nr;
	for (i = 0; i < min(room, targets->nr); i++) {
		const struct fsession_told *told = &targets->told[i];
		const struct fsession_target_desc desc = {
			.addr = show ? told->func : 0,
			.attach_cookie = told->attach_cookie,
			.btf_id = told->btf_id,
			.status = told->status,
		};

		if (copy_to_user(&user[i], &desc, sizeof(desc)))
			return -EFAULT;
		cond_resched();
	}
	return room && room < targets->nr ? -ENOSPC : 0;
}

/* @s is the session of a session file, or NULL to go by info->id. */
static long do_info(struct fsession_session *s, struct fsession_info *info)
{
	struct fsession_targets *targets = NULL;
	char *name = NULL;
	long err, ret;

	if (info->reserved || info->reserved2 ||
	    (!info->name_len && info->name) ||
	    !info->target_count != !info->targets)
		return -EINVAL;
	err = mutex_lock_interruptible(&fsession_mutex);
	if (err)
		return err;
	if (!s)
		s = fsession_session_find(info->id,
					  info->flags & FSESSION_INFO_NEXT);
	if (s)
		name = read_info(s, info, &targets);
	mutex_unlock(&fsession_mutex);
	if (!s)
		return -ENOENT;
	ret = -ENOMEM;
	if (name) {
		ret = put_name(info, name);
		err = put_targets(info, targets);
		/* ENOSPC says that what fits is there. */
		if (!ret || err == -EFAULT)
			ret = err;
	}
	kfree(name);
	fsession_targets_put(targets);
	return ret;
}

static long op_device_info(struct file *file, void *arg)
{
	struct fsession_info *info = arg;

	if (info->flags & ~FSESSION_INFO_NEXT)
		return -EINVAL;
	return do_info(NULL, info);
}

static long op_session_info(struct file *file, void *arg)
{
	struct fsession_info *info = arg;

	if (info->flags || info->id)
		return -EINVAL;
	return do_info(file->private_data, info);
}

static long op_drain(struct file *file, void *arg)
{
	struct fsession_drain *d = arg;

	if (d->flags)
		return -EINVAL;
	return fsession_session_drain(d->timeout_ms, &d->draining);
}

static const struct ioctl_op device_ops[] = {
	OP(FSESSION_IOC_QUERY, fsession_query, version, op_query),
	OP(FSESSION_IOC_ATTACH, fsession_attach, attach_cookie, op_attach),
	OP(FSESSION_IOC_ATTACH_MULTI, fsession_attach_multi, attached,
	   op_attach_multi),
	OP(FSESSION_IOC_INFO, fsession_info, reserved, op_device_info),
	OP(FSESSION_IOC_DRAIN, fsession_drain, draining, op_drain),
};

static const struct ioctl_op session_ops[] = {
	OP(FSESSION_IOC_INFO, fsession_info, reserved, op_session_info),
};

static bool may_trace(void)
{
	return capable(CAP_SYS_ADMIN) ||
	       (capable(CAP_BPF) && capable(CAP_PERFMON));
}

static bool returns_fd(unsigned int cmd, const union ioctl_arg *arg)
{
	return cmd == FSESSION_IOC_ATTACH ||
	       (cmd == FSESSION_IOC_ATTACH_MULTI &&
		!(arg->multi.flags & FSESSION_MULTI_DRY_RUN));
}

static long do_ioctl(struct file *file, const struct ioctl_op *ops, int n,
		     unsigned int cmd, unsigned long uarg)
{
	void __user *user = (void __user *)uarg;
	const struct ioctl_op *op = NULL;
	union ioctl_arg arg = {};
	u32 size;
	long ret;
	int i;

	for (i = 0; i < n; i++) {
		if (ops[i].cmd == cmd)
			op = &ops[i];
	}
	if (!op)
		return -ENOTTY;
	if (!may_trace())
		return -EPERM;
	if (get_user(size, (u32 __user *)user))
		return -EFAULT;
	if (size < op->min_size)
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	ret = copy_struct_from_user(&arg, op->size, user, size);
	if (ret)
		return ret;
	/* The caller may have changed it between the two reads. */
	arg.size = size;

	ret = op->fn(file, &arg);
	if (copy_to_user(user, &arg, min(size, op->size))) {
		/* The session is the caller's already; it has the number. */
		return ret >= 0 && returns_fd(cmd, &arg) ? ret : -EFAULT;
	}
	return ret;
}

static long device_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return do_ioctl(file, device_ops, ARRAY_SIZE(device_ops), cmd, arg);
}

static long session_ioctl(struct file *file, unsigned int cmd,
			  unsigned long arg)
{
	return do_ioctl(file, session_ops, ARRAY_SIZE(session_ops), cmd, arg);
}

static int session_release(struct inode *inode, struct file *file)
{
	fsession_session_detach(file->private_data);
	return 0;
}

#ifdef CONFIG_PROC_FS
static void session_fdinfo(struct seq_file *m, struct file *file)
{
	struct fsession_session *s = file->private_data;
	struct fsession_info info = {};

	mutex_lock(&fsession_mutex);
	fsession_session_read(s, &info);
	mutex_unlock(&fsession_mutex);
	seq_printf(m, "session_id:\t%u\n", info.id);
	seq_printf(m, "prog_id:\t%u\n", info.prog_id);
	seq_printf(m, "target:\t%s\n", s->name);
	seq_printf(m, "target_btf_id:\t%u\n", info.target_btf_id);
	seq_printf(m, "attach_cookie:\t%llu\n", info.attach_cookie);
	seq_printf(m, "hits:\t%llu\n", info.entries);
	seq_printf(m, "misses:\t%llu\n", info.misses);
	seq_printf(m, "inside:\t%llu\n", info.inside);
	if (s->targets->nr > 1)
		seq_printf(m, "sites:\t%u\n", info.sites);
}
#endif

static const struct file_operations session_fops = {
	.owner = THIS_MODULE,
	.release = session_release,
	.unlocked_ioctl = session_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
#ifdef CONFIG_PROC_FS
	.show_fdinfo = session_fdinfo,
#endif
};

static const struct file_operations device_fops = {
	.owner = THIS_MODULE,
	.open = nonseekable_open,
	.unlocked_ioctl = device_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "fsession",
	.mode = 0600,
	.fops = &device_fops,
};

int fsession_dev_init(void)
{
	return misc_register(&device);
}

void fsession_dev_exit(void)
{
	misc_deregister(&device);
}
