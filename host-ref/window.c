// SPDX-License-Identifier: GPL-2.0-only
/*
 * The window: layout, header and device table, epochs and beats (Documentation/abi/bus.md).
 */
#include "window.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>

#include "shmem.h"

#ifndef PVKIT_VERSION
#define PVKIT_VERSION "0"
#endif

/* Where things are, before the space. */
#define TABLE_OFF	PV_PAGE_SIZE
#define TABLE_LEN	(HOSTD_WINDOW_SLOTS * sizeof(struct pvbus_device_entry))
#define CONFIG_OFF	(TABLE_OFF + TABLE_LEN)
#define DRV_OFF		(CONFIG_OFF + HOSTD_WINDOW_SLOTS * PVBUS_CONFIG_MAX)
#define DRV_LEN		(sizeof(struct pvbus_driver_header) + \
			 HOSTD_WINDOW_SLOTS * sizeof(struct pvbus_driver_slot))
#define SPACE_OFF	((DRV_OFF + DRV_LEN + PV_PAGE_SIZE - 1) & ~(uint64_t)(PV_PAGE_SIZE - 1))

static struct pvbus_header *header_of(const struct hostd_window *win)
{
	return (struct pvbus_header *)win->base;
}

static struct pvbus_device_entry *entry_of(const struct hostd_window *win, unsigned int slot)
{
	return (struct pvbus_device_entry *)(win->base + win->table_off) + slot;
}

