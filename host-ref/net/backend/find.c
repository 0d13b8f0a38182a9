// SPDX-License-Identifier: GPL-2.0-only
/*
 * The back ends by their names.
 */
#include "net/backend/backend.h"

#include <string.h>

static const struct net_backend_ops *const backends[] = {
	&net_backend_tap,
	&net_backend_stream,
	&net_backend_dgram,
	&net_backend_null,
	NULL,
};

const struct net_backend_ops *net_backend_find(const char *name)
{
	unsigned int i;

	for (i = 0; name && backends[i]; i++)
		if (!strcmp(backends[i]->name, name))
			return backends[i];
	return NULL;
}
