// SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
/*
 * The device: opening it, what it answers, and why it cannot be had.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "internal.h"

#define MODULE_BTF   "/sys/kernel/btf/fsession"
#define SYSFS	     "/sys/module"
#define MODULE_SYSFS SYSFS "/fsession"

/* Of a struct that a caller gives; as the module has it. */
#define MAX_SIZE 4096

static bool is_missing(const char *path)
{
	return access(path, F_OK) < 0 && errno == ENOENT;
}

/* Is there an fsession.ko for kernel @release? True also when unknown. */
static bool module_installed(const char *release)
{
	char path[256], *line = NULL;
	bool found = false;
	size_t size = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/lib/modules/%s/modules.dep", release);
	f = fopen(path, "re");
	if (!f)
		return true;

	while (!found && getline(&line, &size, f) > 0) {
		char *colon = strchr(line, ':');

		if (colon)
			*colon = '\0';
		found = strstr(line, "/fsession.ko") != NULL;
	}
	free(line);
	fclose(f);
	return found;
}

static void explain_no_device(const char *verb, const char *object, int err)
{
	struct utsname uts;

	if (access(MODULE_SYSFS, F_OK) == 0) {
		pr_fail(verb, object, err,
			"the fsession module is loaded, but " FSESSION_DEV
			" is not here");
		pr_hint("in a container, pass the device in; else look with 'ls -l "
			"/dev/fsession; udevadm trigger'");
	} else if (uname(&uts) == 0 && !module_installed(uts.release)) {
		pr_fail(verb, object, err,
			"the fsession module is not built for this kernel, %s",
			uts.release);
		pr_hint("look with 'dkms status fsession'; install linux-headers-%s, then 'dkms autoinstall && modprobe fsession'",
			uts.release);
	} else {
		pr_fail(verb, object, err, "the fsession module is not loaded");
		pr_hint("try 'modprobe fsession'; if that fails, 'dmesg | grep fsession' says why");
	}
}

void fsession__explain_eperm(const char *verb, const char *object, int err)
{
	if (geteuid() == 0)
		pr_fail(verb, object, err,
			"root, but without CAP_SYS_ADMIN, or kept from the device");
	else
		pr_fail(verb, object, err, "not permitted to this user");
	pr_hint("run it as root: 'sudo ...'; in a container, give it CAP_SYS_ADMIN and the device " FSESSION_DEV);
}

/*
 * Returns a file descriptor or a negative errno. A failure is explained as one
 * of doing @verb to @object.
 */
int fsession__device_open(const char *verb, const char *object)
{
	int fd = open(FSESSION_DEV, O_RDWR | O_CLOEXEC);
	int err;

	if (fd >= 0)
		return fd;

	err = -errno;
	switch (-err) {
	case ENODEV:
	case ENXIO:
		/* A node that outlived the module. */
		err = -ENOENT;
		/* fallthrough */
	case ENOENT:
		explain_no_device(verb, object, err);
		break;
	case EPERM:
	case EACCES:
		fsession__explain_eperm(verb, object, err);
		break;
	default:
		if (!fsession__explain_passing(verb, object, err))
			pr_fail(verb, object, err, "cannot open " FSESSION_DEV);
		break;
	}
	return err;
}

/*
 * Open the device for one ioctl. A failure is explained, except that of a wait.
 * ENOTTY means that something else, or an fsession without this ioctl, is
 * behind the device.
 */
static int device_call(const char *verb, unsigned long cmd, void *arg)
{
	int fd, err = 0;

	fd = fsession__device_open(verb, FSESSION_DEV);
	if (fd < 0)
		return fd;

	if (ioctl(fd, cmd, arg) < 0)
		err = -errno;
	close(fd);

	switch (-err) {
	case 0:
	case EINTR:
	case ETIMEDOUT:
		break;
	case EPERM:
		fsession__explain_eperm(verb, FSESSION_DEV, err);
		break;
	case ENOTTY:
		err = -EPROTO;
		pr_fail(verb, FSESSION_DEV, err,
			"the module does not know this request");
		pr_hint("load the module that came with this library: 'modprobe -r fsession && modprobe fsession'");
		break;
	default:
		pr_fail(verb, FSESSION_DEV, err, "the module does not answer");
		pr_hint("'dmesg | grep fsession' may say why");
		break;
	}
	return err;
}

