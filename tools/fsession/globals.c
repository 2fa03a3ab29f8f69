// SPDX-License-Identifier: GPL-2.0
/*
 * Global variables of a BPF object: found through its BTF in the maps that
 * libbpf makes of .data* and .bss*, read from the kernel, printed by type.
 *
 * One walk over the types serves both forms: text is
 *	name = {.member = 1, .list = [1, 2]}
 * and JSON the same with objects, arrays and strings.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fsession.h"

/* Maps and variables of ours are no business of the user's. */
static const char private_prefix[] = "__fsession";

/* Types within types: no compiler's BTF has as many, or a type within itself. */
#define MAX_DEPTH 64

/* Either @text or @json is set. @comma is about the text form. */
struct out {
	const struct btf *btf;
	unsigned int depth;
	FILE *text;
	struct json *json;
	bool comma;
};

static void put_value(struct out *o, const char *key, uint32_t id,
		      const uint8_t *data, size_t size);

static const char *name_at(const struct btf *btf, uint32_t offset)
{
	const char *name = btf__name_by_offset(btf, offset);

	return name ? name : "";
}

static void text_begin(struct out *o, const char *key)
{
	if (o->comma)
		fputs(", ", o->text);
	o->comma = true;
	if (key) {
		putc('.', o->text);
		put_text(o->text, key);
		fputs(" = ", o->text);
	}
}

static void put_open(struct out *o, const char *key, char json, char text)
{
	if (o->json) {
		json_open(o->json, key, json);
		return;
	}
	text_begin(o, key);
	putc(text, o->text);
	o->comma = false;
}

static void put_close(struct out *o, char json, char text)
{
	if (o->json) {
		json_close(o->json, json);
		return;
	}
	putc(text, o->text);
	o->comma = true;
}

static void put_u64(struct out *o, const char *key, uint64_t v)
{
	if (o->json) {
		json_u64(o->json, key, v);
		return;
	}
	text_begin(o, key);
	fprintf(o->text, "%" PRIu64, v);
}

static void put_s64(struct out *o, const char *key, int64_t v)
{
	if (o->json) {
		json_s64(o->json, key, v);
		return;
	}
	text_begin(o, key);
	fprintf(o->text, "%" PRId64, v);
}

static void put_bool(struct out *o, const char *key, bool v)
{
	if (o->json) {
		json_bool(o->json, key, v);
		return;
	}
	text_begin(o, key);
	fputs(v ? "true" : "false", o->text);
}

/* A word that is no string in the program: an enumerator, a pointer. */
static void put_word(struct out *o, const char *key, const char *word)
{
	if (o->json) {
		json_str(o->json, key, word);
		return;
	}
	text_begin(o, key);
	put_text(o->text, word);
}

