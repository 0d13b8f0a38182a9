// SPDX-License-Identifier: GPL-2.0-only
/*
 * A lean block load: the smallest loop that keeps N requests in flight, so that
 * the path to the device is measured and not the load generator.
 *
 *   blkload --dev PATH --rw randread|randwrite|read|write|fsync|bufread|create
 *           [--bs 4k] [--qd 1] [--secs 2] [--size BYTES]
 *
 *   --dev   block device or regular file; writing DESTROYS its content. A block
 *           device that is mounted or held by somebody is refused.
 *           create: a directory, in which nobody else makes files.
 *   --rw    randread, randwrite, read, write: libaio system calls, O_DIRECT
 *           fsync: one random write and one fsync() per operation, --qd 1 only
 *           bufread: read() in sequence through the page cache, which a block
 *           device forgets at the start and after each pass, --qd 1 only
 *           create: a new file of --bs bytes and its fsync() per operation, --qd 1 only
 *   --bs    bytes per operation, multiple of 512 (k, m, g: powers of 1024)
 *   --qd    requests in flight, 1 to 1024
 *   --secs  length of the run, 0.1 to 3600
 *   --size  use only the first BYTES of PATH (k, m, g as above)
 *
 * Prints one line of JSON on stdout and exits with 0:
 *   {"ops":N,"ops_total":T,"secs":S,"iops":R,"mbps":M,"lat_us_mean":L,"direct":true}
 * "ops" are those finished within "secs"; "ops_total" has also those that were in
 * flight at the end (divide event counts by it). "mbps" is 10^6 bytes per second.
 * "lat_us_mean" is qd * secs / ops (Little's law: the depth is constant), because a
 * clock read per request would cost as much as the request. "direct" is false where
 * the file system refuses O_DIRECT (tmpfs before Linux 6.6): the run is then
 * buffered, and libaio synchronous.
 *
 * On error: one line on stderr, exit status 2 for the command line, else 1.
 *
 * No clock is read between start and end: an interval timer raises a flag.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include "blkload.h"

#define MAX_BS		(64ULL << 20)
#define BUF_ALIGN	4096

volatile sig_atomic_t time_is_up;

static void on_alarm(int sig)
{
	(void)sig;
	time_is_up = 1;
}

_Noreturn void __attribute__((format(printf, 2, 3))) die(int status, const char *fmt, ...)
{
	va_list ap;

	fputs("blkload: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(status);
}

static uint64_t parse_size(const char *option, const char *text)
{
	unsigned int shift = 0;
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (*end == 'k' || *end == 'K')
		shift = 10;
	else if (*end == 'm' || *end == 'M')
		shift = 20;
	else if (*end == 'g' || *end == 'G')
		shift = 30;
	if (end == text || *text == '-' || end[shift ? 1 : 0] || errno || !n || n > (UINT64_MAX >> shift))
		die(2, "%s '%s' is not a size: use 4096, 4k, 1m or the like", option, text);
	return n << shift;
}

static double parse_number(const char *option, const char *text, double min, double max)
{
	char *end;
	double n = strtod(text, &end);

	if (end == text || *end || !(n >= min && n <= max))
		die(2, "%s '%s' is not a number from %g to %g", option, text, min, max);
	return n;
}

static const struct mode {
	const char *name;
	void (*run)(struct load *l);
	bool write;
	bool random;
} modes[] = {
	{ "randread", run_aio, .random = true },
	{ "randwrite", run_aio, .write = true, .random = true },
	{ "read", run_aio, .write = false },
	{ "write", run_aio, .write = true },
	{ "fsync", run_fsync, .write = true, .random = true },
	{ "bufread", run_bufread, .write = false },
	{ "create", run_create, .write = true },
};

static void parse_rw(struct load *l)
{
	size_t i;

	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (!strcmp(l->rw, modes[i].name)) {
			l->run = modes[i].run;
			l->write = modes[i].write;
			l->random = modes[i].random;
			return;
		}
	}
	die(2, "--rw '%s' is none of randread randwrite read write fsync bufread create", l->rw);
}

static void parse_args(struct load *l, int argc, char **argv)
{
	static const struct option options[] = {
		{ "dev", required_argument, NULL, 'd' },
		{ "rw", required_argument, NULL, 'r' },
		{ "bs", required_argument, NULL, 'b' },
		{ "qd", required_argument, NULL, 'q' },
		{ "secs", required_argument, NULL, 's' },
		{ "size", required_argument, NULL, 'z' },
		{ }
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'd':
			l->dev = optarg;
			break;
		case 'r':
			l->rw = optarg;
			break;
		case 'b':
			l->bs = parse_size("--bs", optarg);
			break;
		case 'q':
			l->qd = parse_number("--qd", optarg, 1, MAX_QD);
			break;
		case 's':
			l->secs = parse_number("--secs", optarg, 0.1, 3600);
			break;
		case 'z':
			l->size = parse_size("--size", optarg);
			break;
		default:
			exit(2);	/* getopt has said why */
		}
	}
	if (optind < argc)
		die(2, "unexpected argument '%s'", argv[optind]);
	if (!l->dev || !l->rw)
		die(2, "usage: blkload --dev PATH --rw randread|randwrite|read|write|fsync|bufread|create"
		       " [--bs 4k] [--qd N] [--secs S] [--size BYTES]");
	parse_rw(l);
	if (l->bs % 512 || l->bs > MAX_BS)
		die(2, "--bs %llu must be a multiple of 512, at most 64m", (unsigned long long)l->bs);
	if (l->run != run_aio && l->qd != 1)
		die(2, "--rw %s works at --qd 1 only", l->rw);
}

