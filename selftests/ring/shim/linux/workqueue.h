/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_WORKQUEUE_H
#define SHIM_LINUX_WORKQUEUE_H

#include <stdbool.h>
#include <stddef.h>

struct workqueue_struct;
struct work_struct;
typedef void (*work_func_t)(struct work_struct *work);

/* When a work runs is the test's to say. */
struct work_struct {
	work_func_t	func;
	bool		pending;
	bool		on_stack;
};

struct delayed_work {
	struct work_struct work;
};

static inline struct delayed_work *to_delayed_work(struct work_struct *work)
{
	return (struct delayed_work *)work;
}

static inline void INIT_WORK(struct work_struct *work, work_func_t func)
{
	*work = (struct work_struct) { .func = func };
}

static inline void INIT_DELAYED_WORK(struct delayed_work *work, work_func_t func)
{
	INIT_WORK(&work->work, func);
}

static inline void INIT_WORK_ONSTACK(struct work_struct *work, work_func_t func)
{
	*work = (struct work_struct) { .func = func, .on_stack = true };
}

#define WQ_UNBOUND	1
#define WQ_FREEZABLE	2

struct workqueue_struct {
	const char *name;
};

static inline struct workqueue_struct *alloc_workqueue(const char *name, unsigned int flags, int max)
{
	static struct workqueue_struct wq;

	(void)flags;
	(void)max;
	wq.name = name;
	return &wq;
}

static inline void destroy_workqueue(struct workqueue_struct *wq)
{
	(void)wq;
}

/* Those of the kernel are one. */
#define system_dfl_wq		((struct workqueue_struct *)NULL)
#define system_highpri_wq		((struct workqueue_struct *)NULL)
#define DECLARE_WORK(name, fn)		struct work_struct name = { .func = (fn) }

/* The one that was queued last, where the test has no other way to it. */
extern struct work_struct *shim_last_work __attribute__((weak));

static inline void destroy_work_on_stack(struct work_struct *work)
{
	if (&shim_last_work && shim_last_work == work)
		shim_last_work = NULL;
}

static inline bool schedule_work(struct work_struct *work)
{
	if (&shim_last_work)
		shim_last_work = work;
	work->pending = true;
	return true;
}

/* The test's, if it wants to know: a work of one CPU, and that somebody waits for its end without a bound. */
void shim_queued_on_cpu(struct work_struct *work) __attribute__((weak));
void shim_waits_for(struct work_struct *work) __attribute__((weak));

static inline bool queue_work_on(int cpu, struct workqueue_struct *wq, struct work_struct *work)
{
	(void)cpu;
	(void)wq;
	if (shim_queued_on_cpu)
		shim_queued_on_cpu(work);
	return schedule_work(work);
}

static inline bool queue_work(struct workqueue_struct *wq, struct work_struct *work)
{
	(void)wq;
	return schedule_work(work);
}

static inline bool queue_delayed_work(struct workqueue_struct *wq, struct delayed_work *work,
				      unsigned long delay)
{
	(void)wq;
	(void)delay;
	return schedule_work(&work->work);
}

#define mod_delayed_work(wq, work, delay)	queue_delayed_work(wq, work, delay)

static inline void flush_work(struct work_struct *work)
{
	if (shim_waits_for)
		shim_waits_for(work);
	if (work->pending) {
		work->pending = false;
		work->func(work);
	}
}

static inline bool cancel_work(struct work_struct *work)
{
	bool pending = work->pending;

	work->pending = false;
	return pending;
}

static inline bool cancel_work_sync(struct work_struct *work)
{
	return cancel_work(work);
}

static inline bool cancel_delayed_work_sync(struct delayed_work *work)
{
	return cancel_work_sync(&work->work);
}

#endif
