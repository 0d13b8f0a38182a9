/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where an NBD server listens, and what it calls a disk, as libnbd, nbdkit and QEMU write it:
 * nbd+unix:///EXPORT?socket=PATH, nbd://HOST[:PORT][/EXPORT].
 */
#ifndef HOSTD_BLK_NBD_URI_H
#define HOSTD_BLK_NBD_URI_H

#include <sys/un.h>

/**
 * struct hostd_nbd_uri - a URI, taken apart and decoded
 * @path: of a UNIX socket; "": it is @host
 * @host: name or address
 * @port: service
 * @export: name; "": the default one
 */
struct hostd_nbd_uri {
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	char host[256];
	char port[32];
	char export[512];
};

/**
 * hostd_nbd_uri_parse - take a URI apart
 * @text: the URI
 * @uri: gets its parts
 * @err: gets one line of HOSTD_ERROR_MAX when that fails
 *
 * Return: 0 or -EINVAL.
 */
int hostd_nbd_uri_parse(const char *text, struct hostd_nbd_uri *uri, char *err);

#endif /* HOSTD_BLK_NBD_URI_H */
