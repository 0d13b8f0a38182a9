// SPDX-License-Identifier: GPL-2.0-only
/*
 * The clocksource: the guest's own counter, with the frequency that the host knows.
 *
 * It reads nothing but the counter, so no lie and no death of the device side reaches
 * CLOCK_MONOTONIC (CLOCK-G5). The host's part is to have said how fast the counter is, before
 * the kernel relies on it, checked against the clock that the guest had by then.
 */
#include <linux/atomic.h>
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/delay.h>
#include <linux/limits.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include "pvclk.h"

static bool trust_counter;
module_param(trust_counter, bool, 0444);
MODULE_PARM_DESC(trust_counter, "make the CPU's counter a clocksource though the kernel does not trust it (default N)");

/* Above hpet (250) and acpi_pm (200), below a tsc that the kernel trusts (300). */
#define RATING		290
#define MEASURE_NS	1000000000ULL
/* A measured rate that is less certain is measured on. */
#define CERTAIN_PPB	20000
/* Between the page's frequency and the measured one, beyond their bounds: rounding. */
#define SAME_PPB	1000
/* Between the host's clock and the guest's own. */
#define OWN_PPB		1000000
/* What lies between two reads that count for one; the host may have kept the guest waiting in between. */
#define OWN_APART_NS	100000
#define OWN_TRIES	5
/* NTP can correct 500 ppm; a frequency that is further off is another one. */
#define WRONG_PPB	300000
/* What the host may have kept the guest waiting between two reads that the kernel compares. */
#define UNCERTAINTY_NS	20000000
/* How long the CPUs read their counters against each other, once all of them are there, and at most. */
#define WARP_TEST_NS	2000000
#define WARP_WAIT_NS	50000000
/* So long a CPU is waited for that a real-time task, or the host, keeps from it. */
#define WARP_TIMEOUT	(5 * HZ)

static u64 source_read(struct clocksource *cs)
{
	return pvclk_counter();
}

/*
 * One for the machine, as its counter is. It is verified by the kernel, with a margin, since a
 * read of hpet in a guest that the host has interrupted says little; so it is never itself what the
 * kernel verifies others by. It needs no such approval to be used: the watch in this file is
 * stricter. It outlives the device while the kernel has nothing to put in its place, and keeps the
 * module, as the owner, while it is the current one.
 */
static struct clocksource source = {
	.name		= "pvclock",
	.rating		= RATING,
	.read		= source_read,
	.mask		= CLOCKSOURCE_MASK(64),
	.flags		= CLOCK_SOURCE_IS_CONTINUOUS | CLOCK_SOURCE_MUST_VERIFY |
			  CLOCK_SOURCE_VALID_FOR_HRES,
	.vdso_clock_mode = PVCLK_VDSO_MODE,
	.id		= PVCLK_CSID,
	.owner		= THIS_MODULE,
};

static enum pvclk_source_state state;
static bool registered;		/* the kernel has it, be it refused meanwhile */
static u64 source_hz;		/* registered with */
static DEFINE_MUTEX(source_lock);	/* the four above; held for WARP_TIMEOUT at most */
static int cpu_state;

/**
 * pvclk_source_state() - what became of the clocksource
 */
enum pvclk_source_state pvclk_source_state(void)
{
	return READ_ONCE(state);
}

/**
 * pvclk_source_counterval() - a value of the counter, as the timekeeper takes it
 * @system: gets it
 * @counter: the value
 */
void pvclk_source_counterval(struct system_counterval_t *system, u64 counter)
{
	*system = (struct system_counterval_t) { .cycles = counter };
#ifdef PVKIT_HAVE_COUNTERVAL_CS_ID
	system->cs_id = PVCLK_CSID;
#else
	system->cs = &source;
#endif
}

/**
 * struct warp_test - the CPUs' counters, read against each other
 * @latest: the most that anyone has read
 * @worst: by how much somebody read less after that
 * @missing: CPUs that are not there yet
 * @left: CPUs that are not done
 * @counts: length of the test
 * @wait_counts: how long to wait for those that are missing
 */
