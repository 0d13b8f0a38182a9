// SPDX-License-Identifier: GPL-2.0-only
/*
 * The exchange: at one moment, the guest's counter and the host's clocks (clock.md).
 */
#include <linux/delay.h>
#include <linux/processor.h>
#include <linux/sched.h>
#include "pvclk.h"

#define TRIES		8	/* exchanges for one reading */
#define TRIES_MAX	64	/* ... if all of them were interrupted */
#define PAGE_TRIES	100
#define SPIN_NS		300000	/* a worker that sleeps is awake by then */
#define DOZE_US		200
#define DOZES		100	/* then the device side is dead or starved */

/**
 * pvclk_hz() - frequency of the guest's counter, as far as is known
 * @clk: the clock
 *
 * Return: Hz, a possible one.
 */
u64 pvclk_hz(const struct pvclk *clk)
{
	u64 hz = clk->line.confirmed ? clk->line.hz : 0;

	if (!hz)
		hz = pvclk_counter_hz();
	if (!hz && clk->page.raw_mult)
		hz = pvclk_page_hz(&clk->page);
	return clamp(hz, PVCLK_HZ_MIN, PVCLK_HZ_MAX);
}

/**
 * pvclk_exchange_reset() - a new epoch: nothing is outstanding, no page is known
 * @clk: the clock; its lock is held
 */
void pvclk_exchange_reset(struct pvclk *clk)
{
	clk->outstanding = 0;
	clk->width = 0;
	clk->last_raw_ns = 0;
	clk->page.epoch = 0;
}

static int lie(struct pvclk *clk, const char *why)
{
	pvbus_device_broken(clk->pdev, why);
	return -EPROTO;
}

/* Take completions until that of the last request; 0: it is there. */
static int reap(struct pvclk *clk, struct pvclock_cqe *cqe)
{
	while (pvring_get(&clk->queue->ring, cqe)) {
		u32 age = clk->id - le32_to_cpu(cqe->id);

		if (!clk->outstanding || age >= clk->queue->ring.size)
			return lie(clk, "it answered what was not asked");
		clk->outstanding--;
		WRITE_ONCE(clk->queue->ops, clk->queue->ops + 1);
		if (!age)
			return 0;
		/* CLOCK-G4: we have not waited for that one. */
	}
	return -EINPROGRESS;
}

/* Wait awake, then dozing. The caller reads its counter once more when it returns. */
static int wait_for_answer(struct pvclk *clk, struct pvclock_cqe *cqe)
{
	u64 start = pvclk_counter(), spin = pvclk_ns_to_counts(SPIN_NS, pvclk_hz(clk));
	unsigned int dozes = 0;
	int err;

	while ((err = reap(clk, cqe)) == -EINPROGRESS) {
		if (pvclk_counter() - start < spin && !need_resched()) {
			cpu_relax();
			continue;
		}
		if (pvbus_epoch_over(clk->pdev) || !READ_ONCE(clk->running))
			return -ESTALE;
		if (++dozes > DOZES)
			return -ETIMEDOUT;
		usleep_range(DOZE_US, 2 * DOZE_US);
	}
	return err;
}

static int exchange_once(struct pvclk *clk, struct pvclk_sample *sample,
			 struct ptp_system_timestamp *sts)
{
	struct pvring *ring = &clk->queue->ring;
	struct pvclock_sqe sqe = { .op = PVCLOCK_OP_READ };
	struct pvclock_cqe cqe;
	int err;

	sqe.id = cpu_to_le32(clk->id + 1);
	ptp_read_system_prets(sts);
	sample->before = pvclk_counter();
	if (!pvring_put(ring, &sqe)) {
		/* All of them are late: see whether they have come by now. */
		err = reap(clk, &cqe);
		pvring_set_head(ring);
		if (err == -EPROTO)
			return err;
		sample->before = pvclk_counter();
		if (!pvring_put(ring, &sqe))
			return -ETIMEDOUT;
	}
	clk->id++;
	clk->outstanding++;
	if (pvring_need_kick(ring))
		pvbus_kick(clk->queue);
	err = wait_for_answer(clk, &cqe);
	sample->after = pvclk_counter();
	ptp_read_system_postts(sts);
	pvring_set_head(ring);
	if (err)
		return err;

	WRITE_ONCE(clk->queue->spins, clk->queue->spins + 1);
	if (pvbus_epoch_over(clk->pdev))
		return -ESTALE;
	if (cqe.status)
		return lie(clk, "it cannot tell the time");
	if (sample->after - sample->before > PVCLK_SPAN_MAX)
		return -EAGAIN;
	sample->counter = le64_to_cpu(cqe.counter);
	sample->raw_ns = le64_to_cpu(cqe.raw_ns);
	sample->real_ns = le64_to_cpu(cqe.real_ns);
	sample->error_ns = le32_to_cpu(cqe.error_ns);
	return 0;
}

/* After an answer: a device that found its page wrong has written it anew by then. */
static int look_at_page(struct pvclk *clk)
{
	const struct pvclock_page *shared = pvbus_config_area(clk->pdev, sizeof(*shared));
	struct pvclk_page page;
	const char *why;

	if (!shared)
		return lie(clk, "it has no page");
	if (!pvclk_page_read(&page, shared, PAGE_TRIES) || page.epoch != READ_ONCE(clk->pdev->epoch))
		return 0;
	why = pvclk_page_check(&page);
	if (why)
		return lie(clk, why);
	if (page.counter_id != PVCLK_COUNTER_ID && page.counter_id != PVCLOCK_COUNTER_NONE)
		return lie(clk, "its page is for the counter of another architecture");
	clk->page = page;
	return 0;
}

/* Whether another exchange may be better than the best of @nr. */
static bool try_again(const struct pvclk *clk, u64 least, unsigned int nr)
{
	if (clk->width && least <= clk->width + clk->width / 4)
		return false;
	return nr < TRIES || (nr < TRIES_MAX && least / 4 > clk->width);
}

/**
 * pvclk_exchange() - learn the host's time
 * @clk: the clock; its lock is held
 * @best: gets the exchange with the least error of a few
 * @sts: gets the system's time before and after that one; may be NULL
 *
 * Context: process; takes microseconds from a device that polls, 20 ms if it is dead. Return:
 * 0; -ENODEV: the device is gone; -EAGAIN, -ESTALE, -ETIMEDOUT: not now; -EPROTO: it lied.
 */
int pvclk_exchange(struct pvclk *clk, struct pvclk_sample *best,
		   struct ptp_system_timestamp *sts)
{
	struct pvclk_sample sample;
	struct ptp_system_timestamp now;
	u64 least = U64_MAX;
	unsigned int nr = 0;
	const char *why;
	int err = 0;

	if (READ_ONCE(clk->failed))
		return -ENODEV;
	if (!READ_ONCE(clk->running))
		return -EAGAIN;

	if (sts)
		now = *sts;	/* which clock it wants */
	while (try_again(clk, least, nr++)) {
		err = exchange_once(clk, &sample, sts ? &now : NULL);
		if (err)
			break;
		if (sample.after - sample.before < least) {
			least = sample.after - sample.before;
			*best = sample;
			if (sts)
				*sts = now;
		}
	}
	if (least == U64_MAX || err == -EPROTO || err == -ESTALE)
		return err;

	err = look_at_page(clk);
	if (err)
		return err;
	why = pvclk_sample_check(best, clk->page.epoch ? &clk->page : NULL, clk->last_raw_ns);
	if (why)
		return lie(clk, why);
	clk->last_raw_ns = best->raw_ns;
	if (!clk->width || least < clk->width)
		clk->width = least;
	return 0;
}
