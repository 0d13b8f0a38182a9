/* SPDX-License-Identifier: ((GPL-2.0-only WITH Linux-syscall-note) OR BSD-3-Clause) */
/*
 * The pvkit window: header, device table, commands and negotiation.
 *
 * The window starts with pages that only the device side writes (header, device
 * table, config areas), then pages that only the driver side writes (driver
 * header, driver slots), then the space, which the driver divides as it likes
 * among queues and data buffers. All places are byte offsets from the start of
 * the window.
 *
 * Documentation/abi/bus.md is the normative text.
 */
#ifndef _UAPI_PV_BUS_H
#define _UAPI_PV_BUS_H

#include "abi.h"

/* "PVKITWIN", read as a little-endian 64-bit number. */
#define PVBUS_MAGIC		0x4e495754494b5650ULL

#define PVBUS_MAX_DEVICES	64
#define PVBUS_MAX_QUEUES	64	/* per device */
#define PVBUS_CONFIG_MAX	PV_PAGE_SIZE

/* Bus features: bit numbers. */
#define PVBUS_F_REPLACES	0	/* devices may replace emulated PCI functions (PVBUS_DEV_REPLACES) */

/* Device types. Never reused. */
#define PVBUS_T_BLK		1
#define PVBUS_T_NET		2
#define PVBUS_T_CLOCK		3
#define PVBUS_T_BALLOON		4

/* Device status, in pvbus_device_entry.status. */
#define PVBUS_S_ABSENT		0	/* the slot is free */
#define PVBUS_S_RESET		1	/* present, no driver */
#define PVBUS_S_FEATURES_OK	2	/* features agreed, queues not running */
#define PVBUS_S_RUNNING		3	/* queues running */
#define PVBUS_S_BROKEN		4	/* the driver broke the ABI; reset to recover */

/* Flags, in pvbus_device_entry.flags. */
#define PVBUS_DEV_REMOVE	0x1	/* the operator wants the device gone: unbind and reset */
#define PVBUS_DEV_REPLACES	0x2	/* .replaces names an emulated PCI function */
#define PVBUS_DEV_NOT_READY	0x4	/* present, but cannot be served now: keep it, and wait */

/* Commands, in pvbus_cmd.op. */
#define PVBUS_CMD_HELLO		1	/* bus: a driver is here; resets every device */
#define PVBUS_CMD_BYE		2	/* bus: the driver leaves; resets every device */
#define PVBUS_CMD_RESET		3	/* device: stop, drain, forget queues and features */
#define PVBUS_CMD_FEATURES	4	/* device: take the features of the driver slot */
#define PVBUS_CMD_START		5	/* device: take the queues of the driver slot, and run */

/* Results, in pvbus_ack.result. */
#define PVBUS_R_OK		0
#define PVBUS_R_VERSION		1	/* version not in [version_min, version_max] */
#define PVBUS_R_REFUSED		2	/* this build of the driver is known to be bad */
#define PVBUS_R_FEATURES	3	/* not a subset of the offer, or a needed one missing */
#define PVBUS_R_QUEUES		4	/* a queue is misplaced, of a bad size or shape */
#define PVBUS_R_STATE		5	/* the command does not fit the device's status */
#define PVBUS_R_OP		6	/* no such command */
#define PVBUS_R_GENERATION	7	/* the slot has another device by now */

/**
 * struct pvbus_cmd - a command from the driver
 * @epoch: the epoch in which it is meant; in any other it is void
 * @op: PVBUS_CMD_*
 * @seq: 0 while the command is being written, then, last, its number: not 0, not the
 *	last one, and not the value of the last acknowledgement
 */
struct pvbus_cmd {
	__le64	epoch;
	__le32	op;
	__le32	seq;
};
PV_ASSERT_SIZE(pvbus_cmd, 16);

/**
 * struct pvbus_ack - the device's answer to a command
 * @epoch: the epoch of the command
 * @result: PVBUS_R_*
 * @seq: written last: that of the command; 0 at the start of an epoch
 */
struct pvbus_ack {
	__le64	epoch;
	__le32	result;
	__le32	seq;
};
PV_ASSERT_SIZE(pvbus_ack, 16);

/**
 * struct pvbus_header - at offset 0 of the window, written by the device side
 * @magic: PVBUS_MAGIC
 * @epoch: number of this life of the device side; 0 while the header is being
 *	written; never the number of any earlier life of this or another host
 * @window_len: bytes
 * @version_min: lowest PV_ABI_VERSION served
 * @version_max: highest PV_ABI_VERSION served
 * @table_off: place of the device table: pvbus_device_entry[table_nr]
 * @table_nr: slots, at most PVBUS_MAX_DEVICES
 * @nr_vectors: interrupt vectors, and doorbell vectors, at least 1
 * @drv_off: place of pvbus_driver_header, then pvbus_driver_slot[table_nr]
 * @space_off: start of the space that the driver manages
 * @space_len: its length in bytes
 * @peer: doorbell peer number of the device side
 * @heartbeat_ms: upper bound of the time between two beats, 1 to 1000
 * @features: bus features offered, 128 bits
 * @uuid: identity of this window, for people; survives restarts
 * @ident: name and version of the device side, NUL-terminated text
 * @reserved0: 0
 * @table_seq: changes after a device comes, goes, or gets other flags
 * @reserved1: 0
 * @heartbeat: grows with every beat
 * @reserved2: 0
 * @ack: answer to the command in the driver header
 * @reserved3: 0
 */
