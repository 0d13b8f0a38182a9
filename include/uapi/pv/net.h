/* SPDX-License-Identifier: ((GPL-2.0-only WITH Linux-syscall-note) OR BSD-3-Clause) */
/*
 * The pvkit network device: config area, features, frames, and what the driver wants.
 *
 * Documentation/abi/net.md is the normative text.
 */
#ifndef _UAPI_PV_NET_H
#define _UAPI_PV_NET_H

#include "abi.h"

/* Feature bits. First what the device takes, then what the driver takes. */
#define PVNET_F_CSUM		0	/* the device takes partial checksums */
#define PVNET_F_TSO4		1	/* and TCP over IPv4 to be segmented */
#define PVNET_F_TSO6		2	/* and TCP over IPv6 */
#define PVNET_F_TSO_ECN		3	/* and TCP with CWR set */
#define PVNET_F_USO		4	/* and UDP over IPv4 and IPv6 */
#define PVNET_F_RX_CSUM		8	/* the driver takes partial checksums */
#define PVNET_F_RX_TSO4		9
#define PVNET_F_RX_TSO6		10
#define PVNET_F_RX_TSO_ECN	11
#define PVNET_F_RX_USO		12
#define PVNET_F_FILTER		16	/* addresses and VLANs are filtered */
#define PVNET_F_RSS		17	/* frames are spread by their hash */
#define PVNET_F_HASH		18	/* the hash is reported */

/* Bits of config.flags. */
#define PVNET_LINK_UP		0x0001

/* What is hashed: types of RSS, as bits. A frame has the first that fits it, from the last to the first. */
#define PVNET_HASH_IPV4		0x01
#define PVNET_HASH_IPV6		0x02
#define PVNET_HASH_TCPV4	0x04
#define PVNET_HASH_TCPV6	0x08
#define PVNET_HASH_UDPV4	0x10
#define PVNET_HASH_UDPV6	0x20

/* Queues: one of control, then pairs. */
#define PVNET_CTRL_QUEUE	0
#define PVNET_RX_QUEUE(pair)	(1 + 2 * (pair))
#define PVNET_TX_QUEUE(pair)	(2 + 2 * (pair))
#define PVNET_MAX_PAIRS		31

#define PVNET_CTRL_SQE_SHIFT	5
#define PVNET_RX_SQE_SHIFT	5
#define PVNET_TX_SQE_SHIFT	6
#define PVNET_CQE_SHIFT		4

/* Lengths of frames, in bytes. */
#define PVNET_FRAME_MIN		14	/* a header */
#define PVNET_FRAME_MAX		65553	/* a header with a VLAN tag, and 65535 */
#define PVNET_FRAME_OVERHEAD	22	/* most that a frame has beside its MTU: a header and two VLAN tags */
#define PVNET_FRAME_ALIGN	64	/* of frames in a receive buffer */

#define PVNET_MTU_MIN		68
#define PVNET_MTU_MAX		65535

/**
 * struct pvnet_config - config area of a network device
 * @mac: permanent address
 * @flags: PVNET_LINK_*
 * @speed_mbps: of the link; 0: not known
 * @mtu: what the operator wants it to be, PVNET_MTU_MIN to @max_mtu
 * @max_mtu: largest that the driver may set, at most PVNET_MTU_MAX
 * @max_frame: longest frame in bytes, either way: @max_mtu + PVNET_FRAME_OVERHEAD, or, with features of
 *	segmentation, more; at most PVNET_FRAME_MAX
 * @max_macs: most addresses of a filter; 0 without PVNET_F_FILTER
 * @rss_size: entries of the table of RSS, a power of two, at most PVNET_RSS_SIZE_MAX; 0 without
 *	PVNET_F_RSS
 * @hash_types: PVNET_HASH_* that the device knows; 0 without PVNET_F_RSS and PVNET_F_HASH
 * @reserved: 0
 */
