// SPDX-License-Identifier: GPL-2.0-only
/*
 * Log lines: one write each, which never waits, and a limit for those that others cause.
 *
 * Who takes the lines may be slow, stopped or gone: a full pipe, a terminal after Ctrl-S, a file on
 * a file system that is frozen or full. None of that may stop the broker.
 */
#include "lib/log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "lib/log/scribe.h"
#include "lib/util.h"

#define LINE_LEN	1024
/* A scribe that is well has written a line long before; then the line is there at once. */
#define SCRIBE_MS	100
/* One that has died is not replaced more often. */
#define REVIVE_MS	1000

static const char *log_ident = "pvhostd";
static int log_level = HOSTD_LOG_INFO;
static int copy_fd = -1;
static bool is_file;
/* The file that lines go to, and whether that is on a file system that is nothing but memory. */
static const char *file_path;
static bool is_in_memory;
/* Standard error is the journal's, which reads a level from each line. */
static bool is_journal;
/* The eventfd with which a scribe says that it has written; -1: lines are written directly. */
static int scribe_fd = -1;
static bool scribe_is_late;
/* What a scribe writes to, if that is no file by its path. */
static int origin_fd = -1;
static uint64_t revived_ms;
static bool is_revived;
static unsigned int nr_dropped;
/* What of the last line found no room. */
static char rest[LINE_LEN];
static size_t rest_len;

void hostd_log_init(const char *ident, int level)
{
	log_ident = ident;
	log_level = level;
}

void hostd_log_copy(int fd)
{
	if (copy_fd >= 0)
		close(copy_fd);
	copy_fd = fd;
}

