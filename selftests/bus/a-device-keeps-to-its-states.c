// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device is frozen, restored, given up and left as enum pvbus_state says, whatever the device side
 * answers or does not: no failure that is found while it is restored is lost, its users are looked after
 * at least every two seconds, no answer is waited for under the lock of the bus, and what its driver
 * allocates meanwhile waits for no I/O (BUS-G4, BUS-G6, BUS-G10). A device side that stands still amid the writing of a
 * config, or is replaced while it is read, is no liar (BUS-G9). Who starts or leaves it keeps his CPU while he has a
 * lock that the bus waits for. No interrupt calls a driver whose probe has
 * failed. The guest's files as they are, against a device side that the test plays, in a time of its own.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <linux/interrupt.h>
#include <linux/jiffies.h>
#include <linux/reboot.h>
#include <linux/sched/mm.h>

#include "../../pvbus/pvbus.h"

#include "ktap.h"

#define TABLE	4096
#define CONFIG	6144
#define DRV	8192
#define SPACE	12288

static _Alignas(4096) u8 window[65536];
static struct pvbus_header *const header = (void *)window;
static struct pvbus_device_entry *const entry = (void *)(window + TABLE);
static struct pvbus_driver_header *const drv_header = (void *)(window + DRV);
static struct pvbus_driver_slot *const drv_slot = (void *)(window + DRV + sizeof(*drv_header));

/* The device side. */
static unsigned int nr_resets;
static bool beats, hears_bus, hears_device;
static u32 result;

static struct pvbus *bus;
static struct pvbus_device pdev;
static unsigned long bus_due;

/* Its config, and what becomes of it while the driver reads. */
static u32 *const config = (void *)(window + CONFIG);
static enum { CONFIG_STAYS, CONFIG_IS_BEING_WRITTEN, CONFIG_IS_REPLACED } config_fate;

/* What the driver does, and saw. */
static const char *broken_in_restore;
static int restore_result, start_result;
static bool listens;
static char calls[256];
static unsigned int nr_freed, nr_expired, nr_under_lock, nr_without_noio, nr_odd, nr_early, nr_kept;
static unsigned long expired_at, longest_gap;

static void answer(const struct pvbus_cmd *cmd, struct pvbus_ack *ack, bool hears)
{
	if (!hears || !cmd->seq || cmd->seq == ack->seq || cmd->epoch != header->epoch)
		return;
	nr_resets += cmd->op == PVBUS_CMD_RESET;
	ack->epoch = cmd->epoch;
	ack->result = cmd->op == PVBUS_CMD_START ? result : PVBUS_R_OK;
	ack->seq = cmd->seq;
}

static void pass(unsigned long time)
{
	shim_jiffies += time;
	if (beats)
		header->heartbeat++;
	answer(&drv_header->cmd, &header->ack, hears_bus);
	answer(&drv_slot->cmd, &entry->ack, hears_device);
}

/* Who is no work of the bus's may lose his CPU with a lock. */
static bool works;

void shim_locked(struct mutex *lock)
{
	nr_kept += !works && !shim_preempt_off && (lock == &pdev.call_lock || (bus && lock == &bus->lock));
}

/* Somebody waits for an answer. */
void shim_sleep(unsigned long timeout)
{
	nr_kept += shim_preempt_off;
	nr_under_lock += bus->lock.held;
	pass(timeout);
}

static void kick(struct pvbus_transport *transport, u32 peer, u16 vector)
{
	(void)transport;
	(void)peer;
	(void)vector;
	nr_under_lock += bus->lock.held;
}

static int irq(struct pvbus_transport *transport, u16 vector)
{
	(void)transport;
	return 1 + vector;
}

static const struct pvbus_transport_ops ops = { .kick = kick, .irq = irq };
static struct device carrier;
static struct pvbus_transport transport = {
	.ops = &ops, .dev = &carrier, .window = window, .window_len = sizeof(window), .nr_irqs = 2,
};

/* What the guest's files call that are not here. */

int request_irq(int nr, irq_handler_t handler, unsigned long flags, const char *name, void *data)
{
	(void)nr;
	(void)handler;
	(void)flags;
	(void)name;
	(void)data;
	return 0;
}

void free_irq(int nr, void *data)
{
	(void)nr;
	(void)data;
}

void pvbus_poke(struct pvbus *b)
{
	b->work.work.pending = true;
	bus_due = shim_jiffies;
}

void pvbus_poke_after(struct pvbus *b, unsigned int ms)
{
	if (b->work.work.pending)
		return;
	b->work.work.pending = true;
	bus_due = shim_jiffies + msecs_to_jiffies(ms);
}

