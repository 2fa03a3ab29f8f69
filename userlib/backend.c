// SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
/*
 * Which of the two runs sessions: the kernel's own fsession or the module.
 */
#include <linux/bpf.h>
#include <stdlib.h>
#include <sys/utsname.h>

#include "internal.h"

#define BACKEND_ENV "FSESSION_BACKEND"

/* An enum fsession_backend, by libfsession_set_backend(). */
static int set_backend;

static const char *const names[] = {
	[FSESSION_BACKEND_AUTO] = "auto",
	[FSESSION_BACKEND_MODULE] = "module",
	[FSESSION_BACKEND_NATIVE] = "native",
};

#define NAMES (sizeof(names) / sizeof(names[0]))

LIBFSESSION_API const char *
libfsession_backend_string(enum fsession_backend backend)
{
	return (unsigned int)backend < NAMES ? names[backend] : "?";
}

LIBFSESSION_API int libfsession_set_backend(enum fsession_backend backend)
{
	if ((unsigned int)backend >= NAMES) {
		pr_warn("set backend %d: there is no such backend", backend);
		return fsession__err(-EINVAL);
	}
	__atomic_store_n(&set_backend, backend, __ATOMIC_RELAXED);
	return 0;
}

/* What is asked for: by the program, or else by the environment. */
static int wanted_backend(const char *verb, const char *object)
{
	int backend = __atomic_load_n(&set_backend, __ATOMIC_RELAXED);
	const char *env = getenv(BACKEND_ENV);

	if (backend != FSESSION_BACKEND_AUTO || !env || !*env)
		return backend;
	for (backend = 0; backend < (int)NAMES; backend++)
		if (!strcmp(env, names[backend]))
			return backend;
	pr_fail(verb, object, -EINVAL, BACKEND_ENV "=%s is no backend", env);
	pr_hint("set it to 'native', 'module' or 'auto', or unset it");
	return -EINVAL;
}

/* Native was asked for, and @err, for @why, came of looking for it. */
void fsession__explain_native(const char *verb, const char *object, int err,
			      const char *why)
{
	struct utsname uts;

	if (err == -EPERM || err == -EACCES) {
		pr_fail(verb, object, err, "not permitted to this user");
		pr_hint("it takes CAP_BPF and CAP_PERFMON: run it as root, 'sudo ...'");
		return;
	}
	if (err != -EOPNOTSUPP) {
		pr_fail(verb, object, err,
			"it could not be found out whether this kernel has an fsession of its own: %s",
			why);
		return;
	}
	if (uname(&uts))
		uts.release[0] = '\0';
	pr_fail(verb, object, err,
		"native was asked for, but this kernel, %s, has no fsession of its own: %s",
		uts.release, why);
	pr_hint("take the module: 'modprobe fsession', and " BACKEND_ENV
		"=module or auto");
}

/*
 * The backend for what is loaded now, or a negative errno, explained as one of
 * doing @verb to @object. The module need not be there.
 */
int fsession__backend(const char *verb, const char *object)
{
	int backend = wanted_backend(verb, object), err;
	const char *why;

	if (backend < 0 || backend == FSESSION_BACKEND_MODULE)
		return backend;

	err = fsession__native_probe(NULL, &why);
	if (!err)
		return FSESSION_BACKEND_NATIVE;
	if (backend == FSESSION_BACKEND_NATIVE) {
		fsession__explain_native(verb, object, err, why);
		return err;
	}
	/* What keeps us from trying it is left to fail the load, and be told. */
	return err == -EOPNOTSUPP ? FSESSION_BACKEND_MODULE
				  : FSESSION_BACKEND_NATIVE;
}

/*
 * The same for programs on many functions. A kernel may have an fsession of its own
 * and not this; then it is the module, unless native is asked for.
 */
int fsession__multi_backend(const char *verb, const char *object)
{
	int backend = fsession__backend(verb, object), err;
	const char *why;

	if (backend != FSESSION_BACKEND_NATIVE)
		return backend;
	err = fsession__native_multi_probe(&why);
	if (err != -EOPNOTSUPP)
		return FSESSION_BACKEND_NATIVE;
	if (wanted_backend(verb, object) != FSESSION_BACKEND_NATIVE)
		return FSESSION_BACKEND_MODULE;
	fsession__explain_native(verb, object, err, why);
	return err;
}

/* The backend that @prog was loaded for, or -EINVAL: it is no session's. */
int fsession__prog_backend(const struct bpf_program *prog)
{
	if (!fsession_program__is_session(prog) ||
	    bpf_program__type(prog) != BPF_PROG_TYPE_TRACING)
		return -EINVAL;
	switch ((int)bpf_program__expected_attach_type(prog)) {
	case BPF_TRACE_FEXIT:
		return FSESSION_BACKEND_MODULE;
	case FSESSION_ATTACH_TYPE_NATIVE:
	case FSESSION_ATTACH_TYPE_NATIVE_MULTI:
		return FSESSION_BACKEND_NATIVE;
	default:
		return -EINVAL;
	}
}

LIBFSESSION_API int libfsession_backend(void)
{
	return fsession__err(fsession__backend("probe", "sessions"));
}

LIBFSESSION_API int libfsession_probe_backend(enum fsession_backend backend)
{
	const char *verb = "probe", *object = "sessions", *why;
	int chosen = backend, err;

	if ((unsigned int)backend >= NAMES)
		return fsession__err(-EINVAL);
	if (backend == FSESSION_BACKEND_AUTO)
		chosen = fsession__backend(verb, object);
	if (chosen < 0)
		return fsession__err(chosen);
	if (chosen == FSESSION_BACKEND_MODULE) {
		err = fsession__module_probe();
		if (err && backend == FSESSION_BACKEND_AUTO &&
		    !fsession__native_probe(NULL, NULL))
			pr_hint("or do without the module: this kernel has an fsession of its own, which " BACKEND_ENV
				"=native takes");
		return fsession__err(err);
	}

	err = fsession__native_probe(NULL, &why);
	if (err)
		fsession__explain_native(verb, object, err, why);
	return fsession__err(err);
}

LIBFSESSION_API int libfsession_probe(void)
{
	return libfsession_probe_backend(FSESSION_BACKEND_AUTO);
}
