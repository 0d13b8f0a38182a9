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

/* So many times slower than memory, the window cannot be memory to the CPU. */
#define SLOW_COPY	8
#define SLOW_COPY_LEN	SZ_64K
#define SLOW_COPY_TRIES	4

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

static const char *const cache_names[] = {
	[PVBUS_CACHE_UNKNOWN]	 = "unknown",
	[PVBUS_CACHE_WRITE_BACK] = "write-back",
	[PVBUS_CACHE_UNCACHED]	 = "uncached",
};

static u64 copy_ns(void *to, const void *from)
{
	u64 start, ns = U64_MAX;
	unsigned int i;

	/* The first one faults pages in, on both sides, and the host may interrupt any. */
	for (i = 0; i < SLOW_COPY_TRIES; i++) {
		start = ktime_get_ns();
		memcpy(to, from, SLOW_COPY_LEN);
		ns = min(ns, ktime_get_ns() - start);
	}
	return max(ns, 1ULL);
}

/* The host has the last word on caching, so that only a comparison with memory tells. */
static void say_mapping(struct ivshmem *iv)
{
	u64 window_ns, memory_ns;
	void *buf;

	dev_info(&iv->pci->dev, "window mapped: %s\n", cache_names[iv->transport.window_cache]);
	buf = kvmalloc(2 * SLOW_COPY_LEN, GFP_KERNEL);
	if (!buf)
		return;
	memory_ns = copy_ns(buf, buf + SLOW_COPY_LEN);
	window_ns = copy_ns(buf, iv->transport.window);
	if (window_ns > SLOW_COPY * memory_ns)
		dev_warn(&iv->pci->dev,
			 "the window is slow, %llu times slower than memory: see 'Caching' in host-ref.md\n",
			 div64_u64(window_ns, memory_ns));
	kvfree(buf);
}

static ssize_t window_cache_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct ivshmem *iv = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%s\n", cache_names[iv->transport.window_cache]);
}
static DEVICE_ATTR_RO(window_cache);

static struct attribute *ivshmem_attrs[] = {
	&dev_attr_window_cache.attr,
	NULL,
};
ATTRIBUTE_GROUPS(ivshmem);

/* A port without room, or a bridge window on top of something else: the kernel goes on without. */
static bool has_address(struct pci_dev *pci, unsigned int bar)
{
	const struct resource *res = &pci->resource[bar];

	return pci_resource_len(pci, bar) && !(res->flags & IORESOURCE_UNSET) && res->parent;
}

static int map_bars(struct ivshmem *iv)
{
	struct pci_dev *pci = iv->pci;
	resource_size_t start = pci_resource_start(pci, IVSHMEM_BAR_WINDOW);
	resource_size_t len = pci_resource_len(pci, IVSHMEM_BAR_WINDOW);
	struct device *dev = &pci->dev;
	int err;

	if (!devm_request_mem_region(dev, start, len, "pvbus window"))
		return dev_err_probe(dev, -EBUSY, "the address of BAR 2 is in use\n");
	err = pvbus_map_window(&iv->transport, start, len);
	if (err)
		return dev_err_probe(dev, err, "cannot map the window of %llu MiB\n",
				     (u64)len >> 20);
	iv->regs = pcim_iomap(pci, IVSHMEM_BAR_REGS, 0);
	return iv->regs ? 0 : -ENOMEM;
}

/* MSI-X messages are DMA of the device's. */
static int alloc_vectors(struct ivshmem *iv)
{
	struct pci_dev *pci = iv->pci;
	int nr;

	pci_set_master(pci);
	nr = pci_alloc_irq_vectors(pci, 1, PVBUS_MAX_QUEUES + 1, PCI_IRQ_MSIX);
	if (nr > 0)
		return nr;
	if (!pci->msix_cap)
		return dev_err_probe(&pci->dev, nr, "no MSI-X: use ivshmem-doorbell, not ivshmem-plain\n");
	if (!pci_msi_enabled() || pci->no_msi)
		return dev_err_probe(&pci->dev, nr, "MSI is switched off: boot the guest without pci=nomsi\n");
	return dev_err_probe(&pci->dev, nr, "no MSI-X vectors left\n");
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

	if (pvbus_is_off()) {
		dev_info(&pci->dev, "pvkit=off on the kernel's command line: the emulated devices stay\n");
		return -ENODEV;
	}
	iv = devm_kzalloc(&pci->dev, sizeof(*iv), GFP_KERNEL);
	if (!iv)
		return -ENOMEM;
	iv->pci = pci;
	iv->transport.ops = &ivshmem_ops;
	iv->transport.dev = &pci->dev;

	if (!has_address(pci, IVSHMEM_BAR_WINDOW) || !has_address(pci, IVSHMEM_BAR_REGS))
		return dev_err_probe(&pci->dev, -ENODEV,
				     "BAR %d has no address: give its PCI port room, as QEMU's pcie-root-port,pref64-reserve=SIZE does\n",
				     has_address(pci, IVSHMEM_BAR_REGS) ? IVSHMEM_BAR_WINDOW :
									  IVSHMEM_BAR_REGS);
	err = pcim_enable_device(pci);
	if (err)
		return err;
	err = map_bars(iv);
	if (err)
		return err;
	/* Other software uses this PCI id too: leave its windows alone. */
	if (!window_is_ours(iv))
		return -ENODEV;
	say_mapping(iv);

	err = alloc_vectors(iv);
	if (err < 0)
		return err;
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
	int err = pvbus_freeze(iv->bus);

	/* The guest stays awake then, and nobody else wakes this device up. */
	if (err)
		pvbus_thaw(iv->bus);
	return err;
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
	.dev_groups	= ivshmem_groups,
	.driver.pm	= pm_sleep_ptr(&ivshmem_pm_ops),
};