struct pvbus_header {
	__le64	magic;
	__le64	epoch;
	__le64	window_len;
	__le32	version_min;
	__le32	version_max;
	__le64	table_off;
	__le32	table_nr;
	__le32	nr_vectors;
	__le64	drv_off;
	__le64	space_off;
	__le64	space_len;
	__le32	peer;
	__le32	heartbeat_ms;
	__le64	features[2];
	__u8	uuid[16];
	__u8	ident[64];
	__le64	reserved0[2];

	__le32	table_seq;
	__le32	reserved1[15];

	__le64	heartbeat;
	__le64	reserved2[7];

	struct pvbus_ack ack;
	__le64	reserved3[6];
};
PV_ASSERT_SIZE(pvbus_header, 384);
PV_ASSERT_OFFSET(pvbus_header, table_seq, 192);
PV_ASSERT_OFFSET(pvbus_header, heartbeat, 256);
PV_ASSERT_OFFSET(pvbus_header, ack, 320);

/**
 * struct pvbus_device_entry - one slot of the device table, written by the device side
 * @uuid: identity of the device; survives restarts
 * @type: PVBUS_T_*
 * @status: PVBUS_S_*
 * @generation: changes whenever the slot gets another device, and stays when it goes
 * @flags: PVBUS_DEV_*; 0 when the slot is free
 * @features: features offered, 128 bits; the meaning of a bit is the type's
 * @config_off: place of the config area
 * @config_len: its length in bytes, at most PVBUS_CONFIG_MAX
 * @config_seq: odd while the config area is being written; changes with it
 * @max_queues: at most PVBUS_MAX_QUEUES
 * @max_queue_size: entries, a power of two, at most PVRING_SIZE_MAX
 * @replaces: emulated PCI function that this device replaces:
 *	segment << 16 | bus << 8 | device << 3 | function; valid with PVBUS_DEV_REPLACES
 * @reserved0: 0
 * @name: the operator's name of the device, NUL-terminated text
 * @reserved1: 0
 * @ack: answer to the command in the driver slot
 * @reserved2: 0
 */
struct pvbus_device_entry {
	__u8	uuid[16];
	__le32	type;
	__le32	status;
	__le32	generation;
	__le32	flags;
	__le64	features[2];
	__le64	config_off;
	__le32	config_len;
	__le32	config_seq;
	__le32	max_queues;
	__le32	max_queue_size;
	__le32	replaces;
	__le32	reserved0;
	__u8	name[32];
	__le64	reserved1[10];
	struct pvbus_ack ack;
	__le64	reserved2[6];
};
PV_ASSERT_SIZE(pvbus_device_entry, 256);
PV_ASSERT_OFFSET(pvbus_device_entry, features, 32);
PV_ASSERT_OFFSET(pvbus_device_entry, config_off, 48);
PV_ASSERT_OFFSET(pvbus_device_entry, ack, 192);

/**
 * struct pvbus_driver_header - first structure of the driver's pages
 * @cmd: PVBUS_CMD_HELLO or PVBUS_CMD_BYE
 * @version: the PV_ABI_VERSION that the driver takes
 * @reserved0: 0
 * @features: bus features taken, 128 bits
 * @ident: name and version of the driver, NUL-terminated text
 * @kernel: release of the guest's kernel, NUL-terminated text
 * @reserved1: 0
 */
struct pvbus_driver_header {
	struct pvbus_cmd cmd;
	__le32	version;
	__le32	reserved0;
	__le64	features[2];
	__u8	ident[64];
	__u8	kernel[64];
	__le64	reserved1[11];
};
PV_ASSERT_SIZE(pvbus_driver_header, 256);

/**
 * struct pvbus_driver_slot - the driver's side of one slot of the device table
 * @cmd: PVBUS_CMD_RESET, _FEATURES or _START
 * @features: features taken (FEATURES)
 * @generation: pvbus_device_entry.generation that the command is meant for
 * @nr_queues: number of queues (START)
 * @queues_off: place, in the space, of pvbus_queue_desc[nr_queues] (START)
 * @reserved: 0
 */
struct pvbus_driver_slot {
	struct pvbus_cmd cmd;
	__le64	features[2];
	__le32	generation;
	__le32	nr_queues;
	__le64	queues_off;
	__le64	reserved[10];
};
PV_ASSERT_SIZE(pvbus_driver_slot, 128);

/**
 * struct pvbus_queue_desc - one queue, as the driver lays it out in the space
 * @drv_off: place of the driver area, page aligned
 * @dev_off: place of the device area, page aligned
 * @data_off: start of the extent that holds the queue's data buffers
 * @data_len: its length in bytes; may be 0
 * @size: entries of each ring, a power of two
 * @irq_vector: vector that the device raises
 * @kick_vector: doorbell vector that the driver rings
 * @sqe_shift: log2 of the bytes of a submission entry
 * @cqe_shift: log2 of the bytes of a completion entry
 * @reserved: 0
 */
struct pvbus_queue_desc {
	__le64	drv_off;
	__le64	dev_off;
	__le64	data_off;
	__le64	data_len;
	__le32	size;
	__le16	irq_vector;
	__le16	kick_vector;
	__u8	sqe_shift;
	__u8	cqe_shift;
	__u8	reserved[22];
};
PV_ASSERT_SIZE(pvbus_queue_desc, 64);

/* Vector 0 carries commands, epoch, device table and config changes. */
#define PVBUS_VECTOR_BUS	0

#endif /* _UAPI_PV_BUS_H */
