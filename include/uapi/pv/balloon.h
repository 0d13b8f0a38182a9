/* SPDX-License-Identifier: ((GPL-2.0-only WITH Linux-syscall-note) OR BSD-3-Clause) */
/*
 * The pvkit balloon: memory that the guest gives to the host, and takes back.
 *
 * Documentation/abi/balloon.md is the normative text.
 */
#ifndef _UAPI_PV_BALLOON_H
#define _UAPI_PV_BALLOON_H

#include "abi.h"

/* Features. */
#define PVBALLOON_F_RETURN	0	/* the device side can free what it is given */
#define PVBALLOON_F_REPORT	1	/* REPORT is served */
#define PVBALLOON_F_STATS	2	/* STATS is served */

/* Operations. */
#define PVBALLOON_OP_REGION	0	/* where the guest's memory is, with a proof of each region */
#define PVBALLOON_OP_INFLATE	1	/* give ranges */
#define PVBALLOON_OP_DEFLATE	2	/* ranges were taken back */
#define PVBALLOON_OP_REPORT	3	/* ranges are free, and stay the guest's */
#define PVBALLOON_OP_STATS	4	/* what the guest's memory is used for */
#define PVBALLOON_OP_NOTHING	255	/* never served: is it answered? */

/* Status, of a completion and of each range or region. */
#define PVBALLOON_S_OK		0
#define PVBALLOON_S_SOME	1	/* completion: not OK for all; the data says for which */
#define PVBALLOON_S_UNSUPP	2	/* operation not served */
#define PVBALLOON_S_UNPROVEN	3	/* region: its memory was not found, nothing is freed */
#define PVBALLOON_S_OUTSIDE	4	/* not in a region, not in granules, or regions that overlap */
#define PVBALLOON_S_TWICE	5	/* given already */
#define PVBALLOON_S_UNKNOWN	6	/* not given */
#define PVBALLOON_S_REFUSED	7	/* the device side does not want it */

/* Target of a guest that decides by itself what it does not need. */
#define PVBALLOON_TARGET_AUTO	(~0ULL)

/* Unit of the length of a range. */
#define PVBALLOON_PAGE_SHIFT	12

#define PVBALLOON_NONCE_LEN	16
#define PVBALLOON_RANGES_MAX	1024	/* in one request */
#define PVBALLOON_REGIONS_MAX	64	/* in one request, and in all */
#define PVBALLOON_SQE_SHIFT	5
#define PVBALLOON_CQE_SHIFT	4

/**
 * struct pvballoon_config - config area of a balloon
 * @target: bytes that the guest shall have given, or PVBALLOON_TARGET_AUTO
 * @rate: most bytes that it gives in a second; 0: as fast as it can
 * @granule: addresses and lengths of ranges are multiples of it: bytes, a power of two,
 *	at least 4096
 * @stats_ms: time between two STATS; 0: none are wanted
 * @nonce: what a proof begins with; another one in each epoch
 * @reserved: 0
 */
struct pvballoon_config {
	__le64	target;
	__le64	rate;
	__le32	granule;
	__le32	stats_ms;
	__u8	nonce[16];
	__le64	reserved[3];
};
PV_ASSERT_SIZE(pvballoon_config, 64);
PV_ASSERT_OFFSET(pvballoon_config, nonce, 24);

/**
 * struct pvballoon_sqe - a request
 * @id: echoed in the completion
 * @op: PVBALLOON_OP_*
 * @reserved0: 0
 * @nr: ranges or regions in the data; STATS: 1
 * @data_off: the data, in the data extent of the queue, a multiple of 8
 * @reserved1: 0
 * @seq: sequence word
 */
struct pvballoon_sqe {
	__le32	id;
	__u8	op;
	__u8	reserved0;
	__le16	nr;
	__le64	data_off;
	__le32	reserved1[3];
	__le32	seq;
};
PV_ASSERT_SIZE(pvballoon_sqe, 1 << PVBALLOON_SQE_SHIFT);

/**
 * struct pvballoon_cqe - a completion
 * @id: that of the request
 * @status: PVBALLOON_S_*
 * @reserved: 0
 * @seq: sequence word
 */
struct pvballoon_cqe {
	__le32	id;
	__le32	status;
	__le32	reserved;
	__le32	seq;
};
PV_ASSERT_SIZE(pvballoon_cqe, 1 << PVBALLOON_CQE_SHIFT);

/**
 * struct pvballoon_range - data of INFLATE, DEFLATE and REPORT
 * @addr: guest-physical address of its first byte
 * @nr_pages: its length in units of 4096 bytes
 * @status: 0 from the driver; PVBALLOON_S_* from the device, if the completion says SOME
 */
struct pvballoon_range {
	__le64	addr;
	__le32	nr_pages;
	__le32	status;
};
PV_ASSERT_SIZE(pvballoon_range, 16);

/**
 * struct pvballoon_region - data of REGION
 * @addr: guest-physical address of its first byte
 * @len: its length in bytes
 * @proof: address of a page of 4096 bytes in it that begins with the nonce
 * @status: 0 from the driver; PVBALLOON_S_* from the device, if the completion says SOME
 * @reserved: 0
 */
struct pvballoon_region {
	__le64	addr;
	__le64	len;
	__le64	proof;
	__le32	status;
	__le32	reserved;
};
PV_ASSERT_SIZE(pvballoon_region, 32);

/* Bits of pvballoon_stats.valid, which the number of each field is. */
#define PVBALLOON_STAT_TOTAL		0
#define PVBALLOON_STAT_FREE		1
#define PVBALLOON_STAT_AVAILABLE	2
#define PVBALLOON_STAT_CACHES		3
#define PVBALLOON_STAT_SWAP_IN		4
#define PVBALLOON_STAT_SWAP_OUT		5
#define PVBALLOON_STAT_MAJOR_FAULTS	6
#define PVBALLOON_STAT_MINOR_FAULTS	7
#define PVBALLOON_STAT_HTLB_ALLOCS	8
#define PVBALLOON_STAT_HTLB_FAILS	9
#define PVBALLOON_STAT_OOM_KILLS	10
#define PVBALLOON_STAT_ALLOC_STALLS	11
#define PVBALLOON_STAT_ASYNC_SCANS	12
#define PVBALLOON_STAT_DIRECT_SCANS	13
#define PVBALLOON_STAT_ASYNC_RECLAIMS	14
#define PVBALLOON_STAT_DIRECT_RECLAIMS	15
#define PVBALLOON_STAT_PSI_SOME		16
#define PVBALLOON_STAT_PSI_FULL		17
#define PVBALLOON_STAT_GIVEN		18
#define PVBALLOON_STAT_RELIEVED		19
#define PVBALLOON_STAT_NR		20

/**
 * struct pvballoon_stats - data of STATS
 * @valid: bit PVBALLOON_STAT_*: the field is known
 * @val: by PVBALLOON_STAT_*: TOTAL, FREE, AVAILABLE, CACHES, SWAP_IN, SWAP_OUT, GIVEN (what
 *	the driver holds for the device side) and RELIEVED (what it took back because the guest
 *	was short of memory, since the driver was loaded) in bytes; PSI_SOME and PSI_FULL (stalls for want of memory since
 *	boot) in microseconds; ASYNC_SCANS to DIRECT_RECLAIMS in pages of the guest's; the rest are
 *	counts of events since boot
 * @reserved: 0
 */
struct pvballoon_stats {
	__le64	valid;
	__le64	val[20];
	__le64	reserved[11];
};
PV_ASSERT_SIZE(pvballoon_stats, 256);

#endif /* _UAPI_PV_BALLOON_H */