struct pvnet_config {
	__u8	mac[6];
	__le16	flags;
	__le32	speed_mbps;
	__le32	mtu;
	__le32	max_mtu;
	__le32	max_frame;
	__le16	max_macs;
	__le16	rss_size;
	__le32	hash_types;
	__le64	reserved[4];
};
PV_ASSERT_SIZE(pvnet_config, 64);
PV_ASSERT_OFFSET(pvnet_config, hash_types, 28);

/* Bits of pvnet_offload.flags. */
#define PVNET_O_CSUM_PARTIAL	0x01	/* the checksum at csum_start + csum_offset is still to be completed */
#define PVNET_O_CSUM_VALID	0x02	/* device to driver: the checksums were found to be right */

/* pvnet_offload.gso_type. */
#define PVNET_GSO_NONE		0
#define PVNET_GSO_TCPV4		1
#define PVNET_GSO_TCPV6		2
#define PVNET_GSO_UDP		3	/* to be cut into datagrams of gso_size */
#define PVNET_GSO_ECN		0x80	/* with one of TCP: CWR is set */

/**
 * struct pvnet_offload - what is left to be done on a frame
 * @flags: PVNET_O_*
 * @gso_type: PVNET_GSO_*
 * @gso_size: bytes of payload in each segment; 0 with PVNET_GSO_NONE
 * @hdr_len: bytes of headers that each segment gets; a hint; 0 with PVNET_GSO_NONE
 * @csum_start: where the sum starts, from the start of the frame
 * @csum_offset: place of the checksum, from there
 * @reserved: 0
 */
struct pvnet_offload {
	__u8	flags;
	__u8	gso_type;
	__le16	gso_size;
	__le16	hdr_len;
	__le16	csum_start;
	__le16	csum_offset;
	__le16	reserved[3];
};
PV_ASSERT_SIZE(pvnet_offload, 16);

/**
 * struct pvnet_tx_sqe - a frame to be sent
 * @id: echoed in the completion; unique among the outstanding of the queue
 * @len: bytes of the frame
 * @data_off: place of the frame in the queue's data extent
 * @offload: what is left to be done
 * @reserved: 0
 * @seq: sequence word
 */
struct pvnet_tx_sqe {
	__le32	id;
	__le32	len;
	__le64	data_off;
	struct pvnet_offload offload;
	__le32	reserved[7];
	__le32	seq;
};
PV_ASSERT_SIZE(pvnet_tx_sqe, 1 << PVNET_TX_SQE_SHIFT);

/* pvnet_cqe.status of a frame. */
#define PVNET_S_OK		0	/* given to the back end */
#define PVNET_S_DROPPED		1	/* the back end did not take it, or the link is down */
#define PVNET_S_INVAL		2	/* what is left to be done makes no sense, or was not agreed */

/**
 * struct pvnet_cqe - completion of a frame sent, or of a command
 * @id: that of the submission
 * @status: PVNET_S_*
 * @reserved: 0
 * @seq: sequence word
 */
struct pvnet_cqe {
	__le32	id;
	__le32	status;
	__le32	reserved;
	__le32	seq;
};
PV_ASSERT_SIZE(pvnet_cqe, 1 << PVNET_CQE_SHIFT);

/**
 * struct pvnet_rx_sqe - a buffer to receive frames into
 * @id: echoed in the completion; unique among the outstanding of the queue
 * @len: bytes
 * @data_off: place in the queue's data extent, a multiple of PVNET_FRAME_ALIGN
 * @reserved: 0
 * @seq: sequence word
 */
struct pvnet_rx_sqe {
	__le32	id;
	__le32	len;
	__le64	data_off;
	__le32	reserved[3];
	__le32	seq;
};
PV_ASSERT_SIZE(pvnet_rx_sqe, 1 << PVNET_RX_SQE_SHIFT);

/**
 * struct pvnet_rx_cqe - frames received
 * @id: of the buffer
 * @used: bytes of it that hold frames with their headers
 * @nr_frames: how many
 * @seq: sequence word
 */