/* The caller's struct is of @size; the module has the same rules for its own. */
int fsession__check_size(const char *type, uint32_t size, size_t first)
{
	if (size < first) {
		pr_warn("%s: size %u is too small; it is sizeof(struct %s)",
			type, size, type);
		return -EINVAL;
	}
	if (size > MAX_SIZE) {
		pr_warn("%s: size %u is too large", type, size);
		return -E2BIG;
	}
	return 0;
}

/*
 * Into the caller's struct, whose first member is @size, from ours. What the caller
 * alone knows is zero.
 */
void fsession__copy_out(void *to, uint32_t size, const void *from, size_t known)
{
	memset(to, 0, size);
	memcpy(to, from, size < known ? size : known);
	memcpy(to, &size, sizeof(size));
}

LIBFSESSION_API int libfsession_query(struct fsession_query *query)
{
	struct fsession_query own = { .size = sizeof(own) };
	int err;

	if (!query)
		return fsession__err(-EINVAL);
	err = fsession__check_size("fsession_query", query->size, sizeof(own));
	if (!err)
		err = device_call("query", FSESSION_IOC_QUERY, &own);
	if (!err)
		fsession__copy_out(query, query->size, &own, sizeof(own));
	return fsession__err(err);
}

LIBFSESSION_API int libfsession_drain(unsigned int timeout_ms)
{
	struct fsession_drain drain = {
		.size = sizeof(drain),
		.timeout_ms = timeout_ms,
	};

	/* No module, no sessions of it, though a node may be left of one. */
	if (is_missing(MODULE_SYSFS) &&
	    (is_missing(FSESSION_DEV) || !is_missing(SYSFS)))
		return 0;
	return fsession__err(device_call("drain", FSESSION_IOC_DRAIN, &drain));
}

/*
 * FSESSION_IOC_INFO on @fd, the device or a session, with the name cut to what
 * the caller has room for.
 */
int fsession__info(int fd, uint32_t id, unsigned int flags,
		   struct fsession_info *info, char *name, size_t name_len)
{
	char buf[FSESSION_NAME_MAX] = "";
	size_t len;

	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	info->flags = flags;
	info->id = id;
	if (name && name_len) {
		info->name = (uintptr_t)buf;
		info->name_len = sizeof(buf);
	}
	/* It is answered at once, but for who attaches or detaches just then. */
	while (ioctl(fd, FSESSION_IOC_INFO, info) < 0)
		if (errno != EINTR)
			return -errno;

	info->name = 0;
	if (name && name_len) {
		len = strnlen(buf, sizeof(buf) - 1);
		if (len >= name_len)
			len = name_len - 1;
		memcpy(name, buf, len);
		name[len] = '\0';
	}
	return 0;
}

LIBFSESSION_API int libfsession_next_session(uint32_t *id,
					     struct fsession_info *info,
					     char *name, size_t name_len)
{
	struct fsession_info own;
	int fd, err;

	if (!id || !info)
		return fsession__err(-EINVAL);
	err = fsession__check_size("fsession_info", info->size,
				   FSESSION_INFO_SIZE_0);
	if (err)
		return fsession__err(err);

	fd = fsession__device_open("list", FSESSION_DEV);
	if (fd == -ENOENT)
		fd = -ENODEV; /* ENOENT is for the end of the walk */
	if (fd < 0)
		return fsession__err(fd);

	err = fsession__info(fd, *id, FSESSION_INFO_NEXT, &own, name, name_len);
	close(fd);
	if (!err) {
		*id = own.id;
		fsession__copy_out(info, info->size, &own, sizeof(own));
	} else if (err == -EPERM) {
		fsession__explain_eperm("list", FSESSION_DEV, err);
	}
	return fsession__err(err);
}

