// SPDX-License-Identifier: GPL-2.0-only
/*
 * No lock is held while a clocksource comes or goes, which stops all CPUs, while the wall clock is set, or while sysfs
 * is told; and the one that the bus waits for in freeze not even while somebody exchanges. The counter is no
 * clocksource where neither CPU nor kernel promise anything of it, at any time, but for the user's word; it
 * is verified by the kernel; a host that keeps the guest waiting while it measures does not cost it that. One that
 * the kernel has nothing to put in the place of is let go when it has, and meanwhile not registered once more. A CPU
 * that a real-time task keeps from measuring is waited for with a bound, and then not relied on. And no host sets the
 * wall clock of a guest that does not want it.
 * pvclock/main.c and pvclock/source.c as they are, against a kernel that the test plays.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../../pvclock/pvclk.h"

#include "ktap.h"

#define SECOND	1000000000ULL
#define HZ_TRUE	1000000000ULL	/* of the counter */
#define IN_2024	(1704067200ULL * SECOND)
#define STOLEN_NS	(SECOND / 100)
#define STOLEN_MAX	20

bool *shim_param_step_on_resume(void);
bool *shim_param_trust_counter(void);
void shim_module_init(void);
void shim_module_exit(void);

static u64 now_ns = 10 * SECOND, real_ahead_ns, host_real_ns = IN_2024;
static bool constant_tsc = true, tsc_unstable;
static struct pvbus_driver *driver;
static struct clocksource *registered, *source;
static bool nothing_else;
static unsigned int nr_registered, nr_twice, nr_set, nr_told, nr_under_lock, nr_not_locked, nr_stolen;
static struct timespec64 set_to;

static _Alignas(64) u8 drv_area[4096], dev_area[4096];
static struct pvbus_queue queue;
static struct pvbus_queue *queues[] = { &queue };
static struct pvbus_device pdev = { .max_queue_size = 16 };

static struct pvclk *clk(void)
{
	return pvbus_get_drvdata(&pdev);
}

/* To be called with the lock held would hold up the bus. */
static void must_not_be_locked(void)
{
	nr_under_lock += clk()->turn.held || clk()->lock.held;
}

/* The kernel. */

u64 rdtsc_ordered(void)
{
	return now_ns += 100;
}

int check_tsc_unstable(void)
{
	return tsc_unstable;
}

bool boot_cpu_has(int feature)
{
	return feature == X86_FEATURE_TSC || constant_tsc;
}

/* Then the host keeps the guest waiting for as long as that. */
u64 ktime_get_raw_ns(void)
{
	u64 raw_ns = now_ns;

	if (nr_stolen) {
		nr_stolen--;
		now_ns += STOLEN_NS;
	}
	return raw_ns;
}

u64 ktime_get_real_ns(void)
{
	return host_real_ns + now_ns - real_ahead_ns;
}

int do_settimeofday64(const struct timespec64 *ts)
{
	must_not_be_locked();
	nr_set++;
	set_to = *ts;
	return 0;
}

int clocksource_register_hz(struct clocksource *cs, u32 hz)
{
	must_not_be_locked();
	nr_twice += registered != NULL;
	nr_registered += hz > HZ_TRUE - HZ_TRUE / 1000 && hz < HZ_TRUE + HZ_TRUE / 1000;
	registered = source = cs;
	return 0;
}

int clocksource_register_khz(struct clocksource *cs, u32 khz)
{
	(void)khz;
	return clocksource_register_hz(cs, 0);
}

int clocksource_unregister(struct clocksource *cs)
{
	must_not_be_locked();
	if (registered != cs)
		nr_under_lock++;
	if (nothing_else)
		return -EBUSY;
	registered = NULL;
	return 0;
}

void sysfs_notify(struct kobject *kobj, const char *dir, const char *attr)
{
	(void)kobj;
	(void)dir;
	(void)attr;
	must_not_be_locked();
	nr_told++;
}

/* A CPU that a real-time task may keep from its works; whoever waits for one of these waits for ever. */
static struct work_struct *of_cpu;
static bool cpu_is_kept;
static unsigned int nr_for_ever;
static int (*cpu_up)(unsigned int cpu);
struct work_struct *shim_last_work;

void shim_set_cpu_up(int (*up)(unsigned int cpu))
{
	cpu_up = up;
}

void shim_queued_on_cpu(struct work_struct *work)
{
	of_cpu = work;
}

void shim_waits_for(struct work_struct *work)
{
	nr_for_ever += cpu_is_kept && work == of_cpu && work->pending;
}

