// SPDX-License-Identifier: GPL-2.0-only
/*
 * The driver half of a queue, written from Documentation/abi/ring.md.
 *
 * The tests build this file in user space and run it against the device half.
 */
#include <linux/export.h>
#include <linux/string.h>
#include <asm/barrier.h>
#include <asm/byteorder.h>
#include <pv/ring.h>

static __le32 *seq_word(void *entry, u8 shift)
{
	return entry + (1u << shift) - sizeof(__le32);
}

static void *sq_slot(const struct pvring *ring, u32 nr)
{
	return ring->sq + ((size_t)(nr & (ring->size - 1)) << ring->sqe_shift);
}

static const void *cq_slot(const struct pvring *ring, u32 nr)
{
	return ring->cq + ((size_t)(nr & (ring->size - 1)) << ring->cqe_shift);
}

/**
 * pvring_drv_area_len() - bytes of the driver area
 * @size: entries
 * @sqe_shift: log2 of the bytes of a submission entry
 */
size_t pvring_drv_area_len(u32 size, u8 sqe_shift)
{
	return sizeof(struct pvring_drv_ctrl) + ((size_t)size << sqe_shift);
}

/**
 * pvring_dev_area_len() - bytes of the device area
 * @size: entries
 * @cqe_shift: log2 of the bytes of a completion entry
 */
size_t pvring_dev_area_len(u32 size, u8 cqe_shift)
{
	return sizeof(struct pvring_dev_ctrl) + ((size_t)size << cqe_shift);
}

/**
 * pvring_init() - start a queue from entry 0
 * @ring: the ring
 * @drv_area: driver area, pvring_drv_area_len() bytes; zeroed here (RING-G1)
 * @dev_area: device area, pvring_dev_area_len() bytes; zeroed here (RING-G1)
 * @size: entries, a power of two
 * @sqe_shift: log2 of the bytes of a submission entry
 * @cqe_shift: log2 of the bytes of a completion entry
 *
 * Context: the device does not serve the queue, nobody submits or reaps.
 */
void pvring_init(struct pvring *ring, void *drv_area, void *dev_area,
		 u32 size, u8 sqe_shift, u8 cqe_shift)
{
	memset(drv_area, 0, pvring_drv_area_len(size, sqe_shift));
	memset(dev_area, 0, pvring_dev_area_len(size, cqe_shift));

	ring->drv = drv_area;
	ring->dev = dev_area;
	ring->sq = drv_area + sizeof(struct pvring_drv_ctrl);
	ring->cq = dev_area + sizeof(struct pvring_dev_ctrl);
	ring->size = size;
	ring->sqe_shift = sqe_shift;
	ring->cqe_shift = cqe_shift;
	ring->sq_next = 0;
	ring->sq_seen = 0;
	ring->cq_next = 0;
	ring->armed = true;
}
EXPORT_SYMBOL_GPL(pvring_init);

/**
 * pvring_put() - submit an entry
 * @ring: the ring; the caller is the submitter
 * @sqe: the entry; its sequence word is filled in here
 *
 * The device may take it at once. Nothing is kicked: see pvring_need_kick().
 * Return: false if `size` requests are outstanding (RING-G2).
 */
bool pvring_put(struct pvring *ring, const void *sqe)
{
	u32 nr = ring->sq_next;
	void *slot = sq_slot(ring, nr);

	/* Pairs with the release in pvring_get(): the slot's last content has been taken. */
	if (nr - smp_load_acquire(&ring->cq_next) >= ring->size)
		return false;

	memcpy(slot, sqe, (1u << ring->sqe_shift) - sizeof(__le32));
	/* Pairs with the acquire in host-ref/worker/bus/ring.c:hring_pop(): it copies a whole entry. */
	virt_store_release(seq_word(slot, ring->sqe_shift), cpu_to_le32(PVRING_SEQ(nr)));
	WRITE_ONCE(ring->sq_next, nr + 1);
	return true;
}
EXPORT_SYMBOL_GPL(pvring_put);

/**
 * pvring_need_kick() - does the device sleep on what was put since the last call
 * @ring: the ring; the caller is the submitter
 *
 * Once per batch. Return: true if the doorbell must be rung.
 */
bool pvring_need_kick(struct pvring *ring)
{
	u32 old = ring->sq_seen;

	if (old == ring->sq_next)
		return false;

	ring->sq_seen = ring->sq_next;
	/*
	 * Pairs with the fence in host-ref/worker/bus/ring.c:hring_arm(): either it sees the
	 * entries, or its kick_event is seen here.
	 */
	virt_mb();
	return pvring_need_event(le32_to_cpu(READ_ONCE(ring->dev->kick_event)),
				 ring->sq_next, old);
}
EXPORT_SYMBOL_GPL(pvring_need_kick);

