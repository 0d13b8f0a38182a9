// SPDX-License-Identifier: GPL-2.0-only
/*
 * The window's header: a consistent private copy, checked (BUS-D1, BUS-G1, BUS-G2).
 */
#include <linux/ctype.h>
#include <linux/export.h>
#include <linux/log2.h>
#include <linux/string.h>
#include <linux/utsname.h>
#include <asm/barrier.h>
#include "pvbus.h"

#define HEARTBEAT_MS_MAX	1000	/* BUS-D1 */

/**
 * pvbus_window_epoch() - the epoch that the window shows now
 * @bus: the bus
 *
 * Return: 0 while the device side writes its header.
 */
u64 pvbus_window_epoch(const struct pvbus *bus)
{
	const struct pvbus_header *shared = bus->shm.base;

	/* Pairs with the release in host-ref/worker/bus/window.c:hostd_window_begin_epoch(): the header is there. */
	return le64_to_cpu(virt_load_acquire(&shared->epoch));
}

/**
 * pvbus_clean_text() - make text from the window fit for logs and sysfs
 * @text: private copy; NUL-terminated here
 * @size: bytes of the array
 */
void pvbus_clean_text(u8 *text, size_t size)
{
	size_t i;

	text[size - 1] = 0;
	for (i = 0; text[i]; i++)
		if (!isascii(text[i]) || !isprint(text[i]))
			text[i] = '?';
}
EXPORT_SYMBOL_GPL(pvbus_clean_text);

/**
 * pvbus_say() - is this reason for having no epoch to be said (ABI-4: once)
 * @bus: the bus; of its work
 * @what: the reason; compared by its address
 */
bool pvbus_say(struct pvbus *bus, const char *what)
{
	if (bus->said == what)
		return false;
	bus->said = what;
	return true;
}

static bool page_aligned(u64 off)
{
	return !(off & (PV_PAGE_SIZE - 1));
}

/* Does [off, off + len) lie in [lo, hi)? */
static bool inside(u64 off, u64 len, u64 lo, u64 hi)
{
	return off >= lo && off <= hi && len <= hi - off;
}

static const char *header_fault(const struct pvbus_header *h, u64 window_len)
{
	u64 len = le64_to_cpu(h->window_len);
	u64 table = le64_to_cpu(h->table_off), drv = le64_to_cpu(h->drv_off);
	u64 space = le64_to_cpu(h->space_off), space_len = le64_to_cpu(h->space_len);
	u32 nr = le32_to_cpu(h->table_nr);

	if (len > window_len || !is_power_of_2(len))
		return "window_len";
	if (le32_to_cpu(h->version_min) > PV_ABI_VERSION ||
	    le32_to_cpu(h->version_max) < PV_ABI_VERSION)
		return "version: this driver serves version 1 only";
	if (!nr || nr > PVBUS_MAX_DEVICES)
		return "table_nr";
	if (!page_aligned(table) || !page_aligned(drv) || !page_aligned(space))
		return "alignment";
	if (!inside(drv, sizeof(struct pvbus_driver_header) +
		    nr * sizeof(struct pvbus_driver_slot), PV_PAGE_SIZE, space))
		return "drv_off";
	if (!inside(table, nr * sizeof(struct pvbus_device_entry), PV_PAGE_SIZE, drv))
		return "table_off";
	if (!inside(space, space_len, PV_PAGE_SIZE, len) || space_len < PV_PAGE_SIZE)
		return "space_off";
	if (!le32_to_cpu(h->nr_vectors))
		return "nr_vectors";
	if (!le32_to_cpu(h->heartbeat_ms) || le32_to_cpu(h->heartbeat_ms) > HEARTBEAT_MS_MAX)
		return "heartbeat_ms";
	return NULL;
}

/**
 * pvbus_read_header() - copy and check the header
 * @bus: the bus
 * @hdr: the copy
 *
 * Return: 0; -ENODEV: not a pvkit window; -EAGAIN: it is being written;
 * -EPROTO: it makes no sense (said in the log).
 */
int pvbus_read_header(struct pvbus *bus, struct pvbus_header *hdr)
{
	const struct pvbus_header *shared = bus->shm.base;
	u64 epoch = pvbus_window_epoch(bus);
	const char *fault;

	pvshm_copy(hdr, shared, sizeof(*hdr));
	if (le64_to_cpu(hdr->magic) != PVBUS_MAGIC)
		return -ENODEV;

	/* The copy before the second look; pairs with the fence after the writer's epoch 0. */
	virt_rmb();
	if (!epoch || le64_to_cpu(hdr->epoch) != epoch ||
	    le64_to_cpu(READ_ONCE(shared->epoch)) != epoch)
		return -EAGAIN;

	fault = header_fault(hdr, bus->shm.len);
	if (fault) {
		if (pvbus_say(bus, fault))
			dev_err(bus->transport->dev,
				"the window's header makes no sense (%s); is pvhostd of another version?\n",
				fault);
		return -EPROTO;
	}
	pvbus_clean_text(hdr->ident, sizeof(hdr->ident));
	return 0;
}

/**
 * pvbus_write_ident() - say who drives this window
 * @bus: the bus; its header copy is valid
 */
void pvbus_write_ident(struct pvbus *bus)
{
	struct pvbus_driver_header *drv;

	drv = pvshm_at(&bus->shm, pvshm_off(le64_to_cpu(bus->hdr.drv_off)), sizeof(*drv));
	drv->version = cpu_to_le32(PV_ABI_VERSION);
	drv->features[0] = bus->hdr.features[0] & cpu_to_le64(BIT_ULL(PVBUS_F_REPLACES));
	drv->features[1] = 0;
	strscpy_pad(drv->ident, PVBUS_IDENT, sizeof(drv->ident));
	strscpy_pad(drv->kernel, init_utsname()->release, sizeof(drv->kernel));
}
