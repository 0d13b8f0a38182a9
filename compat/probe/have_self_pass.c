// SPDX-License-Identifier: GPL-2.0-only
/* Must compile with any kernel: if it does not, no answer of a probe means anything. */
#include <linux/module.h>
#include <linux/blk-mq.h>
#include <linux/pci.h>

int probe(struct pci_dev *pdev)
{
	return pci_enable_device(pdev);
}
