/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_IOPORT_H
#define SHIM_LINUX_IOPORT_H

#include <linux/types.h>

#define IORES_DESC_NONE		0
#define IORESOURCE_SYSTEM_RAM	1
#define IORESOURCE_BUSY		2

struct resource {
	u64	start;
	u64	end;
};

/* The test's. */
int walk_iomem_res_desc(unsigned long desc, unsigned long flags, u64 start, u64 end, void *arg,
			int (*fn)(struct resource *res, void *arg));

#endif
