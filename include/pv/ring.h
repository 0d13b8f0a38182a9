/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The driver half of a queue: submit, reap, suppress. See Documentation/abi/ring.md.
 *
 * The submission functions and the reaping functions each need one caller at a
 * time; a submitter and a reaper may run side by side. Nothing here sleeps.
 */
#ifndef _PV_RING_H
#define _PV_RING_H

#include <linux/types.h>
#include <uapi/pv/ring.h>

/**
 * struct pvring - driver half of a queue
 * @drv: control line that the driver writes, in the window
 * @dev: control line that the device writes, in the window
 * @sq: submission entries, in the window
 * @cq: completion entries, in the window
 * @size: entries of each ring, a power of two
 * @sqe_shift: log2 of the bytes of a submission entry
 * @cqe_shift: log2 of the bytes of a completion entry
 * @sq_next: number of the next submission; submitter
 * @sq_seen: submissions before this one have been considered for a kick; submitter
 * @cq_next: number of the next completion; reaper
 * @armed: the device has been asked for an interrupt; reaper
 */
struct pvring {
	struct pvring_drv_ctrl		*drv;
	const struct pvring_dev_ctrl	*dev;
	void				*sq;
	const void			*cq;
	u32				size;
	u8				sqe_shift;
	u8				cqe_shift;
	u32				sq_next;
	u32				sq_seen;
	u32				cq_next;
	bool				armed;
};

size_t pvring_drv_area_len(u32 size, u8 sqe_shift);
size_t pvring_dev_area_len(u32 size, u8 cqe_shift);

void pvring_init(struct pvring *ring, void *drv_area, void *dev_area,
		 u32 size, u8 sqe_shift, u8 cqe_shift);
bool pvring_put(struct pvring *ring, const void *sqe);
bool pvring_need_kick(struct pvring *ring);
bool pvring_pending(const struct pvring *ring);
bool pvring_get(struct pvring *ring, void *cqe);
void pvring_set_head(struct pvring *ring);
bool pvring_arm(struct pvring *ring, u32 event, u32 delay_us);
void pvring_disarm_for(struct pvring *ring, u32 delay_us);
void pvring_disarm(struct pvring *ring);
u32 pvring_error(const struct pvring *ring);

/**
 * pvring_outstanding() - requests submitted and not yet reaped
 * @ring: the ring
 *
 * Exact for a caller that excludes submitter and reaper, a hint otherwise.
 */
static inline u32 pvring_outstanding(const struct pvring *ring)
{
	return READ_ONCE(ring->sq_next) - READ_ONCE(ring->cq_next);
}

#endif /* _PV_RING_H */
