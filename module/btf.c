// SPDX-License-Identifier: GPL-2.0
/*
 * What a BTF id says of a function: its name, its arguments, and whether two
 * functions show a program the same context.
 *
 * Types are read through the kernel. Names are not to be had from it, so they are
 * read from the file that it shows them to everybody in, below /sys/kernel/btf.
 */
#include <linux/btf.h>
#include <linux/kernfs.h>
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/sysfs.h>

#include "fsession.h"

/* One file of BTF, and where in it the strings are. */
struct btf_file {
	struct kernfs_node *node;
	u32 strings;
	u32 len;
};

/* A module's strings go on where the kernel's end. */
struct fsession_btf {
	struct btf_file base;
	struct btf_file own;	/* of a module; else empty */
};

static struct bin_attribute *file_attr(const struct btf_file *f)
{
	return f->node->priv;
}

/* Exactly @len bytes of a file at @from, or an error. */
static int file_read(const struct btf_file *f, void *buf, u64 from, size_t len)
{
	struct bin_attribute *attr = file_attr(f);

	if (from + len > attr->size)
		return -EINVAL;
	if (fsession_bin_read(attr, buf, from, len) != len)
		return -EIO;
	return 0;
}

static int file_open(struct btf_file *f, const char *name)
{
	struct kernfs_node *dir;
	struct btf_header h;
	int err;

	dir = kernfs_find_and_get(kernel_kobj->sd, "btf");
	f->node = dir ? kernfs_find_and_get(dir, name) : NULL;
	kernfs_put(dir);
	if (!f->node)
		return -ENOENT;
	err = file_read(f, &h, 0, sizeof(h));
	if (err)
		return err;
	if (h.magic != BTF_MAGIC ||
	    (u64)h.hdr_len + h.str_off + h.str_len > file_attr(f)->size)
		return -EINVAL;
	f->strings = h.hdr_len + h.str_off;
	f->len = h.str_len;
	return 0;
}

/*
 * Is it the file of @btf? A module's may have been loaded again since, and then
 * its BTF is another. The file says whose it is by its private pointer: to the
 * BTF itself or, on newer kernels, to its bytes, among which its types are.
 */
static bool file_is_of(const struct btf_file *f, const struct btf *btf)
{
	const struct bin_attribute *attr = file_attr(f);
	const void *type = btf_type_by_id(btf, fsession_btf_base.types);

	return attr->private == btf ||
	       (type >= attr->private && type < attr->private + attr->size);
}

void fsession_btf_put(struct fsession_btf *f)
{
	if (!f)
		return;
	kernfs_put(f->base.node);
	kernfs_put(f->own.node);
	kfree(f);
}

/**
 * fsession_btf_get() - what it takes to read names.
 * @btf: the BTF
 * @owner: whose it is, NULL for the kernel's; pinned, which keeps the file
 *
 * Returns an error pointer on failure. But for -ENOMEM it means that no name is the
 * right one.
 */
struct fsession_btf *fsession_btf_get(const struct btf *btf,
				      struct module *owner)
{
	struct fsession_btf *f = kzalloc(sizeof(*f), GFP_KERNEL);
	int err;

	if (!f)
		return ERR_PTR(-ENOMEM);
	err = file_open(&f->base, "vmlinux");
	if (!err && owner) {
		err = file_open(&f->own, owner->name);
		if (!err && !file_is_of(&f->own, btf))
			err = -ESTALE;
	}
	if (err) {
		fsession_btf_put(f);
		return ERR_PTR(err);
	}
	return f;
}

/* Is @name, which has @len characters, the name of @t? */
bool fsession_btf_name_is(struct fsession_btf *f, const struct btf_type *t,
			  const char *name, size_t len)
{
	const struct btf_file *file = &f->base;
	char buf[KSYM_NAME_LEN];
	u32 at = t->name_off;

	if (f->own.node && at >= f->base.len) {
		at -= f->base.len;
		file = &f->own;
	}
	if (!len || len >= sizeof(buf) || at >= file->len ||
	    len >= file->len - at ||
	    file_read(file, buf, (u64)file->strings + at, len + 1))
		return false;
	return !memcmp(buf, name, len) && !buf[len];
}

/* The type with @id, without what a typedef or a qualifier wraps around it. */
static const struct btf_type *bare_type(const struct btf *btf, u32 id)
{
	const struct btf_type *t = btf_type_by_id(btf, id);

	while (t) {
		switch (btf_kind(t)) {
		case BTF_KIND_TYPEDEF:
		case BTF_KIND_CONST:
		case BTF_KIND_VOLATILE:
		case BTF_KIND_RESTRICT:
		case BTF_KIND_TYPE_TAG:
			t = btf_type_by_id(btf, t->type);
			break;
		default:
			return t;
		}
	}
	return NULL;
}

static bool two_word_aligned(const struct btf *btf, const struct btf_type *t,
			     u32 depth)
{
	const struct btf_member *member;
	u32 i;

	if (!t || t->size != 2 * sizeof(u64))
		return false;
	if (btf_is_int(t))
		return true;
	if (!btf_is_composite(t) || !depth)
		return false;
	for (i = 0, member = btf_members(t); i < btf_vlen(t); i++) {
		if (two_word_aligned(btf, bare_type(btf, member[i].type),
				     depth - 1))
			return true;
	}
	return false;
}

