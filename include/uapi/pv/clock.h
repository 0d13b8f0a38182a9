/* SPDX-License-Identifier: ((GPL-2.0-only WITH Linux-syscall-note) OR BSD-3-Clause) */
/*
 * The pvkit clock: the page that relates the host's counter to its clocks, and
 * the exchange that relates the guest's counter to the host's.
 *
 * Documentation/abi/clock.md is the normative text.
 */
#ifndef _UAPI_PV_CLOCK_H
#define _UAPI_PV_CLOCK_H

#include "abi.h"

/* Which counter of the host's is meant, in pvclock_page.counter_id. */
#define PVCLOCK_COUNTER_NONE	0	/* none that a guest could have too */
#define PVCLOCK_COUNTER_X86_TSC	1
#define PVCLOCK_COUNTER_ARM_VCT	2

/* Operations. */
#define PVCLOCK_OP_READ		0	/* read counter and clocks now */

/* Completion status. */
#define PVCLOCK_S_OK		0
#define PVCLOCK_S_UNSUPP	1	/* operation not served */

#define PVCLOCK_SHIFT_MAX	63
#define PVCLOCK_SQE_SHIFT	4
#define PVCLOCK_CQE_SHIFT	6

/**
 * struct pvclock_page - config area of a clock: the host's clocks as functions of its counter
 * @seq: odd while the page is being written; changes with each writing
 * @counter_id: PVCLOCK_COUNTER_*
 * @shift: of both multipliers, at most PVCLOCK_SHIFT_MAX
 * @reserved0: 0
 * @epoch: pvbus_header.epoch in which the page was written; 0: not written yet
 * @counter: value of the counter for which the times are given
 * @raw_ns: the host's unadjusted clock (CLOCK_MONOTONIC_RAW), ns
 * @real_ns: the host's wall clock (CLOCK_REALTIME), ns since 1970, leap seconds not counted
 * @raw_mult: ns of the unadjusted clock for each count, times 2^shift
 * @real_mult: ns of the wall clock for each count, times 2^shift
 * @error_ns: bound of the error of @raw_ns and @real_ns at @counter, ns
 * @error_ppb: bound of the growth of that error with the distance from @counter, ns per s,
 *	as long as nobody sets the wall clock
 * @reserved1: 0
 */
struct pvclock_page {
	__le32	seq;
	__u8	counter_id;
	__u8	shift;
	__le16	reserved0;
	__le64	epoch;
	__le64	counter;
	__le64	raw_ns;
	__le64	real_ns;
	__le64	raw_mult;
	__le64	real_mult;
	__le32	error_ns;
	__le32	error_ppb;
	__le64	reserved1[8];
};
PV_ASSERT_SIZE(pvclock_page, 128);
PV_ASSERT_OFFSET(pvclock_page, counter, 16);
PV_ASSERT_OFFSET(pvclock_page, error_ns, 56);

/**
 * struct pvclock_sqe - a request
 * @id: echoed in the completion
 * @op: PVCLOCK_OP_*
 * @reserved: 0
 * @seq: sequence word
 */
struct pvclock_sqe {
	__le32	id;
	__u8	op;
	__u8	reserved[7];
	__le32	seq;
};
PV_ASSERT_SIZE(pvclock_sqe, 1 << PVCLOCK_SQE_SHIFT);

/**
 * struct pvclock_cqe - the host's counter and clocks at one moment of the exchange
 * @id: that of the request
 * @status: PVCLOCK_S_*
 * @counter: the host's counter; 0 with PVCLOCK_COUNTER_NONE
 * @raw_ns: as in the page
 * @real_ns: as in the page
 * @error_ns: bound of the distance between the moments of the three readings, ns
 * @reserved: 0
 * @seq: sequence word
 */
struct pvclock_cqe {
	__le32	id;
	__le32	status;
	__le64	counter;
	__le64	raw_ns;
	__le64	real_ns;
	__le32	error_ns;
	__le32	reserved[6];
	__le32	seq;
};
PV_ASSERT_SIZE(pvclock_cqe, 1 << PVCLOCK_CQE_SHIFT);

#endif /* _UAPI_PV_CLOCK_H */
