// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an NBD server says of a disk: asked in a sandbox, as what it says is read by a library.
 */
#include "blk/nbd/look.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <libnbd.h>

#include "lib/util.h"
#include "worker/sandbox.h"

static uint64_t block_of(struct nbd_handle *h, int type)
{
	int64_t size = nbd_get_block_size(h, type);

	return size > 0 ? size : 0;
}

static int ask(struct nbd_handle *h, int fd, const char *export, struct hostd_nbd_facts *facts)
{
	int64_t size;

	if (nbd_set_export_name(h, export) || nbd_set_request_structured_replies(h, false) ||
	    nbd_connect_socket(h, fd))
		return -1;
	size = nbd_get_size(h);
	if (size < 0)
		return -1;
	*facts = (struct hostd_nbd_facts) {
		.size = size,
		.ro = nbd_is_read_only(h) != 0,
		.block_min = block_of(h, LIBNBD_SIZE_MINIMUM),
		.block_preferred = block_of(h, LIBNBD_SIZE_PREFERRED),
		.block_max = block_of(h, LIBNBD_SIZE_MAXIMUM),
	};
	/* What it says to that is of no use. */
	nbd_shutdown(h, 0);
	return 0;
}

int hostd_nbd_look(int fd, const char *export, struct hostd_nbd_facts *facts, char *text, size_t len)
{
	struct nbd_handle *h = nbd_create();
	int ret = h ? 0 : -ENOMEM;

	if (!ret)
		ret = hostd_sandbox_drop();
	if (!ret)
		ret = hostd_sandbox_enter(&hostd_sandbox_worker, HOSTD_SANITIZED);
	if (ret) {
		snprintf(text, len, "no sandbox to ask an NBD server in: %s", strerror(-ret));
		return ret;
	}
	if (ask(h, fd, export, facts)) {
		ret = nbd_get_errno() ? -nbd_get_errno() : -EPROTO;
		snprintf(text, len, "%s", nbd_get_error());
		hostd_text_clean(text);
	}
	nbd_close(h);
	return ret;
}
