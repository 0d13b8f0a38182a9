/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The device half of a queue (Documentation/abi/ring.md).
 *
 * Needs shmem.h and the uapi headers only, so that tests and fuzzers can build
 * it alone. A ring has one user thread. Nothing read from the queue is trusted:
 * there is no index of the driver's that would have to be.
 */
#ifndef HOSTD_HRING_H
#define HOSTD_HRING_H

#include <stdbool.h>
#include <stdint.h>

#include <pv/ring.h>

/* irq_at_ns when no interrupt is due. */
#define HRING_NEVER	UINT64_MAX

/**
 * struct hring - device half of one queue
 * @drv: the driver's control line, in the window
 * @dev: the device's control line, in the window
 * @sq: submission entries, in the window
 * @cq: completion entries, in the window
 * @size: entries of each ring, a power of two
 * @sqe_shift: log2 of the bytes of a submission
 * @cqe_shift: log2 of the bytes of a completion
 * @sq_next: number of the next submission to take
 * @cq_next: number of the next completion to write
 * @cq_told: completions before this one were held against irq_event
 * @outstanding: submissions taken and not completed, at most @size
 * @error: 0, or PVRING_E_* once the ring is stopped
 * @irq_at_ns: time at which hring_irq_due() wants to be asked, or HRING_NEVER
 * @posted_ns: time at which the completion in each slot was written
 */
struct hring {
	const struct pvring_drv_ctrl *drv;
	struct pvring_dev_ctrl *dev;
	const uint8_t *sq;
	uint8_t *cq;
	uint32_t size;
	uint8_t sqe_shift;
	uint8_t cqe_shift;
	uint32_t sq_next;
	uint32_t cq_next;
	uint32_t cq_told;
	uint32_t outstanding;
	uint32_t error;
	uint64_t irq_at_ns;
	uint64_t *posted_ns;
};

/**
 * hring_area_len - bytes of a driver or device area
 * @size: entries
 * @shift: log2 of the bytes of an entry
 *
 * Return: the length.
 */
static inline uint64_t hring_area_len(uint32_t size, uint8_t shift)
{
	return PV_CACHE_LINE + ((uint64_t)size << shift);
}

/**
 * hring_init - start serving a queue that the driver has zeroed
 * @r: the ring
 * @drv_area: driver area, hring_area_len(@size, @sqe_shift) bytes
 * @dev_area: device area, hring_area_len(@size, @cqe_shift) bytes
 * @size: entries, a power of two from PVRING_SIZE_MIN to PVRING_SIZE_MAX
 * @sqe_shift: PVRING_ENTRY_SHIFT_MIN to PVRING_ENTRY_SHIFT_MAX
 * @cqe_shift: PVRING_ENTRY_SHIFT_MIN to PVRING_ENTRY_SHIFT_MAX
 *
 * Return: 0; -EINVAL for a size or shift out of its bounds; -ENOMEM.
 */
int hring_init(struct hring *r, const void *drv_area, void *dev_area, uint32_t size,
	       uint8_t sqe_shift, uint8_t cqe_shift);

/**
 * hring_exit - free what hring_init() allocated
 * @r: the ring; the window is not touched
 */
void hring_exit(struct hring *r);

/**
 * hring_has_work - is there a submission to take
 * @r: the ring
 *
 * Return: true if so; of a stopped ring false.
 */
bool hring_has_work(const struct hring *r);

/**
 * hring_pop - take the next submission
 * @r: the ring
 * @sqe: gets the entry, the sequence word included; 8-byte aligned
 *
 * Return: 1 if an entry was taken; 0 if none is there; -EPROTO if the driver has
 * more than @size outstanding (the caller stops the ring).
 */
int hring_pop(struct hring *r, void *sqe);

/**
 * hring_push - write a completion
 * @r: the ring
 * @cqe: the entry; the sequence word in it is ignored; 4-byte aligned
 * @now_ns: the time, for the interrupt delay
 *
 * Does nothing on a stopped ring. Call hring_need_irq() after a batch.
 */
void hring_push(struct hring *r, const void *cqe, uint64_t now_ns);

/**
 * hring_need_irq - does the driver want an interrupt for what was pushed
 * @r: the ring
 * @now_ns: the time
 *
 * One full barrier and one read of the driver's line for all completions since
 * the last call (RING-D6). Sets @irq_at_ns for a delayed interrupt (RING-D7).
 *
 * Return: true if the queue's vector is to be raised.
 */
bool hring_need_irq(struct hring *r, uint64_t now_ns);

/**
 * hring_irq_due - is the delayed interrupt due
 * @r: the ring; ask when @irq_at_ns has come
 * @now_ns: the time
 *
 * Return: true if the queue's vector is to be raised. @irq_at_ns is updated.
 */
bool hring_irq_due(struct hring *r, uint64_t now_ns);

/**
 * hring_unreaped - completions that the driver could have reaped since the last hring_need_irq(), and has not
 * @r: the ring
 *
 * Return: their number, as the driver says it (RING-G6): it may be any, also where there are none.
 */
uint32_t hring_unreaped(const struct hring *r);

/**
 * hring_arm - ask for a doorbell before going to sleep (RING-D4)
 * @r: the ring
 *
 * Return: true if the caller may sleep; false if a submission is there by now.
 */
bool hring_arm(struct hring *r);

/**
 * hring_stop - stop serving the queue because the driver broke the ABI
 * @r: the ring
 * @error: PVRING_E_*
 */
void hring_stop(struct hring *r, uint32_t error);

#endif /* HOSTD_HRING_H */