/*
 * Is the running kernel's BTF the one that the module's was made against? The
 * kernel itself does not look: of a module made against another BTF it takes
 * type ids that mean other types.
 */
static int check_btf_base(const struct fsession_query *query)
{
	uint64_t hash = 0xcbf29ce484222325ULL, size = 0;
	unsigned char buf[65536];
	size_t i, n;
	bool whole;
	FILE *f;

	f = fopen(VMLINUX_BTF, "re");
	if (!f)
		return -errno;
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0) {
		for (i = 0; i < n; i++)
			hash = (hash ^ buf[i]) * 0x100000001b3ULL;
		size += n;
	}
	whole = feof(f);
	fclose(f);

	if (!whole)
		return -EIO;
	if (size != query->btf_base_size || hash != query->btf_base_hash)
		return -EBADMSG;
	return 0;
}

/*
 * libbpf finds a module's kfuncs by walking the kernel's BTF objects, which
 * CAP_BPF does not suffice for.
 */
static int check_btf_walk(void)
{
	uint32_t id = 0;

	if (bpf_btf_get_next_id(0, &id) < 0 && errno == EPERM)
		return -EPERM;
	return 0;
}

/* What mends a module that is not built for this kernel. */
static void hint_rebuild(const struct fsession_query *query, const char *more)
{
	char module[16 + sizeof(query->version)];

	snprintf(module, sizeof(module), "fsession/%.*s",
		 (int)sizeof(query->version), query->version);
	pr_hint("build the module again for this kernel: 'dkms build --force %s && dkms install --force %s && modprobe -r fsession && modprobe fsession'%s",
		module, module, more);
}

/* Can the module attach sessions? If not, why is explained. */
int fsession__module_probe(void)
{
	const char *verb = "probe", *object = FSESSION_DEV;
	struct fsession_query query = { .size = sizeof(query) };
	int err;

	err = device_call(verb, FSESSION_IOC_QUERY, &query);
	if (err)
		return err;

	if (query.abi_version != FSESSION_ABI_VERSION) {
		err = -EPROTO;
		pr_fail(verb, object, err,
			"the module, %.*s, speaks ABI %u; this library, %s, speaks ABI %u",
			(int)sizeof(query.version), query.version,
			query.abi_version, libfsession_version_string(),
			FSESSION_ABI_VERSION);
		pr_hint("install module and library of one release, then 'modprobe -r fsession && modprobe fsession'");
		return err;
	}
	if (!(query.features & FSESSION_FEATURE_ATTACH)) {
		err = -EPROTO;
		pr_fail(verb, object, err, "the module cannot attach sessions");
		pr_hint("'dmesg | grep fsession' may say why");
		return err;
	}

	if (access(VMLINUX_BTF, F_OK) < 0) {
		err = -EKEYREJECTED;
		pr_fail(verb, object, err,
			"the kernel has no BTF (CONFIG_DEBUG_INFO_BTF)");
		pr_hint("run a kernel that has " VMLINUX_BTF);
		return err;
	}
	if (access(MODULE_BTF, F_OK) < 0) {
		err = -EKEYREJECTED;
		pr_fail(verb, object, err,
			"the kernel did not take the module's BTF, so no program can call bpf_session_is_return() or bpf_session_cookie()");
		hint_rebuild(&query, "; 'dmesg | grep -i btf' may say why");
		return err;
	}
	if (query.btf_base_size) {
		err = check_btf_base(&query);
		if (err == -EBADMSG) {
			pr_fail(verb, object, err,
				"the module was built against the BTF of another kernel");
			hint_rebuild(&query, "");
			return err;
		}
		if (err) {
			pr_fail(verb, VMLINUX_BTF, err, "cannot read it");
			return err;
		}
	}

	err = check_btf_walk();
	if (err) {
		pr_fail(verb, object, err,
			"libbpf cannot look for the module's kfuncs without CAP_SYS_ADMIN");
		pr_hint("run it as root: 'sudo ...'");
		return err;
	}
	return 0;
}
