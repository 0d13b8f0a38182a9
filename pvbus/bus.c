// SPDX-License-Identifier: GPL-2.0-only
/*
 * A bus: HELLO, the epoch watch, and the one path by which devices come back.
 */
#include <linux/idr.h>
#include <linux/interrupt.h>
#include <linux/jiffies.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include "pvbus.h"
#include "trace.h"

#define RETRY_MS		20	/* the header is being written */
#define REFUSED_RETRY_MS	1000	/* HELLO failed: ask again, at leisure */

/* So long HELLO is waited for before the devices are looked after again, */
#define HELLO_TIMEOUT		HZ
/* and so often in vain before it is said. */
#define HELLOS_UNANSWERED	(PVBUS_ANSWER_TIMEOUT / HELLO_TIMEOUT)

static DEFINE_IDA(bus_ids);

static irqreturn_t bus_interrupt(int irq, void *data)
{
	struct pvbus *bus = data;

	wake_up(&bus->wait);
	pvbus_poke(bus);
	return IRQ_HANDLED;
}

/* Of the bus's work, or of who has stopped it. */
static int bus_command(struct pvbus *bus, u32 op, u64 epoch, unsigned long timeout)
{
	const struct pvbus_header *shared = bus->shm.base;
	struct pvbus_driver_header *drv;
	int err;

	drv = pvshm_at(&bus->shm, pvshm_off(le64_to_cpu(bus->hdr.drv_off)), sizeof(*drv));
	bus->channel.cmd = &drv->cmd;
	bus->channel.ack = &shared->ack;
	err = pvbus_command_begin(bus, &bus->channel, epoch, timeout);
	if (err)
		return err;
	pvbus_write_ident(bus);
	return pvbus_command(bus, &bus->channel, op, epoch);
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

	mutex_lock(&bus->lock);
	for (i = 0; i < PVBUS_MAX_DEVICES; i++)
		if (bus->devices[i])
			fn(bus->devices[i]);
	mutex_unlock(&bus->lock);
}

/* HELLO has reset every device, in the same epoch too, as after a suspend. */
static void forget_epoch(struct pvbus_device *pdev)
{
	WRITE_ONCE(pdev->epoch, 0);
	WRITE_ONCE(pdev->agreed, false);
	WRITE_ONCE(pdev->shared, false);
	pdev->mends = 0;
}

