// SPDX-License-Identifier: GPL-2.0-only
/*
 * The options: one table, and one for each class of devices; whoever reads them has the same.
 */
#include "cli/options.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/ipc.h"
#include "lib/json.h"
#include "lib/util.h"

#define WINDOW_MIN	(1ULL << 20)
#define WINDOW_MAX	(1ULL << 36)
#define WATCHDOG_MAX_S	3600

static int refuse(struct hostd_arguments *a, const char *option, const char *text, const char *want)
{
	snprintf(a->err, sizeof(a->err), "--%s %.128s: give %s", option, text, want);
	hostd_text_clean(a->err);
	return -EINVAL;
}

static int take_name(struct hostd_arguments *a, const char *text)
{
	a->opt.name = text;
	return 0;
}

static int take_run_dir(struct hostd_arguments *a, const char *text)
{
	a->opt.run_dir = text;
	return text[0] == '/' ? 0 : -EINVAL;
}

static int take_window(struct hostd_arguments *a, const char *text)
{
	uint64_t n;

	if (hostd_parse_size(text, &n) || !hostd_is_power_of_two(n) || n < WINDOW_MIN || n > WINDOW_MAX)
		return -EINVAL;
	a->opt.window_len = n;
	return 0;
}

static int take_vectors(struct hostd_arguments *a, const char *text)
{
	uint64_t n;

	if (hostd_parse_size(text, &n) || n < 1 || n > HOSTD_VECTORS_MAX)
		return -EINVAL;
	a->opt.nr_vectors = n;
	return 0;
}

static int take_device(struct hostd_arguments *a, const struct pv_class *class, const char *text)
{
	char err[HOSTD_ERROR_MAX - 64];
	struct json_object *args = hostd_class_parse(class, NULL, text, err, sizeof(err));
	struct json_object *device;

	if (!args || hostd_class_complete(class, args, err, sizeof(err))) {
		json_object_put(args);
		snprintf(a->err, sizeof(a->err), "--%s %.32s: %s", class->word, text, err);
		hostd_text_clean(a->err);
		return -EINVAL;
	}
	device = json_object_new_object();
	hostd_json_add_str(device, "type", class->name);
	json_object_object_add(device, "arguments", args);
	json_object_array_add(a->devices, device);
	return 0;
}

/* TYPE[,SPEC] */
static int take_any_device(struct hostd_arguments *a, const char *text)
{
	size_t len = strcspn(text, ",");
	const struct pv_class *class;
	char type[32];

	snprintf(type, sizeof(type), "%.*s", (int)len, text);
	class = hostd_class_find(a->opt.classes, type);
	return class ? take_device(a, class, text[len] ? text + len + 1 : "") : -EINVAL;
}

static int take_watchdog(struct hostd_arguments *a, const char *text)
{
	uint64_t n;

	if (hostd_parse_size(text, &n) || !n || n > WATCHDOG_MAX_S)
		return -EINVAL;
	a->opt.watchdog_ms = n * 1000;
	return 0;
}

static int take_no_watchdog(struct hostd_arguments *a, const char *text)
{
	(void)text;
	a->opt.watchdog_ms = 0;
	return 0;
}

/* An empty one would be the beginning of all. */
static int take_refuse_driver(struct hostd_arguments *a, const char *text)
{
	if (!*text || strlen(text) > HOSTD_IDENT_MAX)
		return -EINVAL;
	if (!a->opt.refused_drivers)
		a->opt.refused_drivers = json_object_new_array();
	if (json_object_array_length(a->opt.refused_drivers) == HOSTD_REFUSED_MAX)
		return refuse(a, "refuse-driver", text, "no more than 64 of them");
	json_object_array_add(a->opt.refused_drivers, json_object_new_string(text));
	return 0;
}

static int take_poll_us(struct hostd_arguments *a, const char *text)
{
	uint64_t n;

	if (hostd_parse_size(text, &n) || n > HOSTD_POLL_US_MAX)
		return -EINVAL;
	a->opt.poll_us = n;
	return 0;
}

