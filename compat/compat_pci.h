/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * driver_override of a PCI function: of the device's own since 7.1, and in later 6.12.
 */
#ifndef _PVKIT_COMPAT_PCI_H
#define _PVKIT_COMPAT_PCI_H

#include <linux/pci.h>
#include "compat.h"

#ifdef PVKIT_HAVE_DEVICE_DRIVER_OVERRIDE

static inline int compat_set_driver_override(struct pci_dev *pci, const char *name)
{
	return device_set_driver_override(&pci->dev, name);
}

static inline bool compat_has_driver_override(struct pci_dev *pci)
{
	struct device *dev = &pci->dev;
	bool has;

	/* Not device_has_driver_override(): sparse sees no end of the lock in it. */
	spin_lock(&dev->driver_override.lock);
	has = dev->driver_override.name;
	spin_unlock(&dev->driver_override.lock);
	return has;
}

#else

/* An empty name takes it away. */
static inline int compat_set_driver_override(struct pci_dev *pci, const char *name)
{
	return driver_set_override(&pci->dev, &pci->driver_override, name, strlen(name));
}

static inline bool compat_has_driver_override(struct pci_dev *pci)
{
	bool has;

	device_lock(&pci->dev);
	has = pci->driver_override;
	device_unlock(&pci->dev);
	return has;
}

#endif

#endif /* _PVKIT_COMPAT_PCI_H */
