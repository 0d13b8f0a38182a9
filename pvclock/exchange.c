// SPDX-License-Identifier: GPL-2.0-only
/*
 * The exchange: at one moment, the guest's counter and the host's clocks (clock.md).
 *
 * Who makes one may lose his CPU at any time, and for long, and the bus waits for nobody who may. So he holds the lock
 * for each touch of the queue only, and sees each time whether the life of the device is over that he has begun in.
 */
#include <linux/delay.h>
#include <linux/limits.h>
#include <linux/processor.h>
#include <linux/sched.h>
#include "pvclk.h"

#define TRIES		8	/* exchanges for one reading */
#define TRIES_MAX	64	/* ... if all of them were interrupted */
#define PAGE_TRIES	100
#define ROUNDS		3	/* readings for one that no writing of the page falls into */
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

/* A new life: nothing is outstanding, no page is known. */
static void forget_life(struct pvclk *clk)
{
	clk->outstanding = 0;
	clk->width = 0;
	clk->last_raw_ns = 0;
	clk->page.epoch = 0;
}

/* From now on it is the life of the device of now that is exchanged with. */
static int begin(struct pvclk *clk)
{
	int err = 0;

	spin_lock(&clk->lock);
	if (clk->failed) {
		err = -ENODEV;
	} else if (!clk->running) {
		err = -EAGAIN;
	} else if (clk->known_life != clk->life) {
		forget_life(clk);
		clk->known_life = clk->life;
	}
	spin_unlock(&clk->lock);
	return err;
}

/* Is the life over that the exchange has begun in? A hint, unless the lock is held. */
static bool life_is_over(const struct pvclk *clk)
{
	return !READ_ONCE(clk->running) || READ_ONCE(clk->life) != clk->known_life;
}

/*
 * It is this life that has lied: the lock has been held since that was seen not to be over. But what was read of a window
 * whose epoch is over says nothing (BUS-G4).
 */
static int lie(struct pvclk *clk, const char *why)
{
	if (pvbus_epoch_over(clk->pdev))
		return -ESTALE;
	pvbus_device_broken(clk->pdev, why);
	return -EPROTO;
}

/* Take completions until that of the last request; 0: it is there. The lock is held. */
static int reap(struct pvclk *clk, struct pvclock_cqe *cqe)
{
	struct pvring *ring = &clk->queue->ring;
	int err = -EINPROGRESS;
	u32 age;

	while (err == -EINPROGRESS && pvring_get(ring, cqe)) {
		age = clk->id - le32_to_cpu(cqe->id);
		if (!clk->outstanding || age >= ring->size)
			return lie(clk, "it answered what was not asked");
		clk->outstanding--;
		WRITE_ONCE(clk->queue->ops, clk->queue->ops + 1);
		/* CLOCK-G4: we have not waited for an older one. */
		if (!age)
			err = 0;
	}
	pvring_set_head(ring);
	return err;
}

/* The answer to the last request, if it is there by now. */
static int take_answer(struct pvclk *clk, struct pvclock_cqe *cqe)
{
	int err;

	if (!pvring_pending(&clk->queue->ring))
		return -EINPROGRESS;
	spin_lock(&clk->lock);
	err = life_is_over(clk) ? -ESTALE : reap(clk, cqe);
	if (!err && pvbus_epoch_over(clk->pdev))
		err = -ESTALE;
	if (!err && cqe->status)
		err = lie(clk, "it cannot tell the time");
	spin_unlock(&clk->lock);
	return err;
}

/* Wait awake, then dozing. The caller reads its counter once more when it returns. */
static int wait_for_answer(struct pvclk *clk, struct pvclock_cqe *cqe)
{
	u64 start = pvclk_counter(), spin = pvclk_ns_to_counts(SPIN_NS, pvclk_hz(clk));
	unsigned int dozes = 0;
	int err;

	while ((err = take_answer(clk, cqe)) == -EINPROGRESS) {
		if (pvclk_counter() - start < spin && !need_resched()) {
			cpu_relax();
			continue;
		}
		if (pvbus_epoch_over(clk->pdev) || life_is_over(clk))
			return -ESTALE;
		if (++dozes > DOZES)
			return -ETIMEDOUT;
		usleep_range(DOZE_US, 2 * DOZE_US);
	}
	return err;
}

/* Ask for the time. The lock is held. */
static int ask(struct pvclk *clk, u64 *before, struct ptp_system_timestamp *sts)
{
	struct pvclock_sqe sqe = { .id = cpu_to_le32(clk->id + 1), .op = PVCLOCK_OP_READ };
	struct pvring *ring = &clk->queue->ring;
	struct pvclock_cqe cqe;

	/* All of them are late: see whether they have come by now. */
	if (pvring_outstanding(ring) == ring->size && reap(clk, &cqe) == -EPROTO)
		return -EPROTO;
	ptp_read_system_prets(sts);
	*before = pvclk_counter();
	if (!pvring_put(ring, &sqe))
		return -ETIMEDOUT;
	clk->id++;
	clk->outstanding++;
	if (pvring_need_kick(ring))
		pvbus_kick(clk->queue);
	return 0;
}

