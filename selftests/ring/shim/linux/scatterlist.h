/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_SCATTERLIST_H
#define SHIM_LINUX_SCATTERLIST_H

#include <linux/types.h>

struct scatterlist {
	u64	phys;
	u32	length;
};

#define sg_phys(sg)	((sg)->phys)
#define for_each_sg(sgl, sg, nr, i)	for ((i) = 0, (sg) = (sgl); (i) < (nr); (i)++, (sg)++)

#endif
