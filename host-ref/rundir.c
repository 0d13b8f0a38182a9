// SPDX-License-Identifier: GPL-2.0-only
/*
 * The run directory: where the sockets of a VM are, and who owns them.
 */
#include "rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

char *hostd_run_dir(const char *name, char *err, size_t len)
{
	const char *base = getuid() ? getenv("XDG_RUNTIME_DIR") : "/run";
	char *dir;

	if (!name[0] || name[0] == '.' || strchr(name, '/')) {
		snprintf(err, len, "'%s' is not a name: use letters and digits", name);
		return NULL;
	}
	if (!base || base[0] != '/') {
		snprintf(err, len, "XDG_RUNTIME_DIR is not set: give --run-dir or --control");
		return NULL;
	}
	if (asprintf(&dir, "%s/pvkit/%s", base, name) < 0) {
		snprintf(err, len, "out of memory");
		return NULL;
	}
	return dir;
}

/* mkdir -p, the last directory for the owner only. */
static int make_dirs(const char *dir)
{
	char *copy = strdup(dir), *slash;
	mode_t mask;
	int err = 0;

	if (!copy)
		return -ENOMEM;
	mask = umask(0022);
	for (slash = strchr(copy + 1, '/'); slash && slash[strspn(slash, "/")];
	     slash = strchr(slash + 1, '/')) {
		*slash = 0;
		if (mkdir(copy, 0755) < 0 && errno != EEXIST)
			err = -errno;
		*slash = '/';
		if (err)
			break;
	}
	if (!err && mkdir(copy, 0700) < 0 && errno != EEXIST)
		err = -errno;
	umask(mask);
	free(copy);
	return err;
}

/* Lock the pid file of the current directory; -EAGAIN: somebody has it. */
static int lock_pid_file(void)
{
	struct stat st;
	int fd, err;

	for (;;) {
		fd = open("pid", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0)
			return -errno;
		if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
			err = -errno;
			close(fd);
			return err == -EWOULDBLOCK ? -EAGAIN : err;
		}
		/* The one before may have removed it meanwhile. */
		if (!fstat(fd, &st) && st.st_nlink)
			return fd;
		close(fd);
	}
}

static void explain_taken(const char *dir, char *err, size_t len)
{
	char pid[16] = "";
	int fd = open("pid", O_RDONLY | O_CLOEXEC);
	ssize_t nr = fd >= 0 ? read(fd, pid, sizeof(pid) - 1) : 0;

	if (fd >= 0)
		close(fd);
	pid[nr > 0 ? strspn(pid, "0123456789") : 0] = 0;
	snprintf(err, len,
		 "another pvhostd (pid %s) runs in %s: stop it, or use another --name or --run-dir",
		 pid, dir);
}

int hostd_run_dir_take(const char *dir, char *err, size_t len)
{
	char pid[16];
	int fd;

	if (strlen(dir) > HOSTD_RUN_DIR_MAX) {
		snprintf(err, len, "%s is longer than the %d characters that a socket's path has room for: use a shorter --run-dir",
			 dir, HOSTD_RUN_DIR_MAX);
		return -ENAMETOOLONG;
	}
	fd = make_dirs(dir);
	if (!fd && chdir(dir) < 0)
		fd = -errno;
	if (!fd)
		fd = lock_pid_file();
	if (fd == -EAGAIN) {
		explain_taken(dir, err, len);
		return fd;
	}
	if (fd < 0) {
		snprintf(err, len, "%s: %s: make it writable, or use another --run-dir", dir,
			 strerror(-fd));
		return fd;
	}
	snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, strlen(pid), 0) < 0) {
		snprintf(err, len, "%s/pid: %s", dir, strerror(errno));
		close(fd);
		return -EIO;
	}
	return fd;
}

static bool can_pass(const struct stat *st, gid_t gid)
{
	return st->st_mode & (st->st_gid == gid ? 0010 : 0001);
}

/* The first directory above the current one that the group cannot pass, to be freed; or NULL. */
static char *find_barrier(gid_t gid)
{
	char *copy = getcwd(NULL, 0), *slash;
	struct stat st;

	while (copy && (slash = strrchr(copy, '/')) && slash != copy) {
		*slash = 0;
		if (!stat(copy, &st) && !can_pass(&st, gid))
			return copy;
	}
	free(copy);
	return NULL;
}

int hostd_run_dir_share(const char *dir, gid_t gid, char *err, size_t len)
{
	char *barrier = find_barrier(gid);
	struct stat st;

	if (barrier) {
		snprintf(err, len, "--socket-group: the group cannot pass %s: let it (chmod o+x), or use another --run-dir",
			 barrier);
		free(barrier);
		return -EACCES;
	}
	if (stat(".", &st) < 0)
		goto failed;
	if (can_pass(&st, gid))
		return 0;
	if (chown(".", -1, gid) < 0 || chmod(".", (st.st_mode & 07707) | 0010) < 0)
		goto failed;
	return 0;

failed:
	snprintf(err, len, "--socket-group: %s: %s", dir, strerror(errno));
	return -errno;
}

void hostd_run_dir_leave(const char *dir, int fd, bool keep_log)
{
	if (!keep_log)
		unlink("log");
	unlink("ivshmem.sock");
	unlink("control.sock");
	unlink("pid");
	if (chdir("/") == 0)
		rmdir(dir);
	close(fd);
}
