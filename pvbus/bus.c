// SPDX-License-Identifier: GPL-2.0-only
/*
 * A bus: HELLO, the epoch watch, and the one path by which devices come back.
 */
#include <linux/idr.h>
#include <linux/interrupt.h>
#include <linux/jiffies.h>
#include <linux/slab.h>
#include "pvbus.h"
#include "trace.h"

#define RETRY_MS		20	/* the header is being written */
#define REFUSED_RETRY_MS	1000	/* HELLO failed: ask again, at leisure */
#define STALLED_AFTER		(5 * HZ)

static DEFINE_IDA(bus_ids);

/**
 * pvbus_poke() - let the bus look at epoch, devices and queues soon
 * @bus: the bus; any context
 */
void pvbus_poke(struct pvbus *bus)
{
	mod_delayed_work(pvbus_wq, &bus->work, 0);
}

static irqreturn_t bus_interrupt(int irq, void *data)
{
	struct pvbus *bus = data;

	wake_up(&bus->wait);
	pvbus_poke(bus);
	return IRQ_HANDLED;
}

static int say_hello(struct pvbus *bus, u32 op, u64 epoch)
{
	const struct pvbus_header *shared = bus->shm.base;
	struct pvbus_driver_header *drv;

	drv = pvshm_at(&bus->shm, pvshm_off(le64_to_cpu(bus->hdr.drv_off)), sizeof(*drv));
	return pvbus_command(bus, &drv->cmd, &shared->ack, &bus->cmd_seq, op, epoch);
}

/* The queues stay where they are over epochs, so the new space must hold the old one. */
static bool space_fits(const struct pvbus *bus, const struct pvbus_header *hdr)
{
	u64 old = le64_to_cpu(bus->hdr.space_off), off = le64_to_cpu(hdr->space_off);

	return !bus->shm.pool ||
	       (off <= old && off + le64_to_cpu(hdr->space_len) >=
			      old + le64_to_cpu(bus->hdr.space_len));
}

static void call_devices(struct pvbus *bus, void (*fn)(struct pvbus_device *pdev))
{
	unsigned int i;

	for (i = 0; i < PVBUS_MAX_DEVICES; i++)
		if (bus->devices[i])
			fn(bus->devices[i]);
}

static void forget_epoch(struct pvbus_device *pdev)
{
	WRITE_ONCE(pdev->epoch, 0);
}

static int begin_epoch(struct pvbus *bus)
{
	struct pvbus_header hdr;
	int err;

	WRITE_ONCE(bus->epoch, 0);
	err = pvbus_read_header(bus, &hdr);
	if (err)
		return err;
	if (!space_fits(bus, &hdr)) {
		dev_err_ratelimited(bus->transport->dev,
				    "the window's space has shrunk; start pvhostd with the layout it had\n");
		return -EPROTO;
	}
	if (!bus->shm.pool) {
		err = pvshm_init_space(&bus->shm, pvshm_off(le64_to_cpu(hdr.space_off)),
				       le64_to_cpu(hdr.space_len));
		if (err)
			return err;
	} else {
		hdr.space_off = bus->hdr.space_off;
		hdr.space_len = bus->hdr.space_len;
	}
	bus->hdr = hdr;
	bus->nr_vectors = min(bus->transport->nr_irqs, le32_to_cpu(hdr.nr_vectors));

	pvbus_write_ident(bus);
	err = say_hello(bus, PVBUS_CMD_HELLO, le64_to_cpu(hdr.epoch));
	trace_pvbus_epoch(bus->id, le64_to_cpu(hdr.epoch), err);
	if (err) {
		if (err != -ESTALE)
			dev_err_ratelimited(bus->transport->dev,
					    "'%s' refuses this driver or does not answer (%d); see its log\n",
					    hdr.ident, err);
		return err;
	}

	bus->last_heartbeat = 0;
	bus->heartbeat_at = jiffies;
	bus->stalled = false;
	/* HELLO has reset every device, in the same epoch too, as after a suspend. */
	call_devices(bus, forget_epoch);
	WRITE_ONCE(bus->epoch, le64_to_cpu(hdr.epoch));
	pvbus_scan_mark(bus, true);
	wake_up_all(&bus->wait);
	dev_info_ratelimited(bus->transport->dev, "window of %llu MiB served by %s, epoch %#llx\n",
			     bus->shm.len >> 20, hdr.ident, bus->epoch);
	return 0;
}

static void check_heartbeat(struct pvbus *bus)
{
	const struct pvbus_header *shared = bus->shm.base;
	u64 beat = le64_to_cpu(READ_ONCE(shared->heartbeat));

	if (beat != bus->last_heartbeat) {
		if (bus->stalled)
			dev_info(bus->transport->dev, "the device side goes on\n");
		bus->last_heartbeat = beat;
		bus->heartbeat_at = jiffies;
		bus->stalled = false;
	} else if (!bus->stalled && time_after(jiffies, bus->heartbeat_at + STALLED_AFTER)) {
		dev_warn(bus->transport->dev,
			 "no heartbeat for %u s: is pvhostd stopped? Requests wait for it\n",
			 jiffies_to_msecs(jiffies - bus->heartbeat_at) / 1000);
		bus->stalled = true;
	}
}

