// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the guest's files log in user space: counted, and noted in the log of the test.
 */
#include <stdarg.h>
#include <string.h>

#include <linux/device.h>

#include "ktap.h"

unsigned int shim_log_lines;
bool shim_log_quiet;

void shim_log(const struct device *dev, const char *format, ...)
{
	char line[256];
	va_list args;

	(void)dev;
	shim_log_lines++;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (!shim_log_quiet)
		ktap_note("%.*s", (int)strcspn(line, "\n"), line);
}