static int take_threads(struct hostd_arguments *a, const char *text)
{
	uint64_t n;

	if (hostd_parse_size(text, &n) || !n || n > HOSTD_THREADS_MAX)
		return -EINVAL;
	a->opt.nr_threads = n;
	return 0;
}

/* Only root may give a file to a group that it is not a member of. */
static int take_socket_group(struct hostd_arguments *a, const char *text)
{
	struct group *group = getgrnam(text);

	if (!group)
		return -EINVAL;
	if (geteuid() && !group_member(group->gr_gid))
		return refuse(a, "socket-group", text, "a group that the user of pvhostd is in");
	a->opt.socket_gid = group->gr_gid;
	return 0;
}

static int take_qemu_user(struct hostd_arguments *a, const char *text)
{
	struct passwd *user = getpwnam(text);
	uint64_t n;

	if (!user && (hostd_parse_size(text, &n) || n >= (uid_t)-1))
		return -EINVAL;
	a->opt.qemu_uid = user ? user->pw_uid : n;
	return 0;
}

static int take_qemu_label(struct hostd_arguments *a, const char *text)
{
	a->opt.qemu_label = text;
	return 0;
}

/* A descriptor that was inherited; 0 to 2 have other uses. */
static int take_fd(const char *text, int *fd)
{
	uint64_t n;

	if (hostd_parse_size(text, &n) || n <= STDERR_FILENO || n > INT_MAX ||
	    fcntl(n, F_SETFD, FD_CLOEXEC) < 0)
		return -EINVAL;
	*fd = n;
	return 0;
}

/* After an upgrade: this process has taken it, when it was another program. */
static int take_ivshmem_fd(struct hostd_arguments *a, const char *text)
{
	int listens = 0, err = a->opt.handover ? 0 : take_fd(text, &a->opt.ivshmem_fd);
	socklen_t len = sizeof(listens);

	if (err || a->opt.handover)
		return err;
	getsockopt(a->opt.ivshmem_fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len);
	return listens ? 0 : -EINVAL;
}

static int take_ready_fd(struct hostd_arguments *a, const char *text)
{
	return a->opt.handover ? 0 : take_fd(text, &a->opt.ready_fd);
}

static int take_pidfile(struct hostd_arguments *a, const char *text)
{
	a->opt.pid_file = text;
	return text[0] == '/' && strlen(text) < PATH_MAX / 2 ? 0 : -EINVAL;
}

static int take_daemon(struct hostd_arguments *a, const char *text)
{
	(void)text;
	a->daemon = true;
	return 0;
}

static int take_log(struct hostd_arguments *a, const char *text)
{
	a->log = text;
	return (text[0] == '/' && strlen(text) < PATH_MAX) || !strcmp(text, "stderr") ? 0 : -EINVAL;
}

static int take_quiet(struct hostd_arguments *a, const char *text)
{
	(void)a;
	(void)text;
	hostd_log_init("pvhostd", HOSTD_LOG_WARN);
	return 0;
}