struct warp_test {
	atomic64_t	latest;
	atomic64_t	worst;
	atomic_t	missing;
	atomic_t	left;
	u64		counts;
	u64		wait_counts;
};

/* They outlive who does not wait for them. Begun under source_lock, if no CPU is left of the last time. */
static struct warp_test warp_test;
static DEFINE_PER_CPU(struct work_struct, warp_works);
static DECLARE_WAIT_QUEUE_HEAD(warp_wait);

static void read_counter(struct warp_test *test)
{
	s64 latest = atomic64_read(&test->latest), worst;
	/* Ordered after the read of what the others have seen; to be interrupted here does no harm. */
	u64 now = pvclk_counter();

	if ((s64)(now - (u64)latest) > 0) {
		atomic64_try_cmpxchg(&test->latest, &latest, now);
		return;
	}
	worst = atomic64_read(&test->worst);
	if (latest - (s64)now > worst)
		atomic64_try_cmpxchg(&test->worst, &worst, latest - (s64)now);
}

/* On every CPU at once: does anyone read less than another one read before? */
static void test_warp(struct work_struct *work)
{
	struct warp_test *test = &warp_test;
	u64 start = pvclk_counter();

	atomic_dec(&test->missing);
	while (atomic_read(&test->missing) > 0 && pvclk_counter() - start < test->wait_counts)
		usleep_range(20, 50);
	start = pvclk_counter();
	do {
		read_counter(test);
		cond_resched();
	} while (pvclk_counter() - start < test->counts);
	/* Pairs with the acquire in measure_warp(). */
	if (atomic_dec_and_test(&test->left))
		wake_up_all(&warp_wait);
}

/* Not waited for under the lock of the CPUs: they may come and go meanwhile. */
static void start_warp_test(struct warp_test *test, u64 hz)
{
	unsigned int cpu;

	test->counts = pvclk_ns_to_counts(WARP_TEST_NS, hz);
	test->wait_counts = pvclk_ns_to_counts(WARP_WAIT_NS, hz);
	atomic64_set(&test->latest, pvclk_counter());
	atomic64_set(&test->worst, 0);
	cpus_read_lock();
	atomic_set(&test->missing, num_online_cpus());
	atomic_set(&test->left, num_online_cpus());
	for_each_online_cpu(cpu)
		queue_work_on(cpu, system_highpri_wq, per_cpu_ptr(&warp_works, cpu));
	cpus_read_unlock();
}

/*
 * By how many counts the CPUs' counters differ, at least. The guest's other work goes on. False: some CPU does not come
 * to it, and nothing is known.
 */
static bool measure_warp(u64 hz, u64 *warp)
{
	struct warp_test *test = &warp_test;
	unsigned int cpu;

	lockdep_assert_held(&source_lock);
	if (atomic_read_acquire(&test->left))
		return false;
	start_warp_test(test, hz);
	if (wait_event_timeout(warp_wait, !atomic_read_acquire(&test->left), WARP_TIMEOUT)) {
		*warp = atomic64_read(&test->worst);
		return true;
	}
	for_each_possible_cpu(cpu)
		if (cancel_work(per_cpu_ptr(&warp_works, cpu)))
			atomic_dec(&test->left);
	return false;
}

static void refuse(struct pvclk *clk)
{
	WRITE_ONCE(state, PVCLK_SRC_REFUSED);
	dev_warn(&clk->pdev->dev, "the kernel keeps its own clocksource; the PTP clock works\n");
}

/* Whether the rest of the kernel is rid of it: it keeps what it has nothing to put in its place for. */
static bool unregister(void)
{
	if (registered && clocksource_unregister(&source))
		return false;
	registered = false;
	if (state == PVCLK_SRC_REGISTERED)
		WRITE_ONCE(state, PVCLK_SRC_MEASURING);
	return true;
}

/* One that is not measured is not relied on. */
static void check_new_cpu(void)
{
	u64 warp;

	if (!measure_warp(source_hz, &warp)) {
		pr_warn("pvclock: a new CPU does not come to measure its counter: no clocksource before it does\n");
		if (!unregister())
			WRITE_ONCE(state, PVCLK_SRC_REFUSED);
	} else if (warp) {
		pr_warn("pvclock: the counter of a new CPU is %llu counts off: no clocksource any more\n",
			warp);
		unregister();
		WRITE_ONCE(state, PVCLK_SRC_REFUSED);
	}
}

