// SPDX-License-Identifier: GPL-2.0-only
/*
 * A function that devices replace is held before its driver comes, for all of them and for nobody else;
 * what a driver has is left to it, and said once. It is given back when the last device goes, when no
 * driver has come for any in 15 s, and when HELLO is refused, but not while the device side may write
 * (BUS-G11 to G13). A header that makes no sense changes nothing (BUS-G1). pvbus/replace.c as it is,
 * against PCI functions that the test plays.
 */
#include <errno.h>
#include <string.h>
#include <linux/jiffies.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include "../../pvbus/pvbus.h"

#include "ktap.h"

#define TABLE		4096
#define NR_SLOTS	4
#define DRV		8192
#define SPACE		12288
#define UNDRIVEN	(15 * HZ)

/* What the functions are, and where. */
#define IDE		0
#define AHCI		1
#define NIC		2
#define NR_FUNCTIONS	3
#define AT(devfn)	(5u << 8 | (devfn))

static _Alignas(4096) u8 window[65536];
static struct pvbus_header *const header = (void *)window;
static struct pvbus_device_entry *const table = (void *)(window + TABLE);

static struct device carrier;
static struct pvbus_transport transport = { .dev = &carrier };
static struct pvbus bus;

static struct pci_bus pci_bus = { .number = 5 };
static struct pci_dev functions[NR_FUNCTIONS] = {
	[IDE] = { .bus = &pci_bus, .devfn = 9, .class = 0x010180 },
	[AHCI] = { .bus = &pci_bus, .devfn = 16, .class = 0x010601 },
	[NIC] = { .bus = &pci_bus, .devfn = 24, .class = 0x020000 },
};
static struct device_driver native = { .name = "native" };
static struct pci_driver *holder;
static bool has_native = true;
static unsigned int nr_locked, nr_wrong;
static u64 epoch_later;
static unsigned long epoch_at;

struct pci_dev *pci_get_domain_bus_and_slot(int domain, unsigned int nr, unsigned int devfn)
{
	unsigned int i;

	for (i = 0; i < NR_FUNCTIONS; i++)
		if (!domain && nr == pci_bus.number && devfn == functions[i].devfn)
			return pci_dev_get(&functions[i]);
	return NULL;
}

int pci_register_driver(struct pci_driver *drv)
{
	holder = drv;
	return 0;
}

/* What is held still loses its driver and keeps its name. */
void pci_unregister_driver(struct pci_driver *drv)
{
	unsigned int i;

	for (i = 0; i < NR_FUNCTIONS; i++)
		if (functions[i].dev.driver == &drv->driver)
			functions[i].dev.driver = NULL;
	holder = NULL;
}

void device_lock(struct device *dev)
{
	(void)dev;
	nr_wrong += nr_locked++;
}

void device_unlock(struct device *dev)
{
	(void)dev;
	nr_locked--;
}

int device_attach(struct device *dev)
{
	struct pci_dev *pci = container_of(dev, struct pci_dev, dev);

	/* A driver's probe takes locks of its own, and may last. */
	nr_wrong += nr_locked || bus.lock.held;
	if (dev->driver)
		return 1;
	if (!pci->driver_override && has_native)
		dev->driver = &native;
	else if (pci->driver_override && holder && !strcmp(pci->driver_override, holder->name) &&
		 !holder->probe(pci, NULL))
		dev->driver = &holder->driver;
	return dev->driver ? 1 : 0;
}

void device_release_driver(struct device *dev)
{
	nr_wrong += nr_locked || bus.lock.held;
	dev->driver = NULL;
}

void shim_sleep(unsigned long timeout)
{
	shim_jiffies += timeout;
	if (epoch_later && time_after_eq(jiffies, epoch_at))
		header->epoch = epoch_later;
}

static void write_header(u64 epoch)
{
	*header = (struct pvbus_header) {
		.magic = PVBUS_MAGIC, .epoch = epoch, .window_len = sizeof(window), .version_min = 1, .version_max = 1,
		.table_off = TABLE, .table_nr = NR_SLOTS, .drv_off = DRV, .space_off = SPACE,
		.space_len = sizeof(window) - SPACE, .nr_vectors = 2, .heartbeat_ms = 100, .ident = "test",
	};
}

