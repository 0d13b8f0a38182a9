// SPDX-License-Identifier: GPL-2.0-only
/*
 * A small file of this process' own that another one can read when this one was killed.
 */
#include "lib/files/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/files/rundir.h"
#include "lib/log/log.h"
#include "lib/proc/process.h"
#include "lib/proc/stray.h"
#include "lib/util.h"

/* A writer that is well has written it long before. */
#define WRITER_MS	100
/* After the end nobody sees to it: so that waits longer. */
#define LAST_MS		1000
#define LOOK_MS		5
/* Between two attempts that fail. */
#define RETRY_MS	2000
#define NEW_SUFFIX	".new"

static int write_file(const char *name, const char *text)
{
	size_t len = strlen(text);
	char fresh[PATH_MAX];
	int fd, err = 0;

	snprintf(fresh, sizeof(fresh), "%s" NEW_SUFFIX, name);
	/* One that was left half written, or is a link. */
	if (unlink(fresh) < 0 && errno != ENOENT)
		return -errno;
	fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	errno = ENOSPC;
	/* Not synced: it outlives this process, and is worth nothing when the machine has not. */
	if (write(fd, text, len) != (ssize_t)len || rename(fresh, name) < 0)
		err = -errno;
	close(fd);
	if (err)
		unlink(fresh);
	return err;
}

static int change_file(const char *name, const char *text)
{
	if (text)
		return write_file(name, text);
	return unlink(name) < 0 && errno != ENOENT ? -errno : 0;
}

static void say_outcome(struct hostd_store *store, int err)
{
	if (err && !store->failed)
		hostd_log(HOSTD_LOG_ERR, "%s cannot be written: %s: %s", store->name,
			  err == -EBUSY ? "a process of another pvhostd that did so has not ended" : strerror(-err),
			  store->loss);
	if (!err && store->failed)
		hostd_log(HOSTD_LOG_INFO, "%s can be written again", store->name);
	store->failed = err;
}

static void __attribute__((noreturn)) be_writer(const char *name, const char *text, int sock)
{
	const int keep[] = { sock, hostd_run_dir_fd() };
	int err;

	hostd_signals_ignore(true);
	hostd_fds_shut(keep, HOSTD_ARRAY_SIZE(keep), true);
	hostd_fds_shut_std();
	err = change_file(name, text);
	_exit(write(sock, &err, sizeof(err)) != sizeof(err));
}

/* Returns the connection to the process, or -errno. */
static int start_writer(const char *name, const char *text)
{
	int fds[2], err = 0;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (!pid)
		be_writer(name, text, fds[1]);
	if (pid < 0)
		err = -errno;
	else
		hostd_stray_add(pid);	/* it may hang with a file system */
	close(fds[1]);
	if (!err)
		return fds[0];
	close(fds[0]);
	return err;
}

static void wait_for_writer(struct hostd_store *store, int ms)
{
	struct pollfd pfd = { .fd = store->writer.fd, .events = POLLIN };

	store->is_late = poll(&pfd, 1, ms) <= 0;
	if (!store->is_late)
		store->writer.ready(&store->writer, 0);
}

/* The last attempt has come to this. */
static void end(struct hostd_store *store, int err)
{
	say_outcome(store, err);
	if (err)
		hostd_timer_set(&store->retry, RETRY_MS);
	else
		hostd_timer_cancel(&store->retry);
}

/* What another pvhostd has left behind here would put its own in the place of what is written now. */
static bool is_ours(struct hostd_store *store)
{
	uint64_t end_ms = hostd_now_ms() + (store->is_late ? 0 : WRITER_MS);
	bool ours;

	while (!(ours = hostd_run_dir_is_ours()) && hostd_now_ms() < end_ms)
		poll(NULL, 0, LOOK_MS);
	store->is_late = !ours;
	return ours;
}

