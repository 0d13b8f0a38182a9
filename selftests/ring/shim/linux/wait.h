/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_WAIT_H
#define SHIM_LINUX_WAIT_H

typedef struct {
	int sleepers;
} wait_queue_head_t;

#define DECLARE_WAIT_QUEUE_HEAD(name)	wait_queue_head_t name

/* The test's: somebody else runs, and time passes. */
void shim_sleep(unsigned long timeout);

#define wait_event_timeout(wait, condition, timeout)			\
	((void)&(wait), (condition) ? 1L : (shim_sleep(timeout), (long)!!(condition)))

/* Until it is so. */
#define wait_event_idle(wait, condition)				\
	do {								\
		(void)&(wait);						\
		while (!(condition))					\
			shim_sleep(~0UL);				\
	} while (0)

#define init_waitqueue_head(wait)	((void)((wait)->sleepers = 0))
#define wake_up(wait)			((void)(wait))
#define wake_up_all(wait)		((void)(wait))

#endif
