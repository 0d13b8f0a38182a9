// SPDX-License-Identifier: GPL-2.0-only
/*
 * The run directory: where the sockets of a VM are, and who owns them.
 */
#include "lib/files/rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/log/log.h"
#include "lib/proc/process.h"
#include "lib/util.h"

/* For what is to be removed at the end; a file system that is frozen may take for ever. */
#define LEAVE_MS	2000
#define LOOK_MS		5

/* What was made in the run directory; no more than that is removed, and the directory if it is empty. */
static struct made {
	const char *name;
	dev_t dev;
	ino_t ino;
} made[] = { { .name = "ivshmem.sock" }, { .name = "control.sock" }, { .name = "pid" } };
/* The directory itself. */
static struct made own_dir;
/* And a descriptor of it, whose lock this process has, and those that write for it; -1: none. */
static int dir_fd = -1;
/* It is nothing but memory: no file system is waited for. */
static bool is_in_memory;

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

void hostd_run_dir_keep(int fd)
{
	dir_fd = fd;
}

int hostd_run_dir_fd(void)
{
	return dir_fd;
}

/* The lock of a directory is this host's own affair, whatever file system it is on: nobody is asked. */
bool hostd_run_dir_is_ours(void)
{
	return dir_fd < 0 || !flock(dir_fd, LOCK_EX | LOCK_NB) || errno != EWOULDBLOCK;
}

static void open_dir(void)
{
	if (dir_fd < 0)
		dir_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	is_in_memory = dir_fd >= 0 && hostd_is_in_memory(dir_fd);
}

void hostd_run_dir_note(const char *name)
{
	struct stat st;
	unsigned int i;

	for (i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		if (strcmp(made[i].name, name) || lstat(name, &st) < 0)
			continue;
		made[i].dev = st.st_dev;
		made[i].ino = st.st_ino;
	}
}

/* What this process made when it was another program. */
static void note_all(void)
{
	unsigned int i;

	for (i = 0; i < sizeof(made) / sizeof(made[0]); i++)
		hostd_run_dir_note(made[i].name);
}

static bool is_made(const struct made *m, const char *path)
{
	struct stat st;

	return m->ino && !lstat(path, &st) && st.st_dev == m->dev && st.st_ino == m->ino;
}

/* The current directory: whoever else can write to it can have us write to what is not ours. */
static int check_dir(const char *dir, char *err, size_t len)
{
	struct stat st;

	if (stat(".", &st) < 0) {
		snprintf(err, len, "%s: %s", dir, strerror(errno));
		return -errno;
	}
	if (st.st_uid != geteuid())
		snprintf(err, len, "%s belongs to user %u: use a directory of user %u as --run-dir",
			 dir, (unsigned int)st.st_uid, (unsigned int)geteuid());
	else if (st.st_mode & 0022)
		snprintf(err, len, "others can write to %s: take that from them (chmod go-w), or use another --run-dir",
			 dir);
	else
		return 0;
	return -EPERM;
}

