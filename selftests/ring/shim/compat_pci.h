/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_COMPAT_PCI_H
#define SHIM_COMPAT_PCI_H

/* In the place of compat/compat_pci.h. */
#include <linux/pci.h>

static inline int compat_set_driver_override(struct pci_dev *pci, const char *name)
{
	pci->driver_override = *name ? name : NULL;
	return 0;
}

static inline bool compat_has_driver_override(struct pci_dev *pci)
{
	return pci->driver_override;
}

#endif