static void bus_work(struct work_struct *work)
{
	struct pvbus *bus = container_of(to_delayed_work(work), struct pvbus, work);
	const struct pvbus_header *shared = bus->shm.base;
	unsigned int delay_ms = PVBUS_WATCHDOG_MS;
	int err = 0;

	mutex_lock(&bus->lock);
	if (bus->frozen)
		goto unlock;

	if (!bus->epoch || pvbus_window_epoch(bus) != bus->epoch) {
		call_devices(bus, pvbus_device_freeze);
		err = begin_epoch(bus);
	}
	if (err == -EAGAIN || err == -ESTALE || err == -ENODEV) {
		delay_ms = RETRY_MS;
	} else if (err) {
		delay_ms = REFUSED_RETRY_MS;
	} else {
		check_heartbeat(bus);
		if (le32_to_cpu(READ_ONCE(shared->table_seq)) != READ_ONCE(bus->table_seq))
			pvbus_scan_mark(bus, false);
		call_devices(bus, pvbus_device_poll);
		if (pvbus_window_epoch(bus) != bus->epoch)
			delay_ms = 0;
	}
	queue_delayed_work(pvbus_wq, &bus->work, msecs_to_jiffies(delay_ms));
unlock:
	mutex_unlock(&bus->lock);
}

/**
 * pvbus_register() - a carrier has a window with the magic
 * @transport: the carrier; lives until pvbus_unregister()
 *
 * The device side may be slow to answer: HELLO and the devices follow from the
 * work queue. Context: process. Return: the bus or an ERR_PTR.
 */
struct pvbus *pvbus_register(struct pvbus_transport *transport)
{
	struct pvbus *bus = kzalloc(sizeof(*bus), GFP_KERNEL);
	int err;

	if (!bus)
		return ERR_PTR(-ENOMEM);

	bus->transport = transport;
	bus->shm.base = transport->window;
	bus->shm.len = transport->window_len;
	init_waitqueue_head(&bus->wait);
	mutex_init(&bus->lock);
	mutex_init(&bus->scan_lock);
	INIT_DELAYED_WORK(&bus->work, bus_work);
	INIT_WORK(&bus->scan, pvbus_scan_work);

	bus->id = ida_alloc(&bus_ids, GFP_KERNEL);
	if (bus->id < 0) {
		err = bus->id;
		goto free_bus;
	}

	err = request_irq(transport->ops->irq(transport, PVBUS_VECTOR_BUS), bus_interrupt,
			  IRQF_SHARED, "pvbus", bus);
	if (err)
		goto free_id;

	pvbus_poke(bus);
	return bus;

free_id:
	ida_free(&bus_ids, bus->id);
free_bus:
	kfree(bus);
	return ERR_PTR(err);
}

/**
 * pvbus_freeze() - stop all devices and tell the device side
 * @bus: the bus
 *
 * For suspend, hibernation, kexec. Requests in flight stay in flight and are
 * submitted again after pvbus_thaw(). Context: process.
 */
void pvbus_freeze(struct pvbus *bus)
{
	mutex_lock(&bus->lock);
	bus->frozen = true;
	call_devices(bus, pvbus_device_freeze);
	if (bus->epoch)
		say_hello(bus, PVBUS_CMD_BYE, bus->epoch);
	WRITE_ONCE(bus->epoch, 0);
	mutex_unlock(&bus->lock);

	cancel_delayed_work_sync(&bus->work);
}

/**
 * pvbus_thaw() - the other end of pvbus_freeze()
 * @bus: the bus
 */
void pvbus_thaw(struct pvbus *bus)
{
	mutex_lock(&bus->lock);
	bus->frozen = false;
	mutex_unlock(&bus->lock);
	pvbus_poke(bus);
}

/**
 * pvbus_unregister() - the carrier goes; its devices are removed
 * @bus: the bus; freed
 */
void pvbus_unregister(struct pvbus *bus)
{
	struct pvbus_transport *transport = bus->transport;

	WRITE_ONCE(bus->dying, true);
	cancel_work_sync(&bus->scan);
	/* The epoch watch goes on meanwhile: a device that is removed may still have I/O to finish. */
	pvbus_remove_devices(bus);
	pvbus_freeze(bus);
	cancel_work_sync(&bus->scan);

	free_irq(transport->ops->irq(transport, PVBUS_VECTOR_BUS), bus);
	cancel_delayed_work_sync(&bus->work);
	pvshm_exit_space(&bus->shm);
	ida_free(&bus_ids, bus->id);
	mutex_destroy(&bus->lock);
	mutex_destroy(&bus->scan_lock);
	kfree(bus);
}
