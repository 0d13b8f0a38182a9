/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory that a process has beforehand, for what may not fail when the host gives no more (ulimit -v).
 */
#ifndef HOSTD_MEMORY_H
#define HOSTD_MEMORY_H

#include <stdbool.h>

/* What a device is refused with then. */
#define HOSTD_NO_MEMORY_LEFT	"no memory is left for another device: raise the limit of pvhostd's (ulimit -v, LimitAS=)"

/**
 * hostd_memory_reserve - take a reserve that malloc() has when it cannot have more
 *
 * It is address space: the host has to do with the pages only when they are used.
 */
void hostd_memory_reserve(void);

/**
 * hostd_memory_is_short - is no more left than messages and answers need
 *
 * Then whatever else wants memory has to do without.
 *
 * Return: true if so.
 */
bool hostd_memory_is_short(void);

#endif /* HOSTD_MEMORY_H */
