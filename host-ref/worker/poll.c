// SPDX-License-Identifier: GPL-2.0-only
/*
 * The polling half of a runner.
 *
 * While it polls, no queue asks for doorbells: their submissions are found in
 * the window, and the guest pays no exit. When nothing has come for @poll_ns, every queue is armed (RING-D4)
 * and the loop may sleep. Where others want the core, they have it between two looks.
 */
#include "worker/runner.h"

#include <unistd.h>

/* Submissions taken from a queue before others have their turn. */
#define BUDGET			32
/*
 * A look that comes so late, after one that found nothing: somebody who computes had the core, the other end
 * of a connection as it may be. Who wants it for a moment only is no reason to sleep.
 */
#define GAP_NS			250000
/* For so long the worker then naps where it would spin, at first and at last. */
#define CROWD_MIN_NS		16000000
#define CROWD_MAX_NS		1000000000
#define CROWD_FACTOR		4
/*
 * A stream needs no look at once: who sends so much at a time is busy making the next piece, and waits for
 * none. So between two looks the core is free for the other end of the stream, which else took that of the
 * guest; and the guest pays no doorbells all the same. Where others want the core it is theirs meanwhile, too:
 * a sleep, and the doorbell that ends it, would take about as long.
 */
#define NAP_NS			50000
/* A stream's where others want the core, who have it during a nap, but whom its end interrupts. */
#define CROWD_NAP_NS		150000
/* So long after its last piece it may still go on. */
#define STREAM_NS		1000000
/* With more queues than this, idle ones are armed while others are polled. */
#define POLL_ALL_MAX		16
#define IDLE_PASSES_PER_CLOCK	8

void hostd_runner_note(struct hostd_runner *r)
{
	r->work_ns = r->loop->now_ns;
	r->hot = true;
}

void hostd_runner_rouse(struct hostd_runner *r)
{
	r->hot = true;
}

static void poll_queue(struct hdev_queue *q)
{
	struct hdev_loop *loop = q->dev->loop;

	if (q->dev != loop->stream)
		loop->stream = NULL;
	if (!q->kicked)
		q->stats.polls++;
	q->kicked = false;
	q->armed = false;
	q->work_ns = loop->now_ns;
	q->dev->ops->poll(q, BUDGET);
	if (q->running)
		hdev_queue_signal(q);
}

/* A queue that has been idle among many others costs a doorbell, not a look in each pass. */
static void rest_queue(struct hostd_runner *r, struct hdev_queue *q)
{
	if (q->quiet || r->loop->nr_running <= POLL_ALL_MAX ||
	    r->loop->now_ns - q->work_ns < r->poll_ns)
		return;
	hdev_queue_arm(q);
}

static bool poll_queues(struct hostd_runner *r)
{
	struct hdev_loop *loop = r->loop;
	bool worked = false;
	unsigned int i = 0;

	while (i < loop->nr_running) {
		struct hdev_queue *q = loop->running[i];

		if (loop->now_ns >= q->ring.irq_at_ns)
			hdev_queue_signal_late(q);
		if (!q->armed && hdev_queue_has_work(q)) {
			worked |= !q->dev->ops->is_patient;
			poll_queue(q);
		} else if (!q->armed) {
			rest_queue(r, q);
		}
		/* A queue that was broken has left the list, and another has its place. */
		if (q->running)
			i++;
	}
	return worked;
}

void hostd_runner_nudge(struct hostd_runner *r)
{
	static const uint64_t one = 1;

	if (write(r->wake_fd, &one, sizeof(one)) < 0)
		return;		/* the counter is full: it is readable already */
}

void hostd_runner_settle(struct hostd_runner *r)
{
	struct hostd_bus *bus = r->loop->bus;

	if (!bus->draining || !hdev_loop_is_drained(r->loop))
		return;
	if (r->loop->index) {
		hostd_runner_nudge(&r->worker->runner);
		return;
	}
	hostd_bus_hold(bus);
	hostd_bus_settle(bus);
	hostd_bus_let_go(bus);
}

