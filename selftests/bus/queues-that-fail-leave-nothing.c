// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whatever fails while the queues of a device are made, memory, space of the window, sysfs or an
 * interrupt: nothing of them is left, and the window has as much space as before. Interrupts reach the
 * driver from the start of the device to its end, and what a silent device side may write to is kept
 * (BUS-G6), no longer than that. The lock that the bus waits for is held by nobody who could lose his CPU.
 * pvbus/queue.c and pvbus/ring.c as they are.
 */
#include <errno.h>
#include <string.h>
#include <linux/interrupt.h>
#include <linux/slab.h>

#include "../../pvbus/pvbus.h"

#include "ktap.h"

#define NR_QUEUES	3
#define EXTENTS_MAX	64

static _Alignas(4096) u8 window[1 << 20];

static u64 taken, next_off;
static int extents_left = -1, irqs_left = -1;
static bool sysfs_fails;
static bool works;
static unsigned int nr_kept;
static unsigned int nr_irqs, nr_wrong, nr_called;
static struct {
	irq_handler_t	handler;
	void		*data;
} irqs[NR_QUEUES];

/* The lock of the bus, by who is no work of the bus's: he is not to lose his CPU with it. */
void shim_locked(struct mutex *lock)
{
	(void)lock;
	nr_kept += !works && !shim_preempt_off;
}

/* Nobody else has it. */
void shim_sleep(unsigned long timeout)
{
	(void)timeout;
	nr_wrong++;
}

pvshm_off_t pvshm_alloc(struct pvshm *shm, u64 len)
{
	(void)shm;
	if (!extents_left)
		return PVSHM_NONE;
	extents_left--;
	taken += len;
	next_off += 4096 + (len + 4095) / 4096 * 4096;
	return pvshm_off(next_off - (len + 4095) / 4096 * 4096);
}

void pvshm_free(struct pvshm *shm, pvshm_off_t off, u64 len)
{
	(void)shm;
	if (off != PVSHM_NONE)
		taken -= len;
}

u64 pvshm_avail(const struct pvshm *shm)
{
	(void)shm;
	return sizeof(window) - taken;
}

void *pvshm_at(const struct pvshm *shm, pvshm_off_t off, u64 len)
{
	(void)shm;
	return pvshm_raw(off) + len <= sizeof(window) ? window + pvshm_raw(off) : NULL;
}

bool pvbus_slot_taken(const struct pvbus *bus, u32 slot)
{
	(void)bus;
	(void)slot;
	return false;
}

int pvbus_queues_sysfs_add(struct pvbus_device *pdev)
{
	(void)pdev;
	return sysfs_fails ? -ENOMEM : 0;
}

void pvbus_queues_sysfs_del(struct pvbus_device *pdev)
{
	(void)pdev;
}

int request_irq(int irq, irq_handler_t handler, unsigned long flags, const char *name, void *data)
{
	(void)irq;
	(void)flags;
	nr_wrong += !strlen(name);
	if (!irqs_left)
		return -ENOMEM;
	irqs_left--;
	irqs[nr_irqs].handler = handler;
	irqs[nr_irqs++].data = data;
	return 0;
}

void free_irq(int irq, void *data)
{
	unsigned int i;

	(void)irq;
	for (i = 0; i < nr_irqs && irqs[i].data != data; i++)
		;
	nr_wrong += i == nr_irqs;
	irqs[i] = irqs[--nr_irqs];
}

static int vector_irq(struct pvbus_transport *transport, u16 vector)
{
	(void)transport;
	return 30 + vector;
}

static void ring(struct pvbus_transport *transport, u32 peer, u16 vector)
{
	(void)transport;
	(void)peer;
	(void)vector;
}

static void callback(struct pvbus_queue *queue)
{
	(void)queue;
	nr_called++;
}

static const struct pvbus_transport_ops ops = { .irq = vector_irq, .kick = ring };
static struct pvbus_transport transport = { .ops = &ops };
static struct pvbus bus = { .transport = &transport, .nr_vectors = 2 };
static struct pvbus_device pdev = {
	.bus = &bus, .max_queues = NR_QUEUES, .max_queue_size = 16, .desc_off = PVSHM_NONE,
};

static int alloc(void)
{
	static const struct pvbus_queue_params params = {
		.name = "test", .size = 16, .sqe_shift = 6, .cqe_shift = 4, .data_len = 4096, .callback = callback,
	};

	next_off = 0;
	return pvbus_alloc_queues(&pdev, NR_QUEUES, &params);
}