static void put_chars(struct out *o, const char *key, const char *s, size_t len,
		      char quote)
{
	size_t i;

	if (o->json) {
		json_string(o->json, key, s, len);
		return;
	}
	text_begin(o, key);
	putc(quote, o->text);
	for (i = 0; i < len; i++) {
		unsigned char c = s[i];

		if (c == '\n')
			fputs("\\n", o->text);
		else if (c == quote || c == '\\')
			fprintf(o->text, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			fprintf(o->text, "\\x%02x", c);
		else
			putc(c, o->text);
	}
	putc(quote, o->text);
}

static const struct btf_type *resolve(const struct btf *btf, uint32_t *id)
{
	const struct btf_type *t = btf__type_by_id(btf, *id);
	int i;

	for (i = 0; i < MAX_DEPTH; i++) {
		if (!t ||
		    !(btf_is_mod(t) || btf_is_typedef(t) || btf_is_type_tag(t)))
			return t;
		*id = t->type;
		t = btf__type_by_id(btf, *id);
	}
	return NULL;
}

static bool is_char(const struct btf *btf, uint32_t id)
{
	const struct btf_type *t = resolve(btf, &id);

	return t && btf_is_int(t) && t->size == 1 &&
	       !strcmp(name_at(btf, t->name_off), "char");
}

/* @size bytes at @data as a number, widened by its sign if @is_signed. */
static uint64_t load(const uint8_t *data, size_t size, bool is_signed)
{
	union {
		uint8_t u8;
		uint16_t u16;
		uint32_t u32;
		uint64_t u64;
	} v = {};

	memcpy(&v, data, size < sizeof(v) ? size : sizeof(v));
	switch (size) {
	case 1:
		return is_signed ? (uint64_t)(int8_t)v.u8 : v.u8;
	case 2:
		return is_signed ? (uint64_t)(int16_t)v.u16 : v.u16;
	case 4:
		return is_signed ? (uint64_t)(int32_t)v.u32 : v.u32;
	default:
		return v.u64;
	}
}

static void put_number(struct out *o, const char *key, uint64_t v,
		       bool is_signed)
{
	if (is_signed)
		put_s64(o, key, v);
	else
		put_u64(o, key, v);
}

static void put_hex(struct out *o, const char *key, const uint8_t *data,
		    size_t size)
{
	char buf[2 + 2 * 32 + 1] = "0x";
	size_t i;

	for (i = 0; i < size && i < 32; i++)
		snprintf(buf + 2 + 2 * i, 3, "%02x", data[size - 1 - i]);
	put_word(o, key, buf);
}

static void put_enum(struct out *o, const char *key, const struct btf_type *t,
		     uint64_t v)
{
	bool is_signed = btf_kflag(t);
	int i;

	for (i = 0; i < btf_vlen(t); i++) {
		const char *name;
		uint64_t known;

		if (btf_is_enum(t)) {
			const struct btf_enum *e = btf_enum(t) + i;

			known = is_signed ? (uint64_t)e->val : (uint32_t)e->val;
			/* The kind has one signedness only since 6.0. */
			if ((uint32_t)known == (uint32_t)v)
				known = v;
			name = name_at(o->btf, e->name_off);
		} else {
			const struct btf_enum64 *e = btf_enum64(t) + i;

			known = btf_enum64_value(e);
			name = name_at(o->btf, e->name_off);
		}
		if (known == v) {
			put_word(o, key, name);
			return;
		}
	}
	put_number(o, key, v, is_signed);
}

/* An integer or enumeration of which the value is at hand. */
static void put_scalar(struct out *o, const char *key, const struct btf_type *t,
		       uint64_t v)
{
	if (btf_is_any_enum(t))
		put_enum(o, key, t, v);
	else if (btf_int_encoding(t) & BTF_INT_BOOL)
		put_bool(o, key, v);
	else
		put_number(o, key, v, btf_int_encoding(t) & BTF_INT_SIGNED);
}

static bool scalar_is_signed(const struct btf_type *t)
{
	return btf_is_int(t) ? btf_int_encoding(t) & BTF_INT_SIGNED
			     : btf_kflag(t);
}

/* @bits bits from bit @bit of @data on; the architectures are little-endian. */
static void put_bitfield(struct out *o, const char *key, uint32_t id,
			 const uint8_t *data, size_t bit, size_t bits)
{
	const struct btf_type *t = resolve(o->btf, &id);
	uint64_t v = 0;
	size_t i;

	if (!t || bits > 64 || !(btf_is_int(t) || btf_is_any_enum(t)))
		return;
	for (i = 0; i < bits; i++, bit++)
		v |= (uint64_t)(data[bit / 8] >> bit % 8 & 1) << i;
	if (scalar_is_signed(t) && bits < 64 && v >> (bits - 1))
		v |= ~0ULL << bits;
	put_scalar(o, key, t, v);
}

/* Members of members without a name belong to @t, as they do in C. */
static void put_members(struct out *o, const struct btf_type *t,
			const uint8_t *data, size_t size)
{
	const struct btf_member *m = btf_members(t);
	int i;

	for (i = 0; i < btf_vlen(t); i++, m++) {
		const char *name = name_at(o->btf, m->name_off);
		size_t bit = btf_member_bit_offset(t, i);
		size_t bits = btf_member_bitfield_size(t, i);
		uint32_t id = m->type;

		if ((bit + bits + 7) / 8 > size)
			return;
		if (bits) {
			put_bitfield(o, name, id, data, bit, bits);
		} else if (!name[0]) {
			const struct btf_type *inner = resolve(o->btf, &id);

			if (inner && btf_is_composite(inner) &&
			    o->depth < MAX_DEPTH) {
				o->depth++;
				put_members(o, inner, data + bit / 8,
					    size - bit / 8);
				o->depth--;
			}
		} else {
			put_value(o, name, id, data + bit / 8, size - bit / 8);
		}
	}
}

static void put_array(struct out *o, const char *key, const struct btf_type *t,
		      const uint8_t *data, size_t size)
{
	const struct btf_array *a = btf_array(t);
	int64_t each = btf__resolve_size(o->btf, a->type);
	size_t i;

	if (is_char(o->btf, a->type)) {
		size_t len = a->nelems < size ? a->nelems : size;

		put_chars(o, key, (const char *)data,
			  strnlen((const char *)data, len), '"');
		return;
	}

	put_open(o, key, '[', '[');
	for (i = 0; each > 0 && i < a->nelems && (i + 1) * each <= size; i++)
		put_value(o, NULL, a->type, data + i * each, each);
	put_close(o, ']', ']');
}

static void put_float(struct out *o, const char *key, const uint8_t *data,
		      size_t size)
{
	double v = 0;
	float f;

	if (size == sizeof(f)) {
		memcpy(&f, data, sizeof(f));
		v = f;
	} else if (size == sizeof(v)) {
		memcpy(&v, data, sizeof(v));
	} else {
		put_hex(o, key, data, size);
		return;
	}
	if (o->json) {
		json_double(o->json, key, v);
		return;
	}
	text_begin(o, key);
	fprintf(o->text, "%.17g", v);
}

static void put_type(struct out *o, const char *key, uint32_t id,
		     const struct btf_type *t, const uint8_t *data, size_t size)
{
	char c;

	switch (btf_kind(t)) {
	case BTF_KIND_INT:
		if (t->size > 8) {
			put_hex(o, key, data, t->size);
		} else if (is_char(o->btf, id)) {
			c = *data;
			put_chars(o, key, &c, 1, '\'');
		} else {
			put_scalar(o, key, t,
				   load(data, t->size, scalar_is_signed(t)));
		}
		break;
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		put_scalar(o, key, t, load(data, t->size, scalar_is_signed(t)));
		break;
	case BTF_KIND_FLOAT:
		put_float(o, key, data, t->size);
		break;
	case BTF_KIND_PTR: {
		char buf[32];

		snprintf(buf, sizeof(buf), "0x%" PRIx64,
			 load(data, size < 8 ? size : 8, false));
		put_word(o, key, buf);
		break;
	}
	case BTF_KIND_ARRAY:
		put_array(o, key, t, data, size);
		break;
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		put_open(o, key, '{', '{');
		put_members(o, t, data, t->size);
		put_close(o, '}', '}');
		break;
	default:
		put_word(o, key, "?");
		break;
	}
}

/* Are @size bytes enough for one of @t? */
static bool fits(const struct btf_type *t, size_t size)
{
	switch (btf_kind(t)) {
	case BTF_KIND_INT:
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
	case BTF_KIND_FLOAT:
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return t->size <= size;
	default:
		return true;
	}
}

/* A value of type @id at @data, where @size bytes may be read. */
static void put_value(struct out *o, const char *key, uint32_t id,
		      const uint8_t *data, size_t size)
{
	const struct btf_type *t = resolve(o->btf, &id);

	if (!t || !fits(t, size) || o->depth == MAX_DEPTH) {
		put_word(o, key, "?");
		return;
	}
	o->depth++;
	put_type(o, key, id, t, data, size);
	o->depth--;
}

static bool is_prefix(const char *prefix, const char *s)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

static void put_section(struct out *o, const struct btf_type *sec,
			const uint8_t *data, size_t size)
{
	const struct btf_var_secinfo *v = btf_var_secinfos(sec);
	int i;

	for (i = 0; i < btf_vlen(sec); i++, v++) {
		const struct btf_type *var = btf__type_by_id(o->btf, v->type);
		const char *name;

		if (!var || !btf_is_var(var) ||
		    (uint64_t)v->offset + v->size > size)
			continue;
		name = name_at(o->btf, var->name_off);
		if (is_prefix(private_prefix, name))
			continue;
		if (o->json) {
			put_value(o, name, var->type, data + v->offset,
				  v->size);
			continue;
		}
		put_text(o->text, name);
		fputs(" = ", o->text);
		o->comma = false;
		put_value(o, NULL, var->type, data + v->offset, v->size);
		putc('\n', o->text);
	}
}

/* The section that @map holds, if it is one with variables in it. */
static const struct btf_type *variables(const struct btf *btf,
					const struct bpf_map *map)
{
	const struct btf_type *sec;
	const char *name;

	sec = btf__type_by_id(btf, bpf_map__btf_value_type_id(map));
	if (!sec || !btf_is_datasec(sec))
		return NULL;
	name = name_at(btf, sec->name_off);
	return is_prefix(".data", name) || is_prefix(".bss", name) ? sec : NULL;
}

static int walk(const struct bpf_object *obj, struct out *o)
{
	struct bpf_map *map;

	o->btf = bpf_object__btf(obj);
	if (!o->btf)
		return 0;

	bpf_object__for_each_map(map, obj) {
		const struct btf_type *sec = variables(o->btf, map);
		size_t size = bpf_map__value_size(map);
		uint32_t zero = 0;
		uint8_t *data;
		int err = 0;

		if (!sec || is_prefix(private_prefix, bpf_map__name(map)))
			continue;
		data = malloc(size);
		if (!data)
			return -ENOMEM;
		if (bpf_map_lookup_elem(bpf_map__fd(map), &zero, data) < 0)
			err = -errno;
		else
			put_section(o, sec, data, size);
		free(data);
		if (err) {
			say("read map '%s': %s", bpf_map__name(map),
			    strerror(-err));
			return err;
		}
	}
	return 0;
}

int globals_print(const struct bpf_object *obj, FILE *f)
{
	struct out o = { .text = f };

	return walk(obj, &o);
}

int globals_json(const struct bpf_object *obj, struct json *j)
{
	struct out o = { .json = j };
	int err;

	json_open(j, "globals", '{');
	err = walk(obj, &o);
	json_close(j, '}');
	return err;
}
