// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a guest has given: the regions that its balloon's driver told, and each page in them that
 * it gave.
 *
 * A lie must neither use up memory nor time: a chunk without or full of given pages is known
 * by its count, so that of a range, however long, bits are looked at in two chunks at most; and what
 * the notes have no room for is refused before any are made.
 */
#include "balloon/given.h"

#include <stdlib.h>

#define WORD_BITS	64
#define CHUNK_WORDS	(HOSTD_GIVEN_CHUNK_PAGES / WORD_BITS)

/**
 * struct hostd_given_chunk - 1 GiB of guest-physical address space
 * @number: address / 1 GiB
 * @nr: pages given in it, more than 0
 * @bits: a bit for each page
 * @next: in its bucket
 */
struct hostd_given_chunk {
	uint64_t number;
	uint32_t nr;
	uint64_t bits[CHUNK_WORDS];
	struct hostd_given_chunk *next;
};

/**
 * struct part - the part of a range that is in one chunk
 * @number: of the chunk
 * @first: page in the chunk
 * @nr: pages; 0: there is no more
 */
struct part {
	uint64_t number;
	uint32_t first;
	uint32_t nr;
};

/* Cut the next part off a range of pages. */
static struct part next_part(uint64_t *page, uint64_t *nr_pages)
{
	struct part p = { *page / HOSTD_GIVEN_CHUNK_PAGES, *page % HOSTD_GIVEN_CHUNK_PAGES, 0 };

	p.nr = HOSTD_GIVEN_CHUNK_PAGES - p.first;
	if (p.nr > *nr_pages)
		p.nr = *nr_pages;
	*page += p.nr;
	*nr_pages -= p.nr;
	return p;
}

static struct hostd_given_chunk *find_chunk(const struct hostd_given *g, uint64_t number)
{
	struct hostd_given_chunk *c = g->chunks[number % HOSTD_GIVEN_BUCKETS];

	while (c && c->number != number)
		c = c->next;
	return c;
}

static void free_chunk(struct hostd_given *g, struct hostd_given_chunk *chunk)
{
	struct hostd_given_chunk **link = &g->chunks[chunk->number % HOSTD_GIVEN_BUCKETS];

	while (*link != chunk)
		link = &(*link)->next;
	*link = chunk->next;
	g->nr_chunks--;
	free(chunk);
}

static struct hostd_given_chunk *get_chunk(struct hostd_given *g, uint64_t number)
{
	struct hostd_given_chunk *c = find_chunk(g, number), **bucket;

	if (c)
		return c;
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	bucket = &g->chunks[number % HOSTD_GIVEN_BUCKETS];
	c->number = number;
	c->next = *bucket;
	*bucket = c;
	g->nr_chunks++;
	return c;
}

/* The bits of the word at @first that belong to @nr bits from there on. */
static uint64_t mask_of(uint32_t first, uint32_t nr)
{
	uint64_t mask = nr < WORD_BITS ? (1ULL << nr) - 1 : ~0ULL;

	return mask << first % WORD_BITS;
}

/* How many bits are in the word at @first, at most @nr. */
static uint32_t step_of(uint32_t first, uint32_t nr)
{
	uint32_t rest = WORD_BITS - first % WORD_BITS;

	return nr < rest ? nr : rest;
}

static uint32_t count(const struct hostd_given_chunk *c, const struct part *p)
{
	uint32_t first = p->first, left = p->nr, sum = 0, step;

	if (!c || c->nr == HOSTD_GIVEN_CHUNK_PAGES || p->nr == HOSTD_GIVEN_CHUNK_PAGES)
		return !c ? 0 : c->nr < p->nr ? c->nr : p->nr;
	for (; left; first += step, left -= step) {
		step = step_of(first, left);
		sum += __builtin_popcountll(c->bits[first / WORD_BITS] & mask_of(first, step));
	}
	return sum;
}

static void set(struct hostd_given_chunk *c, const struct part *p)
{
	uint32_t first = p->first, left = p->nr, step;

	for (; left; first += step, left -= step) {
		step = step_of(first, left);
		c->bits[first / WORD_BITS] |= mask_of(first, step);
	}
}