/* To what is wanted. */
static void change(struct hostd_store *store)
{
	int fd, err;

	if (store->in_memory) {
		end(store, change_file(store->name, store->wanted));
		return;
	}
	if (store->writer.fd >= 0) {
		store->is_stale = true;
		return;
	}
	fd = is_ours(store) ? start_writer(store->name, store->wanted) : -EBUSY;
	err = fd < 0 ? fd : hostd_loop_add(store->loop, &store->writer, fd, EPOLLIN);
	if (!err) {
		wait_for_writer(store, store->is_late ? 0 : WRITER_MS);
		return;
	}
	if (fd >= 0)
		close(fd);
	end(store, err);
}

static void writer_ready(struct hostd_source *src, uint32_t events)
{
	struct hostd_store *store = hostd_container_of(src, struct hostd_store, writer);
	bool is_stale = store->is_stale;
	int err = -EIO;

	(void)events;
	if (read(src->fd, &err, sizeof(err)) != sizeof(err))
		err = -EIO;
	hostd_loop_close(store->loop, src);
	store->is_late = false;
	store->is_stale = false;
	end(store, err);
	if (is_stale)
		change(store);
}

static void retry_due(struct hostd_timer *timer)
{
	change(hostd_container_of(timer, struct hostd_store, retry));
}

void hostd_store_init(struct hostd_store *store, struct hostd_loop *loop, const char *name, const char *loss)
{
	*store = (struct hostd_store) {
		.name = name, .loss = loss, .loop = loop, .writer = { .fd = -1, .ready = writer_ready },
		.in_memory = hostd_dir_is_in_memory(name),
	};
	hostd_timer_init(loop, &store->retry, retry_due);
}

void hostd_store_adopt(struct hostd_store *store, int fd)
{
	if (fd < 0)
		return;
	if (hostd_loop_add(store->loop, &store->writer, fd, EPOLLIN))
		close(fd);
	store->is_late = true;
}

void hostd_store_exit(struct hostd_store *store)
{
	uint64_t end_ms = hostd_now_ms() + LAST_MS, now_ms;

	if (!store->loop)
		return;
	/* One that is late may have to be followed by another. */
	while (store->writer.fd >= 0 && (now_ms = hostd_now_ms()) < end_ms)
		wait_for_writer(store, end_ms - now_ms);
	hostd_loop_close(store->loop, &store->writer);
	hostd_timer_exit(store->loop, &store->retry);
	free(store->wanted);
	store->wanted = NULL;
	store->loop = NULL;
}

void hostd_store_put(struct hostd_store *store, const char *text)
{
	char *copy = strdup(text);

	if (!copy) {
		end(store, -ENOMEM);
		return;
	}
	free(store->wanted);
	store->wanted = copy;
	change(store);
}

void hostd_store_remove(struct hostd_store *store)
{
	free(store->wanted);
	store->wanted = NULL;
	change(store);
}

static int read_all(int fd, char **text)
{
	size_t len = 0;
	ssize_t done;

	*text = malloc(HOSTD_STORE_MAX + 1);
	if (!*text)
		return -ENOMEM;
	do {
		done = read(fd, *text + len, HOSTD_STORE_MAX + 1 - len);
		if (done > 0)
			len += done;
	} while (done > 0 && len <= HOSTD_STORE_MAX);
	if (done < 0)
		return -errno;
	if (len > HOSTD_STORE_MAX)
		return -EFBIG;
	(*text)[len] = 0;
	return strlen(*text) == len ? 0 : -EBADMSG;
}

int hostd_store_read(const char *name, char **text)
{
	int fd = open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), err;
	struct stat st;

	*text = NULL;
	if (fd < 0)
		return errno == ENOENT ? 0 : errno == ELOOP ? -EPERM : -errno;
	if (fstat(fd, &st) < 0)
		err = -errno;
	else if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_mode & 0022)
		err = -EPERM;
	else
		err = read_all(fd, text);
	close(fd);
	/* A machine that has crashed may leave an empty one. */
	if (!err && **text)
		return 0;
	free(*text);
	*text = NULL;
	return err;
}
