// SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
/*
 * Targets: from "function" or "module:function" to a BTF object and type id.
 *
 * libbpf would look up the first, but a handler of our own cannot make it do
 * so, and the second it knows from 1.5 on only, matching a module by the
 * beginning of its name.
 */
#include <linux/bpf.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include "internal.h"

/* A module's BTF object, as the kernel hands it out. */
struct module_btf {
	uint32_t id;
	int fd;
	char name[64];
	struct module_btf *next;
};

/*
 * Under @lock. @vmlinux is parsed once for all programs of an object and
 * dropped at the next attach. @held keeps open the file descriptors that were
 * handed to libbpf, one for each time that a module was loaded, as the load that uses
 * one comes after we have returned it, in whatever thread.
 */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct btf *vmlinux;
static struct module_btf *held;

void fsession__target_forget(void)
{
	pthread_mutex_lock(&lock);
	btf__free(vmlinux);
	vmlinux = NULL;
	pthread_mutex_unlock(&lock);
}

/*
 * The id of the next module BTF object after *@id, with an open @mod->fd.
 * Returns -ENOENT after the last.
 */
static int next_module(uint32_t *id, struct module_btf *mod)
{
	while (bpf_btf_get_next_id(*id, id) == 0) {
		struct bpf_btf_info info = {
			.name = (uintptr_t)mod->name,
			.name_len = sizeof(mod->name),
		};
		uint32_t len = sizeof(info);
		int err;

		mod->fd = bpf_btf_get_fd_by_id(*id);
		if (mod->fd < 0) {
			if (errno == ENOENT)
				continue; /* gone meanwhile */
			return -errno;
		}
		mod->id = *id;
		mod->name[0] = '\0';
		err = bpf_obj_get_info_by_fd(mod->fd, &info, &len);
		if (!err && info.kernel_btf && strcmp(mod->name, "vmlinux"))
			return 0;
		err = err ? -errno : 0;
		close(mod->fd);
		if (err)
			return err;
	}
	return -errno;
}

/* The id of function @name among the types from @first on, or 0. */
static uint32_t find_func(const struct btf *btf, uint32_t first,
			  const char *name)
{
	uint32_t id, end = btf__type_cnt(btf);

	for (id = first; id < end; id++) {
		const struct btf_type *t = btf__type_by_id(btf, id);

		if (btf_is_func(t) &&
		    !strcmp(btf__name_by_offset(btf, t->name_off), name))
			return id;
	}
	return 0;
}

/* As find_func(), among a module's own types; a negative errno on failure. */
static int find_module_func(const struct module_btf *mod, const char *name,
			    uint32_t *id)
{
	struct btf *btf = btf__load_from_kernel_by_id_split(mod->id, vmlinux);

	if (!btf)
		return -errno;
	*id = find_func(btf, btf__type_cnt(vmlinux), name);
	btf__free(btf);
	return 0;
}

/* Keeps @mod->fd, or what is held for that BTF object already; returns which. */
static int hold(const struct module_btf *mod)
{
	struct module_btf *h;

	for (h = held; h; h = h->next) {
		if (h->id == mod->id) {
			close(mod->fd);
			return h->fd;
		}
	}
	h = malloc(sizeof(*h));
	if (!h) {
		close(mod->fd);
		return -ENOMEM;
	}
	*h = *mod;
	h->next = held;
	held = h;
	return h->fd;
}

/* The BTF object of module @module, which stays ours, or a negative errno. */
int fsession__module_btf_fd(const char *module)
{
	struct module_btf mod;
	uint32_t id = 0;
	int err;

	pthread_mutex_lock(&lock);
	while (!(err = next_module(&id, &mod))) {
		if (!strcmp(mod.name, module)) {
			err = hold(&mod);
			break;
		}
		close(mod.fd);
	}
	pthread_mutex_unlock(&lock);
	return err;
}

/*
 * Look for @function in module @module, or in all modules when that is NULL.
 * Two modules may each have a function of that name: the first one is taken.
 */
static int find_in_modules(const char *prog, const char *module,
			   const char *function, int *btf_fd, uint32_t *btf_id)
{
	struct module_btf mod, found = { .fd = -1 };
	uint32_t id = 0, func;
	bool seen = false;
	int err;

	while (!(err = next_module(&id, &mod))) {
		if (module && strcmp(mod.name, module)) {
			close(mod.fd);
			continue;
		}
		seen = true;
		func = 0;
		err = find_module_func(&mod, function, &func);
		if (err == -ENOMEM) {
			close(mod.fd);
			break;
		}
		if (err)
			pr_warn("prog '%s': skipping the BTF of module '%s': %s (-%s)",
				prog, mod.name, strerror(-err),
				fsession__errno_name(err));
		if (func && found.fd < 0) {
			found = mod;
			*btf_id = func;
			continue;
		}
		if (func) {
			pr_warn("prog '%s': modules '%s' and '%s' both have a function '%s'; taking the first",
				prog, found.name, mod.name, function);
			pr_hint("write SEC(\"fsession/%s:%s\") or SEC(\"fsession/%s:%s\")",
				found.name, function, mod.name, function);
		}
		close(mod.fd);
	}

	if (found.fd >= 0) {
		*btf_fd = hold(&found);
		if (*btf_fd >= 0)
			return 0;
		pr_fail("load", prog, *btf_fd, "there is no memory for it");
		return *btf_fd;
	}
	if (err != -ENOENT) {
		pr_fail("load", prog, err,
			"cannot look through the BTF of the modules for '%s'",
			function);
		if (err == -EPERM)
			pr_hint("that takes CAP_SYS_ADMIN: run it as root, 'sudo ...'");
		return err;
	}

	err = -ESRCH;
	if (module && !seen) {
		pr_fail("load", prog, err,
			"module '%s' is not loaded, or has no BTF", module);
		pr_hint("try 'modprobe %s', then 'ls /sys/kernel/btf/%s'",
			module, module);
	} else if (module) {
		pr_fail("load", prog, err, "module '%s' has no function '%s'",
			module, function);
		pr_hint("look with 'bpftool btf dump file /sys/kernel/btf/%s | grep FUNC'",
			module);
	} else {
		pr_fail("load", prog, err,
			"neither the kernel nor a loaded module has a function '%s' in its BTF",
			function);
		pr_hint("it may be inlined, or in a module that is not loaded; look with 'grep -w %s /proc/kallsyms'",
			function);
	}
	return err;
}