/* Lock the pid file of the current directory; -EAGAIN: somebody has it. */
static int lock_pid_file(void)
{
	struct stat st;
	int fd, err;

	for (;;) {
		fd = open("pid", O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
			  0600);
		if (fd < 0)
			return -errno;
		if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid()) {
			close(fd);
			return -EPERM;
		}
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
	int fd = open("pid", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	ssize_t nr = fd >= 0 ? read(fd, pid, sizeof(pid) - 1) : 0;

	if (fd >= 0)
		close(fd);
	pid[nr > 0 ? strspn(pid, "0123456789") : 0] = 0;
	snprintf(err, len,
		 "another pvhostd (pid %s) runs in %s: stop it, or use another --name or --run-dir",
		 pid, dir);
}

int hostd_run_dir_take(const char *dir, int own_fd, char *err, size_t len)
{
	struct stat st;
	char pid[16];
	int fd;

	/* All that follows was done by the program that this process was: it is not done again, and cannot fail. */
	if (own_fd >= 0) {
		if (!stat(".", &st))
			own_dir = (struct made) { NULL, st.st_dev, st.st_ino };
		note_all();
		open_dir();
		return own_fd;
	}
	if (strlen(dir) > HOSTD_RUN_DIR_MAX) {
		snprintf(err, len, "%s is longer than the %d characters that a socket's path has room for: use a shorter --run-dir",
			 dir, HOSTD_RUN_DIR_MAX);
		return -ENAMETOOLONG;
	}
	fd = make_dirs(dir);
	if (!fd && chdir(dir) < 0)
		fd = -errno;
	if (!fd && check_dir(dir, err, len))
		return -EPERM;
	if (!fd && !stat(".", &st))
		own_dir = (struct made) { NULL, st.st_dev, st.st_ino };
	if (!fd)
		fd = lock_pid_file();
	if (fd == -EAGAIN) {
		explain_taken(dir, err, len);
		return fd;
	}
	if (fd == -ELOOP || fd == -EPERM) {
		snprintf(err, len, "%s/pid is no file of user %u: remove it, or use another --run-dir",
			 dir, (unsigned int)geteuid());
		return fd;
	}
	if (fd < 0) {
		snprintf(err, len, "%s: %s: make it writable, or use another --run-dir", dir,
			 strerror(-fd));
		return fd;
	}
	open_dir();
	snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, strlen(pid), 0) < 0) {
		snprintf(err, len, "%s/pid: %s", dir, strerror(errno));
		close(fd);
		return -EIO;
	}
	hostd_run_dir_note("pid");
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

static void remove_made(const char *dir)
{
	unsigned int i;

	for (i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		if (is_made(&made[i], made[i].name))
			unlink(made[i].name);
	}
	/* The log of a daemon stays, and so does the directory. */
	if (chdir("/") == 0 && is_made(&own_dir, dir))
		rmdir(dir);
}

/* It keeps the locks until it has ended: else it might remove what the next pvhostd here has made. */
static void __attribute__((noreturn)) be_remover(const char *dir, int fd, const int *left)
{
	const int keep[] = { fd, dir_fd, left[0] };
	char byte;

	hostd_signals_ignore(true);
	hostd_fds_shut(keep, HOSTD_ARRAY_SIZE(keep), true);
	hostd_fds_shut_std();
	/* Whoever is the last that has what was removed may wait, too. */
	if (read(left[0], &byte, 1) >= 0)
		remove_made(dir);
	_exit(0);
}

static void let_go(int fd)
{
	if (chdir("/") < 0)
		hostd_log(HOSTD_LOG_DEBUG, "/: %s", strerror(errno));
	if (dir_fd >= 0)
		close(dir_fd);
	dir_fd = -1;
	close(fd);
}

/* Returns the process, or -errno. */
static pid_t start_remover(const char *dir, int fd)
{
	int left[2], err;
	pid_t pid;

	if (pipe2(left, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (!pid)
		be_remover(dir, fd, left);
	err = -errno;
	close(left[0]);
	if (pid > 0)
		let_go(fd);
	close(left[1]);
	return pid < 0 ? err : pid;
}

void hostd_run_dir_leave(const char *dir, int fd)
{
	uint64_t end_ms = hostd_now_ms() + LEAVE_MS;
	pid_t pid;

	if (is_in_memory) {
		remove_made(dir);
		let_go(fd);
		return;
	}
	while ((pid = start_remover(dir, fd)) < 0 && hostd_now_ms() < end_ms)
		poll(NULL, 0, LOOK_MS);
	if (pid < 0)
		hostd_log(HOSTD_LOG_WARN, "what pvhostd has made in %s stays there: no process can be started that removes it: %s",
			  dir, strerror(-pid));
	while (pid > 0 && !waitpid(pid, NULL, WNOHANG) && hostd_now_ms() < end_ms)
		poll(NULL, 0, LOOK_MS);
}