static void clear(struct hostd_given_chunk *c, const struct part *p)
{
	uint32_t first = p->first, left = p->nr, step;

	for (; left; first += step, left -= step) {
		step = step_of(first, left);
		c->bits[first / WORD_BITS] &= ~mask_of(first, step);
	}
}

/* How many chunks a range touches. */
static uint64_t span_of(uint64_t page, uint64_t nr_pages)
{
	return (page + nr_pages - 1) / HOSTD_GIVEN_CHUNK_PAGES - page / HOSTD_GIVEN_CHUNK_PAGES + 1;
}

/* The part of a range that is in a chunk. */
static struct part part_in(uint64_t number, uint64_t page, uint64_t nr_pages)
{
	uint64_t chunk = number * HOSTD_GIVEN_CHUNK_PAGES, end = page + nr_pages;
	uint64_t from = page > chunk ? page : chunk;
	struct part p = { number, from - chunk, 0 };

	if (end > chunk + HOSTD_GIVEN_CHUNK_PAGES)
		end = chunk + HOSTD_GIVEN_CHUNK_PAGES;
	if (from < end)
		p.nr = end - from;
	return p;
}

/* As any_given(), for a range of more chunks than there can be buckets. */
static bool any_chunk_given(const struct hostd_given *g, uint64_t page, uint64_t nr_pages)
{
	const struct hostd_given_chunk *c;
	unsigned int i;

	for (i = 0; i < HOSTD_GIVEN_BUCKETS && g->nr_chunks; i++) {
		for (c = g->chunks[i]; c; c = c->next) {
			struct part p = part_in(c->number, page, nr_pages);

			if (p.nr && count(c, &p))
				return true;
		}
	}
	return false;
}

static bool any_given(const struct hostd_given *g, uint64_t page, uint64_t nr_pages)
{
	if (span_of(page, nr_pages) > HOSTD_GIVEN_BUCKETS)
		return any_chunk_given(g, page, nr_pages);
	while (nr_pages) {
		struct part p = next_part(&page, &nr_pages);

		if (count(find_chunk(g, p.number), &p))
			return true;
	}
	return false;
}

static bool all_given(const struct hostd_given *g, uint64_t page, uint64_t nr_pages)
{
	while (nr_pages) {
		struct part p = next_part(&page, &nr_pages);

		if (count(find_chunk(g, p.number), &p) != p.nr)
			return false;
	}
	return true;
}

static void take_back(struct hostd_given *g, uint64_t page, uint64_t nr_pages)
{
	while (nr_pages) {
		struct part p = next_part(&page, &nr_pages);
		struct hostd_given_chunk *c = find_chunk(g, p.number);
		uint32_t nr = count(c, &p);

		if (!nr)
			continue;
		clear(c, &p);
		c->nr -= nr;
		g->nr_pages -= nr;
		if (!c->nr)
			free_chunk(g, c);
	}
}

/* Is there room for the notes of a range? */
static bool has_room(const struct hostd_given *g, uint64_t page, uint64_t nr_pages)
{
	unsigned int missing = 0;

	if (span_of(page, nr_pages) > HOSTD_GIVEN_CHUNKS_MAX)
		return false;
	while (nr_pages) {
		struct part p = next_part(&page, &nr_pages);

		missing += !find_chunk(g, p.number);
	}
	return missing <= HOSTD_GIVEN_CHUNKS_MAX - g->nr_chunks;
}

/* Note pages of which none is given. False, with nothing noted, when memory runs out. */
static bool give(struct hostd_given *g, const uint64_t page, const uint64_t nr_pages)
{
	uint64_t at = page, left = nr_pages;

	while (left) {
		uint64_t done = nr_pages - left;
		struct part p = next_part(&at, &left);
		struct hostd_given_chunk *c = get_chunk(g, p.number);

		if (!c) {
			take_back(g, page, done);
			return false;
		}
		set(c, &p);
		c->nr += p.nr;
		g->nr_pages += p.nr;
	}
	return true;
}

