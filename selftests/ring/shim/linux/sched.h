/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_SCHED_H
#define SHIM_LINUX_SCHED_H

#include <stdbool.h>

/* What others do then, if the test says. */
void shim_resched(void) __attribute__((weak));

static inline void cond_resched(void)
{
	if (shim_resched)
		shim_resched();
}

#define TASK_RUNNING	0
#define TASK_IDLE	1

struct task_struct {
	int state;
};

/* The test's. */
void set_current_state(int state);
void __set_current_state(int state);
void schedule(void);
int wake_up_process(struct task_struct *task);

#endif
