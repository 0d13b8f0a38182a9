/* SPDX-License-Identifier: ((GPL-2.0-only WITH Linux-syscall-note) OR BSD-3-Clause) */
/*
 * A queue of the pvkit window: a ring of submissions and a ring of completions.
 *
 * A queue is two areas. The driver area (written by the driver only) is one
 * pvring_drv_ctrl followed by the submission entries; the device area (written
 * by the device only) is one pvring_dev_ctrl followed by the completion
 * entries. Both rings have the same number of entries, a power of two.
 *
 * The last 32 bits of each entry are its sequence word. Entry number i (a
 * free-running 32-bit count from 0) lives in slot i % size, and is there when
 * its sequence word reads i + 1. It is written last, with release semantics,
 * and read first, with acquire semantics. There are no head or tail indices to
 * trust: at most `size` requests are outstanding, so neither ring can overrun.
 *
 * Documentation/abi/ring.md is the normative text.
 */
#ifndef _UAPI_PV_RING_H
#define _UAPI_PV_RING_H

#include "abi.h"

#define PVRING_SIZE_MIN		2
#define PVRING_SIZE_MAX		4096
#define PVRING_ENTRY_SHIFT_MIN	4	/* 16-byte entries */
#define PVRING_ENTRY_SHIFT_MAX	7	/* 128-byte entries */

/* Value of the sequence word of entry number i. */
#define PVRING_SEQ(i)		((__u32)(i) + 1)

/**
 * struct pvring_drv_ctrl - first line of the driver area
 * @irq_event: raise an interrupt when the completion with this number is posted
 * @cq_head: number of the next completion that the driver will reap
 * @irq_delay_us: also raise an interrupt once a completion has waited this long
 *	unreaped (microseconds); 0: never
 * @reserved: 0
 */
struct pvring_drv_ctrl {
	__le32	irq_event;
	__le32	cq_head;
	__le32	irq_delay_us;
	__le32	reserved[13];
};
PV_ASSERT_SIZE(pvring_drv_ctrl, PV_CACHE_LINE);

/**
 * struct pvring_dev_ctrl - first line of the device area
 * @kick_event: ring the doorbell when the submission with this number is written
 * @error: 0, or PVRING_E_*: the device has stopped serving this queue
 * @reserved: 0
 */
struct pvring_dev_ctrl {
	__le32	kick_event;
	__le32	error;
	__le32	reserved[14];
};
PV_ASSERT_SIZE(pvring_dev_ctrl, PV_CACHE_LINE);

/* Why a device has stopped serving a queue. */
#define PVRING_E_OVERRUN	1	/* more than `size` requests outstanding */
#define PVRING_E_ENTRY		2	/* a submission broke the device's ABI */

/* True if posting entries [old, new) passes the event number. */
static inline int pvring_need_event(__u32 event, __u32 new_nr, __u32 old_nr)
{
	return (__u32)(new_nr - event - 1) < (__u32)(new_nr - old_nr);
}

#endif /* _UAPI_PV_RING_H */