void shim_sleep(unsigned long timeout)
{
	if (of_cpu && of_cpu->pending && !cpu_is_kept) {
		flush_work(of_cpu);
		return;
	}
	now_ns += timeout * (SECOND / 250);
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

int pvbus_alloc_queues(struct pvbus_device *device, unsigned int nr, const struct pvbus_queue_params *params)
{
	pvring_init(&queue.ring, drv_area, dev_area, params->size, params->sqe_shift, params->cqe_shift);
	device->queues = queues;
	device->nr_queues = nr;
	return 0;
}

void pvbus_free_queues(struct pvbus_device *device)
{
	device->queues = NULL;
}

int pvbus_device_start(struct pvbus_device *device)
{
	(void)device;
	return 0;
}

int pvbus_device_stop(struct pvbus_device *device)
{
	(void)device;
	return 0;
}

void pvbus_device_broken(struct pvbus_device *device, const char *why)
{
	(void)device;
	ktap_note("broken: %s", why);
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

u64 pvclk_hz(const struct pvclk *c)
{
	(void)c;
	return HZ_TRUE;
}

int pvclk_exchange(struct pvclk *c, struct pvclk_sample *best, struct ptp_system_timestamp *sts)
{
	(void)sts;
	nr_not_locked += !c->turn.held || c->lock.held;
	if (!c->running)
		return -EAGAIN;
	c->known_life = c->life;
	best->before = rdtsc_ordered();
	best->raw_ns = now_ns + 50;
	best->counter = best->raw_ns;
	best->real_ns = host_real_ns + now_ns + 50;
	best->error_ns = 10;
	best->after = rdtsc_ordered();
	return 0;
}

/* The watch looks once a second. */
static void pass(unsigned int seconds)
{
	while (seconds--) {
		now_ns += SECOND;
		flush_work(&clk()->watch.work);
	}
}

static void come(void)
{
	shim_module_init();
	if (driver->probe(&pdev))
		ktap_bail("no clock");
}

static void go(void)
{
	driver->remove(&pdev);
	shim_module_exit();
}

/* The counter jumps, as after a pause. */
static void pause_guest(void)
{
	now_ns += 20 * SECOND;
	real_ahead_ns += 5 * SECOND;
	driver->freeze(&pdev);
	clk()->slept = true;
	driver->restore(&pdev);
	pass(2);
}

static void clocksource(void)
{
	unsigned int registered_before, stolen;

	come();
	pass(10);
	ktap_ok(registered && nr_registered == 1, "a counter that CPU and kernel trust becomes a clocksource");
	ktap_ok(registered && registered->flags & CLOCK_SOURCE_MUST_VERIFY, "the kernel verifies it");
	tsc_unstable = true;
	pass(1);
	ktap_ok(!registered && pvclk_source_state() == PVCLK_SRC_REFUSED, "until the kernel finds its TSC unstable");
	pass(10);
	ktap_ok(!registered, "for good");
	go();

	come();
	pass(10);
	ktap_ok(!registered, "nor does another device's clock bring it back");
	go();
	tsc_unstable = false;
	constant_tsc = false;
	come();
	pass(10);
	ktap_ok(!registered, "a CPU that promises no constant rate has none");
	go();

	*shim_param_trust_counter() = true;
	come();
	pass(10);
	ktap_ok(registered && nr_registered == 2, "but for the user's word");
	go();

	registered_before = nr_registered;
	for (stolen = 1; stolen <= STOLEN_MAX; stolen++) {
		come();
		nr_stolen = stolen;
		pass(10);
		go();
	}
	ktap_ok(nr_registered == registered_before + STOLEN_MAX, "one that the host interrupts while it measures becomes one");

	come();
	pass(10);
	registered->flags |= CLOCK_SOURCE_UNSTABLE;
	pass(1);
	ktap_ok(!registered, "which does not overrule that the kernel has found it unstable");
	go();
}

/* The kernel has no other clocksource for a while. */
static void kept(void)
{
	source->flags &= ~CLOCK_SOURCE_UNSTABLE;
	come();
	pass(10);
	source->flags |= CLOCK_SOURCE_UNSTABLE;
	nothing_else = true;
	pass(1);
	ktap_ok(registered && pvclk_source_state() == PVCLK_SRC_REFUSED, "what the kernel cannot do without it keeps");
	driver->remove(&pdev);
	source->flags &= ~CLOCK_SOURCE_UNSTABLE;
	if (driver->probe(&pdev))
		ktap_bail("no clock");
	pass(10);
	ktap_ok(registered && !nr_twice, "it does not get it a second time, from another device's clock");
	nothing_else = false;
	pass(1);
	ktap_ok(!registered, "and lets go of it when it can");
	go();
	come();
	pass(10);
	ktap_ok(registered && !nr_twice, "then another one may come");
	go();
}

/* The work of the source that looks at CPUs that have come is the last one queued. */
static void cpu_comes(void)
{
	struct work_struct *work;

	cpu_up(0);
	work = shim_last_work;
	flush_work(work);
}

static void busy_cpu(void)
{
	unsigned long long start;

	cpu_is_kept = true;
	shim_log_lines = 0;
	come();
	start = now_ns;
	pass(10);
	ktap_ok(!registered && pvclk_source_state() == PVCLK_SRC_MEASURING && !nr_for_ever,
		"a CPU that does not come to measure its counter is not waited for without a bound");
	ktap_ok(now_ns - start < 70 * SECOND && shim_log_lines == 1, "but for 5 s each time, and that is said once");
	cpu_is_kept = false;
	pass(2);
	ktap_ok(registered, "the counter is a clocksource when it has come to it");
	cpu_is_kept = true;
	cpu_comes();
	ktap_ok(!registered && !nr_for_ever, "and none from when a new CPU does not");
	cpu_is_kept = false;
	pass(2);
	ktap_ok(registered, "until that has, too");
	cpu_comes();
	ktap_ok(registered, "one that comes to it at once costs nothing");
	go();
}

static void wall_clock(void)
{
	come();
	pass(3);
	nr_told = 0;
	pause_guest();
	ktap_ok(!nr_set && nr_told == 1, "after a pause the wall clock is the guest's own");
	*shim_param_step_on_resume() = true;
	pause_guest();
	ktap_ok(nr_set == 1 && nr_told == 2 && (u64)set_to.tv_sec >= (host_real_ns + now_ns) / SECOND - 3,
		"with step_on_resume it is set to the host's");
	host_real_ns = 0;
	pause_guest();
	ktap_ok(nr_set == 1 && nr_told == 3, "but not to a time before 2020");
	go();
}

int main(void)
{
	ktap_plan(24);
	clocksource();
	kept();
	busy_cpu();
	wall_clock();
	ktap_ok(!nr_under_lock, "nothing that stops CPUs, or waits for others, was done under the lock");
	ktap_ok(!nr_not_locked, "and all exchanges were in turn, and without the one that a freeze waits for");
	return ktap_finish();
}
