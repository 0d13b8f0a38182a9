// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who exchanges with the device may lose his CPU wherever he holds no lock that a freeze takes, and for as long as
 * whoever has taken it likes: the device is frozen meanwhile, and started anew. When he goes on he touches nothing of
 * the new life, whose queue is as it was begun, and says that the time is not known; the next exchange is good. So it
 * is at each place. Nor is a device called a liar because all stood still at one of them, and its page and its answer
 * are of before and after (CLOCK-G6). pvclock/exchange.c and main.c as they are, against a device that answers at the doorbell.
 */
#include <errno.h>
#include <string.h>

#include "../../pvclock/pvclk.h"

#include "worker/bus/ring.h"
#include "ktap.h"

#define PAUSE_NS	(10ULL * 3600 * 1000000000)
#define PLACES_MIN	8
#define PLACES_MAX	500

void shim_module_init(void);

static _Alignas(64) u8 drv_area[4096], dev_area[4096], drv_begun[4096], dev_begun[4096];
static struct pvclock_page page;
static struct hring device;
static struct pvbus_driver *driver;
static struct pvbus_queue queue;
static struct pvbus_queue *queues[] = { &queue };
static struct pvbus_device pdev = { .max_queue_size = 16 };
static struct pvbus_queue_params params;

static u64 now_ns = 1000000000;
static unsigned int place, lost_at, nr_held;
static u64 counter_ahead, guest_behind;
static bool stays_frozen, is_slow, stands_still, rewrites_always, answers_nonsense, is_replaced, epoch_is_over;
static enum { LIFE, HOST_SLEEPS, PAUSE } loses;
static const char *broken;

static struct pvclk *clk(void)
{
	return pvbus_get_drvdata(&pdev);
}

/* The device. */

static void write_page(void)
{
	page.counter = htole64(now_ns + counter_ahead);
	page.raw_ns = htole64(now_ns);
	page.real_ns = htole64(now_ns);
	page.seq = htole32(le32toh(page.seq) + 2);
}

static void serve(void)
{
	struct pvclock_cqe cqe = { 0 };
	struct pvclock_sqe sqe;

	if (stands_still)
		return;
	while (hring_pop(&device, &sqe) == 1) {
		if (rewrites_always)
			write_page();
		cqe.id = answers_nonsense ? ~sqe.id : sqe.id;
		epoch_is_over = is_replaced;
		cqe.counter = htole64(now_ns + counter_ahead);
		cqe.raw_ns = htole64(now_ns);
		cqe.real_ns = htole64(now_ns);
		hring_push(&device, &cqe, 0);
	}
	hring_arm(&device);
}

void pvbus_kick(struct pvbus_queue *q)
{
	(void)q;
	if (!is_slow)
		serve();
}

/* A life ends, and another one begins. */
static void lose_cpu(void)
{
	nr_held += clk()->lock.held;
	driver->freeze(&pdev);
	stands_still = true;
	if (!stays_frozen && driver->restore(&pdev))
		ktap_bail("no new life");
	memcpy(drv_begun, drv_area, sizeof(drv_area));
	memcpy(dev_begun, dev_area, sizeof(dev_area));
}

/*
 * The host's counter runs on for hours. Its clock stands still as the host sleeps, or goes on as the guest is paused,
 * whose counter stands. The device writes its page before anybody asks again.
 */
static void stand_still(void)
{
	if (loses == HOST_SLEEPS) {
		counter_ahead += PAUSE_NS;
	} else {
		now_ns += PAUSE_NS;
		guest_behind += PAUSE_NS;
	}
	write_page();
}

void shim_may_lose_cpu(void)
{
	if (!lost_at || (loses == LIFE && clk()->lock.held) || ++place != lost_at)
		return;
	lost_at = 0;
	if (loses == LIFE)
		lose_cpu();
	else
		stand_still();
}

static bool is_untouched(void)
{
	return !memcmp(drv_begun, drv_area, sizeof(drv_area)) && !memcmp(dev_begun, dev_area, sizeof(dev_area));
}

/* The kernel. */

u64 rdtsc_ordered(void)
{
	now_ns += is_slow ? 10000 : 100;
	shim_may_lose_cpu();
	return now_ns - guest_behind;
}

void shim_sleep(unsigned long timeout)
{
	(void)timeout;
	now_ns += 1000000;
	shim_may_lose_cpu();
	serve();
}

int check_tsc_unstable(void)
{
	return 0;
}

bool boot_cpu_has(int feature)
{
	(void)feature;
	return true;
}

u64 ktime_get_real_ns(void)
{
	return now_ns;
}

u64 ktime_get_raw_ns(void)
{
	return now_ns;
}

int do_settimeofday64(const struct timespec64 *ts)
{
	(void)ts;
	return 0;
}

void sysfs_notify(struct kobject *kobj, const char *dir, const char *attr)
{
	(void)kobj;
	(void)dir;
	(void)attr;
}

/* The rest of the kit. */

const struct attribute_group *pvclk_groups[1];

int __pvbus_register_driver(struct pvbus_driver *drv, struct module *owner)
{
	(void)owner;
	driver = drv;
	return 0;
}

void pvbus_unregister_driver(struct pvbus_driver *drv)
{
	(void)drv;
}

int pvbus_alloc_queues(struct pvbus_device *dev, unsigned int nr, const struct pvbus_queue_params *wanted)
{
	params = *wanted;
	queue.pdev = dev;
	dev->queues = queues;
	dev->nr_queues = nr;
	return 0;
}

