// SPDX-License-Identifier: GPL-2.0-only
/*
 * What all engines share: files, the calls a request is made of, and doing it at once when that is quick.
 *
 * Inline or asynchronous, measured (4 KiB random, 2 cores, Linux 6.18, ns per
 * request, one system call inline / io_uring depth 1 / depth 32):
 *
 *	ext4 read, cached	 1,000 /  1,240 /    960
 *	ext4 write, cached	 8,800 / 36,700 / 29,500
 *	tmpfs read		 1,900 / 10,000 /  3,600
 *	tmpfs write		 1,500 /  9,000 /  6,300
 *
 * io_uring gives to its worker threads what the file system won't do without
 * blocking, and that hand-over costs more than the copy. ext4 takes RWF_NOWAIT
 * for buffered reads only, tmpfs for nothing. So: RWF_NOWAIT where it is known;
 * else the plain call as long as it proves quick, and a pause in which everything
 * is asynchronous after one that blocked.
 */
#include "engine.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/magic.h>

/* An inline call that takes longer than this has blocked, or the thread was preempted. */
#define SLOW_NS			1000000ULL
#define SUSPECT_NS		1000000000ULL
/* After one that has blocked; doubled if it comes again. */
#define PAUSE_MIN_NS		10000000ULL
#define PAUSE_MAX_NS		2000000000ULL

/* Source of zeroes where the file system has no call for it. */
#define ZEROES_LEN		(256 * 1024)

static const _Alignas(4096) uint8_t zeroes[ZEROES_LEN];

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

int hostd_engines_init(struct hostd_engines *engines)
{
	static const struct hostd_engine_ops *const ops[HOSTD_ENGINES] = {
		&hostd_engine_uring, &hostd_engine_sync, &hostd_engine_null,
	};
	unsigned int i;

	for (i = 0; i < HOSTD_ENGINES; i++) {
		struct hostd_engine *e = &engines->all[i];

		*e = (struct hostd_engine) { .ops = ops[i], .fd = -1 };
		e->error = e->ops->init ? e->ops->init(e) : 0;
		if (e->error && e->ops != &hostd_engine_uring) {
			hostd_engines_exit(engines);
			return e->error;
		}
	}
	return 0;
}

void hostd_engines_exit(struct hostd_engines *engines)
{
	unsigned int i;

	for (i = 0; i < HOSTD_ENGINES; i++) {
		struct hostd_engine *e = &engines->all[i];

		if (e->ops && e->ops->exit && !e->error)
			e->ops->exit(e);
		e->ops = NULL;
	}
}

struct hostd_engine *hostd_engines_find(struct hostd_engines *engines, const char *name)
{
	unsigned int i;

	for (i = 0; i < HOSTD_ENGINES; i++) {
		struct hostd_engine *e = &engines->all[i];

		if (!e->error && (!strcmp(name, "auto") || !strcmp(name, e->ops->name)))
			return e;
	}
	return NULL;
}

unsigned int hostd_engines_reap(struct hostd_engines *engines)
{
	unsigned int i, nr = 0;

	for (i = 0; i < HOSTD_ENGINES; i++) {
		struct hostd_engine *e = &engines->all[i];

		if (!e->in_flight)
			continue;
		e->ops->kick(e);
		nr += e->ops->reap(e);
	}
	return nr;
}

/* Past the end a hole changes nothing, but tells whether holes are known at all. */
static bool is_punchable(const struct hostd_file *file, off_t size)
{
	if (file->is_block)
		return true;
	return !fallocate(file->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			  (size + 4095) & ~(off_t)4095, 4096);
}

int hostd_file_init(struct hostd_file *file, struct hostd_engine *engine, int fd)
{
	struct statfs fs;
	struct stat st;
	int flags;

	*file = (struct hostd_file) { .engine = engine, .fd = fd };
	if (fd < 0)
		return engine->ops == &hostd_engine_null ? 0 : -EBADF;

	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return -EINVAL;
	file->is_block = S_ISBLK(st.st_mode);
	file->direct = flags & O_DIRECT;
	file->in_memory = !file->is_block && !fstatfs(fd, &fs) && fs.f_type == TMPFS_MAGIC;
	file->no_punch = (flags & O_ACCMODE) == O_RDONLY || !is_punchable(file, st.st_size);
	return 0;
}

void hostd_file_exit(struct hostd_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
}

int hostd_file_size(const struct hostd_file *file, uint64_t *size)
{
	struct stat st;

	*size = UINT64_MAX;
	if (file->fd < 0)
		return 0;
	if (file->is_block)
		return ioctl(file->fd, BLKGETSIZE64, size) < 0 ? -errno : 0;
	if (fstat(file->fd, &st) < 0)
		return -errno;
	*size = st.st_size;
	return 0;
}

int hostd_fd_lock(int fd, bool ro)
{
	struct flock lock = { .l_type = ro ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET };

	if (!fcntl(fd, F_OFD_SETLK, &lock))
		return 0;
	return errno == EACCES ? -EAGAIN : -errno;
}

