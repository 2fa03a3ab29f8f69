/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What <fsession/fsession.bpf.h> leaves in a program's instructions for
 * libfsession to replace when it loads the program. Not for programs.
 *
 * Which backend a program will run on is not known when it is compiled, so both
 * ways are in it. A load of FSESSION_PATCH_BACKEND into a register becomes one of
 * FSESSION_PATCH_NATIVE for the kernel's own fsession; the verifier then knows
 * which way is taken and drops the other. As it was compiled, for the module or
 * for a loader that knows nothing of this, it is the module's way.
 *
 * In the native way, calls of helpers with these numbers, which no kernel has,
 * become calls of the kernel's kfuncs. They are not externs: kernels before 7.0
 * have kfuncs of these names, for kprobe sessions and without an argument, and
 * libbpf before 1.3 refuses an object for that.
 */
#ifndef FSESSION_PATCH_H
#define FSESSION_PATCH_H

#define FSESSION_PATCH_BACKEND	 0x6e6f697373657366
#define FSESSION_PATCH_NATIVE	 1
#define FSESSION_PATCH_IS_RETURN 0x66736501
#define FSESSION_PATCH_COOKIE	 0x66736502

#endif /* FSESSION_PATCH_H */