/*
 * The kernel's BTF, or NULL and errno, for which libbpf has one value whatever it
 * was. ESRCH says that there is none.
 */
struct btf *fsession__vmlinux_btf(void)
{
	struct btf *btf = btf__load_vmlinux_btf();

	if (!btf && errno == ESRCH) {
		btf = btf__parse(VMLINUX_BTF, NULL);
		if (!btf && errno == ENOENT)
			errno = ESRCH;
	}
	return btf;
}

/* A failure is explained as one of loading @prog, unless that is NULL. */
static int load_vmlinux(const char *prog)
{
	int err;

	if (vmlinux)
		return 0;
	vmlinux = fsession__vmlinux_btf();
	if (vmlinux)
		return 0;
	err = -errno;
	if (!prog)
		return err;
	pr_fail("load", prog, err, "the kernel's BTF cannot be read");
	if (err == -ESRCH)
		pr_hint("the kernel must be built with CONFIG_DEBUG_INFO_BTF: 'ls -l " VMLINUX_BTF
			"'");
	return err;
}

/*
 * Find @target for program @prog. *@btf_fd is 0 for the kernel's own BTF and
 * stays ours otherwise. Failures are explained.
 */
int fsession__target_find(const char *prog, const char *target, int *btf_fd,
			  uint32_t *btf_id)
{
	const char *function = strchr(target, ':');
	char module[64] = "";
	int err;

	if (function) {
		size_t len = function - target;

		if (len >= sizeof(module))
			len = sizeof(module) - 1;
		memcpy(module, target, len);
		function++;
	} else {
		function = target;
	}

	pthread_mutex_lock(&lock);
	err = load_vmlinux(prog);
	if (err)
		goto out;

	if (!module[0] || !strcmp(module, "vmlinux")) {
		*btf_id = find_func(vmlinux, 1, function);
		*btf_fd = 0;
		if (*btf_id)
			goto out;
	}
	err = find_in_modules(prog, module[0] ? module : NULL, function, btf_fd,
			      btf_id);
out:
	pthread_mutex_unlock(&lock);
	return err;
}

/*
 * The id of function @name in the kernel's own BTF, 0 if there is none, and how
 * many arguments it takes.
 */
int fsession__kernel_func(const char *name, uint32_t *id, unsigned int *args)
{
	int err;

	*id = 0;
	*args = 0;
	pthread_mutex_lock(&lock);
	err = load_vmlinux(NULL);
	if (!err)
		*id = find_func(vmlinux, 1, name);
	if (*id) {
		const struct btf_type *t = btf__type_by_id(vmlinux, *id);

		*args = btf_vlen(btf__type_by_id(vmlinux, t->type));
	}
	pthread_mutex_unlock(&lock);
	return err;
}

/* The name of BTF object @fd, which is that of its module. */
static int btf_name(int fd, char *name, size_t len)
{
	struct bpf_btf_info info = {
		.name = (uintptr_t)name,
		.name_len = len,
	};
	uint32_t info_len = sizeof(info);

	name[0] = '\0';
	return bpf_obj_get_info_by_fd(fd, &info, &info_len) ? -errno : 0;
}

bool fsession__btf_is_module(int btf_fd, const char *module)
{
	char name[64];

	return !btf_name(btf_fd, name, sizeof(name)) && !strcmp(name, module);
}

/* Whose functions loaded @prog is for: a module's name, or "" for the kernel. */
int fsession__prog_module(const struct bpf_program *prog, char *module,
			  size_t len)
{
	struct bpf_prog_info info = {};
	uint32_t info_len = sizeof(info);
	int fd, err;

	if (bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &info_len))
		return -errno;
	fd = bpf_btf_get_fd_by_id(info.attach_btf_obj_id);
	if (fd < 0)
		return -errno;
	err = btf_name(fd, module, len);
	close(fd);
	if (!err && !strcmp(module, "vmlinux"))
		module[0] = '\0';
	return err;
}

/*
 * "function" or "function [module]" for type @id of the kernel's BTF object
 * @btf; "?" where it cannot be had.
 */
void fsession__target_name(uint32_t btf, uint32_t id, char *name,
			   size_t name_len)
{
	const struct btf_type *t = NULL;
	struct btf *split = NULL, *own;
	char module[64] = "";
	int fd;

	snprintf(name, name_len, "?");
	fd = bpf_btf_get_fd_by_id(btf);
	if (fd < 0)
		return;
	pthread_mutex_lock(&lock);
	if (btf_name(fd, module, sizeof(module)) || load_vmlinux(NULL))
		goto out;
	own = vmlinux;
	if (strcmp(module, "vmlinux"))
		own = split = btf__load_from_kernel_by_id_split(btf, vmlinux);
	if (own)
		t = btf__type_by_id(own, id);
	if (t && split)
		snprintf(name, name_len, "%s [%s]",
			 btf__name_by_offset(own, t->name_off), module);
	else if (t)
		snprintf(name, name_len, "%s",
			 btf__name_by_offset(own, t->name_off));
	btf__free(split);
out:
	pthread_mutex_unlock(&lock);
	close(fd);
}