/* Queues that differ: the second has the vector of the first, and half its entries. */
static int alloc_each(u32 second)
{
	const struct pvbus_queue_params params[] = {
		{ .name = "one", .size = 16, .sqe_shift = 5, .cqe_shift = 4, .callback = callback },
		{ .name = "two", .size = second, .sqe_shift = 6, .cqe_shift = 4, .same_vector = true },
		{ .name = "three", .size = 2, .sqe_shift = 4, .cqe_shift = 4, .data_len = 4096 },
	};

	next_off = 0;
	return pvbus_alloc_queues_each(&pdev, NR_QUEUES, params);
}

static bool nothing_left(void)
{
	return !taken && !nr_irqs && !pdev.queues && !pdev.nr_queues && !nr_wrong;
}

/* Let the nth of something fail, for each n, until all succeed. */
static void fails(int *left, const char *what)
{
	bool left_nothing = true;
	int nr = -1, err;

	do {
		*left = ++nr;
		err = alloc();
		*left = -1;
		if (!err)
			pvbus_free_queues(&pdev);
		left_nothing &= nothing_left();
	} while (err && nr < EXTENTS_MAX);
	ktap_ok(!err && nr >= NR_QUEUES && left_nothing, "any of %d %s fails", nr, what);
}

/* Of the bus's work. */
static void free_reserved(void)
{
	works = true;
	pvbus_free_reserved(&bus);
	works = false;
}

static void raise(void)
{
	unsigned int i;

	nr_called = 0;
	for (i = 0; i < nr_irqs; i++)
		irqs[i].handler(0, irqs[i].data);
}

int main(void)
{
	unsigned int nr;
	u64 all;

	INIT_LIST_HEAD(&bus.reserved);
	ktap_plan(14);
	fails(&shim_allocations, "allocations");
	fails(&extents_left, "extents of the window");
	sysfs_fails = true;
	ktap_ok(alloc() && nothing_left(), "sysfs fails");
	sysfs_fails = false;

	for (nr = 0; nr < NR_QUEUES; nr++) {
		irqs_left = nr;
		if (alloc() || nr_irqs || !pvbus_listen_queues(&pdev))
			break;
		irqs_left = -1;
		pvbus_free_queues(&pdev);
		if (!nothing_left())
			break;
	}
	irqs_left = -1;
	ktap_ok(nr == NR_QUEUES, "any interrupt fails when the device is started");

	ktap_ok(!alloc() && !nr_irqs, "no interrupt calls a driver that is not ready");
	pvbus_listen_queues(&pdev);
	pvbus_listen_queues(&pdev);
	raise();
	ktap_ok(nr_irqs == NR_QUEUES && nr_called == NR_QUEUES, "each is asked for once, and calls it");
	pvbus_silence_queues(&pdev);
	pvbus_silence_queues(&pdev);
	raise();
	ktap_ok(!nr_irqs && !nr_called && !nr_wrong, "until the end of the device");
	pvbus_free_queues(&pdev);
	ktap_ok(alloc_each(32) == -EINVAL && nothing_left(), "one that is larger than the device serves fails");
	bus.nr_vectors = 4;
	ktap_ok(!alloc_each(8) && pdev.queues[0]->ring.sqe_shift == 5 && pdev.queues[1]->ring.size == 8 &&
		!pdev.queues[1]->data_len && pdev.queues[2]->data_len == 4096 &&
		pdev.queues[1]->vector == pdev.queues[0]->vector &&
		pdev.queues[2]->vector != pdev.queues[0]->vector, "queues may differ, and share a vector");
	pvbus_free_queues(&pdev);
	ktap_ok(!alloc(), "or be alike");
	all = taken;
	pdev.shared = true;
	pvbus_free_queues(&pdev);
	ktap_ok(taken == all && !pdev.queues, "a silent device side keeps what it may write to");
	pdev.shared = false;
	free_reserved();
	ktap_ok(nothing_left(), "until it has said that it writes no more");

	alloc();
	pdev.shared = true;
	shim_allocations = 0;
	pvbus_free_queues(&pdev);
	shim_allocations = -1;
	pdev.shared = false;
	free_reserved();
	ktap_ok(taken == all && !pdev.queues, "what cannot be noted stays taken");
	pvbus_space_share(&pdev);
	ktap_ok(!nr_kept && !nr_wrong, "nobody but a work could have lost his CPU with the lock of the bus");
	return ktap_finish();
}