void pvbus_device_poke(struct pvbus_device *device)
{
	device->work.pending = true;
}

void pvbus_scan_work(struct work_struct *work)
{
	(void)work;
}

void pvbus_scan_mark(struct pvbus *b, bool new_epoch)
{
	/* A command that is given before would name the generation of the last life. */
	nr_early += new_epoch && b->epoch;
	b->table_seq = header->table_seq;
}

/* Nothing is replaced here. */
void pvbus_replaces_begin(struct pvbus *b)
{
	(void)b;
}

bool pvbus_replaces_overdue(struct pvbus *b)
{
	(void)b;
	return false;
}

void pvbus_replaces_refused(struct pvbus *b)
{
	(void)b;
}

void pvbus_scan_start(struct pvbus *b)
{
	nr_early += !b->epoch;
}

void pvbus_remove_devices(struct pvbus *b)
{
	b->devices[0] = NULL;
}

int pvbus_write_queues(struct pvbus_device *device)
{
	(void)device;
	return 0;
}

int pvbus_listen_queues(struct pvbus_device *device)
{
	(void)device;
	listens = true;
	return 0;
}

void pvbus_silence_queues(struct pvbus_device *device)
{
	(void)device;
	listens = false;
}

void pvbus_free_reserved(struct pvbus *b)
{
	nr_early += b->epoch || pdev.shared;
	nr_freed++;
}

/* A driver. */

static void called(const char *what, enum pvbus_state state, enum pvbus_state other)
{
	snprintf(calls + strlen(calls), sizeof(calls) - strlen(calls), "%s%s", *calls ? " " : "", what);
	nr_odd += pdev.state != state && pdev.state != other;
	nr_odd += !pdev.call_lock.held;
	nr_without_noio += !shim_noio;
}

static void driver_freeze(struct pvbus_device *device)
{
	(void)device;
	called("freeze", PVBUS_FROZEN, PVBUS_FROZEN);
}

static int driver_restore(struct pvbus_device *device)
{
	called("restore", PVBUS_FROZEN, PVBUS_FROZEN);
	start_result = pvbus_device_start(device);
	if (broken_in_restore)
		pvbus_device_broken(device, broken_in_restore);
	return restore_result ?: start_result;
}

static void driver_gone(struct pvbus_device *device)
{
	called(pvbus_device_leaves(device) ? "gone for good" : "gone", PVBUS_FROZEN, PVBUS_FROZEN);
}

static void driver_expire(struct pvbus_device *device)
{
	(void)device;
	nr_expired++;
	if (shim_jiffies - expired_at > longest_gap)
		longest_gap = shim_jiffies - expired_at;
	expired_at = shim_jiffies;
}

static int driver_config_changed(struct pvbus_device *device)
{
	u32 copy;
	int err;

	if (config_fate == CONFIG_IS_BEING_WRITTEN)
		entry->config_seq |= 1;
	if (config_fate == CONFIG_IS_REPLACED) {
		header->epoch = 0;
		*config = 0;
	}
	err = pvbus_read_config(device, &copy, sizeof(copy));
	if (err)
		return err;
	if (!copy)
		return -EPROTO;
	called("config", PVBUS_RUNNING, PVBUS_RUNNING);
	return 0;
}

static struct pvbus_driver driver = {
	.freeze = driver_freeze, .restore = driver_restore, .gone = driver_gone, .expire = driver_expire,
	.config_changed = driver_config_changed,
};

static void run(unsigned long time)
{
	unsigned long end = shim_jiffies + time;

	works = true;
	while (time_before(shim_jiffies, end)) {
		if (pdev.work.pending) {
			pdev.work.pending = false;
			pdev.work.func(&pdev.work);
		} else if (bus->work.work.pending && time_after_eq(shim_jiffies, bus_due)) {
			bus->work.work.pending = false;
			bus->work.work.func(&bus->work.work);
		} else {
			pass(1);
		}
	}
	works = false;
}

/* A new life of the device side, which has answered nothing. */
static void new_life(void)
{
	header->epoch++;
	header->ack.seq = 0;
	entry->ack.seq = 0;
	entry->status = PVBUS_S_RESET;
	pvbus_poke(bus);
}

static bool did(const char *what)
{
	bool same = !strcmp(calls, what);

	if (!same)
		ktap_note("called: '%s', wanted: '%s'", calls, what);
	*calls = 0;
	return same;
}

