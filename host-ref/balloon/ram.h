/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The helper that holds the guest's memory as a file, and what a worker asks of it.
 *
 * A SOCK_SEQPACKET pair, of which the worker has the other end: struct hostd_ram_request with
 * its ranges, answered by struct hostd_ram_reply, in order. Same machine, same program: native
 * byte order.
 */
#ifndef HOSTD_RAM_H
#define HOSTD_RAM_H

#include <stdint.h>
#include <sys/types.h>

#include <pv/balloon.h>

/* Operations. */
#define HOSTD_RAM_PROVE		0	/* find regions in the file */
#define HOSTD_RAM_PUNCH		1	/* free ranges in it */

#define HOSTD_RAM_RANGES_MAX	PVBALLOON_RANGES_MAX
#define HOSTD_RAM_TEXT_LEN	256

/**
 * struct hostd_ram_range - a range or region
 * @addr: guest-physical address of its first byte
 * @len: bytes
 * @proof: of a region: address of the page that begins with the nonce, 4096 bytes inside of it
 */
struct hostd_ram_range {
	uint64_t addr;
	uint64_t len;
	uint64_t proof;
};

/**
 * struct hostd_ram_request - a request, without its ranges
 * @tag: repeated by the reply
 * @session: another number: forget the regions of the last one
 * @op: HOSTD_RAM_*
 * @nr: ranges that follow
 * @nonce: PROVE: of this epoch
 */
struct hostd_ram_request {
	uint64_t tag;
	uint64_t session;
	uint32_t op;
	uint32_t nr;
	uint8_t nonce[PVBALLOON_NONCE_LEN];
};

/**
 * struct hostd_ram_message - a request; what is sent ends after @rq.nr ranges
 * @rq: what is asked
 * @ranges: for what
 */
struct hostd_ram_message {
	struct hostd_ram_request rq;
	struct hostd_ram_range ranges[HOSTD_RAM_RANGES_MAX];
};

/**
 * struct hostd_ram_reply - the answer to a request
 * @tag: of the request
 * @punched: bytes that were freed, or were free
 * @proven: bytes of all proven regions
 * @resident: bytes that the file or files of proven regions occupy
 * @size: their size
 * @level: HOSTD_LOG_* of @text
 * @failed: a bit for each range that could not be freed or region that was not found, by its
 *	place in the request
 * @text: one line about the file, or about why there is none
 */
struct hostd_ram_reply {
	uint64_t tag;
	uint64_t punched;
	uint64_t proven;
	uint64_t resident;
	uint64_t size;
	uint32_t level;
	uint64_t failed[HOSTD_RAM_RANGES_MAX / 64];
	char text[HOSTD_RAM_TEXT_LEN];
};

/**
 * struct hostd_ram_options - what a helper is told at its start
 * @qemu: process of QEMU
 * @ram: path of the file; "auto": one that QEMU has mapped
 * @granule: largest page that the file may have, bytes
 * @window_ino: the file that is the window, not memory
 * @window_dev: device of that
 */
struct hostd_ram_options {
	pid_t qemu;
	const char *ram;
	uint32_t granule;
	ino_t window_ino;
	dev_t window_dev;
};

/**
 * hostd_ram_serve - be the helper until the worker is gone
 * @fd: end of the connection to the worker
 * @opt: what it is told
 *
 * Opens the file when a region is asked for the first time, because QEMU makes its memory after it
 * has connected to us; from then on it is in a sandbox.
 *
 * Return: exit status: 0 when the worker is gone, 1 when it sends nonsense.
 */
int hostd_ram_serve(int fd, const struct hostd_ram_options *opt);

/**
 * hostd_ram_main - what "pvhostd --helper balloon" runs
 * @argc: 4
 * @argv: @qemu, @ram, @granule, "device:inode" of the window
 *
 * Return: exit status.
 */
int hostd_ram_main(int argc, char **argv);

#endif /* HOSTD_RAM_H */
