/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_IDR_H
#define SHIM_LINUX_IDR_H

#define DEFINE_IDA(name)	int name

static inline int ida_alloc(int *ida, int gfp)
{
	(void)gfp;
	return (*ida)++;
}

static inline void ida_free(int *ida, int id)
{
	(void)ida;
	(void)id;
}

#endif