void pvbus_free_queues(struct pvbus_device *dev)
{
	dev->queues = NULL;
	hring_exit(&device);
}

int pvbus_device_start(struct pvbus_device *dev)
{
	dev->epoch++;
	page.epoch = htole64(dev->epoch);
	page.counter_id = PVCLOCK_COUNTER_X86_TSC;
	page.shift = 40;
	page.raw_mult = htole64(1ULL << 40);
	page.real_mult = htole64(1ULL << 40);
	page.error_ppb = htole32(1000000);
	write_page();
	pvring_init(&queue.ring, drv_area, dev_area, params.size, params.sqe_shift, params.cqe_shift);
	if (device.size)
		hring_exit(&device);
	if (hring_init(&device, drv_area, dev_area, params.size, params.sqe_shift, params.cqe_shift))
		ktap_bail("no device");
	hring_arm(&device);
	stands_still = false;
	return 0;
}

int pvbus_device_stop(struct pvbus_device *dev)
{
	(void)dev;
	return 0;
}

void pvbus_device_broken(struct pvbus_device *dev, const char *why)
{
	(void)dev;
	broken = why;
}

bool pvbus_epoch_over(struct pvbus_device *dev)
{
	(void)dev;
	return epoch_is_over;
}

const void *pvbus_config_area(struct pvbus_device *dev, size_t len)
{
	(void)dev;
	(void)len;
	return &page;
}

int pvclk_source_init(void)
{
	return 0;
}

void pvclk_source_exit(void)
{
}

void pvclk_source_watch(struct pvclk *c, const struct pvclk_view *view)
{
	(void)c;
	(void)view;
}

void pvclk_source_release(struct pvclk *c)
{
	(void)c;
}

int pvclk_ptp_register(struct pvclk *c)
{
	(void)c;
	return 0;
}

void pvclk_ptp_unregister(struct pvclk *c)
{
	(void)c;
}

static int exchange(void)
{
	struct pvclk_sample sample;
	int err;

	mutex_lock(&clk()->turn);
	err = pvclk_exchange(clk(), &sample, NULL);
	mutex_unlock(&clk()->turn);
	return err;
}

/*
 * One that loses its CPU at the @nr-th place. One that does so before it has begun is of the new life, one when it has
 * ended of the old; one in between has nothing.
 */
static bool loses_cpu_at(unsigned int nr, unsigned int *nr_ended)
{
	int err;

	place = 0;
	lost_at = nr;
	err = exchange();
	if (nr == 1 || lost_at)
		return !err || err == -EAGAIN;
	*nr_ended += !err;
	return (!err || err == -ESTALE) && is_untouched();
}

static void at_each_place(const char *what)
{
	unsigned int nr, nr_good = 0, nr_next = 0, nr_ended = 0;

	broken = NULL;
	for (nr = 1, lost_at = 0; nr < PLACES_MAX && !lost_at; nr++) {
		nr_good += loses_cpu_at(nr, &nr_ended);
		if (lost_at)
			break;
		if (stays_frozen && driver->restore(&pdev))
			ktap_bail("no new life");
		nr_next += !exchange();
	}
	lost_at = 0;
	ktap_ok(nr > PLACES_MIN && nr < PLACES_MAX && nr_good == nr && nr_ended == 1, "%s, at each of %u places", what,
		nr - 1);
	ktap_ok(nr_next == nr - 1 && !broken, "the next one is good");
}

static void nobody_lies(int what, const char *words)
{
	unsigned int nr, nr_good = 0;

	loses = what;
	broken = NULL;
	for (nr = 1, lost_at = 0; nr < PLACES_MAX && !lost_at && !broken; nr++) {
		place = 0;
		lost_at = nr;
		nr_good += !exchange();
	}
	lost_at = 0;
	loses = LIFE;
	ktap_ok(nr > PLACES_MIN && nr < PLACES_MAX && nr_good == nr - 1 && !broken, "%s, at each of %u places%s%s", words,
		nr - 1, broken ? ": " : "", broken ? broken : "");
}

static void rewriting_ends(void)
{
	broken = NULL;
	rewrites_always = true;
	ktap_ok(exchange() == -EAGAIN && !broken, "a page that is written all the time costs a bounded time");
	rewrites_always = false;
	ktap_ok(!exchange(), "the next one is good");
}

static void nonsense_is_somebodys(void)
{
	broken = NULL;
	answers_nonsense = true;
	is_replaced = true;
	ktap_ok(exchange() == -ESTALE && !broken, "a window that is replaced while it is read is no lie");
	is_replaced = false;
	epoch_is_over = false;
	lose_cpu();
	stands_still = false;
	ktap_ok(exchange() == -EPROTO && broken, "the same of a device that is there is one");
	answers_nonsense = false;
}

int main(void)
{
	ktap_plan(13);
	shim_module_init();
	if (driver->probe(&pdev))
		ktap_bail("no clock");
	at_each_place("one that loses its CPU over another life touches nothing of it");
	stays_frozen = true;
	at_each_place("nor of a device that stays frozen");
	is_slow = true;
	at_each_place("the same while it waits for a device that is slow");
	is_slow = false;
	nobody_lies(HOST_SLEEPS, "a host that sleeps does not lie");
	nobody_lies(PAUSE, "nor one that pauses the guest for hours");
	rewriting_ends();
	stays_frozen = false;
	nonsense_is_somebodys();
	driver->remove(&pdev);
	ktap_ok(!nr_held, "the lock that a freeze takes is free wherever it may come");
	return ktap_finish();
}