struct pvnet_rx_cqe {
	__le32	id;
	__le32	used;
	__le32	nr_frames;
	__le32	seq;
};
PV_ASSERT_SIZE(pvnet_rx_cqe, 1 << PVNET_CQE_SHIFT);

/**
 * struct pvnet_frame - header of a received frame, in the buffer before it
 * @len: bytes of the frame, which follows
 * @hash: if @hash_type is not 0
 * @hash_type: which hash it is, one of PVNET_HASH_*
 * @reserved: 0
 * @offload: what is left to be done
 *
 * Frames are packed: each header is at the next multiple of PVNET_FRAME_ALIGN after the frame before.
 */
struct pvnet_frame {
	__le32	len;
	__le32	hash;
	__le32	hash_type;
	__le32	reserved;
	struct pvnet_offload offload;
};
PV_ASSERT_SIZE(pvnet_frame, 32);

/* Operations of the control queue. */
#define PVNET_CTRL_SET		0	/* the data is a struct pvnet_settings */

/**
 * struct pvnet_ctrl_sqe - a command
 * @id: echoed in the completion; unique among the outstanding of the queue
 * @op: PVNET_CTRL_*
 * @data_off: place of its data in the queue's data extent, a multiple of 8
 * @len: bytes of the data
 * @reserved: 0
 * @seq: sequence word
 */
struct pvnet_ctrl_sqe {
	__le32	id;
	__le32	op;
	__le64	data_off;
	__le32	len;
	__le32	reserved[2];
	__le32	seq;
};
PV_ASSERT_SIZE(pvnet_ctrl_sqe, 1 << PVNET_CTRL_SQE_SHIFT);

/* Bits of pvnet_settings.mode. */
#define PVNET_M_UP		0x0001	/* frames are received */
#define PVNET_M_PROMISC		0x0002	/* all of them */
#define PVNET_M_ALLMULTI	0x0004	/* all with a group address */
#define PVNET_M_VLANS		0x0008	/* with a VLAN tag only those of vlans */
#define PVNET_M_HASH		0x0010	/* the hash is reported */
#define PVNET_M_RSS		0x0020	/* frames are spread by rss_table; else all come to pair 0, or as the host spreads them */

#define PVNET_RSS_KEY_LEN	40
#define PVNET_RSS_SIZE_MAX	128
#define PVNET_MACS_MAX		64
#define PVNET_VLANS_LEN		512	/* a bit for each of 4096 */

/**
 * struct pvnet_settings - all that the driver wants, besides what it has agreed
 * @mac: address
 * @mode: PVNET_M_*
 * @nr_pairs: pairs of queues in use, from pair 0 on
 * @nr_macs: entries of @macs
 * @mtu: longest packet without segmentation that is received
 * @offloads: PVNET_F_RX_* that may come now, as bits: among those agreed
 * @hash_types: PVNET_HASH_*
 * @reserved: 0
 * @rss_key: key of the Toeplitz hash
 * @rss_table: pair for each hash modulo pvnet_config.rss_size
 * @vlans: VLAN n is bit n % 8 of byte n / 8
 * @macs: further addresses, of single stations and of groups
 */
struct pvnet_settings {
	__u8	mac[6];
	__le16	mode;
	__le16	nr_pairs;
	__le16	nr_macs;
	__le32	mtu;
	__le64	offloads;
	__le32	hash_types;
	__le32	reserved;
	__u8	rss_key[40];
	__u8	rss_table[128];
	__u8	vlans[512];
	__u8	macs[64][6];
};
PV_ASSERT_SIZE(pvnet_settings, 1096);
PV_ASSERT_OFFSET(pvnet_settings, rss_key, 32);
PV_ASSERT(sizeof(((struct pvnet_settings *)0)->macs) == 6 * PVNET_MACS_MAX);

#endif /* _UAPI_PV_NET_H */