static void fill_header(struct hostd_window *win, const struct hostd_window_spec *spec)
{
	struct pvbus_header *h = &win->header;

	h->magic = htole64(PVBUS_MAGIC);
	h->window_len = htole64(win->len);
	h->version_min = htole32(PV_ABI_VERSION);
	h->version_max = htole32(PV_ABI_VERSION);
	h->table_off = htole64(win->table_off);
	h->table_nr = htole32(HOSTD_WINDOW_SLOTS);
	h->nr_vectors = htole32(win->nr_vectors);
	h->drv_off = htole64(win->drv_off);
	h->space_off = htole64(win->space.off);
	h->space_len = htole64(win->space.len);
	h->peer = htole32(spec->peer);
	h->heartbeat_ms = htole32(spec->heartbeat_ms);
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
	win->base = base;
	win->len = spec->len;
	win->nr_vectors = spec->nr_vectors;
	win->table_off = TABLE_OFF;
	win->config_off = CONFIG_OFF;
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

/* Everything but the status and the answers, which have writers of their own. */
static void write_entry(struct hostd_window *win, unsigned int slot)
{
	const struct pvbus_device_entry *from = &win->table[slot];
	struct pvbus_device_entry *to = entry_of(win, slot);
	size_t tail = offsetof(struct pvbus_device_entry, features);

	hostd_copy_out(to, from, offsetof(struct pvbus_device_entry, status));
	hostd_store32(&to->generation, le32toh(from->generation));
	hostd_copy_out((uint8_t *)to + tail, (const uint8_t *)from + tail,
		       offsetof(struct pvbus_device_entry, ack) - tail);
	/* Partner: the driver's copy of an entry that has become ready; the rest is complete then. */
	hostd_store32_release(&to->flags, le32toh(from->flags));
	/* Partner: the driver's read of the table after table_seq or epoch. */
	hostd_store32_release(&to->status, le32toh(from->status));
}

static void write_config(struct hostd_window *win, unsigned int slot)
{
	const struct pvbus_device_entry *shadow = &win->table[slot];
	__le32 *seq_at = &entry_of(win, slot)->config_seq;
	uint32_t seq = le32toh(shadow->config_seq);

	hostd_store32(seq_at, seq - 1);
	/* Partner: the driver's read barrier before its second read of config_seq. */
	hostd_full_barrier();
	hostd_copy_out(win->base + le64toh(shadow->config_off), win->config[slot],
		       le32toh(shadow->config_len));
	/* Partner: the driver's acquire of config_seq; the area is complete then. */
	hostd_store32_release(seq_at, seq);
}

void hostd_window_hush(struct hostd_window *win)
{
	if (hostd_load64(&header_of(win)->epoch))
		hostd_store64(&header_of(win)->epoch, 0);
}

void hostd_window_begin_epoch(struct hostd_window *win)
{
	static const struct pvbus_ack no_ack;
	struct pvbus_header *h = header_of(win);
	unsigned int slot;

	win->header.epoch = 0;
	win->header.ack = no_ack;
	hostd_store64(&h->epoch, 0);
	/* Partner: the driver's second read of epoch; what it copied in between is void. */
	hostd_full_barrier();

	hostd_copy_out(h, &win->header, sizeof(*h));
	for (slot = 0; slot < HOSTD_WINDOW_SLOTS; slot++) {
		if (win->table[slot].config_len)
			write_config(win, slot);
		write_entry(win, slot);
		hostd_copy_out(&entry_of(win, slot)->ack, &no_ack, sizeof(no_ack));
		win->table[slot].ack = no_ack;
	}

	win->epoch = next_epoch(win->epoch);
	win->header.epoch = htole64(win->epoch);
	/* Partner: the driver's acquire of epoch; header and table are complete then. */
	hostd_store64_release(&h->epoch, win->epoch);
}

/* Incoming memory may arrive in pieces, the table after the epoch that followed the header. */
static bool table_is_ours(const struct hostd_window *win)
{
	const size_t len = offsetof(struct pvbus_device_entry, reserved2);	/* what is written */
	struct pvbus_device_entry copy;
	unsigned int slot;

	for (slot = 0; slot < HOSTD_WINDOW_SLOTS; slot++) {
		hostd_copy_in(&copy, entry_of(win, slot), len);
		if (memcmp(&copy, &win->table[slot], len))
			return false;
	}
	return true;
}

bool hostd_window_beat(struct hostd_window *win)
{
	struct pvbus_header copy;

	hostd_copy_in(&copy, header_of(win), sizeof(copy));
	if (memcmp(&copy, &win->header, sizeof(copy)) || !table_is_ours(win))
		return false;
	win->header.heartbeat = htole64(le64toh(win->header.heartbeat) + 1);
	hostd_store64(&header_of(win)->heartbeat, le64toh(win->header.heartbeat));
	return true;
}

static void change_table_seq(struct hostd_window *win)
{
	uint32_t seq = le32toh(win->header.table_seq) + 1;

	win->header.table_seq = htole32(seq);
	/* Partner: the driver's acquire of table_seq; the entries are complete then. */
	hostd_store32_release(&header_of(win)->table_seq, seq);
}

void hostd_window_add(struct hostd_window *win, unsigned int slot)
{
	if (!win->epoch)
		return;
	write_entry(win, slot);
	change_table_seq(win);
}

void hostd_window_remove(struct hostd_window *win, unsigned int slot)
{
	win->table[slot].status = htole32(PVBUS_S_ABSENT);
	win->table[slot].flags = 0;
	if (!win->epoch)
		return;
	hostd_store32(&entry_of(win, slot)->flags, 0);
	hostd_store32_release(&entry_of(win, slot)->status, PVBUS_S_ABSENT);
	change_table_seq(win);
}

void hostd_window_set_flags(struct hostd_window *win, unsigned int slot, uint32_t flags)
{
	win->table[slot].flags = htole32(flags);
	if (!win->epoch)
		return;
	hostd_store32(&entry_of(win, slot)->flags, flags);
	change_table_seq(win);
}

void hostd_window_set_status(struct hostd_window *win, unsigned int slot, uint32_t status)
{
	win->table[slot].status = htole32(status);
	if (win->epoch)
		hostd_store32_release(&entry_of(win, slot)->status, status);
}

void hostd_window_prepare_config(struct hostd_window *win, unsigned int slot, const void *config,
				 size_t len)
{
	struct pvbus_device_entry *shadow = &win->table[slot];

	memcpy(win->config[slot], config, len);
	shadow->config_off = htole64(win->config_off + (uint64_t)slot * PVBUS_CONFIG_MAX);
	shadow->config_len = htole32(len);
	shadow->config_seq = htole32(le32toh(shadow->config_seq) + 2);
}

void hostd_window_set_config(struct hostd_window *win, unsigned int slot, const void *config,
			     size_t len)
{
	hostd_window_prepare_config(win, slot, config, len);
	if (win->epoch)
		write_config(win, slot);
}

uint32_t hostd_window_get_command(struct hostd_window *win, struct pvbus_driver_header *copy)
{
	const struct pvbus_driver_header *at = (void *)(win->base + win->drv_off);
	/* Partner: the driver's release of seq; the rest of the header is complete then. */
	uint32_t seq = hostd_load32_acquire(&at->cmd.seq);

	if (!seq || seq == le32toh(win->header.ack.seq))
		return 0;
	hostd_copy_in(copy, at, sizeof(*copy));
	return le64toh(copy->cmd.epoch) == win->epoch ? seq : 0;
}

uint32_t hostd_window_get_slot_command(struct hostd_window *win, unsigned int slot,
				       struct pvbus_driver_slot *copy)
{
	const struct pvbus_driver_slot *at = (struct pvbus_driver_slot *)
		(win->base + win->drv_off + sizeof(struct pvbus_driver_header)) + slot;
	/* Partner: the driver's release of seq; the rest of the slot is complete then. */
	uint32_t seq = hostd_load32_acquire(&at->cmd.seq);

	if (!seq || seq == le32toh(win->table[slot].ack.seq))
		return 0;
	hostd_copy_in(copy, at, sizeof(*copy));
	return le64toh(copy->cmd.epoch) == win->epoch ? seq : 0;
}

static void write_ack(struct hostd_window *win, struct pvbus_ack *shadow, struct pvbus_ack *to,
		      uint32_t seq, uint32_t result)
{
	shadow->epoch = htole64(win->epoch);
	shadow->result = htole32(result);
	shadow->seq = htole32(seq);
	hostd_store64(&to->epoch, win->epoch);
	hostd_store32(&to->result, result);
	/* Partner: the driver's acquire of the answer's seq. */
	hostd_store32_release(&to->seq, seq);
}

void hostd_window_ack(struct hostd_window *win, uint32_t seq, uint32_t result)
{
	write_ack(win, &win->header.ack, &header_of(win)->ack, seq, result);
}

void hostd_window_ack_slot(struct hostd_window *win, unsigned int slot, uint32_t seq,
			   uint32_t result)
{
	write_ack(win, &win->table[slot].ack, &entry_of(win, slot)->ack, seq, result);
}
