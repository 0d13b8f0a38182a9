// SPDX-License-Identifier: GPL-2.0-only
/*
 * pvbus reads a header that is anything: it takes exactly those that keep to BUS-D1 and its
 * version, and all places in one that it takes lie inside the window, apart from each other
 * (BUS-G1, BUS-G2, ABI-3). pvbus/header.c and pvbus/shm.c as they are.
 */
#include <errno.h>
#include <string.h>

#include "../../pvbus/pvbus.h"

#include "fuzz.h"

#define PAGES_MAX	16

typedef unsigned __int128 u128;

static u8 *window;
static u64 window_len;

/* A window as pvhostd would make it; a roomy one has space for more slots than are allowed. */
static void write_header(u64 len, bool roomy)
{
	struct pvbus_header *h = (struct pvbus_header *)window;
	u64 drv = roomy ? 32768 : 8192, space = roomy ? 49152 : 12288;

	h->magic = htole64(PVBUS_MAGIC);
	h->epoch = htole64(0x123456789ULL);
	h->window_len = htole64(len);
	h->version_min = htole32(1);
	h->version_max = htole32(1);
	h->table_off = htole64(4096);
	h->table_nr = htole32(4);
	h->nr_vectors = htole32(2);
	h->drv_off = htole64(drv);
	h->space_off = htole64(space);
	h->space_len = htole64(len - space);
	h->heartbeat_ms = htole32(100);
	memset(h->ident, 'x', sizeof(h->ident));
}

/* Fields that the checks look at, and a number for one of them: near a border, or any. */
static void edit(struct fuzz_input *in)
{
	static const struct {
		u8 off, bytes;
	} fields[] = {
		{ offsetof(struct pvbus_header, window_len), 8 },
		{ offsetof(struct pvbus_header, version_min), 4 },
		{ offsetof(struct pvbus_header, version_max), 4 },
		{ offsetof(struct pvbus_header, table_off), 8 },
		{ offsetof(struct pvbus_header, table_nr), 4 },
		{ offsetof(struct pvbus_header, nr_vectors), 4 },
		{ offsetof(struct pvbus_header, heartbeat_ms), 4 },
		{ offsetof(struct pvbus_header, drv_off), 8 },
		{ offsetof(struct pvbus_header, space_off), 8 },
		{ offsetof(struct pvbus_header, space_len), 8 },
		{ offsetof(struct pvbus_header, magic), 8 },
		{ offsetof(struct pvbus_header, epoch), 8 },
		{ offsetof(struct pvbus_header, ident), 8 },
		{ offsetof(struct pvbus_header, ident) + 56, 8 },
	};
	unsigned int nr = fuzz_number(in, 1) % (sizeof(fields) / sizeof(fields[0]));
	u64 value;

	switch (fuzz_number(in, 1) % 5) {
	case 0:
		value = fuzz_number(in, 1) % 32 * 4096;
		break;
	case 1:
		value = -(fuzz_number(in, 1) % 32 * 4096);
		break;
	case 2:
		value = fuzz_number(in, 1);
		break;
	case 3:
		value = fuzz_number(in, 2);
		break;
	default:
		value = fuzz_number(in, 8);
	}
	value = htole64(value);
	memcpy(window + fields[nr].off, &value, fields[nr].bytes);
}

static bool page_of(u64 off)
{
	return off % 4096 == 0;
}

/* BUS-D1 and the version, said without a thought of overflow. */
static bool keeps_to_the_abi(const struct pvbus_header *h)
{
	u64 len = le64toh(h->window_len), table = le64toh(h->table_off);
	u64 drv = le64toh(h->drv_off), space = le64toh(h->space_off);
	u64 space_len = le64toh(h->space_len);
	u32 nr = le32toh(h->table_nr);

	return len && !(len & (len - 1)) && len <= window_len &&
	       le32toh(h->version_min) <= 1 && le32toh(h->version_max) >= 1 &&
	       nr >= 1 && nr <= PVBUS_MAX_DEVICES && le32toh(h->nr_vectors) >= 1 &&
	       le32toh(h->heartbeat_ms) >= 1 && le32toh(h->heartbeat_ms) <= 1000 &&
	       page_of(table) && page_of(drv) && page_of(space) &&
	       table >= sizeof(*h) &&
	       (u128)table + (u128)nr * sizeof(struct pvbus_device_entry) <= drv &&
	       (u128)drv + sizeof(struct pvbus_driver_header) +
			(u128)nr * sizeof(struct pvbus_driver_slot) <= space &&
	       space_len >= 4096 && (u128)space + space_len <= len;
}

