// SPDX-License-Identifier: GPL-2.0-only
/*
 * The window: layout, header and device table, epochs and beats (Documentation/abi/bus.md).
 */
#include "worker/bus/window.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>

#include "worker/bus/shmem.h"

#ifndef PVKIT_VERSION
#define PVKIT_VERSION "0"
#endif

/* Where things are, before the space. */
#define TABLE_OFF	offsetof(struct hostd_shadow, table)
#define CONFIG_OFF(slot) offsetof(struct hostd_shadow, config[slot])
#define DRV_OFF		sizeof(struct hostd_shadow)
#define DRV_LEN		(sizeof(struct pvbus_driver_header) + \
			 HOSTD_WINDOW_SLOTS * sizeof(struct pvbus_driver_slot))
#define SPACE_OFF	((DRV_OFF + DRV_LEN + PV_PAGE_SIZE - 1) & ~(uint64_t)(PV_PAGE_SIZE - 1))

/* How often to try a lock before a sleep. */
#define LOCK_SPINS	100

_Static_assert(TABLE_OFF == PV_PAGE_SIZE && CONFIG_OFF(0) % PV_CACHE_LINE == 0 &&
	       DRV_OFF % PV_PAGE_SIZE == 0, "BUS-D1");

static struct pvbus_header *header_of(const struct hostd_window *win)
{
	return (struct pvbus_header *)win->base;
}

static void *place_of(const struct hostd_window *win, const void *shadow)
{
	return win->base + ((const uint8_t *)shadow - (const uint8_t *)&win->shadow);
}

/*
 * The only ways to change what is published: in the shadow, and within an epoch in the window too.
 * A word is stored with release: who acquires it sees what was published before.
 */
static void publish32(struct hostd_window *win, __le32 *shadow, uint32_t value)
{
	*shadow = htole32(value);
	if (win->epoch)
		hostd_store32_release(place_of(win, shadow), value);
}

static void publish(struct hostd_window *win, void *shadow, const void *value, size_t len)
{
	memcpy(shadow, value, len);
	if (win->epoch)
		hostd_copy_out(place_of(win, shadow), shadow, len);
}

static void fill_header(struct hostd_window *win, const struct hostd_window_spec *spec)
{
	struct pvbus_header *h = &win->shadow.header;

	h->magic = htole64(PVBUS_MAGIC);
	h->window_len = htole64(win->len);
	h->version_min = htole32(PV_ABI_VERSION);
	h->version_max = htole32(PV_ABI_VERSION);
	h->table_off = htole64(TABLE_OFF);
	h->table_nr = htole32(HOSTD_WINDOW_SLOTS);
	h->nr_vectors = htole32(win->nr_vectors);
	h->drv_off = htole64(win->drv_off);
	h->space_off = htole64(win->space.off);
	h->space_len = htole64(win->space.len);
	h->peer = htole32(spec->peer);
	h->heartbeat_ms = htole32(spec->heartbeat_ms);
	h->features[0] = htole64(1ULL << PVBUS_F_REPLACES);
	h->table_seq = htole32(1);
	memcpy(h->uuid, spec->uuid, sizeof(h->uuid));
	strncpy((char *)h->ident, "pvhostd " PVKIT_VERSION, sizeof(h->ident) - 1);
}

int hostd_window_init(struct hostd_window *win, const struct hostd_window_spec *spec)
{
	void *base;

	if (spec->len < 2 * SPACE_OFF || (spec->len & (spec->len - 1)) || !spec->nr_vectors)
		return -EINVAL;
	base = mmap(NULL, spec->len, PROT_READ | PROT_WRITE, MAP_SHARED, spec->memfd, 0);
	if (base == MAP_FAILED)
		return -errno;
	madvise(base, spec->len, MADV_DONTDUMP);

	memset(win, 0, sizeof(*win));
	pthread_mutex_init(&win->lock, NULL);
	win->base = base;
	win->len = spec->len;
	win->nr_vectors = spec->nr_vectors;
	win->drv_off = DRV_OFF;
	win->space.base = win->base + SPACE_OFF;
	win->space.off = SPACE_OFF;
	win->space.len = win->len - SPACE_OFF;
	fill_header(win, spec);
	return 0;
}

void hostd_window_exit(struct hostd_window *win)
{
	if (win->base)
		munmap(win->base, win->len);
	win->base = NULL;
	pthread_mutex_destroy(&win->lock);
}