void hostd_io_next_call(const struct hostd_io *io, struct hostd_io_call *call)
{
	const struct hostd_file *file = io->file;

	*call = (struct hostd_io_call) {
		.op = io->op,
		.buf = io->buf + io->done,
		.pos = io->pos + io->done,
		.len = io->len - io->done,
		.rw_flags = io->flags & HOSTD_IO_DURABLE ? RWF_DSYNC : 0,
	};
	if (io->op == HOSTD_IO_DISCARD) {
		call->mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	} else if (io->op == HOSTD_IO_ZERO && io->flags & HOSTD_IO_FILL) {
		call->op = HOSTD_IO_WRITE;
		call->buf = (void *)zeroes;
		if (call->len > ZEROES_LEN)
			call->len = ZEROES_LEN;
	} else if (io->op == HOSTD_IO_ZERO) {
		call->op = HOSTD_IO_DISCARD;
		call->mode = FALLOC_FL_KEEP_SIZE;
		call->mode |= io->flags & HOSTD_IO_UNMAP && !file->no_punch ?
			      FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE;
	}
}

/* The file system has no such call: is there another way? False: there is, call again. */
static bool is_unsupported(struct hostd_io *io)
{
	struct hostd_file *file = io->file;

	if (io->op == HOSTD_IO_DISCARD) {
		file->no_punch = true;
		io->result = 0;		/* discard is advice */
		return true;
	}
	if (io->op != HOSTD_IO_ZERO || io->flags & HOSTD_IO_FILL) {
		io->result = -EOPNOTSUPP;
		return true;
	}
	if (io->flags & HOSTD_IO_UNMAP && !file->no_punch) {
		file->no_punch = true;
	} else {
		file->no_zero_range = true;
		io->flags |= HOSTD_IO_FILL;
	}
	return false;
}

bool hostd_io_called(struct hostd_io *io, long res)
{
	if (res == -EINTR || res == -EAGAIN)
		return false;
	if (res == -EOPNOTSUPP || res == -ENOSYS)
		return is_unsupported(io);
	if (res < 0) {
		io->result = res;
		return true;
	}
	if (io->op > HOSTD_IO_WRITE && !(io->flags & HOSTD_IO_FILL))
		return true;
	if (!res) {
		/* The file is shorter than the device, or takes no more. */
		io->result = io->op == HOSTD_IO_READ ? -EIO : -ENOSPC;
		return true;
	}
	io->done += res;
	return io->done >= io->len;
}

/* How often this thread has waited for something, as opposed to having been preempted. */
static long count_waits(void)
{
	struct rusage usage = { 0 };

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nvcsw;
}

static void pause_inline(struct hostd_optimism *o, uint64_t now)
{
	o->pause_ns *= 2;
	if (o->pause_ns < PAUSE_MIN_NS)
		o->pause_ns = PAUSE_MIN_NS;
	if (o->pause_ns > PAUSE_MAX_NS)
		o->pause_ns = PAUSE_MAX_NS;
	o->pause_until_ns = now + o->pause_ns;
}

static long rw_inline(struct hostd_io *io, int rw_flags)
{
	struct iovec iov = { io->buf, io->len };
	ssize_t res;

	if (io->op == HOSTD_IO_READ)
		res = preadv2(io->file->fd, &iov, 1, io->pos, rw_flags);
	else
		res = pwritev2(io->file->fd, &iov, 1, io->pos, rw_flags);
	return res < 0 ? -errno : res;
}

/* The plain call, as long as it proves quick. False: not now. */
static bool call_inline(struct hostd_io *io, struct hostd_optimism *o, long *res)
{
	uint64_t start_ns = now_ns(), end_ns;
	bool is_suspect = start_ns < o->suspect_until_ns;
	long waits;

	if (start_ns < o->pause_until_ns)
		return false;
	waits = is_suspect ? count_waits() : 0;
	*res = rw_inline(io, 0);
	end_ns = now_ns();
	if (end_ns - start_ns < SLOW_NS)
		o->pause_ns -= o->pause_ns / 64;
	else if (!is_suspect)
		o->suspect_until_ns = end_ns + SUSPECT_NS;
	else if (count_waits() != waits)
		pause_inline(o, end_ns);
	return true;
}

static bool try_rw(struct hostd_io *io, struct hostd_optimism *o)
{
	long res;

	if (io->file->direct || (io->flags & HOSTD_IO_DURABLE && !io->file->in_memory))
		return false;
	if (!o->no_nowait) {
		res = rw_inline(io, RWF_NOWAIT);
		if (res != -EOPNOTSUPP)
			return hostd_io_called(io, res);
		o->no_nowait = true;
	}
	return call_inline(io, o, &res) && hostd_io_called(io, res);
}

bool hostd_io_try(struct hostd_io *io)
{
	struct hostd_file *file = io->file;

	switch (io->op) {
	case HOSTD_IO_READ:
		return try_rw(io, &file->reads);
	case HOSTD_IO_WRITE:
		return try_rw(io, &file->writes);
	case HOSTD_IO_FLUSH:
		return file->in_memory;
	case HOSTD_IO_ZERO:
		if (file->no_zero_range && (file->no_punch || !(io->flags & HOSTD_IO_UNMAP)))
			io->flags |= HOSTD_IO_FILL;
		return false;
	default:
		return false;
	}
}
