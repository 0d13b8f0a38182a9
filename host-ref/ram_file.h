/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The files in which a guest's memory may be: opened, and searched for its proofs.
 */
#ifndef HOSTD_RAM_FILE_H
#define HOSTD_RAM_FILE_H

#include "ram.h"

#define HOSTD_RAM_FILES_MAX	16

/**
 * struct hostd_ram_file - a file that may be the guest's memory
 * @fd: the file
 * @size: bytes
 * @dev: device of the file
 * @ino: number of the file
 * @name: for messages
 */
struct hostd_ram_file {
	int fd;
	uint64_t size;
	dev_t dev;
	ino_t ino;
	char name[96];
};

/**
 * struct hostd_ram_files - all of them
 * @nr: their number
 * @all: the files
 */
struct hostd_ram_files {
	unsigned int nr;
	struct hostd_ram_file all[HOSTD_RAM_FILES_MAX];
};

/**
 * struct hostd_ram_extent - a proven region, or what of it lies in the file
 * @file: index of the file
 * @addr: guest-physical address of its first byte
 * @len: bytes
 * @off: its place in the file
 */
struct hostd_ram_extent {
	unsigned int file;
	uint64_t addr;
	uint64_t len;
	uint64_t off;
};

/**
 * hostd_ram_open - open the files in which the guest's memory may be
 * @files: gets them; empty before
 * @opt: where to look
 * @text: gets one line when there is none, HOSTD_RAM_TEXT_LEN bytes
 *
 * Return: 0; -errno if there is none, and @files stays empty.
 */
int hostd_ram_open(struct hostd_ram_files *files, const struct hostd_ram_options *opt, char *text);

/**
 * hostd_ram_continue - is a region at the same distance as one that is proven (BALLOON-D1)
 * @files: where to look
 * @region: what to look for
 * @nonce: what the page at its proof begins with
 * @near: the one that is proven
 * @extent: gets the region, cut to the file
 *
 * Return: 0 or -ENOENT.
 */
int hostd_ram_continue(const struct hostd_ram_files *files, const struct hostd_ram_range *region,
		       const uint8_t *nonce, const struct hostd_ram_extent *near,
		       struct hostd_ram_extent *extent);

/**
 * hostd_ram_find - find a region where machines are known to have it (BALLOON-D1)
 * @files: where to look
 * @region: what to look for; its proof is a page of it
 * @nonce: what the page at its proof begins with
 * @extent: gets the region, cut to the file
 *
 * Return: 0 or -ENOENT.
 */
int hostd_ram_find(const struct hostd_ram_files *files, const struct hostd_ram_range *region,
		   const uint8_t *nonce, struct hostd_ram_extent *extent);

/**
 * hostd_ram_search - find a region anywhere in the first 8 GiB of a file, in steps of 1 MiB
 * @files: where to look
 * @region: what to look for
 * @nonce: what the page at its proof begins with
 * @extent: gets the region, cut to the file
 *
 * Return: 0 or -ENOENT.
 */
int hostd_ram_search(const struct hostd_ram_files *files, const struct hostd_ram_range *region,
		     const uint8_t *nonce, struct hostd_ram_extent *extent);

#endif /* HOSTD_RAM_FILE_H */
