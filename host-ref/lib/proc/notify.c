// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a service manager (systemd) is told, and what it keeps while this process is away.
 *
 * sd_notify(3) and sd_listen_fds(3) say what is sent and what is found in the environment.
 */
#include "lib/proc/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/parcel.h"

#define FIRST_FD	3

int hostd_notify(const char *text, const int *fds, unsigned int nr_fds)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	const char *path = getenv("NOTIFY_SOCKET");
	socklen_t len;
	int sock, err;

	if (!path || !path[0])
		return 0;
	if (strlen(path) >= sizeof(addr.sun_path) || nr_fds > HOSTD_NOTIFY_FDS)
		return -EINVAL;
	strcpy(addr.sun_path, path);
	if (path[0] == '@')
		addr.sun_path[0] = 0;
	len = offsetof(struct sockaddr_un, sun_path) + strlen(path);
	sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (sock < 0)
		return -errno;
	err = connect(sock, (struct sockaddr *)&addr, len) < 0 ? -errno :
	      hostd_parcel_send(sock, text, strlen(text), fds, nr_fds);
	close(sock);
	return err;
}

/* A number of the environment's, which only the first who asks finds. */
static long take_number(const char *name)
{
	const char *text = getenv(name);
	long n = text ? strtol(text, NULL, 10) : 0;

	unsetenv(name);
	return n;
}

unsigned int hostd_notify_fds(const char *name, int *fds, unsigned int nr_fds)
{
	const char *text = getenv("LISTEN_FDNAMES");
	char *names = strdup(text ? text : ""), *rest = names, *word;
	long pid = take_number("LISTEN_PID"), nr = take_number("LISTEN_FDS"), i;
	unsigned int found = 0;

	unsetenv("LISTEN_FDNAMES");
	for (i = 0; pid == getpid() && i < nr && found < nr_fds; i++) {
		word = rest ? strsep(&rest, ":") : NULL;
		if (!word || strcmp(word, name) || fcntl(FIRST_FD + i, F_SETFD, FD_CLOEXEC) < 0)
			continue;
		fds[found++] = FIRST_FD + i;
	}
	free(names);
	return found;
}

uint64_t hostd_notify_interval_ms(void)
{
	const char *text = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

	if (!text || (pid && strtol(pid, NULL, 10) != getpid()))
		return 0;
	return strtoull(text, NULL, 10) / 1000;
}