/* Where the bytes are: a block device or a file. */
static void open_blocks(struct load *l, const struct stat *st)
{
	int flags = (l->write ? O_RDWR : O_RDONLY) | O_CLOEXEC;
	uint64_t bytes = st->st_size;

	/* O_EXCL: the kernel refuses a block device that is mounted or claimed. */
	if (S_ISBLK(st->st_mode) && l->write)
		flags |= O_EXCL;

	l->direct = l->run != run_bufread;
	l->fd = open(l->dev, flags | (l->direct ? O_DIRECT : 0));
	if (l->fd < 0 && errno == EINVAL) {
		l->direct = false;
		l->fd = open(l->dev, flags);
	}
	if (l->fd < 0)
		die(1, "%s: %s", l->dev,
		    errno == EBUSY ? "is mounted or in use; writing to it is refused" : strerror(errno));

	if (S_ISBLK(st->st_mode) && ioctl(l->fd, BLKGETSIZE64, &bytes))
		die(1, "%s: cannot read its size: %s", l->dev, strerror(errno));
	if (l->size > bytes)
		die(1, "%s has %llu bytes, --size wants %llu", l->dev,
		    (unsigned long long)bytes, (unsigned long long)l->size);
	l->nr_blocks = (l->size ? l->size : bytes) / l->bs;
	if (l->nr_blocks < l->qd)
		die(1, "%s: %llu blocks of --bs are too few for --qd %u", l->dev,
		    (unsigned long long)l->nr_blocks, l->qd);
}

static void open_dev(struct load *l)
{
	struct stat st;

	if (stat(l->dev, &st))
		die(1, "%s: %s", l->dev, strerror(errno));
	if (l->run == run_create) {
		l->fd = open(l->dev, O_DIRECTORY | O_CLOEXEC);
		if (l->fd < 0)
			die(1, "%s: %s", l->dev, strerror(errno));
		return;
	}
	if (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode))
		die(1, "%s is neither a block device nor a regular file", l->dev);
	open_blocks(l, &st);
}

/* xorshift64* (Vigna 2016), scaled to nr_blocks without a division. */
uint64_t next_offset(struct load *l)
{
	uint64_t block;

	if (l->random) {
		l->rng ^= l->rng >> 12;
		l->rng ^= l->rng << 25;
		l->rng ^= l->rng >> 27;
		block = (unsigned __int128)(l->rng * 0x2545f4914f6cdd1dULL) * l->nr_blocks >> 64;
	} else {
		block = l->next_block;
		if (++l->next_block == l->nr_blocks)
			l->next_block = 0;
	}
	return block * l->bs;
}

static void alloc_buffers(struct load *l)
{
	size_t stride = (l->bs + BUF_ALIGN - 1) & ~(size_t)(BUF_ALIGN - 1);
	size_t len = stride * l->qd;
	unsigned int i;
	size_t n;

	l->buf = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (l->buf == MAP_FAILED)
		die(1, "no memory for %u buffers of %llu bytes", l->qd, (unsigned long long)l->bs);
	for (n = 0; n < len; n++)
		l->buf[n] = n * 0x9e3779b97f4a7c15ULL >> 56;

	for (i = 0; i < l->qd; i++) {
		l->iocbs[i] = (struct iocb){
			.aio_lio_opcode = l->write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD,
			.aio_fildes = l->fd,
			.aio_buf = (uintptr_t)(l->buf + i * stride),
			.aio_nbytes = l->bs,
			.aio_data = i,
		};
		l->batch[i] = &l->iocbs[i];
	}
	l->nr_batch = l->qd;
}

static void start_timer(double secs)
{
	/* Repeats, so that a signal just before a blocking call is not the last one. */
	struct itimerval timer = { .it_interval.tv_usec = 100000 };
	struct sigaction action = { .sa_handler = on_alarm };

	timer.it_value.tv_sec = secs;
	timer.it_value.tv_usec = (secs - timer.it_value.tv_sec) * 1e6;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

static double now_secs(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	static struct load l = { .bs = 4096, .qd = 1, .secs = 2 };
	double start, secs;
	uint64_t ops;

	parse_args(&l, argc, argv);
	open_dev(&l);
	l.rng = 0x9e3779b97f4a7c15ULL ^ (uint64_t)getpid() << 32;
	alloc_buffers(&l);
	if (l.run == run_aio)
		start_aio(&l);

	start_timer(l.secs);
	start = now_secs();
	l.run(&l);
	secs = now_secs() - start;
	ops = l.ops;
	drain_aio(&l);
	if (!ops)
		die(1, "%s: no operation finished within %g s", l.dev, secs);
	printf("{\"ops\":%llu,\"ops_total\":%llu,\"secs\":%.3f,\"iops\":%.1f,\"mbps\":%.2f,"
	       "\"lat_us_mean\":%.2f,\"direct\":%s}\n",
	       (unsigned long long)ops, (unsigned long long)l.ops, secs, ops / secs,
	       ops * (double)l.bs / secs / 1e6, l.qd * secs * 1e6 / ops, l.direct ? "true" : "false");
	return 0;
}
