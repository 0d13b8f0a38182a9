/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pcapng, as far as captures of frames need it (draft-ietf-opsawg-pcapng).
 *
 * A file is a sequence of blocks: type, length, what is in it, and its length again; each a multiple of 4
 * bytes. All is in the order of the machine that writes, which the first block says.
 */
#ifndef HOSTD_PCAPNG_H
#define HOSTD_PCAPNG_H

#include <stdint.h>

/* Types of blocks. */
#define PCAPNG_SECTION		0x0a0d0d0a
#define PCAPNG_INTERFACE	1
#define PCAPNG_STATISTICS	5
#define PCAPNG_PACKET		6

#define PCAPNG_MAGIC		0x1a2b3c4d
#define PCAPNG_ETHERNET		1	/* LINKTYPE_ETHERNET */

/* Options, which end with code 0. */
#define PCAPNG_OPT_NAME		2	/* of an interface */
#define PCAPNG_OPT_TSRESOL	9
#define PCAPNG_OPT_FLAGS	2	/* of a packet */
#define PCAPNG_OPT_DROPCOUNT	4
#define PCAPNG_OPT_IFRECV	4	/* of statistics */
#define PCAPNG_OPT_IFDROP	5

#define PCAPNG_INBOUND		1
#define PCAPNG_OUTBOUND		2

/* The longest block that is written. */
#define PCAPNG_BLOCK_MAX	(128U << 10)

/* How each block begins. */
struct pcapng_head {
	uint32_t type;
	uint32_t len;
};

struct pcapng_section {
	struct pcapng_head head;
	uint32_t magic;
	uint16_t major;
	uint16_t minor;
	uint32_t rest[2];	/* length of the section: unknown */
};

struct pcapng_interface {
	struct pcapng_head head;
	uint16_t link_type;
	uint16_t reserved;
	uint32_t snaplen;
};

struct pcapng_packet {
	struct pcapng_head head;
	uint32_t interface;
	uint32_t time_high;
	uint32_t time_low;
	uint32_t captured;
	uint32_t len;
};

struct pcapng_statistics {
	struct pcapng_head head;
	uint32_t interface;
	uint32_t time_high;
	uint32_t time_low;
};

struct pcapng_option {
	uint16_t code;
	uint16_t len;
};

_Static_assert(sizeof(struct pcapng_section) == 24, "without padding");
_Static_assert(sizeof(struct pcapng_interface) == 16, "without padding");
_Static_assert(sizeof(struct pcapng_packet) == 28, "without padding");
_Static_assert(sizeof(struct pcapng_statistics) == 20, "without padding");

#endif /* HOSTD_PCAPNG_H */
