// SPDX-License-Identifier: GPL-2.0-only
/*
 * The polling half of the worker's loop.
 *
 * While it polls, no queue asks for doorbells: their submissions are found in
 * the window, and the guest pays no exit. When nothing has come for @poll_ns, every
 * queue is armed (RING-D4) and the loop may sleep.
 */
#include "worker/worker.h"

/* Submissions taken from a queue before others have their turn. */
#define BUDGET			32
/* With more queues than this, idle ones are armed while others are polled. */
#define POLL_ALL_MAX		16
#define IDLE_PASSES_PER_CLOCK	8

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

void hostd_worker_note(struct hostd_worker *w)
{
	w->work_ns = w->bus->now_ns;
	w->hot = true;
}

void hostd_worker_rouse(struct hostd_worker *w)
{
	w->hot = true;
}

static void poll_queue(struct hdev_queue *q)
{
	struct hostd_bus *bus = q->dev->bus;

	if (!q->kicked)
		q->stats.polls++;
	q->kicked = false;
	q->armed = false;
	q->work_ns = bus->now_ns;
	q->dev->ops->poll(q, BUDGET);
	if (q->running)
		hdev_queue_signal(q);
}

/* A queue that has been idle among many others costs a doorbell, not a look in each pass. */
static void rest_queue(struct hostd_worker *w, struct hdev_queue *q)
{
	if (q->quiet || w->bus->nr_running <= POLL_ALL_MAX || w->bus->now_ns - q->work_ns < w->poll_ns)
		return;
	hdev_queue_arm(q);
}

static bool poll_queues(struct hostd_worker *w)
{
	struct hostd_bus *bus = w->bus;
	bool worked = false;
	unsigned int i = 0;

	while (i < bus->nr_running) {
		struct hdev_queue *q = bus->running[i];

		if (bus->now_ns >= q->ring.irq_at_ns)
			hdev_queue_signal_late(q);
		if (!q->armed && hdev_queue_has_work(q)) {
			worked |= !q->dev->ops->is_patient;
			poll_queue(q);
		} else if (!q->armed) {
			rest_queue(w, q);
		}
		/* A queue that was broken has left the list, and another has its place. */
		if (q->running)
			i++;
	}
	return worked;
}

bool hostd_worker_reap(struct hostd_worker *w)
{
	struct hostd_bus *bus = w->bus;
	bool worked = hostd_bus_work(bus);
	unsigned int i;

	worked |= hostd_engines_reap(&bus->engines) > 0;
	if (!worked)
		return false;
	for (i = 0; i < bus->nr_running; i++)
		hdev_queue_signal(bus->running[i]);
	if (bus->nr_draining)
		hostd_bus_settle(bus);
	return true;
}

void hostd_worker_wake(struct hostd_bus *bus)
{
	unsigned int i;

	for (i = 0; i < bus->nr_running && bus->nr_running <= POLL_ALL_MAX; i++)
		bus->running[i]->armed = false;
}

/* Ask every queue for a doorbell; false if one has work by now. */
static bool arm_queues(struct hostd_bus *bus)
{
	unsigned int i = 0;

	while (i < bus->nr_running) {
		struct hdev_queue *q = bus->running[i];

		if (!q->armed && !q->quiet && !hdev_queue_arm(q))
			return false;
		if (q->running)
			i++;
	}
	return true;
}

void hostd_worker_poll(struct hostd_worker *w)
{
	struct hostd_bus *bus = w->bus;
	unsigned int idle = 0;

	do {
		bool worked = poll_queues(w);

		worked |= hostd_worker_reap(w);
		if (worked || ++idle % IDLE_PASSES_PER_CLOCK == 0)
			bus->now_ns = hostd_clock_ns();
		if (worked)
			hostd_worker_note(w);
		else
			relax();
		if (bus->now_ns - w->work_ns > w->poll_ns)
			w->hot = !arm_queues(bus);
	} while (w->hot && !w->quit && bus->now_ns < w->next_fds_ns);
}