static void cpu_came(struct work_struct *work)
{
	mutex_lock(&source_lock);
	if (state == PVCLK_SRC_REGISTERED)
		check_new_cpu();
	mutex_unlock(&source_lock);
}

static DECLARE_WORK(cpu_work, cpu_came);

static int cpu_comes(unsigned int cpu)
{
	queue_work(system_dfl_wq, &cpu_work);
	return 0;
}

/* Why the counter is not to be a clocksource, or no longer; NULL: nothing speaks against it. */
static const char *distrust(void)
{
	if (READ_ONCE(source.flags) & CLOCK_SOURCE_UNSTABLE)
		return "the kernel has found this clocksource to be unstable";
	return trust_counter ? NULL : pvclk_counter_distrust();
}

/* The page's frequency if the measured one bears it out: it is the more exact one. */
static u64 choose_hz(const struct pvclk_view *view)
{
	const struct pvclk_line *line = &view->line;
	u64 hz = view->page.epoch && view->page.raw_mult ? pvclk_page_hz(&view->page) : 0;

	return hz && pvclk_rate_ppb(line->hz, hz) <= line->ppb + SAME_PPB ? hz : line->hz;
}

/* The guest's own clock and the counter, at the same time. Returns false if the host does not let them be read so. */
static bool read_own(u64 hz, struct pvclk_own *own)
{
	u64 limit = pvclk_ns_to_counts(OWN_APART_NS, hz), before, counts;
	unsigned int i;

	for (i = 0; i < OWN_TRIES; i++) {
		before = pvclk_counter();
		own->raw_ns = ktime_get_raw_ns();
		counts = pvclk_counter() - before;
		own->counter = before + counts / 2;
		own->valid = counts <= limit;
		if (own->valid)
			return true;
	}
	return false;
}

/*
 * The frequency of the counter by the guest's own clock, as far as that has been asked; *ppb gets a
 * bound of what may be wrong with it. 0: too early to tell.
 */
static u64 measure_own(struct pvclk *clk, u64 hz, u64 *ppb)
{
	struct pvclk_own now;
	u64 ns, counts;

	if (!read_own(hz, &now))
		return 0;
	ns = now.raw_ns - clk->own.raw_ns;
	counts = now.counter - clk->own.counter;
	if (!clk->own.valid || ns > 100 * MEASURE_NS || counts > PVCLK_SPAN_MAX) {
		clk->own = now;
		return 0;
	}
	if (ns < MEASURE_NS)
		return 0;
	/* Jiffies, say, are coarse. */
	*ppb = OWN_PPB + 4 * (u64)ktime_get_resolution_ns() * NSEC_PER_SEC / ns;
	return mul_u64_u64_div_u64(counts, NSEC_PER_SEC, ns);
}

/* Two witnesses: the guest's own clock for the frequency, the CPUs for each other. 0; -EAGAIN: not all have said. */
static int ask_witnesses(struct pvclk *clk, u64 hz, u64 own_hz, u64 ppb)
{
	u64 warp;

	if (pvclk_rate_ppb(hz, own_hz) > ppb) {
		dev_warn(&clk->pdev->dev,
			 "the host says that the counter runs at %llu Hz, the guest's own clock %llu Hz\n",
			 hz, own_hz);
		return -EINVAL;
	}
	if (!measure_warp(hz, &warp)) {
		dev_warn_once(&clk->pdev->dev,
			      "some CPU does not come to measure its counter: no clocksource before it does\n");
		return -EAGAIN;
	}
	if (!warp)
		return 0;
	dev_warn(&clk->pdev->dev, "the counters of the CPUs are %llu counts apart\n", warp);
	return -EINVAL;
}