void hostd_window_share(struct hostd_window *win)
{
	win->is_shared = true;
}

void hostd_window_lock_shared(struct hostd_window *win)
{
	unsigned int i;

	/* Whoever has it waits for nothing, so it is soon given back, unless its core was taken. */
	for (i = 0; i < LOCK_SPINS; i++) {
		if (!pthread_mutex_trylock(&win->lock))
			return;
		hostd_relax();
	}
	pthread_mutex_lock(&win->lock);
}

/* The upper half is random, once for each process; the lower half counts (BUS-D2). */
static uint64_t next_epoch(uint64_t epoch)
{
	struct timespec ts;
	uint32_t life = 0;

	if ((uint32_t)epoch)
		return epoch + 1;
	if (getrandom(&life, sizeof(life), 0) != sizeof(life)) {
		clock_gettime(CLOCK_REALTIME, &ts);
		life = (uint32_t)ts.tv_sec ^ (uint32_t)ts.tv_nsec << 2;
	}
	return (uint64_t)life << 32 | 1;
}

void hostd_window_hush(struct hostd_window *win)
{
	if (hostd_load64(&header_of(win)->epoch))
		hostd_store64(&header_of(win)->epoch, 0);
}

void hostd_window_end_epoch(struct hostd_window *win)
{
	win->epoch = 0;
	win->shadow.header.epoch = 0;
	hostd_store64(&header_of(win)->epoch, 0);
	/* Partner: the driver's second read of epoch; what it copied in between is void. */
	hostd_full_barrier();
}

void hostd_window_begin_epoch(struct hostd_window *win)
{
	static const struct pvbus_ack no_ack;
	struct hostd_shadow *shadow = &win->shadow;
	struct pvbus_device_entry *table = place_of(win, shadow->table);
	unsigned int slot;

	shadow->header.ack = no_ack;
	for (slot = 0; slot < HOSTD_WINDOW_SLOTS; slot++) {
		shadow->table[slot].ack = no_ack;
		hostd_store32(&table[slot].config_seq,
			      le32toh(shadow->table[slot].config_seq) - 1);
	}
	/* Partner: the driver's read barrier before its second read of config_seq. */
	hostd_full_barrier();
	hostd_copy_out(place_of(win, shadow->config), shadow->config, sizeof(shadow->config));
	/* Partner: the driver's acquire of config_seq; the area is complete then. */
	hostd_full_barrier();
	hostd_copy_out(table, shadow->table, sizeof(shadow->table));
	hostd_copy_out(win->base, &shadow->header, sizeof(shadow->header));

	win->last_epoch = next_epoch(win->last_epoch);
	win->epoch = win->last_epoch;
	shadow->header.epoch = htole64(win->epoch);
	/* Partner: the driver's acquire of epoch; header and table are complete then. */
	hostd_store64_release(&header_of(win)->epoch, win->epoch);
}

bool hostd_window_beat(struct hostd_window *win)
{
	const struct hostd_shadow *shadow = &win->shadow;
	bool is_same;

	hostd_window_lock(win);
	/* Incoming memory may arrive in pieces, the table after the epoch that followed the header. */
	is_same = hostd_is_same(win->base, &shadow->header, sizeof(shadow->header)) &&
		  hostd_is_same(place_of(win, shadow->table), shadow->table, sizeof(shadow->table));
	if (is_same)
		hostd_window_count(win);
	hostd_window_unlock(win);
	return is_same;
}

static void change_table_seq(struct hostd_window *win)
{
	/* Partner: the driver's acquire of table_seq; the entries are complete then. */
	publish32(win, &win->shadow.header.table_seq, le32toh(win->shadow.header.table_seq) + 1);
}

void hostd_window_set_entry(struct hostd_window *win, unsigned int slot,
			    const struct pvbus_device_entry *entry)
{
	struct pvbus_device_entry *shadow = &win->shadow.table[slot], body = *entry;

	hostd_window_lock(win);
	body.flags = shadow->flags;
	body.status = shadow->status;
	publish(win, shadow, &body, sizeof(body));
	publish32(win, &shadow->flags, le32toh(entry->flags));
	/* Partner: the driver's read of the table after table_seq or epoch. */
	publish32(win, &shadow->status, le32toh(entry->status));
	change_table_seq(win);
	hostd_window_unlock(win);
}

