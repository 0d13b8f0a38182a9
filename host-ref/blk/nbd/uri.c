// SPDX-License-Identifier: GPL-2.0-only
/*
 * NBD URIs: a server at a UNIX socket, or at a host and port, and the name of an export.
 */
#include "blk/nbd/uri.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/util.h"

#define DEFAULT_PORT	"10809"
#define HINT		"give nbd=nbd+unix:///EXPORT?socket=PATH or nbd=nbd://HOST:PORT/EXPORT"

static int refuse(char *err, const char *what)
{
	snprintf(err, HOSTD_ERROR_MAX, "%s: %s", what, HINT);
	return -EINVAL;
}

static int hex(char c)
{
	if (!isxdigit((unsigned char)c))
		return -1;
	return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

/* Decode @from up to @end into @to; false if it is too long, or a code is none. */
static bool decode(char *to, size_t room, const char *from, const char *end)
{
	size_t len = 0;
	int byte;

	while (from < end) {
		byte = (unsigned char)*from++;
		if (byte == '%') {
			if (end - from < 2 || hex(from[0]) < 0 || hex(from[1]) < 0)
				return false;
			byte = hex(from[0]) << 4 | hex(from[1]);
			from += 2;
		}
		if (!byte || len + 1 >= room)
			return false;
		to[len++] = byte;
	}
	to[len] = 0;
	return true;
}

/* HOST[:PORT], where a host with colons is in brackets. */
static bool parse_host(const char *at, const char *end, struct hostd_nbd_uri *uri)
{
	const char *host = at, *host_end, *port;

	if (*at == '[') {
		host = at + 1;
		host_end = memchr(at, ']', end - at);
		if (!host_end)
			return false;
		port = host_end + 1;
	} else {
		host_end = memchr(at, ':', end - at);
		if (!host_end)
			host_end = end;
		port = host_end;
	}
	if (host == host_end || (port < end && *port != ':'))
		return false;
	strcpy(uri->port, DEFAULT_PORT);
	if (port < end && (port + 1 == end || !decode(uri->port, sizeof(uri->port), port + 1, end)))
		return false;
	return decode(uri->host, sizeof(uri->host), host, host_end);
}

static int parse_query(const char *query, struct hostd_nbd_uri *uri, char *err)
{
	static const char socket[] = "socket=";

	if (strncmp(query, socket, sizeof(socket) - 1) || strchr(query, '&'))
		return refuse(err, "an NBD URI has nothing but socket= after '?'");
	query += sizeof(socket) - 1;
	if (!decode(uri->path, sizeof(uri->path), query, query + strlen(query)))
		return refuse(err, "the path of an NBD server's socket is too long, or badly encoded");
	if (*uri->path != '/')
		return refuse(err, "the path of an NBD server's socket begins with '/'");
	return 0;
}

int hostd_nbd_uri_parse(const char *text, struct hostd_nbd_uri *uri, char *err)
{
	static const char tcp[] = "nbd://", local[] = "nbd+unix://";
	bool is_local = !strncasecmp(text, local, sizeof(local) - 1);
	const char *at, *end, *query, *name;

	*uri = (struct hostd_nbd_uri) { 0 };
	if (!strncasecmp(text, "nbds", 4))
		return refuse(err, "NBD with TLS is not spoken here, but by nbdkit's nbd plugin, which can be between");
	if (!is_local && strncasecmp(text, tcp, sizeof(tcp) - 1))
		return refuse(err, "this is no NBD URI");
	at = text + (is_local ? sizeof(local) : sizeof(tcp)) - 1;
	query = strchr(at, '?');
	end = query ? query : at + strlen(at);
	name = memchr(at, '/', end - at);
	if (name && !decode(uri->export, sizeof(uri->export), name + 1, end))
		return refuse(err, "the name of an NBD export is too long, or badly encoded");
	if (!name)
		name = end;
	if (is_local && (name != at || !query))
		return refuse(err, "an NBD URI of a UNIX socket has no host, but ?socket=PATH");
	if (!is_local && (query || !parse_host(at, name, uri)))
		return refuse(err, "an NBD URI of a host has that, and maybe a port and an export");
	return is_local ? parse_query(query + 1, uri, err) : 0;
}
