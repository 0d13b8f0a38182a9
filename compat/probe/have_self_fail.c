// SPDX-License-Identifier: GPL-2.0-only
/* Must not compile with any kernel: if it does, errors go unnoticed. */
#include <linux/module.h>

int probe(void)
{
	return pvkit_no_kernel_has_this();
}
