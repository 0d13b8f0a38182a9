// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guard of a loop: what a thread does that was overtaken.
 */
#include "backend/guard.h"

#include <stdlib.h>

#include "backend/engine.h"

void hostd_guard_overtaken(struct hostd_guard *g, struct hostd_io *io, long res)
{
	io->called = res;
	g->deliver(g, io);
	g->overtaken(g);
	abort();
}
