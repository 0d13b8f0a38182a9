// SPDX-License-Identifier: GPL-2.0-only
/*
 * Submitter, reaper and device, each a thread, and every access to an entry is ordered by a
 * release and an acquire, on any machine: ThreadSanitizer, which this is built with, ends the
 * test otherwise (ring.md, Barriers and their partners). Nobody sleeps.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "ktap.h"
#include "pair.h"

#define SHIFT		4
#define NR_REQUESTS	30000
#define START		((u32)-NR_REQUESTS / 2)

/* All looks of one thread in vain before another gets the CPU. */
#define LOOKS		50

const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
	return "halt_on_error=1";
}

static struct pair p;
static atomic_bool wrong;

static void pause_after(u32 *looks)
{
	if (++*looks % LOOKS == 0)
		sched_yield();
}

static void *submitter(void *arg)
{
	struct pair_entry e;
	u32 nr, looks = 0;

	(void)arg;
	for (nr = 0; nr < NR_REQUESTS; nr++) {
		pair_fill(&e, SHIFT, nr);
		while (!pvring_put(&p.drv, &e) && !wrong)
			pause_after(&looks);
		pvring_need_kick(&p.drv);
	}
	return NULL;
}

static void *reaper(void *arg)
{
	struct pair_entry e;
	u32 nr, looks = 0;

	(void)arg;
	for (nr = 0; nr < NR_REQUESTS && !wrong; nr++) {
		while (!pvring_get(&p.drv, &e) && !wrong)
			pause_after(&looks);
		if (!pair_matches(&e, SHIFT, nr))
			wrong = true;
		pvring_set_head(&p.drv);
		pvring_arm(&p.drv, p.drv.cq_next + pvring_outstanding(&p.drv), nr % 3);
		pvring_disarm(&p.drv);
		if (pvring_error(&p.drv))
			wrong = true;
	}
	return NULL;
}

static void *device(void *arg)
{
	struct pair_entry e;
	u32 nr, looks = 0;

	(void)arg;
	for (nr = 0; nr < NR_REQUESTS && !wrong; nr++) {
		while (hring_pop(&p.dev, &e) != 1 && !wrong) {
			hring_arm(&p.dev);
			pause_after(&looks);
		}
		if (!pair_matches(&e, SHIFT, nr))
			wrong = true;
		hring_push(&p.dev, &e, nr);
		hring_need_irq(&p.dev, nr);
		hring_irq_due(&p.dev, nr);
	}
	return NULL;
}

int main(void)
{
	static void *(*const bodies[])(void *) = { submitter, reaper, device };
	pthread_t threads[3];
	unsigned int i;
	u32 size;

	ktap_plan(3);
	for (size = 2; size <= 32; size *= 4) {
		pair_init(&p, size, SHIFT, SHIFT, START);
		for (i = 0; i < 3; i++)
			if (pthread_create(&threads[i], NULL, bodies[i], NULL))
				ktap_bail("no thread");
		for (i = 0; i < 3; i++)
			pthread_join(threads[i], NULL);
		ktap_ok(!wrong, "%u requests through %u entries", NR_REQUESTS, size);
		pair_exit(&p);
	}
	return ktap_finish();
}
