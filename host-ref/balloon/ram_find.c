// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where in a file a region of the guest's memory is: where its proof is (BALLOON-D1).
 *
 * The distance between guest-physical address and place in the file is QEMU's choice. What
 * it chooses is tried first, for every file; the nonce decides.
 */
#include "balloon/ram_file.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "lib/util.h"

#define GIB		(1ULL << 30)
#define PAGE		4096
#define SEARCH_STEP	(1ULL << 20)
#define SEARCH_END	(8 * GIB)

/*
 * A PC has its memory from address 0 on, up to the hole below 4 GiB, and goes on with the next
 * byte of the file at 4 GiB. The hole begins at 3.5 GiB or 3 GiB (pc), 2.75 GiB or 2 GiB (q35),
 * or where max-ram-below-4g= says: QEMU, hw/i386/pc_piix.c:pc_init1() and
 * hw/i386/pc_q35.c:pc_q35_init(). The memory of arm's virt is at 1 GiB: hw/arm/virt.c:base_memmap.
 */
static const uint64_t distances[] = {
	0,
	4 * GIB - 0xe0000000,
	4 * GIB - 0xc0000000,
	4 * GIB - 0xb0000000,
	4 * GIB - 0x80000000,
	GIB,
};

/* The part of the file that has the page at @off. */
static const struct hostd_ram_map *find_map(const struct hostd_ram_file *file, uint64_t off)
{
	unsigned int i;

	for (i = 0; i < file->nr_maps; i++) {
		const struct hostd_ram_map *map = &file->maps[i];

		if (off >= map->off && off - map->off < map->len && map->len - (off - map->off) >= PAGE)
			return map;
	}
	return NULL;
}

static bool is_proof(const struct hostd_ram_file *file, uint64_t off, const uint8_t *nonce)
{
	uint8_t found[PVBALLOON_NONCE_LEN];

	if (off % PAGE || !find_map(file, off))
		return false;
	return pread(file->fd, found, sizeof(found), off) == sizeof(found) &&
	       !memcmp(found, nonce, sizeof(found));
}

/* The region with its proof at @off, cut to what QEMU has mapped there. */
static void make_extent(struct hostd_ram_extent *extent, const struct hostd_ram_file *file,
			const struct hostd_ram_range *region, uint64_t off)
{
	uint64_t before = region->proof - region->addr, after = region->len - before;
	const struct hostd_ram_map *map = find_map(file, off);

	if (before > off - map->off)
		before = off - map->off;
	if (after > map->len - (off - map->off))
		after = map->len - (off - map->off);
	extent->addr = region->proof - before;
	extent->len = before + after;
	extent->off = off - before;
}

static bool try_map(const struct hostd_ram_file *file, const struct hostd_ram_map *map,
		    const struct hostd_ram_range *region, const uint8_t *nonce,
		    struct hostd_ram_extent *extent)
{
	/* The last region may end where the memory ends. */
	uint64_t last = region->addr + region->len - map->len, off;
	unsigned int i, nr = sizeof(distances) / sizeof(distances[0]);

	for (i = 0; i <= nr; i++) {
		off = map->off + region->proof - (i < nr ? distances[i] : last);
		if (!is_proof(file, off, nonce))
			continue;
		make_extent(extent, file, region, off);
		return true;
	}
	return false;
}

static bool try_file(const struct hostd_ram_file *file, const struct hostd_ram_range *region,
		     const uint8_t *nonce, struct hostd_ram_extent *extent)
{
	unsigned int i;

	for (i = 0; i < file->nr_maps; i++) {
		if (try_map(file, &file->maps[i], region, nonce, extent))
			return true;
	}
	return false;
}

int hostd_ram_continue(const struct hostd_ram_files *files, const struct hostd_ram_range *region,
		       const uint8_t *nonce, const struct hostd_ram_extent *near,
		       struct hostd_ram_extent *extent)
{
	uint64_t off = region->proof - near->addr + near->off;

	if (!is_proof(&files->all[near->file], off, nonce))
		return -ENOENT;
	make_extent(extent, &files->all[near->file], region, off);
	extent->file = near->file;
	return 0;
}

int hostd_ram_find(const struct hostd_ram_files *files, const struct hostd_ram_range *region,
		   const uint8_t *nonce, struct hostd_ram_extent *extent)
{
	unsigned int i;

	for (i = 0; i < files->nr; i++) {
		if (!try_file(&files->all[i], region, nonce, extent))
			continue;
		extent->file = i;
		return 0;
	}
	return -ENOENT;
}

/* A file on a disk may take a while for each place: there is an end to that. */
static bool search_map(const struct hostd_ram_files *files, const struct hostd_ram_file *file,
		       const struct hostd_ram_map *map, const struct hostd_ram_range *region,
		       const uint8_t *nonce, struct hostd_ram_extent *extent)
{
	uint64_t at;

	for (at = region->proof % SEARCH_STEP; at < map->len && at < SEARCH_END; at += SEARCH_STEP) {
		if (hostd_now_ms() >= files->until_ms)
			return false;
		if (!is_proof(file, map->off + at, nonce))
			continue;
		make_extent(extent, file, region, map->off + at);
		return true;
	}
	return false;
}

int hostd_ram_search(const struct hostd_ram_files *files, const struct hostd_ram_range *region,
		     const uint8_t *nonce, struct hostd_ram_extent *extent)
{
	unsigned int i, m;

	for (i = 0; i < files->nr; i++) {
		const struct hostd_ram_file *file = &files->all[i];

		for (m = 0; m < file->nr_maps; m++) {
			if (!search_map(files, file, &file->maps[m], region, nonce, extent))
				continue;
			extent->file = i;
			return 0;
		}
	}
	return -ENOENT;
}
