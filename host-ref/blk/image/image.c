// SPDX-License-Identifier: GPL-2.0-only
/*
 * Images: found, opened, locked, made larger.
 *
 * Runs in a process that may hang with the file system of the image, and nothing else.
 */
#include "blk/image/image.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "lib/parcel.h"

/* The last life's lock lingers until the kernel has torn down its io_uring. */
#define LOCK_WAIT_MS	2000
#define RETRY_US	10000

#ifndef BLKGETDISKSEQ
#define BLKGETDISKSEQ	_IOR(0x12, 128, uint64_t)
#endif

static const char *advise(const struct hostd_image_job *job, int error)
{
	switch (error) {
	case ENOENT:
		if (job->same)
			return ": it was served before pvhostd died: give it its name again";
		return job->hold < 0 ? ": create it first (truncate -s 1G FILE), or correct the path" :
		       ": /proc is not mounted, and pvhostd needs it";
	case ENOTDIR:
	case ELOOP:
	case ENAMETOOLONG:
		return ": correct the path";
	case EACCES:
	case EPERM:
		return job->ro ? ": let the user of pvhostd read it" :
		       ": let the user of pvhostd read and write it, or add ro=on";
	case EROFS:
		return ": add ro=on, or remount its file system for writing";
	case EINVAL:
	case EOPNOTSUPP:
		return job->direct ? ": its file system has no direct I/O, use cache=writeback" : "";
	case ETXTBSY:
	case EBUSY:
		return ": it is mounted, or part of a volume, or otherwise in use: end that first";
	case ENXIO:
	case ENODEV:
		return ": there is no such device by now: attach it";
	case ESTALE:
		return ": it was removed on its server: 'pvctl release' and 'pvctl restart-worker' take what the path names by now";
	}
	return "";
}

static int fail_open(const struct hostd_image_job *job, int error,
		     struct hostd_image_report *report)
{
	return hostd_errand_fail(&report->head, -error, "%s: %s%s", job->shown, strerror(error),
				advise(job, error));
}

/* Regular files of these are views of the kernel's, and to open one may do something. */
static bool is_kernels(int fd)
{
	static const unsigned int magics[] = {
		0x9fa0,		/* proc */
		0x62656572,	/* sysfs */
		0x64626720,	/* debugfs */
		0x74726163,	/* tracefs */
		0x27e0eb,	/* cgroup */
		0x63677270,	/* cgroup2 */
		0x73636673,	/* securityfs */
		0x62656570,	/* configfs */
		0xde5e81e4,	/* efivarfs */
		0xcafe4a11,	/* bpf */
		0x6165676c,	/* pstore */
	};
	struct statfs fs;
	unsigned int i;

	if (fstatfs(fd, &fs))
		return false;
	for (i = 0; i < HOSTD_ARRAY_SIZE(magics); i++)
		if ((unsigned int)fs.f_type == magics[i])
			return true;
	return false;
}

static const char *kind_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return "a directory";
	case S_IFIFO:
		return "a FIFO";
	case S_IFSOCK:
		return "a socket";
	case S_IFCHR:
		return "a character device";
	default:
		return "something else";
	}
}

/*
 * Find the image without opening it: to open a FIFO waits, and to open a device may do what
 * nobody wants (a tape, a watchdog). Returns an O_PATH descriptor or -errno.
 */