const struct hostd_option hostd_options[] = {
	{ "config", 0, "FILE", "the path of a file of options", NULL,
	  "take options from this file, one a line: NAME or NAME VALUE,\n"
	  "without dashes; lines that begin with # are comments" },
	{ "name", 'n', "NAME", "a name", take_name, "name of the VM (vm0)" },
	{ "run-dir", 0, "DIR", "an absolute path", take_run_dir,
	  "for sockets and pid file (/run/pvkit/NAME as root, else\n"
	  "$XDG_RUNTIME_DIR/pvkit/NAME)" },
	{ "window", 0, "SIZE", "a power of two from 1M to 64G, as 128M", take_window,
	  "shared memory, a power of two from 1M to 64G (128M)" },
	{ "vectors", 0, "N", "a number from 1 to 64", take_vectors,
	  "interrupts and doorbells, 1 to 64 (16)" },
	{ "device", 0, "TYPE[,SPEC]", "a type that 'pvhostd --help' lists", take_any_device,
	  "start with a device; SPEC is id=NAME,KEY=VALUE,...; may be repeated" },
	{ "watchdog", 0, "SEC", "seconds, 1 to 3600", take_watchdog,
	  "replace a worker that is stuck for so long (5)" },
	{ "no-watchdog", 0, NULL, NULL, take_no_watchdog, "never do that" },
	{ "poll-us", 0, "N", "microseconds, 0 to 1000000", take_poll_us,
	  "poll for N us after the last work, 0 to 1000000, before sleeping\n"
	  "(measured at the start, then adapted)" },
	{ "threads", 0, "N", "a number from 1 to 16", take_threads,
	  "loops that serve the devices, 1 to 16; each may use a core (1)" },
	{ "refuse-driver", 0, "TEXT", "name and version, as 'pvctl status' prints them", take_refuse_driver,
	  "do not serve a driver that is known to be bad, by name and version\n"
	  "('pvkit 0.0.9'); may be repeated" },
	{ "socket-group", 0, "GROUP", "the name of a group, as in /etc/group", take_socket_group,
	  "let a QEMU of another user connect, as libvirt's, that is in GROUP" },
	{ "qemu-user", 0, "USER", "the name of a user, as in /etc/passwd, or a number", take_qemu_user,
	  "let only a QEMU of this user connect" },
	{ "qemu-label", 0, "TEXT", "a label, as in /proc/PID/attr/current", take_qemu_label,
	  "let only a QEMU of this security label connect (SELinux, AppArmor)" },
	{ "ivshmem-fd", 0, "FD", "the number of a listening UNIX socket above 2", take_ivshmem_fd,
	  "let QEMU connect to a listening socket that was inherited" },
	{ "daemon", 0, NULL, NULL, take_daemon,
	  "go to the background when the devices are served; log to DIR/log" },
	{ "log", 0, "FILE|stderr", "an absolute path, or stderr", take_log,
	  "append log lines, with the time, to FILE, which SIGHUP opens again" },
	{ "pidfile", 'P', "FILE", "an absolute path", take_pidfile,
	  "write the process's number there when the devices are served;\n"
	  "removed at the end" },
	{ "ready-fd", 0, "FD", "the number of an open descriptor above 2", take_ready_fd,
	  "write a newline there when the devices are served" },
	{ "quiet", 'q', NULL, NULL, take_quiet, "log only warnings and errors" },
	{ "query-classes", 0, NULL, NULL, NULL,
	  "print the types of devices, and what may be said of each, as JSON" },
	{ "completion", 0, "bash|zsh", "bash or zsh", NULL,
	  "print a script for the shell that completes command lines" },
	{ "version", 'V', NULL, NULL, NULL, "print the version" },
	{ "help", 'h', NULL, NULL, NULL, "print this" },
};
const unsigned int hostd_nr_options = HOSTD_ARRAY_SIZE(hostd_options);

int hostd_option_find(const struct pv_class *const *classes, const char *name)
{
	unsigned int i;

	for (i = 0; i < hostd_nr_options; i++)
		if (!strcmp(hostd_options[i].name, name))
			return i;
	for (; *classes; classes++, i++)
		if (!strcmp((*classes)->word, name))
			return i;
	return -1;
}

int hostd_option_take(struct hostd_arguments *a, unsigned int nr, const char *text)
{
	const struct hostd_option *option;
	int err;

	if (nr >= hostd_nr_options)
		return take_device(a, a->opt.classes[nr - hostd_nr_options], text ? text : "");
	option = &hostd_options[nr];
	a->err[0] = 0;
	err = option->take(a, text);
	return err && !a->err[0] ? refuse(a, option->name, text, option->want) : err;
}