/* Take over the header of an epoch, and what it says of the window. */
static int take_header(struct pvbus *bus)
{
	struct pvbus_header hdr;
	int err;

	err = pvbus_read_header(bus, &hdr);
	if (err)
		return err;
	if (!space_fits(bus, &hdr)) {
		if (pvbus_say(bus, "space"))
			dev_err(bus->transport->dev,
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
	WRITE_ONCE(bus->nr_vectors, min(bus->transport->nr_irqs, le32_to_cpu(hdr.nr_vectors)));
	return 0;
}

static void say_refusal(struct pvbus *bus, int err)
{
	if (err == -ETIMEDOUT) {
		if (++bus->unanswered >= HELLOS_UNANSWERED && pvbus_say(bus, "silent"))
			dev_err(bus->transport->dev, "'%s' does not answer: is it stopped?\n",
				bus->hdr.ident);
	} else if (err != -ESTALE) {
		pvbus_replaces_refused(bus);
		if (pvbus_say(bus, "refused"))
			dev_err(bus->transport->dev, "'%s' refuses this driver (%d); see its log\n",
				bus->hdr.ident, err);
	}
}

static int begin_epoch(struct pvbus *bus)
{
	u64 epoch;
	int err;

	err = take_header(bus);
	if (err)
		return err;
	epoch = le64_to_cpu(bus->hdr.epoch);
	err = bus_command(bus, PVBUS_CMD_HELLO, epoch, HELLO_TIMEOUT);
	trace_pvbus_epoch(bus->id, epoch, err);
	if (err) {
		say_refusal(bus, err);
		return err;
	}

	bus->said = NULL;
	bus->unanswered = 0;
	bus->stalled = false;
	call_devices(bus, forget_epoch);
	pvbus_free_reserved(bus);
	pvbus_scan_mark(bus, true);
	/* Pairs with the acquire in pvbus_current_epoch(): the devices are those of the epoch. */
	smp_store_release(&bus->epoch, epoch);
	pvbus_scan_start(bus);
	wake_up_all(&bus->wait);
	dev_info_ratelimited(bus->transport->dev, "window of %llu MiB served by %s, epoch %#llx\n",
			     bus->shm.len >> 20, bus->hdr.ident, epoch);
	return 0;
}

static bool table_changed(struct pvbus *bus)
{
	const struct pvbus_header *shared = bus->shm.base;

	if (READ_ONCE(bus->retry) && !pvbus_silent(bus)) {
		WRITE_ONCE(bus->retry, false);
		return true;
	}
	return le32_to_cpu(READ_ONCE(shared->table_seq)) != READ_ONCE(bus->table_seq);
}

/* The devices are looked after also while there is no epoch, though not each time. */
static void look_after_devices(struct pvbus *bus, bool now)
{
	if (!now && time_before(jiffies, bus->looked_at + msecs_to_jiffies(PVBUS_WATCHDOG_MS)))
		return;
	bus->looked_at = jiffies;
	call_devices(bus, pvbus_device_poke);
}

/* Returns in how many ms to look again. */
static unsigned int watch(struct pvbus *bus)
{
	int err = 0;

	pvbus_look_for_life(bus);
	if (!bus->epoch || pvbus_window_epoch(bus) != bus->epoch) {
		/* Also ends the waits of the devices' works. */
		WRITE_ONCE(bus->epoch, 0);
		call_devices(bus, pvbus_device_freeze);
		err = begin_epoch(bus);
	}
	look_after_devices(bus, !err);
	if (pvbus_replaces_overdue(bus))
		pvbus_scan_start(bus);
	if (err == -EAGAIN || err == -ESTALE || err == -ENODEV ||
	    (err == -ETIMEDOUT && !pvbus_silent(bus)))
		return RETRY_MS;
	if (err)
		return REFUSED_RETRY_MS;

	if (table_changed(bus)) {
		pvbus_scan_mark(bus, false);
		pvbus_scan_start(bus);
	}
	return pvbus_window_epoch(bus) == bus->epoch ? PVBUS_WATCHDOG_MS : 0;
}

static void bus_work(struct work_struct *work)
{
	struct pvbus *bus = container_of(to_delayed_work(work), struct pvbus, work);
	unsigned int noio = memalloc_noio_save();

	if (!READ_ONCE(bus->frozen))
		pvbus_poke_after(bus, watch(bus));
	memalloc_noio_restore(noio);
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
	bus->alive_at = jiffies;
	bus->looked_at = jiffies;
	init_waitqueue_head(&bus->wait);
	mutex_init(&bus->lock);
	mutex_init(&bus->scan_lock);
	INIT_LIST_HEAD(&bus->reserved);
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

	pvbus_replaces_begin(bus);
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
 * For suspend, hibernation, kexec. Requests in flight stay in flight and are submitted again
 * after pvbus_thaw(). Ends within PVBUS_ANSWER_TIMEOUT, whatever the device side does.
 * Context: process. Return: 0: the device side touches nothing any more; -ETIMEDOUT: it may.
 */
int pvbus_freeze(struct pvbus *bus)
{
	int err = 0;

	/* It ends the waits of the works, and from then on that of the bus does nothing. */
	WRITE_ONCE(bus->frozen, true);
	cancel_delayed_work_sync(&bus->work);

	call_devices(bus, pvbus_device_freeze);
	if (bus->epoch)
		err = bus_command(bus, PVBUS_CMD_BYE, bus->epoch, PVBUS_ANSWER_TIMEOUT);
	if (err && err != -ESTALE)
		dev_warn(bus->transport->dev, "the device side does not take leave (%d)\n", err);
	WRITE_ONCE(bus->epoch, 0);
	return err == -ETIMEDOUT ? err : 0;
}

/**
 * pvbus_thaw() - the other end of pvbus_freeze()
 * @bus: the bus
 */
void pvbus_thaw(struct pvbus *bus)
{
	/* What stood still meanwhile was the guest. */
	WRITE_ONCE(bus->alive_at, jiffies);
	WRITE_ONCE(bus->frozen, false);
	pvbus_poke(bus);
}

/**
 * pvbus_unregister() - the carrier goes; its devices are removed
 * @bus: the bus; freed
 */
void pvbus_unregister(struct pvbus *bus)
{
	struct pvbus_transport *transport = bus->transport;

	bus->dying_at = jiffies;
	/* Pairs with the acquire in pvbus_somebody_waits(). */
	smp_store_release(&bus->dying, true);
	cancel_work_sync(&bus->scan);
	/* The epoch watch goes on meanwhile: a device that is removed may still have I/O to finish. */
	pvbus_remove_devices(bus);
	pvbus_freeze(bus);
	cancel_work_sync(&bus->scan);

	free_irq(transport->ops->irq(transport, PVBUS_VECTOR_BUS), bus);
	cancel_delayed_work_sync(&bus->work);
	pvbus_free_reserved(bus);
	pvshm_exit_space(&bus->shm);
	ida_free(&bus_ids, bus->id);
	mutex_destroy(&bus->lock);
	mutex_destroy(&bus->scan_lock);
	kfree(bus);
}
