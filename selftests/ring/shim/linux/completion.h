/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_COMPLETION_H
#define SHIM_LINUX_COMPLETION_H

#include <stdbool.h>

/* Nobody here waits for one. */
struct completion {
	bool done;
};

#endif