static void begin(void)
{
	*header = (struct pvbus_header) {
		.magic = PVBUS_MAGIC, .epoch = 7, .window_len = sizeof(window), .version_min = 1, .version_max = 1,
		.table_off = TABLE, .table_nr = 1, .drv_off = DRV, .space_off = SPACE,
		.space_len = sizeof(window) - SPACE, .nr_vectors = 2, .heartbeat_ms = 100, .ident = "test",
	};
	*entry = (struct pvbus_device_entry) {
		.type = PVBUS_T_BLK, .status = PVBUS_S_RESET, .max_queues = 1, .max_queue_size = 16,
		.config_off = CONFIG, .config_len = sizeof(*config),
	};
	*config = 1;
	beats = true;
	hears_bus = true;
	hears_device = true;
	bus = pvbus_register(&transport);
	/* The allocator of the space is not here. */
	bus->hdr = *header;
	bus->shm.pool = (void *)window;

	pdev.bus = bus;
	pdev.dev.driver = &driver.driver;
	INIT_WORK(&pdev.work, pvbus_device_work);
	bus->devices[0] = &pdev;
	run(HZ);
	ktap_ok(bus->epoch == 7 && pdev.state == PVBUS_IDLE && did(""), "no callback without a driver");
	ktap_ok(!pvbus_device_negotiate(&pdev) && !pvbus_device_start(&pdev), "a driver starts the device");
	pvbus_device_ready(&pdev);
	run(HZ);
	ktap_ok(pdev.state == PVBUS_RUNNING && did(""), "and is ready: it runs");
}

static void lives(void)
{
	new_life();
	run(HZ);
	ktap_ok(pdev.state == PVBUS_RUNNING && did("freeze restore"), "another life of the device side");
	pvbus_device_ready(&pdev);
	pvbus_device_restart(&pdev);
	run(HZ);
	ktap_ok(pdev.state == PVBUS_RUNNING && did("freeze restore"), "started anew in the same life");

	restore_result = -EINVAL;
	new_life();
	run(HZ);
	ktap_ok(pdev.state == PVBUS_FAILED && did("freeze restore gone"), "a life that does not fit");
	pvbus_device_ready(&pdev);
	run(5 * HZ);
	ktap_ok(pdev.state == PVBUS_FAILED && did(""), "it has failed for as long as it lasts");
	restore_result = 0;
	new_life();
	run(HZ);
	ktap_ok(pdev.state == PVBUS_RUNNING && did("freeze restore"), "and the next one mends it");

	pvbus_device_broken(&pdev, "it lied");
	run(HZ);
	ktap_ok(pdev.state == PVBUS_FAILED && did("freeze gone"), "a device that lies");
	broken_in_restore = "it lies at once";
	new_life();
	run(HZ);
	ktap_ok(pdev.state == PVBUS_FAILED && did("freeze restore freeze gone"),
		"a lie that is found while it is restored is not lost");
	broken_in_restore = NULL;
	result = PVBUS_R_QUEUES;
	new_life();
	run(HZ);
	ktap_ok(pdev.state == PVBUS_FAILED && did("freeze restore gone") && listens,
		"a device side that refuses START");
	result = PVBUS_R_OK;
	new_life();
	run(HZ);
	did("");
}

/* It answers commands to the bus, and none to the device. */
static void silent_device(void)
{
	hears_device = false;
	longest_gap = 0;
	expired_at = shim_jiffies;
	new_life();
	run(20 * HZ);
	ktap_ok(pdev.state == PVBUS_FROZEN && did("freeze"), "a device that does not answer stays frozen");
	ktap_ok(nr_expired && longest_gap <= 2 * HZ, "its users are looked after at least every 2 s");
	pvbus_device_broken(&pdev, "somebody has waited for long enough");
	run(2 * HZ);
	ktap_ok(pdev.state == PVBUS_FAILED && did("gone"), "and need not wait for it");
	hears_device = true;
	run(2 * HZ);
	ktap_ok(pdev.state == PVBUS_RUNNING && did("freeze restore"), "a late answer mends it");
}

/* It beats, and does not answer HELLO. */
static void silent_bus(void)
{
	hears_bus = false;
	longest_gap = 0;
	expired_at = shim_jiffies;
	new_life();
	run(20 * HZ);
	ktap_ok(!bus->epoch && pdev.state == PVBUS_FROZEN && did("freeze"), "while HELLO is not answered it is frozen");
	ktap_note("%lu ms at most without a look", longest_gap * 1000 / HZ);
	ktap_ok(longest_gap <= 2 * HZ, "and its users are looked after all the same");
	pvbus_device_broken(&pdev, "somebody has waited for long enough");
	run(2 * HZ);
	ktap_ok(pdev.state == PVBUS_FAILED && did("gone"), "and need not wait for it");
	beats = false;
	run(20 * HZ);
	hears_bus = true;
	beats = true;
	run(2 * HZ);
	ktap_ok(pdev.state == PVBUS_RUNNING && did("freeze restore"), "a late answer mends it");
}

