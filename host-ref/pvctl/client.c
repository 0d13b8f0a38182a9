// SPDX-License-Identifier: GPL-2.0-only
/*
 * pvctl: talks to the control socket.
 */
#include "pvctl/pvctl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/files/rundir.h"
#include "lib/parcel.h"

#define TIMEOUT_S	15

void pvctl_fail(int code, const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("pvctl: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(code);
}

static unsigned int timeout_s(const struct pvctl *ctl)
{
	return ctl->timeout_s ? ctl->timeout_s : TIMEOUT_S;
}

/* The connection or -errno. */
static int connect_control(const struct pvctl *ctl)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct timeval timeout = { .tv_sec = timeout_s(ctl) };
	int fd, err;

	if (strlen(ctl->control) >= sizeof(addr.sun_path))
		pvctl_fail(1, "%s: too long for a socket: use a shorter path", ctl->control);
	strcpy(addr.sun_path, ctl->control);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		pvctl_fail(1, "socket: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (!connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static void say_no_connection(const struct pvctl *ctl, int err, char text[PVCTL_ERROR_MAX])
{
	if (err == -ENOENT || err == -ECONNREFUSED)
		snprintf(text, PVCTL_ERROR_MAX, "no pvhostd at %s: start it first, or say which with --name or --control",
			 ctl->control);
	else if (err == -EACCES)
		snprintf(text, PVCTL_ERROR_MAX, "%s: permission denied: run pvctl as the user of pvhostd", ctl->control);
	else
		snprintf(text, PVCTL_ERROR_MAX, "%s: %s", ctl->control, strerror(-err));
}

static void send_all(int fd, const char *text, size_t len)
{
	ssize_t done;

	while (len) {
		done = send(fd, text, len, MSG_NOSIGNAL);
		if (done < 0 && errno != EINTR)
			pvctl_fail(1, "pvhostd does not listen: %s", strerror(errno));
		if (done > 0) {
			text += done;
			len -= done;
		}
	}
}

/* The answer, up to its newline. */
static char *receive_line(const struct pvctl *ctl, int fd)
{
	size_t len = 0, room = 0;
	char *line = NULL;
	ssize_t done;

	for (;;) {
		if (room - len < 4096) {
			room += 65536;
			line = realloc(line, room);
			if (!line)
				pvctl_fail(1, "out of memory");
		}
		done = recv(fd, line + len, room - len - 1, 0);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0 && errno == EAGAIN)
			pvctl_fail(1, "pvhostd has not answered within %u s: see 'pvctl status' and its log",
				   timeout_s(ctl));
		if (done <= 0)
			pvctl_fail(1, "pvhostd has closed the connection: see its log");
		len += done;
		line[len] = 0;
		if (line[len - 1] == '\n')
			return line;
	}
}

/* Descriptors go with the first byte. */
static void send_request(int fd, const char *text, size_t len, const struct pvctl_fds *fds)
{
	int err = fds ? hostd_parcel_send(fd, text, 1, fds->fds, fds->nr) : 0;

	if (err)
		pvctl_fail(1, "pvhostd takes no descriptors: %s", strerror(-err));
	send_all(fd, text + !!fds, len - !!fds);
	send_all(fd, "\n", 1);
}

/* Give a command, and take the answer; closes the connection. */
static struct json_object *exchange(const struct pvctl *ctl, int fd, const char *command,
				    struct json_object *args, const struct pvctl_fds *fds)
{
	struct json_object *request = json_object_new_object(), *reply;
	const char *text;
	char *line;
	size_t len;

	hostd_json_add_str(request, "execute", command);
	if (args)
		json_object_object_add(request, "arguments", args);
	text = json_object_to_json_string_length(request, JSON_C_TO_STRING_PLAIN, &len);
	send_request(fd, text, len, fds);
	json_object_put(request);

	line = receive_line(ctl, fd);
	close(fd);
	reply = hostd_json_parse(line, strlen(line), false, NULL);
	free(line);
	return reply;
}

struct json_object *pvctl_ask(const struct pvctl *ctl, const char *command, struct json_object *args,
			      const struct pvctl_fds *fds, char error[PVCTL_ERROR_MAX])
{
	struct json_object *reply, *value;
	int fd = connect_control(ctl);
	const char *desc;

	if (fd < 0) {
		say_no_connection(ctl, fd, error);
		json_object_put(args);
		return NULL;
	}
	reply = exchange(ctl, fd, command, args, fds);
	value = json_object_get(hostd_json_get(reply, "return"));
	if (!value) {
		desc = hostd_json_str(hostd_json_get(reply, "error"), "desc");
		snprintf(error, PVCTL_ERROR_MAX, "%s: %s", command, desc ? desc : "pvhostd answers nonsense");
	}
	json_object_put(reply);
	return value;
}

struct json_object *pvctl_call(const struct pvctl *ctl, const char *command,
			       struct json_object *args)
{
	char error[PVCTL_ERROR_MAX];
	struct json_object *value = pvctl_ask(ctl, command, args, NULL, error);

	if (!value)
		pvctl_fail(1, "%s", error);
	return value;
}

struct json_object *pvctl_try(const struct pvctl *ctl, const char *command)
{
	struct json_object *reply, *value;
	int fd = connect_control(ctl);

	if (fd < 0)
		return NULL;
	reply = exchange(ctl, fd, command, NULL, NULL);
	value = json_object_get(hostd_json_get(reply, "return"));
	json_object_put(reply);
	return value;
}

void pvctl_find_control(struct pvctl *ctl)
{
	char err[256], *dir;

	if (ctl->control)
		return;
	dir = hostd_run_dir(ctl->name ? ctl->name : "vm0", err, sizeof(err));
	if (!dir || asprintf((char **)&ctl->control, "%s/control.sock", dir) < 0)
		pvctl_fail(1, "%s", dir ? "out of memory" : err);
	free(dir);
}
