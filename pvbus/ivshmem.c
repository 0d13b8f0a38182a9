// SPDX-License-Identifier: GPL-2.0-only
/*
 * The carrier ivshmem-doorbell: QEMU's PCI device 1af4:1110 (Documentation/abi/carriers.md).
 */
#include <linux/io.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pm.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include "pvbus.h"

#define IVSHMEM_BAR_REGS	0
#define IVSHMEM_BAR_MSIX	1
#define IVSHMEM_BAR_WINDOW	2
#define IVSHMEM_DOORBELL	0x0c

/* Below this the window is mapped uncached: memory copies are ten times faster even under TCG. */
#define SLOW_COPY_MB_S		100
#define SLOW_COPY_TRIES		3

struct ivshmem {
	struct pvbus_transport	transport;
	struct pci_dev		*pci;
	void __iomem		*regs;
	struct pvbus		*bus;
};

static void ivshmem_kick(struct pvbus_transport *transport, u32 peer, u16 vector)
{
	struct ivshmem *iv = container_of(transport, struct ivshmem, transport);

	writel(peer << 16 | vector, iv->regs + IVSHMEM_DOORBELL);
}

static int ivshmem_irq(struct pvbus_transport *transport, u16 vector)
{
	return pci_irq_vector(container_of(transport, struct ivshmem, transport)->pci, vector);
}

static const struct pvbus_transport_ops ivshmem_ops = {
	.kick	= ivshmem_kick,
	.irq	= ivshmem_irq,
};

/* Firmware or a passed-through device can make the BAR uncached whatever is asked for here. */
static void warn_if_slow(struct ivshmem *iv)
{
	size_t len = SZ_64K;
	void *buf = kvmalloc(len, GFP_KERNEL);
	u64 start, mb_s, ns = U64_MAX;
	unsigned int i;

	if (!buf)
		return;

	/* The first one faults pages in, on both sides. */
	for (i = 0; i < SLOW_COPY_TRIES; i++) {
		start = ktime_get_ns();
		memcpy(buf, iv->transport.window, len);
		ns = min(ns, ktime_get_ns() - start);
	}
	mb_s = div64_u64(len * 1000ULL, max(ns, 1ULL));
	if (mb_s < SLOW_COPY_MB_S)
		dev_warn(&iv->pci->dev,
			 "the window is slow (%llu MB/s): is BAR 2 mapped uncached?\n", mb_s);
	kvfree(buf);
}

static int map_bars(struct ivshmem *iv)
{
	struct pci_dev *pci = iv->pci;
	resource_size_t start = pci_resource_start(pci, IVSHMEM_BAR_WINDOW);
	resource_size_t len = pci_resource_len(pci, IVSHMEM_BAR_WINDOW);
	struct device *dev = &pci->dev;

	if (!len || !pci_resource_len(pci, IVSHMEM_BAR_REGS))
		return -ENODEV;
	if (!devm_request_mem_region(dev, start, len, "pvbus window"))
		return -EBUSY;

	iv->transport.window = devm_memremap(dev, start, len, MEMREMAP_WB);
	if (IS_ERR(iv->transport.window))
		return PTR_ERR(iv->transport.window);
	iv->transport.window_len = len;

	iv->regs = pcim_iomap(pci, IVSHMEM_BAR_REGS, 0);
	return iv->regs ? 0 : -ENOMEM;
}

static bool window_is_ours(const struct ivshmem *iv)
{
	const struct pvbus_header *hdr = iv->transport.window;

	return iv->transport.window_len >= SZ_64K &&
	       le64_to_cpu(READ_ONCE(hdr->magic)) == PVBUS_MAGIC;
}

static int ivshmem_probe(struct pci_dev *pci, const struct pci_device_id *id)
{
	struct ivshmem *iv;
	int err;

	iv = devm_kzalloc(&pci->dev, sizeof(*iv), GFP_KERNEL);
	if (!iv)
		return -ENOMEM;
	iv->pci = pci;
	iv->transport.ops = &ivshmem_ops;
	iv->transport.dev = &pci->dev;

	err = pcim_enable_device(pci);
	if (err)
		return err;
	err = map_bars(iv);
	if (err)
		return err;
	/* Other software uses this PCI id too: leave its windows alone. */
	if (!window_is_ours(iv))
		return -ENODEV;
	warn_if_slow(iv);

	/* MSI-X messages are DMA of the device's. */
	pci_set_master(pci);
	err = pci_alloc_irq_vectors(pci, 1, PVBUS_MAX_QUEUES + 1, PCI_IRQ_MSIX);
	if (err < 0)
		return dev_err_probe(&pci->dev, err, "no MSI-X vectors: use ivshmem-doorbell\n");
	iv->transport.nr_irqs = err;

	pci_set_drvdata(pci, iv);
	iv->bus = pvbus_register(&iv->transport);
	if (IS_ERR(iv->bus)) {
		pci_free_irq_vectors(pci);
		return PTR_ERR(iv->bus);
	}
	return 0;
}

static void ivshmem_remove(struct pci_dev *pci)
{
	struct ivshmem *iv = pci_get_drvdata(pci);

	pvbus_unregister(iv->bus);
	pci_free_irq_vectors(pci);
}

/* kexec and kdump: the device side must not touch the window of the next kernel. */
static void ivshmem_shutdown(struct pci_dev *pci)
{
	struct ivshmem *iv = pci_get_drvdata(pci);

	pvbus_freeze(iv->bus);
}

static int ivshmem_freeze(struct device *dev)
{
	struct ivshmem *iv = dev_get_drvdata(dev);

	pvbus_freeze(iv->bus);
	return 0;
}

static int ivshmem_thaw(struct device *dev)
{
	struct ivshmem *iv = dev_get_drvdata(dev);

	pvbus_thaw(iv->bus);
	return 0;
}

/* Suspend and each step of hibernation are a change of epoch like any other. */
static DEFINE_SIMPLE_DEV_PM_OPS(ivshmem_pm_ops, ivshmem_freeze, ivshmem_thaw);

static const struct pci_device_id ivshmem_ids[] = {
	{ PCI_DEVICE(PCI_VENDOR_ID_REDHAT_QUMRANET, 0x1110) },
	{ }
};
MODULE_DEVICE_TABLE(pci, ivshmem_ids);

struct pci_driver pvbus_ivshmem_driver = {
	.name		= "pvbus-ivshmem",
	.id_table	= ivshmem_ids,
	.probe		= ivshmem_probe,
	.remove		= ivshmem_remove,
	.shutdown	= ivshmem_shutdown,
	.driver.pm	= pm_sleep_ptr(&ivshmem_pm_ops),
};