static int wanted_error(const struct pvbus_header *h)
{
	if (le64toh(h->magic) != PVBUS_MAGIC)
		return -ENODEV;
	if (!h->epoch)
		return -EAGAIN;
	return keeps_to_the_abi(h) ? 0 : -EPROTO;
}

/* Touch all that a header names, as the bus would. */
static void use(struct pvbus *bus)
{
	u32 nr = le32toh(bus->hdr.table_nr);
	u8 *place;

	pvbus_write_ident(bus);
	place = pvshm_at(&bus->shm, pvshm_off(le64toh(bus->hdr.table_off)),
			 nr * sizeof(struct pvbus_device_entry));
	memset(place, 1, nr * sizeof(struct pvbus_device_entry));
	place = pvshm_at(&bus->shm, pvshm_off(le64toh(bus->hdr.drv_off) +
					      sizeof(struct pvbus_driver_header)),
			 nr * sizeof(struct pvbus_driver_slot));
	memset(place, 2, nr * sizeof(struct pvbus_driver_slot));
	place = pvshm_at(&bus->shm, pvshm_off(le64toh(bus->hdr.space_off)),
			 le64toh(bus->hdr.space_len));
	memset(place, 3, le64toh(bus->hdr.space_len));
}

/* What goes into logs and sysfs is terminated, printable, and else what the device wrote. */
static void check_text(const u8 *text, const u8 *written, size_t size)
{
	size_t i;

	for (i = 0; i < size && text[i]; i++)
		FUZZ_CHECK(text[i] >= ' ' && text[i] <= '~' &&
			   (text[i] == written[i] || text[i] == '?'));
	FUZZ_CHECK(i < size && (!written[i] || i == size - 1));
}

static void check_header(void)
{
	struct pvbus_header before;
	struct pvbus_transport transport = { .window = window, .window_len = window_len };
	struct pvbus bus = { .transport = &transport };
	int err;

	bus.shm.base = window;
	bus.shm.len = window_len;
	memcpy(&before, window, sizeof(before));
	err = pvbus_read_header(&bus, &bus.hdr);
	FUZZ_CHECK(!memcmp(&before, window, sizeof(before)));
	FUZZ_CHECK(err == wanted_error(&before));
	if (err) {
		/* Said once, however often it is looked at (ABI-4). */
		shim_log_lines = 0;
		FUZZ_CHECK(pvbus_read_header(&bus, &bus.hdr) == err && !shim_log_lines);
		return;
	}
	check_text(bus.hdr.ident, before.ident, sizeof(before.ident));
	use(&bus);
	FUZZ_CHECK(!memcmp(&before, window, sizeof(before)));
}

static void check_place(struct fuzz_input *in)
{
	struct pvshm shm = { .base = window, .len = window_len };
	u64 off = fuzz_number(in, 8), len = fuzz_number(in, 8);
	void *place;

	if (fuzz_number(in, 1) % 2) {
		off %= 2 * window_len;
		len %= 2 * window_len;
	}
	place = pvshm_at(&shm, pvshm_off(off), len);
	FUZZ_CHECK(!place == ((u128)off + len > window_len));
	FUZZ_CHECK(!place || place == window + off);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_input in = { data, len };
	u8 edits;

	/* Thousands in a second. */
	shim_log_quiet = true;
	/* A carrier's memory need not have the size that the header says. */
	window_len = (PAGES_MAX - fuzz_number(&in, 1) / 8 % (PAGES_MAX - 3)) * 4096ULL;
	window = calloc(1, window_len);
	if (!window)
		abort();
	write_header(1ULL << (16 - fuzz_number(&in, 1) % 3), fuzz_number(&in, 1) % 2);
	for (edits = fuzz_number(&in, 1) % 4; edits; edits--)
		edit(&in);
	check_place(&in);
	check_header();
	free(window);
	return 0;
}
