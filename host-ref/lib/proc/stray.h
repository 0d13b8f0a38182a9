/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Strays: children that are nobody's, and only have to be reaped when they have died.
 */
#ifndef HOSTD_STRAY_H
#define HOSTD_STRAY_H

#include <sys/types.h>

/**
 * hostd_stray_add - have a child reaped, whenever it dies
 * @pid: the child
 *
 * However short it lives: whoever stops it would stop who waits for it.
 */
void hostd_stray_add(pid_t pid);

/**
 * hostd_strays_reap - reap those that have died, on SIGCHLD
 */
void hostd_strays_reap(void);

#endif /* HOSTD_STRAY_H */
