/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_IRQFLAGS_H
#define SHIM_LINUX_IRQFLAGS_H

#define irqs_disabled()		0

#endif