static void not_ready(void)
{
	entry->flags = PVBUS_DEV_NOT_READY;
	new_life();
	run(10 * HZ);
	ktap_ok(pdev.state == PVBUS_FROZEN && did("freeze"), "one that cannot be served for now is not restored");
	entry->flags = 0;
	run(HZ);
	ktap_ok(pdev.state == PVBUS_RUNNING && did("restore"), "until it can");
}

static void refusals(void)
{
	unsigned int i;

	for (i = 0; i < 5; i++) {
		entry->status = PVBUS_S_BROKEN;
		run(HZ);
		entry->status = PVBUS_S_RUNNING;
		run(HZ);
	}
	ktap_ok(pdev.state == PVBUS_FAILED &&
		did("freeze restore freeze restore freeze restore freeze gone"),
		"a request that is refused starts it anew, three times in a life");
	new_life();
	run(HZ);
	did("");
}

/* In the place of the bus's work, which has been stopped. */
static int sleep_now(void)
{
	int err;

	works = true;
	err = pvbus_freeze(bus);
	works = false;
	return err;
}

static void sleeps(void)
{
	ktap_ok(!sleep_now() && pdev.state == PVBUS_FROZEN && did("freeze"), "a sleep freezes it");
	new_life();
	pvbus_device_broken(&pdev, "nobody hears this");
	run(60 * HZ);
	ktap_ok(pdev.state == PVBUS_FROZEN && did(""), "nothing is done while the guest sleeps");
	clear_bit(PVBUS_MARK_BROKEN, &pdev.marks);
	pvbus_thaw(bus);
	run(HZ);
	ktap_ok(pdev.state == PVBUS_RUNNING && did("restore"), "it wakes up");
	hears_bus = false;
	ktap_ok(sleep_now() == -ETIMEDOUT, "a device side that does not take leave is told of");
	hears_bus = true;
	pvbus_thaw(bus);
	run(HZ);
	ktap_ok(pdev.state == PVBUS_RUNNING && did("freeze restore"), "and served again");
}

static void configs(void)
{
	u64 epoch = header->epoch;

	entry->config_seq += 2;
	run(HZ);
	ktap_ok(pdev.state == PVBUS_RUNNING && did("config"), "a config that has changed is told of once");

	config_fate = CONFIG_IS_BEING_WRITTEN;
	entry->config_seq += 2;
	run(60 * HZ);
	ktap_ok(pdev.state == PVBUS_RUNNING && did(""), "one that a device side without a core writes is no fault");
	config_fate = CONFIG_STAYS;
	entry->config_seq++;
	run(HZ);
	ktap_ok(pdev.state == PVBUS_RUNNING && did("config"), "and told of when it is written");

	config_fate = CONFIG_IS_REPLACED;
	entry->config_seq += 2;
	run(HZ);
	ktap_ok(pdev.state == PVBUS_FROZEN && did("freeze"), "nor is one that is replaced, with the window, while it is read");
	config_fate = CONFIG_STAYS;
	*config = 1;
	header->epoch = epoch;
	new_life();
	run(HZ);
	ktap_ok(pdev.state == PVBUS_RUNNING && did("restore config"), "the next life goes on");

	*config = 0;
	entry->config_seq += 2;
	run(HZ);
	ktap_ok(pdev.state == PVBUS_FAILED && did("freeze gone"), "a whole one that makes no sense is");
	*config = 1;
	new_life();
	run(HZ);
	ktap_ok(pdev.state == PVBUS_RUNNING && did("freeze restore"), "until a later life fits");
}