static int find_image(const struct hostd_image_job *job, struct hostd_image_report *report)
{
	struct stat st;
	int fd;

	fd = open(job->path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return fail_open(job, errno, report);
	if (fstat(fd, &st) < 0)
		return fail_open(job, errno, report);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return hostd_errand_fail(&report->head, -ENOTBLK, "%s is %s, neither a regular file nor a block device: name an image file or a block device",
					job->shown, kind_of(st.st_mode));
	if (S_ISREG(st.st_mode) && is_kernels(fd))
		return hostd_errand_fail(&report->head, -ENOTBLK, "%s belongs to the kernel and holds no data: name an image file or a block device",
					job->shown);
	return fd;
}

/* A fresh open file description of what an O_PATH descriptor holds. */
static int reopen(int hold, int flags)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", hold);
	return open(path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

static int open_flags(const struct hostd_image_job *job, int hold)
{
	int flags = job->ro ? O_RDONLY : O_RDWR;
	struct stat st;

	if (job->direct)
		flags |= O_DIRECT;
	/* Refused if it is mounted, part of something, or another has claimed it. */
	if (!job->ro && !fstat(hold, &st) && S_ISBLK(st.st_mode))
		flags |= O_EXCL;
	return flags;
}

static void send_report(int sock, const struct hostd_image_report *report, const int *fds,
			unsigned int nr_fds)
{
	/* If the broker is gone, so will this process be. */
	hostd_parcel_send(sock, report, sizeof(*report), fds, nr_fds);
}

static int fail_lock(const struct hostd_image_job *job, int error,
		     struct hostd_image_report *report)
{
	if (error == EAGAIN)
		return hostd_errand_fail(&report->head, -error, "%s: in use by another process or another disk: end that first ('fuser -v' on it names the process), or give ro=on to both",
					job->shown);
	if (error == ENOLCK || error == EOPNOTSUPP || error == ENOSYS)
		return hostd_errand_fail(&report->head, -error, "%s: its file system has no locks (%s): mount it with them (NFS: run rpc.statd, or local_lock=all if no other host uses it)",
					job->shown, strerror(error));
	return fail_open(job, error, report);
}

/* Somebody else has it: is there time to try again? A last life that was just killed needs some. */
static bool wait_a_moment(const struct hostd_image_job *job, int sock, uint64_t end_ms,
			  struct hostd_image_report *report)
{
	if (!job->wait && hostd_now_ms() >= end_ms)
		return false;
	if (job->wait && !report->head.waiting) {
		report->head.waiting = true;
		send_report(sock, report, NULL, 0);
	}
	usleep(RETRY_US);
	return true;
}

/*
 * Open and lock. With @wait anybody may have it for as long as he likes. Returns the descriptor
 * or -errno.
 */
static int take_image(const struct hostd_image_job *job, int hold, int sock,
		      struct hostd_image_report *report)
{
	uint64_t end_ms = hostd_now_ms() + LOCK_WAIT_MS;
	int fd, err;

	/* EBUSY: somebody has claimed a device; EWOULDBLOCK: a lease, that its holder is asked for. */
	do {
		fd = reopen(hold, open_flags(job, hold));
	} while (fd < 0 && (errno == EBUSY || errno == EWOULDBLOCK) &&
		 wait_a_moment(job, sock, end_ms, report));
	if (fd < 0) {
		report->head.waiting = false;
		return fail_lock(job, errno, report);
	}
	do {
		err = hostd_image_lock(fd, job->ro);
	} while (err == -EAGAIN && wait_a_moment(job, sock, end_ms, report));
	report->head.waiting = false;
	if (err) {
		close(fd);
		return fail_lock(job, -err, report);
	}
	/* O_NONBLOCK was only there so that nothing waits in open(). */
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	return fd;
}

static void identify(int fd, struct hostd_image_id *id)
{
	struct statx stx;
	struct stat st;

	*id = (struct hostd_image_id) { 0 };
	if (fstat(fd, &st))
		return;
	id->known = true;
	id->dev = st.st_dev;
	id->ino = st.st_ino;
	if (S_ISBLK(st.st_mode)) {
		id->rdev = st.st_rdev;
		/* Not known to kernels before 5.15. */
		if (ioctl(fd, BLKGETDISKSEQ, &id->diskseq) < 0)
			id->diskseq = 0;
	}
	if (!statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &stx) && stx.stx_mask & STATX_BTIME)
		id->born_ns = stx.stx_btime.tv_sec * 1000000000LL + stx.stx_btime.tv_nsec;
}

/* A device number may come back with another disk behind it. */
static bool is_same_device(const struct hostd_image_id *a, const struct hostd_image_id *b)
{
	return a->rdev == b->rdev &&
	       (!a->diskseq || !b->diskseq || a->diskseq == b->diskseq);
}

static bool is_same(const struct hostd_image_id *a, const struct hostd_image_id *b)
{
	if (a->rdev || b->rdev)
		return is_same_device(a, b);
	return a->dev == b->dev && a->ino == b->ino && a->born_ns == b->born_ns;
}

/* Is it the one that was served before? */
static int check_identity(const struct hostd_image_job *job, struct hostd_image_report *report)
{
	if (!job->id.known)
		return 0;
	if (job->same && !is_same(&job->id, &report->id))
		return hostd_errand_fail(&report->head, -ENODEV, "%s names another file than the one that was served before pvhostd died: give that its name again, or take this one by 'pvctl release' and 'pvctl restart-worker'",
					job->shown);
	/* Looked up anew, after a release: another one is served, and that is said. */
	if (job->hold < 0)
		report->is_other = !is_same(&job->id, &report->id);
	else if (report->id.rdev && !is_same_device(&job->id, &report->id))
		return hostd_errand_fail(&report->head, -ENODEV, "%s is another device than the one that was served: attach that, or take this one by 'pvctl release' and 'pvctl restart-worker'",
					job->shown);
	return 0;
}

/* What its path names may be on a file system that hangs, though the image is not. */
static void do_look(const struct hostd_image_job *job, struct hostd_image_report *report)
{
	struct stat st;

	if (stat(job->path, &st) < 0)
		report->is_gone = errno == ENOENT;
	else
		report->is_other = S_ISBLK(st.st_mode) ? st.st_rdev != job->id.rdev :
				   st.st_dev != job->id.dev || st.st_ino != job->id.ino;
	report->is_deleted = !fstat(job->hold, &st) && !st.st_nlink && S_ISREG(st.st_mode);
}

static int do_open(const struct hostd_image_job *job, int sock, struct hostd_image_report *report)
{
	int fds[HOSTD_IMAGE_FDS], hold = job->hold, fd, parcel, err;

	if (hold < 0) {
		hold = find_image(job, report);
		if (hold < 0)
			return hold;
		err = hostd_image_find_user(job, hold, report);
		if (err)
			return err;
	}
	fd = take_image(job, hold, sock, report);
	if (fd < 0)
		return fd;
	identify(fd, &report->id);
	err = check_identity(job, report);
	if (!err)
		err = hostd_image_probe(job, fd, report);
	if (!err && !job->raw && !job->id.known)
		err = hostd_image_look(job, fd, report);
	if (err)
		return err;
	/* What the worker gets is in a socket, so that the broker never has to close it. */
	parcel = hostd_parcel_wrap(fd);
	if (parcel < 0)
		return hostd_errand_fail(&report->head, parcel, "%s: it cannot be handed on: %s", job->shown,
					strerror(-parcel));
	fds[HOSTD_IMAGE_PARCEL] = parcel;
	fds[HOSTD_IMAGE_HOLD] = hold;
	send_report(sock, report, fds, job->hold < 0 ? 2 : 1);
	close(parcel);
	return 0;
}

static int do_resize(const struct hostd_image_job *job, struct hostd_image_report *report)
{
	uint64_t have = 0;
	struct stat st;
	int fd, err;

	fd = reopen(job->hold, job->ro ? O_RDONLY : O_RDWR);
	if (fd < 0)
		return fail_open(job, errno, report);
	if (fstat(fd, &st) < 0)
		return fail_open(job, errno, report);
	have = st.st_size;
	if (S_ISBLK(st.st_mode) && ioctl(fd, BLKGETSIZE64, &have) < 0)
		return fail_open(job, errno, report);
	if (have >= job->size)
		return 0;
	if (S_ISBLK(st.st_mode))
		return hostd_errand_fail(&report->head, -ENOSPC, "%s has only %llu bytes: enlarge the device first",
					job->shown, (unsigned long long)have);
	if (job->ro)
		return hostd_errand_fail(&report->head, -EROFS, "%s has only %llu bytes, and is here for reading only (ro=on): enlarge the file first (truncate -s)",
					job->shown, (unsigned long long)have);
	err = hostd_image_lock_size(fd);
	if (err)
		return fail_lock(job, -err, report);
	if (ftruncate(fd, job->size) < 0)
		return hostd_errand_fail(&report->head, -errno, "%s cannot be enlarged: %s%s", job->shown,
					strerror(errno), errno == EFBIG ?
					": its file system, or a limit of pvhostd's (ulimit -f), allows no such size" : "");
	return 0;
}

void hostd_image_work(const struct hostd_image_job *job, int sock)
{
	struct hostd_image_report report = { 0 };
	int err = 0;

	switch (job->task) {
	case HOSTD_IMAGE_OPEN:
		err = do_open(job, sock, &report);
		if (err)
			send_report(sock, &report, NULL, 0);
		break;
	case HOSTD_IMAGE_LOOK:
		do_look(job, &report);
		send_report(sock, &report, NULL, 0);
		break;
	case HOSTD_IMAGE_RESIZE:
		do_resize(job, &report);
		send_report(sock, &report, NULL, 0);
		break;
	}
}
