// SPDX-License-Identifier: GPL-2.0
/*
 * btfgen: makes the module's BTF.
 *
 *	btfgen BASE OUT.h
 *	btfgen BASE
 *
 * BASE holds the BTF of the kernel that the module is for: raw, in an ELF file,
 * or anywhere in a file (an uncompressed kernel image). OUT.h gets the module's
 * own BTF, the two kfuncs, as an array in section .BTF, their ids, and what the
 * base was. No vmlinux, DWARF, pahole or resolve_btfids is needed.
 * Without outputs, the exit status says whether BASE will do.
 *
 * Our ids go on where the base's end, and so do our strings, which may also lie
 * in the base. Nothing in the result tells which base it was, so the module
 * compares the size of the base when it is loaded, and the library its hash.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

static void __attribute__((noreturn, format(printf, 1, 2)))
die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("btfgen: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

/* For libbpf calls that return an id or a negative errno. */
static int id(int ret, const char *what)
{
	if (ret < 0)
		die("cannot add %s: %s", what, strerror(-ret));
	return ret;
}

static unsigned char *read_file(const char *path, size_t *size)
{
	unsigned char *data;
	struct stat st;
	FILE *f;

	f = fopen(path, "rb");
	if (!f || fstat(fileno(f), &st))
		die("%s: %s", path, strerror(errno));
	data = malloc(st.st_size + 1);
	if (!data || fread(data, 1, st.st_size, f) != (size_t)st.st_size)
		die("%s: cannot read", path);
	fclose(f);
	*size = st.st_size;
	return data;
}

/*
 * The kernel's BTF somewhere in a file: found by its header, which has the
 * types first and the strings somewhere behind them. The largest one is taken,
 * since an image may hold small ones of other things.
 */
static struct btf *scan(const char *path)
{
	struct btf_header hdr;
	unsigned char *data;
	struct btf *best = NULL;
	size_t size, at;
	__u32 best_size = 0, btf_size;

	data = read_file(path, &size);
	for (at = 0; at + sizeof(hdr) <= size; at += 4) {
		struct btf *btf;

		memcpy(&hdr, data + at, sizeof(hdr));
		if (hdr.magic != BTF_MAGIC || hdr.version != BTF_VERSION ||
		    hdr.hdr_len < sizeof(hdr) || hdr.type_off ||
		    hdr.str_off < hdr.type_len ||
		    (uint64_t)hdr.hdr_len + hdr.str_off + hdr.str_len >
			    size - at)
			continue;
		btf_size = hdr.hdr_len + hdr.str_off + hdr.str_len;
		if (btf_size <= best_size)
			continue;
		btf = btf__new(data + at, btf_size);
		if (!btf)
			continue;
		btf__free(best);
		best = btf;
		best_size = btf_size;
	}
	free(data);
	return best;
}

static struct btf *base_load(const char *path)
{
	struct btf *btf;

	libbpf_set_print(NULL);
	btf = btf__parse(path, NULL);
	if (!btf)
		btf = scan(path);
	if (!btf)
		die("%s: holds no kernel BTF", path);
	/* A kernel's has tens of thousands of types; a module's own has not. */
	if (btf__type_cnt(btf) < 1000)
		die("%s: %u types: this is not the BTF of a kernel", path,
		    btf__type_cnt(btf));
	return btf;
}

static uint64_t fnv1a(const unsigned char *data, size_t size)
{
	uint64_t hash = 0xcbf29ce484222325ULL;

	while (size--)
		hash = (hash ^ *data++) * 0x100000001b3ULL;
	return hash;
}

static FILE *out_open(const char *path)
{
	FILE *f = fopen(path, "w");

	if (!f)
		die("%s: %s", path, strerror(errno));
	fputs("/* Made by btfgen. */\n", f);
	return f;
}

static void out_close(FILE *f, const char *path)
{
	if (ferror(f) | fclose(f))
		die("%s: cannot write", path);
}

static void write_bytes(FILE *f, const unsigned char *data, size_t size)
{
	size_t i;

	fputs("static const unsigned char btf[]\n"
	      "__attribute__((used, section(\".BTF\"), aligned(4))) = {",
	      f);
	for (i = 0; i < size; i++)
		fprintf(f, "%s%u,", i % 16 ? " " : "\n\t", data[i]);
	fputs("\n};\n", f);
}

int main(int argc, char **argv)
{
	int bool_id, u64_id, ptr_id, size_id, proto_id, is_return_id, cookie_id;
	const void *base_data, *own_data;
	struct btf *base, *own;
	__u32 base_size, own_size;
	FILE *f;

	if (argc != 3 && argc != 2) {
		fputs("usage: btfgen BASE [OUT.h]\n", stderr);
		return 2;
	}
	base = base_load(argv[1]);
	if (argc == 2) {
		btf__free(base);
		return 0;
	}
	own = btf__new_empty_split(base);
	if (!own)
		die("cannot make BTF: %s", strerror(errno));

	/* bool bpf_fsession_is_return(void) */
	bool_id = id(btf__add_int(own, "_Bool", 1, BTF_INT_BOOL), "_Bool");
	proto_id = id(btf__add_func_proto(own, bool_id), "prototype");
	is_return_id = id(btf__add_func(own, "bpf_fsession_is_return",
					BTF_FUNC_STATIC, proto_id),
			  "bpf_fsession_is_return");

	/* u64 *bpf_fsession_cookie(const size_t rdwr_buf_size) */
	u64_id = id(btf__add_int(own, "unsigned long long", 8, 0), "u64");
	ptr_id = id(btf__add_ptr(own, u64_id), "u64 *");
	size_id = id(btf__add_int(own, "unsigned long", 8, 0), "unsigned long");
	size_id = id(btf__add_typedef(own, "size_t", size_id), "size_t");
	size_id = id(btf__add_const(own, size_id), "const size_t");
	proto_id = id(btf__add_func_proto(own, ptr_id), "prototype");
	id(btf__add_func_param(own, "rdwr_buf_size", size_id), "parameter");
	cookie_id = id(btf__add_func(own, "bpf_fsession_cookie",
				     BTF_FUNC_STATIC, proto_id),
		       "bpf_fsession_cookie");

	base_data = btf__raw_data(base, &base_size);
	own_data = btf__raw_data(own, &own_size);
	if (!base_data || !own_data)
		die("out of memory");

	f = out_open(argv[2]);
	fprintf(f, "#define FSESSION_BTF_ID_IS_RETURN %d\n", is_return_id);
	fprintf(f, "#define FSESSION_BTF_ID_COOKIE %d\n", cookie_id);
	fprintf(f, "#define FSESSION_BTF_BASE_TYPES %u\n", btf__type_cnt(base));
	fprintf(f, "#define FSESSION_BTF_BASE_SIZE %uULL\n", base_size);
	fprintf(f, "#define FSESSION_BTF_BASE_HASH 0x%016llxULL\n",
		(unsigned long long)fnv1a(base_data, base_size));
	write_bytes(f, own_data, own_size);
	out_close(f, argv[2]);

	btf__free(own);
	btf__free(base);
	return 0;
}
