/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_INTERRUPT_H
#define SHIM_LINUX_INTERRUPT_H

#include <stddef.h>

typedef enum { IRQ_NONE, IRQ_HANDLED } irqreturn_t;
typedef irqreturn_t (*irq_handler_t)(int irq, void *data);

struct cpumask;

#define IRQF_SHARED	1

/* The test's. */
int request_irq(int irq, irq_handler_t handler, unsigned long flags, const char *name, void *data);
void free_irq(int irq, void *data);

static inline int irq_set_affinity_and_hint(int irq, const struct cpumask *mask)
{
	(void)irq;
	(void)mask;
	return 0;
}

#endif