void hostd_window_remove(struct hostd_window *win, unsigned int slot)
{
	hostd_window_lock(win);
	publish32(win, &win->shadow.table[slot].flags, 0);
	publish32(win, &win->shadow.table[slot].status, PVBUS_S_ABSENT);
	change_table_seq(win);
	hostd_window_unlock(win);
}

void hostd_window_set_flags(struct hostd_window *win, unsigned int slot, uint32_t flags)
{
	hostd_window_lock(win);
	publish32(win, &win->shadow.table[slot].flags, flags);
	change_table_seq(win);
	hostd_window_unlock(win);
}

void hostd_window_set_status(struct hostd_window *win, unsigned int slot, uint32_t status)
{
	hostd_window_lock(win);
	publish32(win, &win->shadow.table[slot].status, status);
	hostd_window_unlock(win);
}

void hostd_window_set_config(struct hostd_window *win, unsigned int slot, const void *config,
			     size_t len)
{
	struct pvbus_device_entry *shadow = &win->shadow.table[slot];
	const __le64 off = htole64(CONFIG_OFF(slot));
	__le64 area[PVBUS_CONFIG_MAX / sizeof(__le64)] = { 0 };
	uint32_t seq;

	memcpy(area, config, len);
	hostd_window_lock(win);
	seq = le32toh(shadow->config_seq);
	publish32(win, &shadow->config_seq, seq + 1);
	/* Partner: the driver's read barrier before its second read of config_seq. */
	hostd_full_barrier();
	publish(win, &shadow->config_off, &off, sizeof(off));
	publish32(win, &shadow->config_len, len);
	publish(win, win->shadow.config[slot], area, sizeof(area));
	/* Partner: the driver's acquire of config_seq; the area is complete then. */
	publish32(win, &shadow->config_seq, seq + 2);
	hostd_window_unlock(win);
}

/* BUS-D6: a copy that the driver has changed meanwhile is void. */
static bool is_whole(const struct hostd_window *win, const __le32 *seq_at, uint32_t seq,
		     const struct pvbus_cmd *copy)
{
	/* Partner: the driver's full barrier between a seq of 0 and what follows. */
	hostd_read_barrier();
	return hostd_load32(seq_at) == seq && le64toh(copy->epoch) == win->epoch;
}

uint32_t hostd_window_get_command(struct hostd_window *win, struct pvbus_driver_header *copy)
{
	const struct pvbus_driver_header *at = (void *)(win->base + win->drv_off);
	/* Partner: the driver's release of seq; the rest of the header is complete then. */
	uint32_t seq = hostd_load32_acquire(&at->cmd.seq);

	if (!seq || seq == le32toh(win->shadow.header.ack.seq))
		return 0;
	hostd_copy_in(copy, at, sizeof(*copy));
	return is_whole(win, &at->cmd.seq, seq, &copy->cmd) ? seq : 0;
}

uint32_t hostd_window_get_slot_command(struct hostd_window *win, unsigned int slot,
				       struct pvbus_driver_slot *copy)
{
	const struct pvbus_driver_slot *at = (struct pvbus_driver_slot *)
		(win->base + win->drv_off + sizeof(struct pvbus_driver_header)) + slot;
	/* Partner: the driver's release of seq; the rest of the slot is complete then. */
	uint32_t seq = hostd_load32_acquire(&at->cmd.seq);

	if (!seq || seq == le32toh(win->shadow.table[slot].ack.seq))
		return 0;
	hostd_copy_in(copy, at, sizeof(*copy));
	return is_whole(win, &at->cmd.seq, seq, &copy->cmd) ? seq : 0;
}

static void write_ack(struct hostd_window *win, struct pvbus_ack *shadow, uint32_t seq,
		      uint32_t result)
{
	const struct pvbus_ack ack = { .epoch = htole64(win->epoch), .result = htole32(result) };

	hostd_window_lock(win);
	publish(win, shadow, &ack, offsetof(struct pvbus_ack, seq));
	/* Partner: the driver's acquire of the answer's seq. */
	publish32(win, &shadow->seq, seq);
	if (win->epoch)
		hostd_window_count(win);
	hostd_window_unlock(win);
}

void hostd_window_ack(struct hostd_window *win, uint32_t seq, uint32_t result)
{
	write_ack(win, &win->shadow.header.ack, seq, result);
}

void hostd_window_ack_slot(struct hostd_window *win, unsigned int slot, uint32_t seq,
			   uint32_t result)
{
	write_ack(win, &win->shadow.table[slot].ack, seq, result);
}
