/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The files in which a guest's memory may be: opened, and searched for its proofs.
 */
#ifndef HOSTD_RAM_FILE_H
#define HOSTD_RAM_FILE_H

#include "balloon/ram.h"

#define HOSTD_RAM_FILES_MAX	16

#define HOSTD_RAM_MAPS_MAX	8

/**
 * struct hostd_ram_map - a part of a file that QEMU has mapped
 * @off: its first byte
 * @len: bytes
 */
struct hostd_ram_map {
	uint64_t off;
	uint64_t len;
};

/**
 * struct hostd_ram_file - a file that may be the guest's memory
 * @fd: the file
 * @size: bytes
 * @dev: device of the file
 * @ino: number of the file
 * @nr_maps: parts that QEMU has mapped: the rest is not the guest's
 * @maps: those
 * @name: for messages
 */
struct hostd_ram_file {
	int fd;
	uint64_t size;
	dev_t dev;
	ino_t ino;
	unsigned int nr_maps;
	struct hostd_ram_map maps[HOSTD_RAM_MAPS_MAX];
	char name[96];
};

/**
 * struct hostd_ram_files - all of them
 * @nr: their number
 * @until_ms: when to search no longer, of hostd_now_ms()
 * @all: the files
 */
struct hostd_ram_files {
	unsigned int nr;
	uint64_t until_ms;
	struct hostd_ram_file all[HOSTD_RAM_FILES_MAX];
};

/**
 * struct hostd_ram_extent - a proven region, or what of it QEMU has mapped
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
 * @extent: gets the region, cut to what is mapped
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
 * @extent: gets the region, cut to what is mapped
 *
 * Return: 0 or -ENOENT.
 */
int hostd_ram_find(const struct hostd_ram_files *files, const struct hostd_ram_range *region,
		   const uint8_t *nonce, struct hostd_ram_extent *extent);

/**
 * hostd_ram_search - find a region anywhere in the first 8 GiB of what is mapped, in steps of 1 MiB
 * @files: where to look
 * @region: what to look for
 * @nonce: what the page at its proof begins with
 * @extent: gets the region, cut to what is mapped
 *
 * Return: 0 or -ENOENT.
 */
int hostd_ram_search(const struct hostd_ram_files *files, const struct hostd_ram_range *region,
		     const uint8_t *nonce, struct hostd_ram_extent *extent);

#endif /* HOSTD_RAM_FILE_H */