static void try_to_register(struct pvclk *clk, const struct pvclk_view *view)
{
	u64 ppb, own_hz = measure_own(clk, view->hz, &ppb), hz;
	int err;

	if (!own_hz || !view->line.confirmed || view->line.ppb > CERTAIN_PPB)
		return;
	hz = choose_hz(view);
	err = ask_witnesses(clk, hz, own_hz, ppb);
	if (err == -EAGAIN)
		return;
	if (err) {
		refuse(clk);
		return;
	}
	compat_set_uncertainty(&source, UNCERTAINTY_NS);
	err = hz <= U32_MAX ? clocksource_register_hz(&source, hz) :
			      clocksource_register_khz(&source, div_u64(hz, 1000));
	if (err) {
		dev_warn(&clk->pdev->dev, "the kernel does not take the clocksource (%d)\n", err);
		refuse(clk);
		return;
	}
	source_hz = hz;
	registered = true;
	WRITE_ONCE(state, PVCLK_SRC_REGISTERED);
	dev_info(&clk->pdev->dev, "clocksource of %llu Hz\n", hz);
}

/* After a migration under TCG, say, the counter is that of another host. */
static void check_frequency(struct pvclk *clk, const struct pvclk_line *line)
{
	if (!line->confirmed || line->ppb > CERTAIN_PPB ||
	    pvclk_rate_ppb(source_hz, line->hz) <= WRONG_PPB)
		return;
	dev_warn(&clk->pdev->dev, "the counter runs at %llu Hz by now, not at %llu Hz\n",
		 line->hz, source_hz);
	clk->own.valid = false;
	if (!unregister())
		refuse(clk);
}

static void watch(struct pvclk *clk, const struct pvclk_view *view)
{
	const char *why = distrust();

	/* The kernel may have another one by now. */
	if (state == PVCLK_SRC_REFUSED) {
		unregister();
		return;
	}
	if (why) {
		dev_warn(&clk->pdev->dev, "no clocksource: %s%s\n", why,
			 trust_counter ? "" : "; 'trust_counter=1' of pvclock overrules that");
		unregister();
		refuse(clk);
	} else if (state == PVCLK_SRC_MEASURING) {
		try_to_register(clk, view);
	} else {
		check_frequency(clk, &view->line);
	}
}

/**
 * pvclk_source_watch() - register the clocksource when its frequency is known, and watch that
 * @clk: the clock; of its watch
 * @view: what the watch has seen
 *
 * Context: process, without a lock: to (un)register a clocksource stops all CPUs, which waits for a
 * CPU that is going offline, and that for the I/O of disks of the same bus.
 */
void pvclk_source_watch(struct pvclk *clk, const struct pvclk_view *view)
{
	mutex_lock(&source_lock);
	watch(clk, view);
	mutex_unlock(&source_lock);
}

/**
 * pvclk_source_release() - the device goes: take the clocksource away
 * @clk: the clock, which exchanges no more
 *
 * If it is the current one, the kernel takes its second best.
 */
void pvclk_source_release(struct pvclk *clk)
{
	mutex_lock(&source_lock);
	if (unregister())
		WRITE_ONCE(state, PVCLK_SRC_MEASURING);
	else
		dev_warn(&clk->pdev->dev, "the kernel has no other clocksource, and keeps this one\n");
	mutex_unlock(&source_lock);
}

/**
 * pvclk_source_init() - watch for CPUs that come
 *
 * Return: 0 or -errno.
 */
int __init pvclk_source_init(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		INIT_WORK(per_cpu_ptr(&warp_works, cpu), test_warp);
	cpu_state = cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN, "pvclock:online", cpu_comes, NULL);
	return cpu_state < 0 ? cpu_state : 0;
}

/**
 * pvclk_source_exit() - the module goes, so the kernel does not use the clocksource
 */
void pvclk_source_exit(void)
{
	unsigned int cpu;

	cpuhp_remove_state_nocalls(cpu_state);
	flush_work(&cpu_work);
	/* One that has begun is of the module's code, and has to end. */
	for_each_possible_cpu(cpu)
		cancel_work_sync(per_cpu_ptr(&warp_works, cpu));
	mutex_lock(&source_lock);
	unregister();
	mutex_unlock(&source_lock);
}
