/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A system that has something to do: processes, files, network and modules, all at
 * the same time.
 */
#ifndef WORKLOAD_H
#define WORKLOAD_H

/*
 * Begins it, and returns when all parts are at work: what lives as long as the
 * load, such as the kernel's threads for a file system, is there then. Each part is
 * a process, or some; none has descriptors of ours.
 */
void workload_start(void);

/*
 * Ends it, and says how much was done. A part that did nothing, or got something
 * wrong, fails the case.
 */
void workload_end(void);

#endif /* WORKLOAD_H */
