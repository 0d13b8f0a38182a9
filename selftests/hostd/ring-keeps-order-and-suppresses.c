// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device half of a ring: order and wrap (RING-D1, D2), doorbell and interrupt
 * suppression (RING-D4, D6, D7), refusal of an overrun (RING-D3), under two threads as well.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "worker/bus/ring.h"
#include "ktap.h"
#include "testdrv.h"

#define SIZE	8U
#define ROUNDS	1000000U

static _Alignas(4096) uint8_t drv_area[4096], dev_area[4096];
static struct testdrv_queue q;
static struct hring ring;

/* Both sides at number @start, as after that many requests. */
static void restart(uint32_t start)
{
	memset(drv_area, 0, sizeof(drv_area));
	memset(dev_area, 0, sizeof(dev_area));
	memset(&q, 0, sizeof(q));
	q.desc.size = htole32(SIZE);
	q.drv = drv_area;
	q.dev = dev_area;
	q.submitted = start;
	q.reaped = start;
	hring_exit(&ring);
	if (hring_init(&ring, drv_area, dev_area, SIZE, PVBLK_SQE_SHIFT, PVBLK_CQE_SHIFT))
		ktap_bail("hring_init");
	ring.sq_next = start;
	ring.cq_next = start;
	ring.cq_told = start;
	testdrv_ctrl(&q)->irq_event = htole32(start - 1);
	testdrv_ctrl(&q)->cq_head = htole32(start);
}

static void submit(uint32_t id)
{
	struct pvblk_sqe sqe = { .id = htole32(id) };

	testdrv_submit(&q, &sqe);
}

static void complete(uint32_t id, uint64_t now_ns)
{
	struct pvblk_cqe cqe = { .id = htole32(id) };

	hring_push(&ring, &cqe, now_ns);
}

static bool pops(uint32_t id)
{
	struct pvblk_sqe sqe;

	return hring_pop(&ring, &sqe) == 1 && le32toh(sqe.id) == id;
}

static bool reaps(uint32_t id)
{
	struct pvblk_cqe cqe;

	return testdrv_reap(&q, &cqe) && le32toh(cqe.id) == id;
}

static bool keeps_order(uint32_t start)
{
	struct pvblk_sqe sqe;
	struct pvblk_cqe cqe;
	uint32_t i, n;

	restart(start);
	for (i = 0; i < 5 * SIZE; i++) {
		for (n = 0; n <= i % SIZE; n++)
			submit(i * 100 + n);
		for (n = 0; n <= i % SIZE; n++)
			if (!pops(i * 100 + n))
				return false;
		if (hring_pop(&ring, &sqe) || testdrv_reap(&q, &cqe))
			return false;
		for (n = 0; n <= i % SIZE; n++)
			complete(n, 0);
		for (n = 0; n <= i % SIZE; n++)
			if (!reaps(n))
				return false;
	}
	return !ring.outstanding && !hring_pop(&ring, &sqe);
}

static void check_bounds(void)
{
	struct hring r;

	ktap_ok(hring_init(&r, drv_area, dev_area, 3, 6, 4) == -EINVAL &&
			hring_init(&r, drv_area, dev_area, 1, 6, 4) == -EINVAL &&
			hring_init(&r, drv_area, dev_area, 8192, 6, 4) == -EINVAL &&
			hring_init(&r, drv_area, dev_area, 8, 3, 4) == -EINVAL &&
			hring_init(&r, drv_area, dev_area, 8, 6, 8) == -EINVAL,
		"sizes out of bounds are refused");
}

static void check_overrun(void)
{
	struct pvblk_sqe sqe;
	uint32_t i;

	restart(0);
	for (i = 0; i < SIZE; i++) {
		submit(i);
		if (!pops(i))
			ktap_bail("pop");
	}
	ktap_ok(!hring_pop(&ring, &sqe), "a full ring is empty for the device");
	submit(i);
	ktap_ok(hring_pop(&ring, &sqe) == -EPROTO, "one more is refused (RING-D3)");
	hring_stop(&ring, PVRING_E_OVERRUN);
	complete(0, 0);
	ktap_ok(!hring_has_work(&ring) && !reaps(0) && !hring_need_irq(&ring, 0) &&
			le32toh(testdrv_dev_ctrl(&q)->error) == PVRING_E_OVERRUN,
		"a stopped ring is silent");
}