static int exchange_once(struct pvclk *clk, struct pvclk_sample *sample,
			 struct ptp_system_timestamp *sts)
{
	struct pvclock_cqe cqe;
	int err;

	spin_lock(&clk->lock);
	err = life_is_over(clk) ? -ESTALE : ask(clk, &sample->before, sts);
	spin_unlock(&clk->lock);
	if (err)
		return err;
	err = wait_for_answer(clk, &cqe);
	sample->after = pvclk_counter();
	ptp_read_system_postts(sts);
	if (err)
		return err;

	WRITE_ONCE(clk->queue->spins, clk->queue->spins + 1);
	if (sample->after - sample->before > PVCLK_SPAN_MAX)
		return -EAGAIN;
	sample->counter = le64_to_cpu(cqe.counter);
	sample->raw_ns = le64_to_cpu(cqe.raw_ns);
	sample->real_ns = le64_to_cpu(cqe.real_ns);
	sample->error_ns = le32_to_cpu(cqe.error_ns);
	return 0;
}

/* Before a request: which writing of the page the answer may be held against. */
static int begin_round(struct pvclk *clk, u32 *seq)
{
	const struct pvclock_page *shared;
	int err = 0;

	spin_lock(&clk->lock);
	shared = pvbus_config_area(clk->pdev, sizeof(*shared));
	if (life_is_over(clk))
		err = -ESTALE;
	else if (!shared)
		err = lie(clk, "it has no page");
	else
		*seq = pvclk_page_seq(shared);
	spin_unlock(&clk->lock);
	return err;
}

/*
 * After an answer. A page that has been written since the request, as number @seq is not the last one then, may be of
 * another time than the answer, with the host's sleep or a pause of this guest between the two (CLOCK-G6). The lock
 * is held.
 */
static int look_at_page(struct pvclk *clk, u32 seq)
{
	const struct pvclock_page *shared = pvbus_config_area(clk->pdev, sizeof(*shared));
	struct pvclk_page page;
	const char *why;

	if (!shared)
		return lie(clk, "it has no page");
	if (!pvclk_page_read(&page, shared, PAGE_TRIES) || page.seq != seq)
		return -EAGAIN;
	if (page.epoch != READ_ONCE(clk->pdev->epoch)) {
		clk->page.epoch = 0;
		return 0;
	}
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

/* Does the best exchange make sense? The lock is held. */
static int believe(struct pvclk *clk, const struct pvclk_sample *best, u32 seq)
{
	const char *why;
	int err;

	err = look_at_page(clk, seq);
	if (err)
		return err;
	why = pvclk_sample_check(best, clk->page.epoch ? &clk->page : NULL, clk->last_raw_ns);
	if (why)
		return lie(clk, why);
	clk->last_raw_ns = best->raw_ns;
	return 0;
}

/* The best of a few exchanges, if the page stays as it is meanwhile. */
static int exchange_round(struct pvclk *clk, struct pvclk_sample *best, struct ptp_system_timestamp *sts)
{
	struct pvclk_sample sample;
	struct ptp_system_timestamp now;
	u64 least = U64_MAX;
	unsigned int nr = 0;
	u32 seq;
	int err;

	err = begin_round(clk, &seq);
	if (err)
		return err;

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

	spin_lock(&clk->lock);
	err = life_is_over(clk) ? -ESTALE : believe(clk, best, seq);
	spin_unlock(&clk->lock);
	if (err)
		return err;
	if (!clk->width || least < clk->width)
		clk->width = least;
	return 0;
}

/**
 * pvclk_exchange() - learn the host's time
 * @clk: the clock; it is the caller's turn
 * @best: gets the exchange with the least error of a few
 * @sts: gets the system's time before and after that one; may be NULL
 *
 * Context: process; takes microseconds from a device that polls, 20 ms if it is dead. Return:
 * 0; -ENODEV: the device is gone; -EAGAIN, -ESTALE, -ETIMEDOUT: not now; -EPROTO: it lied.
 */
int pvclk_exchange(struct pvclk *clk, struct pvclk_sample *best,
		   struct ptp_system_timestamp *sts)
{
	unsigned int rounds = 0;
	int err;

	err = begin(clk);
	if (err)
		return err;
	do {
		err = exchange_round(clk, best, sts);
	} while (err == -EAGAIN && ++rounds < ROUNDS);
	return err;
}
