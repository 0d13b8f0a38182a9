/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a guest has given: the regions that its balloon's driver told, and each page in them that
 * it gave. Rules BALLOON-D2, D4 and G2; no I/O.
 */
#ifndef HOSTD_GIVEN_H
#define HOSTD_GIVEN_H

#include <stdbool.h>
#include <stdint.h>

#include <pv/balloon.h>

/* Pages are noted in chunks of 1 GiB, which need 32 KiB each while something in them is given. */
#define HOSTD_GIVEN_CHUNK_PAGES	(1U << (30 - PVBALLOON_PAGE_SHIFT))
/* A guest has no more memory than this, or lies: 4 TiB, for which the notes need 128 MiB. */
#define HOSTD_GIVEN_CHUNKS_MAX	4096
#define HOSTD_GIVEN_BUCKETS	1024

/**
 * struct hostd_given_region - a region
 * @addr: its first byte
 * @len: bytes; @addr + @len is at most 2^64
 * @proven: the device side knows where it is
 */
struct hostd_given_region {
	uint64_t addr;
	uint64_t len;
	bool proven;
};

/**
 * struct hostd_given - the notes
 * @granule: addresses and lengths of ranges are multiples of it
 * @nr_regions: regions told
 * @regions: the regions
 * @nr_pages: pages given
 * @nr_chunks: chunks in which something is given
 * @chunks: those, by number
 */
struct hostd_given {
	uint32_t granule;
	unsigned int nr_regions;
	struct hostd_given_region regions[PVBALLOON_REGIONS_MAX];
	uint64_t nr_pages;
	unsigned int nr_chunks;
	struct hostd_given_chunk *chunks[HOSTD_GIVEN_BUCKETS];
};

/**
 * hostd_given_reset - forget all regions and what was given
 * @g: the notes; all zero but @granule at first
 */
void hostd_given_reset(struct hostd_given *g);

/**
 * hostd_given_tell - note a region (BALLOON-D2)
 * @g: the notes
 * @addr: its first byte
 * @len: bytes
 *
 * The one that is told again in the same place, because it was not proven, replaces itself.
 *
 * Return: PVBALLOON_S_OK; the region is noted, and not proven. PVBALLOON_S_OUTSIDE or
 * PVBALLOON_S_REFUSED; nothing is noted.
 */
uint32_t hostd_given_tell(struct hostd_given *g, uint64_t addr, uint64_t len);

/**
 * hostd_given_prove - note that a region is proven
 * @g: the notes
 * @addr: first byte of a region that was told
 */
void hostd_given_prove(struct hostd_given *g, uint64_t addr);

/**
 * hostd_given_inflate - note that a range is given (BALLOON-D4)
 * @g: the notes
 * @addr: its first byte
 * @nr_pages: its length in units of 4096 bytes
 *
 * Return: PVBALLOON_S_OK, _OUTSIDE, _TWICE, or _REFUSED when the notes would grow beyond
 * their bound; nothing is noted unless it is OK.
 */
uint32_t hostd_given_inflate(struct hostd_given *g, uint64_t addr, uint32_t nr_pages);

/**
 * hostd_given_deflate - note that a range was taken back (BALLOON-D4)
 * @g: the notes
 * @addr: its first byte
 * @nr_pages: its length in units of 4096 bytes
 *
 * Return: PVBALLOON_S_OK, _OUTSIDE or _UNKNOWN; nothing is noted unless it is OK.
 */
uint32_t hostd_given_deflate(struct hostd_given *g, uint64_t addr, uint32_t nr_pages);

/**
 * hostd_given_report - may a range be reported as free (BALLOON-D4)
 * @g: the notes
 * @addr: its first byte
 * @nr_pages: its length in units of 4096 bytes
 *
 * Return: PVBALLOON_S_OK, _OUTSIDE or _TWICE.
 */
uint32_t hostd_given_report(const struct hostd_given *g, uint64_t addr, uint32_t nr_pages);

/**
 * hostd_given_forget - the device side could not take a range: it is the driver's again
 * @g: the notes
 * @addr: its first byte
 * @nr_pages: its length in units of 4096 bytes, some of which may not be given any more
 */
void hostd_given_forget(struct hostd_given *g, uint64_t addr, uint32_t nr_pages);

#endif /* HOSTD_GIVEN_H */
