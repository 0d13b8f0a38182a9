// SPDX-License-Identifier: GPL-2.0-only
/*
 * Strays: children that are nobody's, and only have to be reaped when they have died.
 */
#include "lib/proc/stray.h"

#include <stdlib.h>
#include <sys/wait.h>

static pid_t *strays;
static size_t nr_strays;

void hostd_stray_add(pid_t pid)
{
	pid_t *longer = realloc(strays, (nr_strays + 1) * sizeof(*longer));

	/* Without memory it stays a zombie. */
	if (!longer)
		return;
	strays = longer;
	strays[nr_strays++] = pid;
}

void hostd_strays_reap(void)
{
	size_t i, nr = 0;

	for (i = 0; i < nr_strays; i++)
		if (!waitpid(strays[i], NULL, WNOHANG))
			strays[nr++] = strays[i];
	nr_strays = nr;
}
