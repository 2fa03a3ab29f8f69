/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What libfsession's files share and do not export.
 *
 * Names here begin with fsession__ so that a static link cannot clash.
 */
#ifndef FSESSION_INTERNAL_H
#define FSESSION_INTERNAL_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "libfsession.h"

#define FSESSION_DEV "/dev/fsession"
#define VMLINUX_BTF  "/sys/kernel/btf/vmlinux"

/* A function of the kernel that is there to be traced, and that nobody calls. */
#define FSESSION_ANY_FUNCTION "bpf_fentry_test1"

/*
 * Room for a traced function's name: KSYM_NAME_LEN is 512 at most, a module's
 * name 64 - sizeof(long), and " []" goes around it.
 */
#define FSESSION_NAME_MAX 1024

/* print.c: messages, and errors and reasons in words. */
void fsession__print(enum libbpf_print_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#define pr_warn(fmt, ...) \
	fsession__print(LIBBPF_WARN, "libfsession: " fmt "\n", ##__VA_ARGS__)
#define pr_hint(fmt, ...) pr_warn("hint: " fmt, ##__VA_ARGS__)

/*
 * The head that every failure has, "attach 'vfs_read': Device or resource busy
 * (-EBUSY): ", with @err negative; what follows says why, in words.
 */
#define pr_fail(verb, object, err, fmt, ...)                               \
	pr_warn("%s '%s': %s (-%s): " fmt, verb, object, strerror(-(err)), \
		fsession__errno_name(err), ##__VA_ARGS__)

const char *fsession__errno_name(int err);
void fsession__hint_reason(unsigned int reason, const char *function);

/* device.c: the device, its ioctls, and why they cannot be had. */
int fsession__device_open(const char *verb, const char *object);
void fsession__explain_eperm(const char *verb, const char *object, int err);
int fsession__info(int fd, uint32_t id, unsigned int flags,
		   struct fsession_info *info, char *name, size_t name_len);
int fsession__module_probe(void);

/* The size of struct fsession_info in its first version. */
#define FSESSION_INFO_SIZE_0 offsetof(struct fsession_info, targets)

int fsession__check_size(const char *type, uint32_t size, size_t first);
void fsession__copy_out(void *to, uint32_t size, const void *from,
			size_t known);

/*
 * backend.c: which of the two runs sessions, on one function and on many, and
 * which one a program was loaded for.
 */
int fsession__backend(const char *verb, const char *object);
void fsession__explain_native(const char *verb, const char *object, int err,
			      const char *why);
int fsession__multi_backend(const char *verb, const char *object);
int fsession__prog_backend(const struct bpf_program *prog);

/* native.c: the kernel's own fsession. Ids are of the kernel's BTF. */
struct fsession__native_kfuncs {
	uint32_t is_return;
	uint32_t cookie;
};

struct fsession_targets;

int fsession__native_probe(struct fsession__native_kfuncs *kfuncs,
			   const char **why);
int fsession__native_multi_probe(const char **why);
int fsession__native_attach(int prog_fd, const char *object,
			    const char *function, uint64_t cookie,
			    bool loaded_by_us, bool final);
int fsession__native_attach_multi(int prog_fd, const char *object,
				  struct fsession_targets *set, bool skip);
int fsession__native_info(int fd, struct fsession_info *info, char *name,
			  size_t name_len);

/* section.c: the sections a session program comes from. */
const char *fsession__section_target(const struct bpf_program *prog);

/* link.c: programs that may be attached, and what comes of it. */
#define opt(opts, field)                                                \
	((opts) && (opts)->sz >= offsetof(__typeof__(*(opts)), field) + \
					 sizeof((opts)->field)          \
		 ? (opts)->field                                        \
		 : 0)

bool fsession__opts_valid(const char *type, const void *opts, size_t known,
			  uint32_t backend, uint32_t flags,
			  uint32_t known_flags);
bool fsession__explain_passing(const char *verb, const char *object, int err);
int fsession__explain_attach(const char *verb, const char *object, int err,
			     unsigned int reason, const char *function);
const char *fsession__prog_object(const struct bpf_program *prog);
int fsession__prog_ready(const struct bpf_program *prog, int wanted);
struct fsession_link *
fsession__link_new(int fd, int backend, uint64_t attach_cookie, uint32_t sites);
int fsession__link_first(struct fsession_link *link, const char *function,
			 const char *module, uint32_t btf_id);

/* multi.c */
struct fsession_link *fsession__attach_section(const struct bpf_program *prog,
					       int backend, uint64_t cookie);

/* target.c: functions by name. */
int fsession__target_find(const char *prog, const char *target, int *btf_fd,
			  uint32_t *btf_id);
void fsession__target_forget(void);
struct btf *fsession__vmlinux_btf(void);
int fsession__kernel_func(const char *name, uint32_t *id, unsigned int *args);
void fsession__target_name(uint32_t btf, uint32_t id, char *name,
			   size_t name_len);
bool fsession__btf_is_module(int btf_fd, const char *module);
int fsession__module_btf_fd(const char *module);
int fsession__prog_module(const struct bpf_program *prog, char *module,
			  size_t len);

/* As libbpf does: a negative errno returned is in errno as well. */
static inline int fsession__err(int err)
{
	if (err < 0)
		errno = -err;
	return err;
}

#endif /* FSESSION_INTERNAL_H */