/* Who takes the device away does not wait for ever for one that is silent. */
static void leaves(void)
{
	hears_device = false;
	new_life();
	pdev.leaving_at = shim_jiffies;
	set_bit(PVBUS_MARK_LEAVING, &pdev.marks);
	run(25 * HZ);
	ktap_ok(pdev.state == PVBUS_FROZEN && did("freeze"), "a removal waits for a silent device");
	run(10 * HZ);
	ktap_ok(pdev.state == PVBUS_FAILED && did("gone for good"), "for 30 s");
	ktap_ok(pvbus_device_stop(&pdev) == 0 && pdev.state == PVBUS_IDLE, "what was never given is free at once");
	clear_bit(PVBUS_MARK_LEAVING, &pdev.marks);

	hears_device = true;
	ktap_ok(!pvbus_device_negotiate(&pdev) && !pvbus_device_start(&pdev) && pdev.shared, "a driver comes");
	pvbus_device_ready(&pdev);
	hears_device = false;
	ktap_ok(pvbus_device_stop(&pdev) == -ETIMEDOUT && pdev.shared, "what a silent device was given is kept");
	nr_freed = 0;
	new_life();
	run(HZ);
	ktap_ok(!pdev.shared && nr_freed == 1 && !pvbus_device_stop(&pdev), "until another life has answered HELLO");

	hears_device = true;
	result = PVBUS_R_QUEUES;
	ktap_ok(!pvbus_device_negotiate(&pdev) && pvbus_device_start(&pdev) == -EPROTO && !pdev.shared,
		"what it has refused is free at once");
	ktap_ok(!listens, "and no interrupt calls a driver that undoes its probe");
	result = PVBUS_R_OK;
	ktap_ok(!pvbus_device_negotiate(&pdev) && !pvbus_device_start(&pdev), "a driver comes");
	pvbus_device_ready(&pdev);
	set_bit(PVBUS_MARK_VANISHED, &pdev.marks);
	run(HZ);
	ktap_ok(pdev.state == PVBUS_FAILED && did("freeze gone for good"), "a device that is taken away by force");
	pvbus_device_stop(&pdev);
	clear_bit(PVBUS_MARK_VANISHED, &pdev.marks);

	ktap_ok(!pvbus_device_negotiate(&pdev) && !pvbus_device_start(&pdev), "a driver comes");
	pvbus_device_ready(&pdev);
	hears_device = false;
	new_life();
	pvbus_waiters_init();
	shim_reboot->notifier_call(shim_reboot, 0, NULL);
	run(4 * HZ);
	ktap_ok(pdev.state == PVBUS_FROZEN && did("freeze"), "a reboot waits for a silent device too");
	run(3 * HZ);
	ktap_ok(pdev.state == PVBUS_FAILED && did("gone for good"), "for 5 s");
	pvbus_device_stop(&pdev);
	hears_device = true;

	ktap_ok(!pvbus_device_negotiate(&pdev) && !pvbus_device_start(&pdev), "a driver comes");
	pvbus_device_ready(&pdev);
	shim_reboot->notifier_call(shim_reboot, 0, NULL);
	run(10 * HZ);
	ktap_ok(pdev.state == PVBUS_RUNNING && did(""), "it does not matter to a reboot what a device does that lives");
	shim_reboot->notifier_call(shim_reboot, 0, NULL);
	set_bit(PVBUS_MARK_LEAVING, &pdev.marks);
	run(4 * HZ);
	ktap_ok(pdev.state == PVBUS_RUNNING && did(""), "but where it waits for a removal");
	run(3 * HZ);
	ktap_ok(pdev.state == PVBUS_FAILED && did("freeze gone for good"), "it does so for 5 s");
	clear_bit(PVBUS_MARK_LEAVING, &pdev.marks);
	pvbus_device_stop(&pdev);

	ktap_ok(!pvbus_device_negotiate(&pdev), "a driver comes that finds no room");
	nr_resets = 0;
	ktap_ok(!pvbus_device_reset(&pdev) && nr_resets == 1, "it leaves a device that is reset");
	ktap_ok(!pvbus_device_reset(&pdev) && nr_resets == 1, "which is not told twice");

	pvbus_device_unprobed(&pdev);
	new_life();
	run(HZ);
	ktap_ok(pdev.state == PVBUS_UNPROBED && did(""), "none is called back after a probe that failed");
	ktap_ok(pvbus_device_probe_again(&pdev) && !pvbus_device_probe_again(&pdev), "which is tried again, once");
}

int main(void)
{
	ktap_plan(61);
	begin();
	lives();
	silent_device();
	silent_bus();
	not_ready();
	refusals();
	sleeps();
	configs();
	leaves();
	ktap_ok(!nr_odd, "each callback came in its state, and under its lock");
	ktap_ok(!nr_under_lock, "no command was given or waited for under the lock of the bus");
	ktap_ok(!nr_early, "no epoch was known before the devices were those of it");
	ktap_ok(!nr_kept, "nobody but the works could have lost his CPU with a lock that they wait for");
	ktap_ok(!nr_without_noio, "nothing that I/O depends on could have waited for I/O");
	pvbus_unregister(bus);
	return ktap_finish();
}
