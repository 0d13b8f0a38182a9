// SPDX-License-Identifier: GPL-2.0-only
/*
 * The back end without a medium: every request is done at once, reads leave the buffer as it is.
 */
#include "backend/backend.h"

#include <errno.h>
#include <stdio.h>

static int null_open(struct hostd_file *file, struct hostd_engines *engines,
		     const struct hostd_backend_spec *spec, char *error, size_t len)
{
	(void)engines;
	if (spec->fd >= 0) {
		snprintf(error, len, "null takes no image");
		return -EINVAL;
	}
	*file = (struct hostd_file) { .backend = &hostd_backend_null, .fd = -1 };
	return 0;
}

static void null_close(struct hostd_file *file, struct hostd_engines *engines)
{
	(void)file;
	(void)engines;
}

static bool null_submit(struct hostd_io *io)
{
	io->done = io->len;
	return true;
}

static const char *null_describe(const struct hostd_file *file)
{
	return file->backend->name;
}

const struct hostd_backend_ops hostd_backend_null = {
	.name = "null",
	.open = null_open,
	.close = null_close,
	.submit = null_submit,
	.describe = null_describe,
};
