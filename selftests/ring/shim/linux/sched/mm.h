/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_SCHED_MM_H
#define SHIM_LINUX_SCHED_MM_H

/* Is what is allocated taken as if by GFP_NOIO? */
__attribute__((weak)) unsigned int shim_noio;

static inline unsigned int memalloc_noio_save(void)
{
	return shim_noio++;
}

static inline void memalloc_noio_restore(unsigned int before)
{
	shim_noio = before;
}

#endif
