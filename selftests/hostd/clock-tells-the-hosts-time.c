// SPDX-License-Identifier: GPL-2.0-only
/*
 * The clock device: its page is there before START is answered, is written with each beat and
 * in each epoch, and agrees with its answers and with the host's clocks (CLOCK-D1 to CLOCK-D5).
 */
#include <stdlib.h>
#include <time.h>

#include <pv/clock.h>

#include "testbus.h"

#define SIZE	16U
#define MS	1000000ULL

static struct testbus t;
static struct testdrv_queue q;

static uint64_t now(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static const struct pvclock_page *page(void)
{
	return (void *)(t.drv.base + le64toh(testdrv_entry(&t.drv, 0)->config_off));
}

static int add_clock(int fd)
{
	struct hdev_spec spec = {
		.class = &pv_clock_class, .slot = 0, .generation = 1, .uuid = "clock",
		.name = "clock", .fds = &fd, .nr_fds = fd >= 0,
	};
	char error[HDEV_ERROR_LEN] = "";
	int ret = hdev_add(t.bus, &spec, error);

	if (ret)
		printf("# %s\n", error);
	return ret;
}

static bool run_clock(void)
{
	if (testdrv_hello(&t.drv) != PVBUS_R_OK)
		return false;
	testdrv_lay_out(&t.drv, &q, testdrv_space(&t.drv) + PV_PAGE_SIZE, SIZE, 0);
	q.desc.sqe_shift = PVCLOCK_SQE_SHIFT;
	q.desc.cqe_shift = PVCLOCK_CQE_SHIFT;
	return testdrv_take_features(&t.drv, 0) == PVBUS_R_OK &&
	       testdrv_start(&t.drv, 0, &q, 1) == PVBUS_R_OK;
}

static void submit(uint32_t id, uint8_t op)
{
	struct pvclock_sqe *sqe = (struct pvclock_sqe *)(q.drv + 64) + (q.submitted & (SIZE - 1));

	sqe->id = htole32(id);
	sqe->op = op;
	__atomic_store_n(&sqe->seq, htole32(PVRING_SEQ(q.submitted++)), __ATOMIC_RELEASE);
}

static bool reap(struct pvclock_cqe *cqe)
{
	const struct pvclock_cqe *from =
		(struct pvclock_cqe *)(q.dev + 64) + (q.reaped & (SIZE - 1));

	if (le32toh(__atomic_load_n(&from->seq, __ATOMIC_ACQUIRE)) != PVRING_SEQ(q.reaped))
		return false;
	*cqe = *from;
	q.reaped++;
	return true;
}

static bool exchange(struct pvclock_cqe *cqe, uint8_t op)
{
	uint32_t id = 77 + q.submitted;

	submit(id, op);
	testbus_pump(&t);
	return reap(cqe) && le32toh(cqe->id) == id;
}

/* The answer's clocks are those of the host between two looks at them. */
static bool answers_are_true(void)
{
	struct pvclock_cqe cqe;
	unsigned int i;

	for (i = 0; i < 1000; i++) {
		uint64_t raw = now(CLOCK_MONOTONIC_RAW), real = now(CLOCK_REALTIME);
		uint32_t error;

		if (!exchange(&cqe, PVCLOCK_OP_READ) || cqe.status)
			return false;
		error = le32toh(cqe.error_ns);
		if (le64toh(cqe.raw_ns) + error < raw || le64toh(cqe.real_ns) + error < real ||
		    le64toh(cqe.raw_ns) > now(CLOCK_MONOTONIC_RAW) + error ||
		    le64toh(cqe.real_ns) > now(CLOCK_REALTIME) + error)
			return false;
	}
	return true;
}

/* CLOCK-D2: an answer by the page's formula is the answer. */
static bool page_agrees(void)
{
	struct pvclock_page p = *page();
	struct pvclock_cqe cqe;
	double raw, error;

	if (!exchange(&cqe, PVCLOCK_OP_READ))
		return false;
	if (p.counter_id == PVCLOCK_COUNTER_NONE)
		return !p.counter && !p.raw_mult && !p.real_mult && !cqe.counter;
	raw = (double)(int64_t)(le64toh(cqe.counter) - le64toh(p.counter)) * le64toh(p.raw_mult) /
	      (double)(1ULL << p.shift);
	error = raw - (double)(int64_t)(le64toh(cqe.raw_ns) - le64toh(p.raw_ns));
	printf("# off by %.0f ns after %.0f ms, bound %u + %.0f ns\n", error, raw / MS,
	       le32toh(p.error_ns), raw * le32toh(p.error_ppb) / 1e9);
	error = error < 0 ? -error : error;
	return error <= le32toh(p.error_ns) + le32toh(cqe.error_ns) + raw * le32toh(p.error_ppb) / 1e9;
}

static bool page_is_of_this_epoch(void)
{
	return page()->epoch == testdrv_header(&t.drv)->epoch && !(le32toh(page()->seq) & 1);
}

static bool beats_renew_it(void)
{
	uint64_t raw = le64toh(page()->raw_ns);
	uint32_t seq = le32toh(page()->seq);

	usleep(2000);
	hostd_bus_beat(t.bus);
	return le32toh(page()->seq) == seq + 2 && le64toh(page()->raw_ns) > raw &&
	       page()->epoch && !page()->reserved0;
}

static bool without_interrupts(void)
{
	while (testbus_irqs(&t, PVBUS_VECTOR_BUS))
		;
	hostd_bus_beat(t.bus);
	return !testbus_irqs(&t, PVBUS_VECTOR_BUS);
}

int main(void)
{
	struct pvclock_cqe cqe;

	ktap_plan(11);
	testbus_init(&t);
	ktap_ok(add_clock(open("/dev/null", O_RDONLY)) == -EINVAL, "a clock has no file");
	ktap_ok(!add_clock(-1), "a clock is added");
	hostd_bus_begin_epoch(t.bus);
	ktap_ok(run_clock(), "it runs");
	ktap_ok(page_is_of_this_epoch(), "the page is there by then");
	ktap_ok(answers_are_true(), "answers are true");
	usleep(200000);
	ktap_ok(page_agrees(), "the page agrees with them");
	ktap_ok(beats_renew_it(), "each beat writes it anew");
	ktap_ok(without_interrupts(), "without an interrupt");
	ktap_ok(exchange(&cqe, 9) && le32toh(cqe.status) == PVCLOCK_S_UNSUPP, "unknown operations get UNSUPP");

	hostd_bus_begin_epoch(t.bus);
	ktap_ok(!page()->epoch, "a new epoch begins without a page");
	ktap_ok(run_clock() && page_is_of_this_epoch() && answers_are_true() && page_agrees(),
		"and has one when it runs");
	testbus_exit(&t);
	return ktap_finish();
}
