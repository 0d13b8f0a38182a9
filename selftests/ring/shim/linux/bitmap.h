/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_BITMAP_H
#define SHIM_LINUX_BITMAP_H

static inline void bitmap_zero(unsigned long *bits, unsigned int nr)
{
	(void)bits;
	(void)nr;
}

#endif
