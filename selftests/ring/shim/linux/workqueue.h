/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_WORKQUEUE_H
#define SHIM_LINUX_WORKQUEUE_H

struct workqueue_struct;

struct work_struct {
	int pending;
};

struct delayed_work {
	struct work_struct work;
};

#endif