/* A socket is not made non-blocking, because it is shared with others; a single call is. */
static ssize_t put(int fd, const char *text, size_t len)
{
	ssize_t done = send(fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (done < 0 && errno == ENOTSOCK)
		done = write(fd, text, len);
	return done;
}

/* Lines go through a scribe from now on, to @path or else to @to. */
static int use_scribe(int to, const char *path)
{
	int fd, done_fd, err = hostd_scribe_start(to, path, &fd, &done_fd);

	if (err)
		return err;
	if (dup2(fd, STDERR_FILENO) < 0)
		err = -errno;
	close(fd);
	if (err) {
		close(done_fd);
		return err;
	}
	if (scribe_fd >= 0)
		close(scribe_fd);
	scribe_fd = done_fd;
	scribe_is_late = false;
	return 0;
}

/* Somebody, or the want of memory, has killed it. Not again and again. */
static bool revive_scribe(void)
{
	uint64_t now_ms = hostd_now_ms();

	if (scribe_fd < 0 || (!file_path && origin_fd < 0) || (revived_ms && now_ms - revived_ms < REVIVE_MS))
		return false;
	revived_ms = now_ms;
	rest_len = 0;
	is_revived = !use_scribe(file_path ? STDERR_FILENO : origin_fd, file_path);
	return is_revived;
}

/* A line ends before the next begins. */
static bool put_rest(void)
{
	ssize_t done = rest_len ? put(STDERR_FILENO, rest, rest_len) : 0;

	if (done > 0) {
		rest_len -= done;
		memmove(rest, rest + done, rest_len);
	}
	return !rest_len || (done < 0 && errno == EPIPE && revive_scribe());
}

/* False: it was dropped. */
static bool put_line(const char *line, size_t len)
{
	ssize_t done;

	if (!put_rest())
		return false;
	done = put(STDERR_FILENO, line, len);
	if (done < 0 && errno == EPIPE && revive_scribe())
		done = put(STDERR_FILENO, line, len);
	if (done <= 0)
		return false;
	rest_len = len - done;
	memcpy(rest, line + done, rest_len);
	return true;
}

/* Who reads the file after this process has said something finds it there. */
static void wait_for_scribe(void)
{
	struct pollfd pfd = { .fd = scribe_fd, .events = POLLIN };
	uint64_t count;

	if (scribe_fd < 0)
		return;
	scribe_is_late = poll(&pfd, 1, scribe_is_late ? 0 : SCRIBE_MS) <= 0;
	if (!scribe_is_late && read(scribe_fd, &count, sizeof(count)) < 0)
		scribe_is_late = true;
}

static size_t add_time(char *line, size_t len)
{
	struct timespec now;
	struct tm tm;
	size_t done;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	done = strftime(line, len, "%Y-%m-%dT%H:%M:%S", &tm);
	return done + snprintf(line + done, len - done, ".%03ldZ ", now.tv_nsec / 1000000);
}

/* Make a line, with its newline. Returns its length. */
static size_t make_line(char line[LINE_LEN], int level, const char *fmt, va_list ap)
{
	static const char * const word[] = { "error: ", "warning: ", "", "debug: " };
	static const int priority[] = { LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG };
	size_t len = is_file ? add_time(line, LINE_LEN) : 0;
	int more;

	if (is_journal && !is_file)
		len = snprintf(line, LINE_LEN, "<%d>", priority[level]);
	len += snprintf(line + len, LINE_LEN - len, "%s: %s", log_ident, word[level]);
	more = vsnprintf(line + len, LINE_LEN - 1 - len, fmt, ap);
	if (more > 0)
		len += more;
	if (len > LINE_LEN - 2)
		len = LINE_LEN - 2;
	line[len] = 0;
	hostd_text_clean(line);
	len = strlen(line);
	line[len++] = '\n';
	return len;
}

static size_t __attribute__((format(printf, 3, 4))) format_line(char line[LINE_LEN], int level,
								 const char *fmt, ...)
{
	va_list ap;
	size_t len;

	va_start(ap, fmt);
	len = make_line(line, level, fmt, ap);
	va_end(ap);
	return len;
}

static void say_lost(void)
{
	char line[LINE_LEN];

	if (nr_dropped && put_line(line, format_line(line, HOSTD_LOG_WARN,
						     "%u log lines found no room and were dropped",
						     nr_dropped)))
		nr_dropped = 0;
	if (is_revived && put_line(line, format_line(line, HOSTD_LOG_WARN,
						     "the process that wrote the log has ended, and another one goes on: lines may be missing here")))
		is_revived = false;
}

void hostd_log(int level, const char *fmt, ...)
{
	char line[LINE_LEN];
	va_list ap;
	size_t len;

	if (level < 0 || level > log_level || level > HOSTD_LOG_DEBUG)
		return;
	va_start(ap, fmt);
	len = make_line(line, level, fmt, ap);
	va_end(ap);
	say_lost();
	if (put_line(line, len))
		wait_for_scribe();
	else
		nr_dropped++;
	if (copy_fd >= 0 && level == HOSTD_LOG_ERR && put(copy_fd, line, len) < 0)
		hostd_log_copy(-1);
}

bool hostd_limit_pass(struct hostd_limit *limit, unsigned int *dropped)
{
	uint64_t now_ms = hostd_now_ms(), refilled = (now_ms - limit->since_ms) / limit->refill_ms;

	if (refilled >= limit->used) {
		limit->used = 0;
		limit->since_ms = now_ms;
	} else {
		limit->used -= refilled;
		limit->since_ms += refilled * limit->refill_ms;
	}
	*dropped = limit->dropped;
	if (limit->used == limit->burst) {
		limit->dropped++;
		return false;
	}
	limit->used++;
	limit->dropped = 0;
	return true;
}

static int use_fd(int fd)
{
	int err = dup2(fd, STDERR_FILENO) < 0 ? -errno : 0;

	close(fd);
	if (!err && scribe_fd >= 0) {
		close(scribe_fd);
		scribe_fd = -1;
	}
	return err;
}

/* systemd.exec(5): what the journal reads has this device and inode. */
static bool goes_to_journal(const struct stat *st)
{
	const char *text = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;

	return text && sscanf(text, "%llu:%llu", &dev, &ino) == 2 && dev == st->st_dev && ino == st->st_ino;
}

int hostd_log_start(void)
{
	struct stat st;
	int fd;

	if (fstat(STDERR_FILENO, &st) < 0)
		return -errno;
	is_journal = goes_to_journal(&st);
	if (S_ISSOCK(st.st_mode) || (S_ISREG(st.st_mode) && hostd_is_in_memory(STDERR_FILENO)))
		return 0;
	fd = S_ISREG(st.st_mode) ? -1 :
	     open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0)
		return use_fd(fd);
	origin_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	return use_scribe(STDERR_FILENO, NULL);
}

static void note_file(const char *path)
{
	is_file = true;
	file_path = path;
}

int hostd_log_open(const char *path)
{
	int fd, err;

	is_in_memory = hostd_dir_is_in_memory(path);
	fd = hostd_scribe_open(path);
	if (fd < 0)
		return fd;
	err = is_in_memory ? use_fd(fd) : use_scribe(fd, NULL);
	if (!is_in_memory)
		close(fd);
	if (!err)
		note_file(path);
	return err;
}

int hostd_log_open_again(void)
{
	int fd;

	if (!is_file)
		return 0;
	/* At the start it was seen to be there; by now even to look at its directory may wait for a disk. */
	if (!is_in_memory)
		return use_scribe(STDERR_FILENO, file_path);
	fd = hostd_scribe_open(file_path);
	return fd < 0 ? fd : use_fd(fd);
}

int hostd_log_take_over(const char *path)
{
	is_in_memory = hostd_is_in_memory(STDERR_FILENO);
	note_file(path);
	return hostd_log_open_again();
}