void hostd_given_reset(struct hostd_given *g)
{
	unsigned int i;

	for (i = 0; i < HOSTD_GIVEN_BUCKETS; i++) {
		while (g->chunks[i])
			free_chunk(g, g->chunks[i]);
	}
	g->nr_pages = 0;
	g->nr_regions = 0;
}

static bool overlaps(const struct hostd_given_region *r, uint64_t addr, uint64_t len)
{
	return addr >= r->addr ? addr - r->addr < r->len : r->addr - addr < len;
}

uint32_t hostd_given_tell(struct hostd_given *g, uint64_t addr, uint64_t len)
{
	unsigned int i;

	if (!len || len - 1 > UINT64_MAX - addr)
		return PVBALLOON_S_OUTSIDE;
	for (i = 0; i < g->nr_regions; i++) {
		const struct hostd_given_region *r = &g->regions[i];

		if (r->addr == addr && r->len == len && !r->proven)
			return PVBALLOON_S_OK;
		if (overlaps(r, addr, len))
			return PVBALLOON_S_OUTSIDE;
	}
	if (g->nr_regions == PVBALLOON_REGIONS_MAX)
		return PVBALLOON_S_REFUSED;
	g->regions[g->nr_regions++] = (struct hostd_given_region) { .addr = addr, .len = len };
	return PVBALLOON_S_OK;
}

void hostd_given_prove(struct hostd_given *g, uint64_t addr)
{
	unsigned int i;

	for (i = 0; i < g->nr_regions; i++) {
		if (g->regions[i].addr == addr)
			g->regions[i].proven = true;
	}
}

/* BALLOON-G2 */
static bool is_range(const struct hostd_given *g, uint64_t addr, uint32_t nr_pages)
{
	uint64_t len = (uint64_t)nr_pages << PVBALLOON_PAGE_SHIFT;
	unsigned int i;

	if (!len || (addr | len) & (g->granule - 1))
		return false;
	for (i = 0; i < g->nr_regions; i++) {
		const struct hostd_given_region *r = &g->regions[i];

		if (addr >= r->addr && len <= r->len && addr - r->addr <= r->len - len)
			return true;
	}
	return false;
}

uint32_t hostd_given_inflate(struct hostd_given *g, uint64_t addr, uint32_t nr_pages)
{
	if (!is_range(g, addr, nr_pages))
		return PVBALLOON_S_OUTSIDE;
	if (any_given(g, addr >> PVBALLOON_PAGE_SHIFT, nr_pages))
		return PVBALLOON_S_TWICE;
	if (!has_room(g, addr >> PVBALLOON_PAGE_SHIFT, nr_pages))
		return PVBALLOON_S_REFUSED;
	return give(g, addr >> PVBALLOON_PAGE_SHIFT, nr_pages) ? PVBALLOON_S_OK :
								 PVBALLOON_S_REFUSED;
}

uint32_t hostd_given_deflate(struct hostd_given *g, uint64_t addr, uint32_t nr_pages)
{
	if (!is_range(g, addr, nr_pages))
		return PVBALLOON_S_OUTSIDE;
	/* Each chunk of it must have notes. */
	if (span_of(addr >> PVBALLOON_PAGE_SHIFT, nr_pages) > g->nr_chunks ||
	    !all_given(g, addr >> PVBALLOON_PAGE_SHIFT, nr_pages))
		return PVBALLOON_S_UNKNOWN;
	take_back(g, addr >> PVBALLOON_PAGE_SHIFT, nr_pages);
	return PVBALLOON_S_OK;
}

uint32_t hostd_given_report(const struct hostd_given *g, uint64_t addr, uint32_t nr_pages)
{
	if (!is_range(g, addr, nr_pages))
		return PVBALLOON_S_OUTSIDE;
	return any_given(g, addr >> PVBALLOON_PAGE_SHIFT, nr_pages) ? PVBALLOON_S_TWICE :
								      PVBALLOON_S_OK;
}

void hostd_given_forget(struct hostd_given *g, uint64_t addr, uint32_t nr_pages)
{
	take_back(g, addr >> PVBALLOON_PAGE_SHIFT, nr_pages);
}
