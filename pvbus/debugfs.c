// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/debug/pvbus/pvbusN.M/rings: indices, events and entries of each queue.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>
#include "pvbus.h"

static struct dentry *pvbus_debugfs;

static void dump_entries(struct seq_file *m, const char *what, const void *base, u8 shift,
			 u32 size, u32 next)
{
	u32 i, w, nr = min(size, 16u);

	/* The newest few, oldest first: what a hang needs. */
	for (i = 0; i < nr; i++) {
		u32 slot = (next - nr + i) & (size - 1);
		const __le32 *entry = base + ((size_t)slot << shift);

		seq_printf(m, "  %s[%u]", what, slot);
		for (w = 0; w < (1u << shift) / sizeof(*entry); w++)
			seq_printf(m, " %08x", le32_to_cpu(READ_ONCE(entry[w])));
		seq_putc(m, '\n');
	}
}

static void dump_queue(struct seq_file *m, const struct pvbus_queue *queue)
{
	const struct pvring *ring = &queue->ring;
	u32 sq_next = READ_ONCE(ring->sq_next), cq_next = READ_ONCE(ring->cq_next);

	seq_printf(m, "queue %u: size %u vector %u sq_next %u cq_next %u outstanding %u\n",
		   queue->index, ring->size, queue->vector, sq_next, cq_next, sq_next - cq_next);
	seq_printf(m, "  irq_event %u cq_head %u irq_delay_us %u kick_event %u error %u\n",
		   le32_to_cpu(READ_ONCE(ring->drv->irq_event)),
		   le32_to_cpu(READ_ONCE(ring->drv->cq_head)),
		   le32_to_cpu(READ_ONCE(ring->drv->irq_delay_us)),
		   le32_to_cpu(READ_ONCE(ring->dev->kick_event)), pvring_error(ring));
	dump_entries(m, "sq", ring->sq, ring->sqe_shift, ring->size, sq_next);
	dump_entries(m, "cq", ring->cq, ring->cqe_shift, ring->size, cq_next);
}

static int rings_show(struct seq_file *m, void *unused)
{
	struct pvbus_device *pdev = m->private;
	unsigned int i;

	seq_printf(m, "state %s (%u) marks %#lx epoch %#llx mends %u\n", pvbus_state_name(pdev),
		   READ_ONCE(pdev->state), READ_ONCE(pdev->marks), READ_ONCE(pdev->epoch),
		   READ_ONCE(pdev->mends));
	/* Queues come and go with the driver. */
	device_lock(&pdev->dev);
	for (i = 0; i < pdev->nr_queues; i++)
		dump_queue(m, pdev->queues[i]);
	device_unlock(&pdev->dev);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(rings);

/**
 * pvbus_debugfs_add() - show the rings of a device
 * @pdev: the device; named
 */
void pvbus_debugfs_add(struct pvbus_device *pdev)
{
	pdev->debugfs = debugfs_create_dir(dev_name(&pdev->dev), pvbus_debugfs);
	debugfs_create_file("rings", 0400, pdev->debugfs, pdev, &rings_fops);
}

/**
 * pvbus_debugfs_del() - the other end of pvbus_debugfs_add()
 * @pdev: the device
 */
void pvbus_debugfs_del(struct pvbus_device *pdev)
{
	debugfs_remove_recursive(pdev->debugfs);
}

/** pvbus_debugfs_init() - make the directory of the bus */
void pvbus_debugfs_init(void)
{
	pvbus_debugfs = debugfs_create_dir("pvbus", NULL);
}

/** pvbus_debugfs_exit() - remove it */
void pvbus_debugfs_exit(void)
{
	debugfs_remove_recursive(pvbus_debugfs);
}