static void write_entry(u32 slot, u32 type, int function, u32 flags)
{
	table[slot] = (struct pvbus_device_entry) {
		.type = type, .status = PVBUS_S_RESET, .flags = PVBUS_DEV_REPLACES | flags,
		.replaces = pci_dev_id(&functions[function]), .name = "disk",
	};
}

/* A guest that has just begun, and a device side with an empty table. */
static void boot(void)
{
	unsigned int i;

	if (holder)
		pvbus_replaces_exit();
	for (i = 0; i < NR_FUNCTIONS; i++) {
		nr_wrong += functions[i].references;
		functions[i].driver_override = NULL;
		functions[i].dev.driver = NULL;
	}
	bus = (struct pvbus) { .transport = &transport, .shm = { .base = window, .len = sizeof(window) } };
	memset(window, 0, sizeof(window));
	write_header(7);
	has_native = true;
	epoch_later = 0;
	pvbus_replaces_init();
}

/* And its bus has taken the header. */
static void begin(void)
{
	boot();
	bus.hdr = *header;
}

/* As the scan looks at a slot without a device. */
static bool shows(u32 slot)
{
	struct pvbus_device_entry entry;

	pvbus_read_entry(&bus, slot, &entry);
	return pvbus_replaces_hold(&bus, slot, &entry);
}

/* Its own driver comes, if nobody keeps it away. */
static bool is_held(int function)
{
	device_attach(&functions[function].dev);
	return functions[function].dev.driver == &holder->driver;
}

static bool is_native(int function)
{
	return functions[function].dev.driver == &native && !functions[function].driver_override;
}

static bool gives_up(u32 slot)
{
	if (!pvbus_replaces_give_up(&bus, slot))
		return false;
	pvbus_replaces_free(&bus, slot);
	return true;
}

static void a_new_bus(void)
{
	const struct pvbus_header none = { 0 };
	unsigned long start;
	struct pvbus_device pdev = { .bus = &bus, .slot = 2 };

	boot();
	write_entry(0, PVBUS_T_BLK, IDE, 0);
	write_entry(2, PVBUS_T_NET, NIC, 0);
	pvbus_replaces_begin(&bus);
	ktap_ok(is_held(IDE) && is_held(NIC) && !is_held(AHCI) && shows(0) && shows(1) && shows(2),
		"what is replaced is held from the first moment on");
	ktap_ok(pvbus_replaced(&pdev) == &functions[NIC].dev, "a driver is told by which function its device is known");

	boot();
	write_entry(0, PVBUS_T_BLK, IDE, 0);
	header->epoch = 0;
	start = jiffies;
	epoch_later = 7;
	epoch_at = jiffies + HZ / 2;
	pvbus_replaces_begin(&bus);
	ktap_ok(is_held(IDE) && jiffies - start < HZ, "a table that is being written is waited for");

	boot();
	write_entry(0, PVBUS_T_BLK, IDE, 0);
	header->epoch = 0;
	start = jiffies;
	pvbus_replaces_begin(&bus);
	ktap_ok(!is_held(IDE) && jiffies - start <= HZ + HZ / 10 && !memcmp(&bus.hdr, &none, sizeof(none)),
		"for a second");

	boot();
	write_entry(0, PVBUS_T_BLK, IDE, 0);
	header->heartbeat_ms = 0x80000000;
	pvbus_replaces_begin(&bus);
	ktap_ok(!is_held(IDE) && !memcmp(&bus.hdr, &none, sizeof(none)), "of a header that makes no sense nothing is kept");
}

static void what_is_left(void)
{
	begin();
	device_attach(&functions[IDE].dev);
	write_entry(0, PVBUS_T_BLK, IDE, 0);
	shim_log_lines = 0;
	ktap_ok(!shows(0) && !shows(0) && is_native(IDE) && shim_log_lines == 1,
		"what a driver has is left to it, and said once");
	device_release_driver(&functions[IDE].dev);
	ktap_ok(!shows(0), "also when that lets go of it");
	table[0].flags = 0;
	ktap_ok(shows(0) && !functions[IDE].driver_override, "a device that replaces nothing is shown in its place");
	table[0].flags = PVBUS_DEV_REPLACES;
	ktap_ok(shows(0) && is_held(IDE), "and the next one is looked at anew");

	begin();
	functions[IDE].driver_override = "vfio-pci";
	write_entry(0, PVBUS_T_BLK, IDE, 0);
	ktap_ok(!shows(0) && !strcmp(functions[IDE].driver_override, "vfio-pci"), "what its owner has reserved is left");

	begin();
	write_entry(0, PVBUS_T_BLK, NIC, 0);
	write_entry(1, PVBUS_T_NET, AHCI, 0);
	write_entry(2, PVBUS_T_CLOCK, IDE, 0);
	ktap_ok(!shows(0) && !shows(1) && !shows(2) && !is_held(NIC) && !is_held(AHCI) && !is_held(IDE),
		"a device hides none of another kind");

	begin();
	write_entry(0, PVBUS_T_BLK, IDE, 0);
	table[0].replaces = AT(32);
	ktap_ok(shows(0), "a function that is not there hides nothing");

	begin();
	write_entry(0, PVBUS_T_BLK, IDE, 0);
	shim_allocations = 0;
	ktap_ok(!shows(0) && !functions[IDE].driver_override, "no memory: it is left as it was");
	shim_allocations = -1;
}