/**
 * pvring_pending() - is there a completion to reap
 * @ring: the ring; any caller
 *
 * Orders nothing: only pvring_get() does.
 */
bool pvring_pending(const struct pvring *ring)
{
	u32 nr = READ_ONCE(ring->cq_next);
	const __le32 *seq = seq_word((void *)cq_slot(ring, nr), ring->cqe_shift);

	/* Whoever looks may do so while pvring_init() zeroes the ring for the next life. */
	return le32_to_cpu(data_race(READ_ONCE(*seq))) == PVRING_SEQ(nr);
}
EXPORT_SYMBOL_GPL(pvring_pending);

/**
 * pvring_get() - reap a completion
 * @ring: the ring; the caller is the reaper
 * @cqe: private copy of the entry; nothing in it has been checked
 *
 * Return: false if there is none.
 */
bool pvring_get(struct pvring *ring, void *cqe)
{
	u32 nr = ring->cq_next;
	const void *slot = cq_slot(ring, nr);
	const __le32 *seq = seq_word((void *)slot, ring->cqe_shift);

	/* Pairs with the release in host-ref/worker/bus/ring.c:hring_push(): it wrote a whole entry. */
	if (le32_to_cpu(virt_load_acquire(seq)) != PVRING_SEQ(nr))
		return false;

	memcpy(cqe, slot, 1u << ring->cqe_shift);
	/* Pairs with the acquire in pvring_put(). */
	smp_store_release(&ring->cq_next, nr + 1);
	return true;
}
EXPORT_SYMBOL_GPL(pvring_get);

/**
 * pvring_set_head() - tell the device what has been reaped (RING-G6)
 * @ring: the ring; the caller is the reaper
 *
 * Once per batch. It cancels delayed interrupts for what has been reaped.
 */
void pvring_set_head(struct pvring *ring)
{
	WRITE_ONCE(ring->drv->cq_head, cpu_to_le32(ring->cq_next));
}
EXPORT_SYMBOL_GPL(pvring_set_head);

/**
 * pvring_arm() - ask for an interrupt
 * @ring: the ring; the caller is the reaper
 * @event: number of the completion that shall raise it
 * @delay_us: raise it also when a completion has waited this long; 0: never
 *
 * Return: true if a completion is there already, so that the caller should reap.
 */
bool pvring_arm(struct pvring *ring, u32 event, u32 delay_us)
{
	ring->armed = true;
	WRITE_ONCE(ring->drv->irq_delay_us, cpu_to_le32(delay_us));
	WRITE_ONCE(ring->drv->irq_event, cpu_to_le32(event));
	/*
	 * Pairs with the fence in host-ref/worker/bus/ring.c:hring_need_irq(): either it sees
	 * irq_event, or its completions are seen here.
	 */
	virt_mb();
	return pvring_pending(ring);
}
EXPORT_SYMBOL_GPL(pvring_arm);

/**
 * pvring_disarm_for() - ask for no interrupt while somebody is awake to reap
 * @ring: the ring; the caller is the reaper
 * @delay_us: but raise one when a completion has waited this long; 0: never
 */
void pvring_disarm_for(struct pvring *ring, u32 delay_us)
{
	if (!ring->armed)
		return;
	ring->armed = false;
	WRITE_ONCE(ring->drv->irq_delay_us, cpu_to_le32(delay_us));
	/* Older than anything that the device may have posted and not yet considered. */
	WRITE_ONCE(ring->drv->irq_event, cpu_to_le32(ring->cq_next - 1 - ring->size));
}
EXPORT_SYMBOL_GPL(pvring_disarm_for);

/**
 * pvring_disarm() - ask for no interrupt, as long as the caller polls or reaps
 * @ring: the ring; the caller is the reaper
 */
void pvring_disarm(struct pvring *ring)
{
	pvring_disarm_for(ring, 0);
}
EXPORT_SYMBOL_GPL(pvring_disarm);

/**
 * pvring_error() - has the device stopped serving this queue
 * @ring: the ring
 *
 * Return: 0 or PVRING_E_*.
 */
u32 pvring_error(const struct pvring *ring)
{
	return le32_to_cpu(READ_ONCE(ring->dev->error));
}
EXPORT_SYMBOL_GPL(pvring_error);
