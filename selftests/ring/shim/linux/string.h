/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_STRING_H
#define SHIM_LINUX_STRING_H

#include <string.h>

/* Always terminated, and the rest is zero. */
#define strscpy_pad(dst, src, size) ((void)strncpy((char *)(dst), src, (size) - 1), \
				     (dst)[(size) - 1] = 0)

#endif
