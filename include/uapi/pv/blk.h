/* SPDX-License-Identifier: ((GPL-2.0-only WITH Linux-syscall-note) OR BSD-3-Clause) */
/*
 * The pvkit block device: config area, features, requests.
 *
 * Documentation/abi/blk.md is the normative text.
 */
#ifndef _UAPI_PV_BLK_H
#define _UAPI_PV_BLK_H

#include "abi.h"

/* Feature bits. */
#define PVBLK_F_RO		0	/* the medium is read-only */
#define PVBLK_F_FLUSH		1	/* volatile write cache; PVBLK_OP_FLUSH is served */
#define PVBLK_F_FUA		2	/* PVBLK_RQ_FUA is served */
#define PVBLK_F_DISCARD		3	/* PVBLK_OP_DISCARD is served */
#define PVBLK_F_WRITE_ZEROES	4	/* PVBLK_OP_WRITE_ZEROES is served */
#define PVBLK_F_UNMAP		5	/* PVBLK_RQ_UNMAP may be set on write zeroes */
#define PVBLK_F_SWITCH_RO	6	/* pvblk_config.flags has PVBLK_CFG_RO, which may change */

/* Flags of the config area. */
#define PVBLK_CFG_RO		0x1	/* writes are refused for now */

/* Operations. */
#define PVBLK_OP_READ		0
#define PVBLK_OP_WRITE		1
#define PVBLK_OP_FLUSH		2
#define PVBLK_OP_DISCARD	3
#define PVBLK_OP_WRITE_ZEROES	4

/* Request flags. */
#define PVBLK_RQ_FUA		0x01	/* write: durable when completed */
#define PVBLK_RQ_UNMAP		0x02	/* write zeroes: may deallocate */

/* Completion status. */
#define PVBLK_S_OK		0
#define PVBLK_S_IOERR		1	/* the medium failed */
#define PVBLK_S_NOSPC		2	/* the back end has no space left */
#define PVBLK_S_UNSUPP		3	/* operation or flag not served */
#define PVBLK_S_RANGE		4	/* beyond the capacity, as after a shrink */
#define PVBLK_S_RDONLY		5	/* write to a read-only medium, or one that is so for now */

#define PVBLK_SECTOR_SHIFT	9
#define PVBLK_SQE_SHIFT		6
#define PVBLK_CQE_SHIFT		4

/**
 * struct pvblk_config - config area of a block device
 * @capacity: 512-byte sectors
 * @logical_block: bytes, a power of two from 512 to 4096
 * @physical_block: bytes, a power of two, at least @logical_block
 * @io_min: preferred smallest request in bytes; 0: not known
 * @io_opt: preferred request in bytes; 0: not known
 * @max_io: most data bytes of one request, a multiple of 4096, at least 4096
 * @discard_granularity: bytes; 0: one logical block
 * @max_discard_sectors: most 512-byte sectors of one discard; 0 without PVBLK_F_DISCARD
 * @max_write_zeroes_sectors: most 512-byte sectors of one write zeroes; 0 without
 *	PVBLK_F_WRITE_ZEROES
 * @flags: PVBLK_CFG_*; 0 without PVBLK_F_SWITCH_RO
 * @reserved0: 0
 * @serial: NUL-terminated text; identity of the medium
 * @reserved1: 0
 */
struct pvblk_config {
	__le64	capacity;
	__le32	logical_block;
	__le32	physical_block;
	__le32	io_min;
	__le32	io_opt;
	__le32	max_io;
	__le32	discard_granularity;
	__le32	max_discard_sectors;
	__le32	max_write_zeroes_sectors;
	__le32	flags;
	__le32	reserved0;
	__u8	serial[48];
	__le64	reserved1[4];
};
PV_ASSERT_SIZE(pvblk_config, 128);
PV_ASSERT_OFFSET(pvblk_config, serial, 48);

/**
 * struct pvblk_sqe - a request
 * @id: echoed in the completion; unique among the outstanding of the queue
 * @op: PVBLK_OP_*
 * @flags: PVBLK_RQ_*
 * @reserved0: 0
 * @sector: first 512-byte sector
 * @nr_sectors: length in 512-byte sectors; 0 for a flush
 * @reserved1: 0
 * @data_off: read and write: place of nr_sectors * 512 bytes in the queue's data extent
 * @reserved2: 0
 * @seq: sequence word
 */
struct pvblk_sqe {
	__le32	id;
	__u8	op;
	__u8	flags;
	__le16	reserved0;
	__le64	sector;
	__le32	nr_sectors;
	__le32	reserved1;
	__le64	data_off;
	__le32	reserved2[7];
	__le32	seq;
};
PV_ASSERT_SIZE(pvblk_sqe, 1 << PVBLK_SQE_SHIFT);
PV_ASSERT_OFFSET(pvblk_sqe, seq, 60);

/**
 * struct pvblk_cqe - a completion
 * @id: that of the request
 * @status: PVBLK_S_*
 * @reserved: 0
 * @seq: sequence word
 */
struct pvblk_cqe {
	__le32	id;
	__le32	status;
	__le32	reserved;
	__le32	seq;
};
PV_ASSERT_SIZE(pvblk_cqe, 1 << PVBLK_CQE_SHIFT);

#endif /* _UAPI_PV_BLK_H */