bool hostd_runner_reap(struct hostd_runner *r)
{
	struct hdev_loop *loop = r->loop;
	bool worked = hdev_loop_work(loop);
	unsigned int i;

	worked |= hostd_engines_reap(&loop->engines) > 0;
	if (!worked)
		return false;
	for (i = 0; i < loop->nr_running; i++)
		hdev_queue_signal(loop->running[i]);
	hostd_runner_settle(r);
	return true;
}

void hostd_runner_wake(struct hostd_runner *r)
{
	struct hdev_loop *loop = r->loop;
	unsigned int i;

	for (i = 0; i < loop->nr_running && loop->nr_running <= POLL_ALL_MAX; i++)
		loop->running[i]->armed = false;
}

/* Ask every queue for a doorbell; false if one has work by now. */
static bool arm_queues(struct hdev_loop *loop)
{
	unsigned int i = 0;

	while (i < loop->nr_running) {
		struct hdev_queue *q = loop->running[i];

		if (!q->armed && !q->quiet && !hdev_queue_arm(q))
			return false;
		if (q->running)
			i++;
	}
	return true;
}

bool hostd_runner_is_crowded(const struct hostd_runner *r)
{
	return r->loop->now_ns < r->crowd_until_ns;
}

/*
 * Pollers that share a core take time slices of each other, in which each could have answered the
 * other at once. So who finds that out leaves it to them between his looks.
 */
static void keep_from_spinning(struct hostd_runner *r)
{
	/* What the operator has said is done. */
	if (r->poll_min_ns == r->poll_max_ns || hostd_runner_is_crowded(r))
		return;
	/* Again, soon after the last time? */
	if (r->loop->now_ns - r->crowd_until_ns < r->crowd_ns * CROWD_FACTOR)
		r->crowd_ns *= CROWD_FACTOR;
	else
		r->crowd_ns = CROWD_MIN_NS;
	if (r->crowd_ns > CROWD_MAX_NS)
		r->crowd_ns = CROWD_MAX_NS;
	r->crowd_until_ns = r->loop->now_ns + r->crowd_ns;
}

/* @idle_ns: when it last looked, if nothing has been done since; else 0 */
static void look_at_clock(struct hostd_runner *r, uint64_t idle_ns)
{
	if (!r->loop->is_fresh)
		r->loop->now_ns = hostd_clock_ns();
	r->loop->is_fresh = false;
	if (idle_ns && r->loop->now_ns > idle_ns + GAP_NS)
		keep_from_spinning(r);
}

/* Not where the operator wants no polling. */
static bool has_stream(const struct hostd_runner *r)
{
	const struct hdev_loop *loop = r->loop;

	return r->poll_ns && loop->stream && loop->now_ns - loop->stream_ns < STREAM_NS;
}

/* As if it had looked in vain for so long. A descriptor that is ready ends it. */
static void nap(struct hostd_runner *r)
{
	const struct timespec time = { .tv_nsec = has_stream(r) && hostd_runner_is_crowded(r) ? CROWD_NAP_NS : NAP_NS };
	uint64_t start_ns = hostd_clock_ns();

	if (hostd_watches_sleep(&r->watches, &time))
		r->next_fds_ns = 0;
	r->loop->is_fresh = false;
	look_at_clock(r, start_ns + time.tv_nsec);
}

void hostd_runner_poll(struct hostd_runner *r)
{
	struct hdev_loop *loop = r->loop;
	uint64_t idle_ns = 0;
	unsigned int idle = 0;

	do {
		bool worked = poll_queues(r);

		worked |= hostd_runner_reap(r);
		if (worked || ++idle % IDLE_PASSES_PER_CLOCK == 0) {
			look_at_clock(r, worked ? 0 : idle_ns);
			idle_ns = loop->now_ns;
		}
		if (worked) {
			hostd_runner_note(r);
		} else if (loop->now_ns - r->work_ns > r->poll_ns && !has_stream(r)) {
			r->hot = !arm_queues(loop);
		} else if (has_stream(r) || hostd_runner_is_crowded(r)) {
			nap(r);
			idle_ns = loop->now_ns;
		} else {
			hostd_relax();
		}
	} while (r->hot && !hostd_worker_is_over(r->worker) && loop->now_ns < r->next_fds_ns);
}
