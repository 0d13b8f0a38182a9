/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_COMPAT_WQ_H
#define SHIM_COMPAT_WQ_H

/* In the place of compat/compat_wq.h. */
#include <linux/workqueue.h>

#endif