static void several(void)
{
	begin();
	write_entry(0, PVBUS_T_BLK, AHCI, 0);
	write_entry(1, PVBUS_T_BLK, AHCI, PVBUS_DEV_NOT_READY);
	ktap_ok(!shows(0) && !shows(1) && !functions[AHCI].driver_override, "not before all that replace it are ready");
	table[1].flags = PVBUS_DEV_REPLACES;
	ktap_ok(shows(0) && shows(1) && is_held(AHCI), "then for each of them");
	pvbus_replaces_free(&bus, 0);
	ktap_ok(is_held(AHCI), "one goes");
	table[1].flags |= PVBUS_DEV_REMOVE;
	shows(1);
	ktap_ok(is_native(AHCI), "the last one goes: it gets its own driver back");

	begin();
	write_entry(0, PVBUS_T_BLK, AHCI, 0);
	shows(0);
	write_entry(0, PVBUS_T_BLK, IDE, 0);
	ktap_ok(shows(0) && is_held(IDE) && is_native(AHCI), "a slot that replaces another one lets go of the first");
}

static void nobody_comes(void)
{
	begin();
	write_entry(0, PVBUS_T_BLK, AHCI, 0);
	write_entry(1, PVBUS_T_BLK, AHCI, 0);
	write_entry(2, PVBUS_T_NET, NIC, 0);
	pvbus_replaces_begin(&bus);
	shim_jiffies += UNDRIVEN - 1;
	ktap_ok(!pvbus_replaces_overdue(&bus) && !gives_up(0), "a driver has 15 s to come");
	bus.replaces[1].driven = true;
	shim_jiffies += 2;
	ktap_ok(pvbus_replaces_overdue(&bus) && !gives_up(0) && !gives_up(1) && gives_up(2) && is_native(NIC) && !shows(2),
		"then the function is given back, and the device not shown");
	ktap_ok(!pvbus_replaces_overdue(&bus) && is_held(AHCI), "one driver keeps it for all that replace it");

	begin();
	write_entry(0, PVBUS_T_BLK, AHCI, 0);
	write_entry(1, PVBUS_T_BLK, AHCI, 0);
	write_entry(2, PVBUS_T_NET, NIC, 0);
	pvbus_replaces_begin(&bus);
	bus.replaces[2].driven = true;
	pvbus_replaces_refused(&bus);
	has_native = false;
	ktap_ok(gives_up(0) && gives_up(1) && !gives_up(2) && is_held(NIC),
		"after a refusal what no driver has come for is given back at once");
	ktap_ok(!functions[AHCI].dev.driver && !shows(0) && !shows(1) && !pvbus_replaces_overdue(&bus),
		"and left, whether its own driver is there or not");

	begin();
	write_entry(0, PVBUS_T_BLK, IDE, 0);
	shows(0);
	pvbus_replaces_keep(&bus, 0);
	pvbus_replaces_free(&bus, 0);
	ktap_ok(is_held(IDE), "what may still be written to is not given back");
	pvbus_replaces_exit();
	device_attach(&functions[IDE].dev);
	ktap_ok(!functions[IDE].dev.driver, "nor when pvbus is unloaded");
}

int main(void)
{
	ktap_plan(26);
	a_new_bus();
	what_is_left();
	several();
	nobody_comes();
	begin();
	ktap_ok(!nr_wrong, "no driver is probed under a lock, and no function is kept from going");
	return ktap_finish();
}
