/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's workqueue whose works are bound to no CPU, by its newest name.
 */
#ifndef _PVKIT_COMPAT_WQ_H
#define _PVKIT_COMPAT_WQ_H

#include <linux/workqueue.h>
#include "gen/config.h"

#ifndef PVKIT_HAVE_SYSTEM_DFL_WQ
#define system_dfl_wq	system_unbound_wq
#endif

#endif /* _PVKIT_COMPAT_WQ_H */
