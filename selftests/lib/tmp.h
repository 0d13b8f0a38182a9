/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Temporary files and folders of test programs: in $TMPDIR, as those of scripts are, where what a test leaves
 * behind is found.
 */
#ifndef SELFTESTS_TMP_H
#define SELFTESTS_TMP_H

#include <stdio.h>
#include <stdlib.h>

#include "ktap.h"

/* Room for the path of one; sockets in such a folder have 107 bytes. */
#define TMP_LEN	64

static inline const char *tmp_dir(void)
{
	const char *dir = getenv("TMPDIR");

	return dir && *dir ? dir : "/tmp";
}

/* A path in folder @dir for mkstemp() or mkdtemp(). Returns @path. */
static inline char *tmp_path_in(const char *dir, char path[TMP_LEN], const char *name)
{
	if (snprintf(path, TMP_LEN, "%s/pvkit-%s-XXXXXX", dir, name) >= TMP_LEN)
		ktap_bail("%s is too long for TMPDIR", dir);
	return path;
}

static inline char *tmp_path(char path[TMP_LEN], const char *name)
{
	return tmp_path_in(tmp_dir(), path, name);
}

#endif /* SELFTESTS_TMP_H */