static void check_doorbell(void)
{
	restart(40);
	ktap_ok(hring_arm(&ring) && le32toh(testdrv_dev_ctrl(&q)->kick_event) == 40, "armed");
	submit(1);
	ktap_ok(testdrv_need_kick(&q, 40), "the first submission rings (RING-D4)");
	submit(2);
	ktap_ok(!testdrv_need_kick(&q, 41), "the second doesn't");
	ktap_ok(!hring_arm(&ring), "not armed with work at hand");
	ktap_ok(pops(1) && pops(2) && hring_arm(&ring) && !testdrv_need_kick(&q, 42),
		"armed again");
}

static void post(uint32_t nr, uint64_t now_ns)
{
	while (nr--) {
		submit(0);
		if (!pops(0))
			ktap_bail("pop");
		complete(0, now_ns);
	}
}

static void check_interrupt(void)
{
	restart(-2U);
	ktap_ok(!hring_need_irq(&ring, 0), "no completion, no interrupt");
	post(1, 0);
	ktap_ok(!hring_need_irq(&ring, 0), "irq_event left behind: none");
	testdrv_ctrl(&q)->irq_event = htole32(0);
	post(1, 0);
	ktap_ok(!hring_need_irq(&ring, 0), "not before irq_event");
	post(3, 0);
	ktap_ok(hring_need_irq(&ring, 0), "at irq_event, within a batch, over the wrap (RING-D6)");
	post(1, 0);
	ktap_ok(!hring_need_irq(&ring, 0), "once");
}

static void check_delay(void)
{
	struct pvring_drv_ctrl *ctrl = testdrv_ctrl(&q);

	restart(-1U);
	post(1, 1000);
	ktap_ok(!hring_need_irq(&ring, 1000) && ring.irq_at_ns == HRING_NEVER,
		"irq_delay_us 0: never");
	ctrl->irq_delay_us = htole32(50);
	post(1, 2000);
	ktap_ok(!hring_need_irq(&ring, 2000) && ring.irq_at_ns == 52000, "delayed");
	ktap_ok(!hring_irq_due(&ring, 50999) && ring.irq_at_ns == 51000,
		"counted from the oldest that was not reaped");
	ctrl->cq_head = htole32(0);
	ktap_ok(!hring_irq_due(&ring, 51000) && ring.irq_at_ns == 52000,
		"reaping puts it off (RING-D7)");
	ktap_ok(hring_irq_due(&ring, 52000) && ring.irq_at_ns == HRING_NEVER, "due, and once");
	post(1, 60000);
	hring_need_irq(&ring, 60000);
	ctrl->cq_head = htole32(ring.cq_next);
	ktap_ok(!hring_irq_due(&ring, 200000) && ring.irq_at_ns == HRING_NEVER,
		"none if all is reaped");
	ctrl->cq_head = htole32(0x12345678);
	ctrl->irq_delay_us = htole32(UINT32_MAX);
	post(1, 70000);
	hring_need_irq(&ring, 70000);
	hring_irq_due(&ring, UINT64_MAX / 2);
	ktap_ok(true, "a cq_head that is a lie does no harm");
}

static void *drive(void *arg)
{
	uint32_t sent = 0, got = 0;
	struct pvblk_cqe cqe;
	bool *ok = arg;

	while (*ok && got < ROUNDS) {
		while (sent < ROUNDS && sent - got < SIZE)
			submit(sent++);
		while (testdrv_reap(&q, &cqe)) {
			*ok &= le32toh(cqe.id) == got && le32toh(cqe.status) == ~got;
			got++;
		}
		sched_yield();
	}
	return NULL;
}

static bool survives_threads(void)
{
	struct pvblk_sqe sqe;
	struct pvblk_cqe cqe;
	pthread_t thread;
	uint32_t done = 0;
	bool ok = true;
	int ret;

	restart(0);
	pthread_create(&thread, NULL, drive, &ok);
	while (done < ROUNDS) {
		ret = hring_pop(&ring, &sqe);
		if (ret < 0)
			break;
		if (!ret) {
			sched_yield();
			continue;
		}
		cqe = (struct pvblk_cqe) { .id = sqe.id, .status = ~sqe.id };
		hring_push(&ring, &cqe, 0);
		done++;
	}
	pthread_join(thread, NULL);
	return ok && done == ROUNDS;
}

int main(void)
{
	ktap_plan(24);
	ktap_ok(keeps_order(0), "order");
	ktap_ok(keeps_order(-11U), "order over the wrap of the numbers");
	check_bounds();
	check_overrun();
	check_doorbell();
	check_interrupt();
	check_delay();
	ktap_ok(survives_threads(), "%u requests between two threads", ROUNDS);
	hring_exit(&ring);
	return ktap_finish();
}