/*
 * Is type @id aligned to two words: an __int128, or a struct of at most 16 bytes
 * with one in it? That is a few levels down at most; structs nested deeper than
 * that to no purpose do not matter.
 */
bool fsession_btf_two_word_aligned(const struct btf *btf, u32 id)
{
	return two_word_aligned(btf, bare_type(btf, id), 4);
}

bool fsession_btf_composite(const struct btf *btf, u32 id)
{
	const struct btf_type *t = bare_type(btf, id);

	return t && btf_is_composite(t);
}

/* The function with @id; NULL when that is none. */
const struct btf_type *fsession_btf_func(const struct btf *btf, u32 id)
{
	const struct btf_type *t = id ? btf_type_by_id(btf, id) : NULL;

	return t && btf_type_is_func(t) ? t : NULL;
}

/* Its prototype. */
const struct btf_type *fsession_btf_proto(const struct btf *btf, u32 id)
{
	const struct btf_type *t = fsession_btf_func(btf, id);

	t = t ? btf_type_by_id(btf, t->type) : NULL;
	return t && btf_type_is_func_proto(t) ? t : NULL;
}

/* Bytes of an argument or a result, 0 for void, negative for what is neither. */
static int type_size(const struct btf *btf, u32 id)
{
	const struct btf_type *t;

	if (!id)
		return 0;
	t = bare_type(btf, id);
	if (!t)
		return -EINVAL;
	if (btf_is_ptr(t))
		return sizeof(void *);
	if (btf_is_int(t) || btf_is_any_enum(t) || btf_is_composite(t))
		return min_t(u32, t->size, INT_MAX);
	return -EINVAL;
}

/**
 * fsession_btf_model() - the sizes of a function's arguments.
 * @btf: the BTF
 * @proto: its prototype
 * @model: nr_args and arg_size are filled in
 *
 * Refuses what the verifier refuses for a program's own target: more arguments
 * than it knows, a variable number, structs returned or of more than 16 bytes.
 */
int fsession_btf_model(const struct btf *btf, const struct btf_type *proto,
		       struct btf_func_model *model)
{
	const struct btf_param *param = (const struct btf_param *)(proto + 1);
	u32 i, nr = btf_vlen(proto);
	int size;

	if (nr > MAX_BPF_FUNC_ARGS || type_size(btf, proto->type) < 0 ||
	    fsession_btf_composite(btf, proto->type))
		return -EOPNOTSUPP;
	for (i = 0; i < nr; i++) {
		size = type_size(btf, param[i].type);
		if (size <= 0 || size > 16)
			return -EOPNOTSUPP;
		model->arg_size[i] = size;
	}
	model->nr_args = nr;
	return 0;
}

/* What a program finds in one word of its context. */
struct slot {
	const struct btf_type *type;	/* bare; NULL beyond the context's end */
	u32 pointee;
	u32 word;	/* of the type */
	bool result;
};

/*
 * What a pointer points to, but for qualifiers, which the verifier does not look
 * at. It does look at tags.
 */
static u32 pointee(const struct btf *btf, const struct btf_type *ptr)
{
	const struct btf_type *t;
	u32 id = ptr->type;

	while (id) {
		t = btf_type_by_id(btf, id);
		if (!t || (btf_kind(t) != BTF_KIND_TYPEDEF &&
			   btf_kind(t) != BTF_KIND_CONST &&
			   btf_kind(t) != BTF_KIND_VOLATILE &&
			   btf_kind(t) != BTF_KIND_RESTRICT))
			break;
		id = t->type;
	}
	return id;
}

static struct slot slot_at(const struct btf *btf, const struct btf_type *proto,
			   u32 at)
{
	const struct btf_param *param = (const struct btf_param *)(proto + 1);
	u32 i, id = proto->type, words, nr = btf_vlen(proto);
	struct slot slot = {};

	for (i = 0; i < nr; i++) {
		words = DIV_ROUND_UP(max(type_size(btf, param[i].type), 0), 8);
		if (at < words) {
			id = param[i].type;
			break;
		}
		at -= words;
	}
	slot.result = i == nr;
	if (slot.result && at)
		return slot;
	slot.word = at;
	slot.type = bare_type(btf, id);
	if (slot.type && btf_is_ptr(slot.type))
		slot.pointee = pointee(btf, slot.type);
	return slot;
}

/**
 * fsession_btf_same_ctx() - does a context look the same?
 * @btf: the BTF
 * @a: prototype of the function that a program was verified for
 * @b: prototype of another function
 * @slots: how many words of its context the program reads by itself
 */
bool fsession_btf_same_ctx(const struct btf *btf, const struct btf_type *a,
			   const struct btf_type *b, u32 slots)
{
	u32 i;

	for (i = 0; i < slots; i++) {
		struct slot x = slot_at(btf, a, i), y = slot_at(btf, b, i);

		/* The verifier lets nobody read beyond the result. */
		if (!x.type)
			return true;
		if (!y.type || x.result != y.result || x.word != y.word)
			return false;
		if (btf_is_ptr(x.type) && btf_is_ptr(y.type)) {
			if (x.pointee != y.pointee)
				return false;
		} else if (x.type != y.type) {
			return false;
		}
	}
	return true;
}
