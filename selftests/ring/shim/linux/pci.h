/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_PCI_H
#define SHIM_LINUX_PCI_H

#include <linux/device.h>
#include <linux/types.h>

#define PCI_BASE_CLASS_STORAGE	0x01
#define PCI_BASE_CLASS_NETWORK	0x02

struct pci_device_id;

struct pci_bus {
	int domain;
	u8 number;
};

struct pci_dev {
	struct device	dev;
	struct pci_bus	*bus;
	u8		devfn;
	u32		class;
	const char	*driver_override;
	int		references;
};

struct pci_driver {
	const char		*name;
	int			(*probe)(struct pci_dev *pci, const struct pci_device_id *id);
	struct device_driver	driver;
};

static inline int pci_domain_nr(const struct pci_bus *bus)
{
	return bus->domain;
}

static inline u16 pci_dev_id(const struct pci_dev *pci)
{
	return pci->bus->number << 8 | pci->devfn;
}

static inline struct pci_dev *pci_dev_get(struct pci_dev *pci)
{
	pci->references++;
	return pci;
}

static inline void pci_dev_put(struct pci_dev *pci)
{
	if (pci)
		pci->references--;
}

/* The test's. */
struct pci_dev *pci_get_domain_bus_and_slot(int domain, unsigned int bus, unsigned int devfn);
int pci_register_driver(struct pci_driver *drv);
void pci_unregister_driver(struct pci_driver *drv);
void device_lock(struct device *dev);
void device_unlock(struct device *dev);
int device_attach(struct device *dev);
void device_release_driver(struct device *dev);

#endif
