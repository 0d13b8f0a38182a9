// SPDX-License-Identifier: GPL-2.0-only
/*
 * Both halves agree on the length of the areas, pvring_init() zeroes all of them
 * (RING-G1), and each side writes its own area only (ABI-1). Not a byte behind an area
 * is touched: AddressSanitizer would end the test.
 */
#include <string.h>

#include "ktap.h"
#include "pair.h"

static bool is_zero(const void *area, size_t len)
{
	const u8 *byte = area;

	while (len--)
		if (*byte++)
			return false;
	return true;
}

/* "The bytes of an area are 64 + size << shift." */
static bool lengths_agree(u32 size, u8 shift)
{
	u64 wanted = 64 + ((u64)size << shift);

	return pvring_drv_area_len(size, shift) == wanted &&
	       pvring_dev_area_len(size, shift) == wanted && hring_area_len(size, shift) == wanted;
}

/* All that the driver does, with the device area as it was. */
static bool driver_keeps_to_its_area(struct pair *p, u8 *copy)
{
	struct pair_entry e;

	memcpy(copy, p->dev_area, p->dev_len);
	pair_fill(&e, p->drv.sqe_shift, 1);
	while (pvring_put(&p->drv, &e))
		pvring_need_kick(&p->drv);
	pvring_set_head(&p->drv);
	pvring_arm(&p->drv, ~0u, 100);
	pvring_disarm(&p->drv);
	pvring_get(&p->drv, &e);
	pvring_error(&p->drv);
	return !memcmp(copy, p->dev_area, p->dev_len);
}

/* All that the device does, with the driver area as it was. */
static bool device_keeps_to_its_area(struct pair *p, u8 *copy)
{
	struct pair_entry e;

	memcpy(copy, p->drv_area, p->drv_len);
	while (hring_pop(&p->dev, &e) == 1)
		;
	pair_fill(&e, p->dev.cqe_shift, 2);
	while (p->dev.outstanding)
		hring_push(&p->dev, &e, 1);
	hring_need_irq(&p->dev, 1);
	hring_irq_due(&p->dev, 2);
	hring_arm(&p->dev);
	hring_stop(&p->dev, PVRING_E_ENTRY);
	return !memcmp(copy, p->drv_area, p->drv_len);
}

int main(void)
{
	bool length = true, zeroed = true, driver = true, device = true;
	static u8 copy[64 + (PVRING_SIZE_MAX << PVRING_ENTRY_SHIFT_MAX)];
	struct pair p;
	u32 size;
	u8 shift;

	ktap_plan(4);
	for (size = PVRING_SIZE_MIN; size <= PVRING_SIZE_MAX; size *= 2)
		for (shift = PVRING_ENTRY_SHIFT_MIN; shift <= PVRING_ENTRY_SHIFT_MAX; shift++) {
			length &= lengths_agree(size, shift);
			pair_init(&p, size, shift, 11 - shift, 0);
			zeroed &= is_zero(p.drv_area, p.drv_len) && is_zero(p.dev_area, p.dev_len);
			driver &= driver_keeps_to_its_area(&p, copy);
			device &= device_keeps_to_its_area(&p, copy);
			pair_exit(&p);
		}
	ktap_ok(length, "lengths agree with each other and with the specification");
	ktap_ok(zeroed, "both areas start as zeroes");
	ktap_ok(driver, "the driver writes nothing in the device area");
	ktap_ok(device, "the device writes nothing in the driver area");
	return ktap_finish();
}
