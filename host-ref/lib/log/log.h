/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Log lines: one write each, which never waits, and a limit for those that others cause.
 */
#ifndef HOSTD_LOG_H
#define HOSTD_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Levels of hostd_log(). */
#define HOSTD_LOG_ERR		0
#define HOSTD_LOG_WARN		1
#define HOSTD_LOG_INFO		2
#define HOSTD_LOG_DEBUG		3

/**
 * hostd_log_init - say who logs and how much
 * @ident: start of each line, as "pvhostd"
 * @level: highest HOSTD_LOG_* that is shown
 */
void hostd_log_init(const char *ident, int level);

/**
 * hostd_log_start - from now on a line never waits for who takes it
 *
 * Standard error becomes a description of this process' own that does not block or, where there
 * is no such thing (a file on a disk, somebody else's terminal), a pipe to a process that writes
 * there. Lines for systemd's journal begin with their level. What finds no room is dropped; the next line that is taken says how many were.
 *
 * Return: 0 or -errno; then it is as before.
 */
int hostd_log_start(void);

/**
 * hostd_log_open - have lines go to a file, with the time
 * @path: its path, absolute or in the current directory, which stays; the caller keeps the text
 *
 * It is appended to.
 *
 * Return: 0 or -errno; then lines go where they went.
 */
int hostd_log_open(const char *path);

/**
 * hostd_log_open_again - open that file anew, which may have been moved meanwhile
 *
 * Return: 0, also if lines go to no file; or -errno; then lines go where they went.
 */
int hostd_log_open_again(void);

/**
 * hostd_log_take_over - go on with the file of the program that this process was before
 * @path: its path; the caller keeps the text
 *
 * Standard error is what that program had there.
 *
 * Return: 0 or -errno; then lines go where they went.
 */
int hostd_log_take_over(const char *path);

/**
 * hostd_log_copy - let errors be written to a second place too
 * @fd: the place, which is the log's from now on; -1: no longer, and the last one is closed
 */
void hostd_log_copy(int fd);

/**
 * hostd_log - write one line to standard error, in one write()
 * @level: HOSTD_LOG_*
 * @fmt: printf format without a newline; what a terminal would obey is replaced by '?'
 */
void hostd_log(int level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/**
 * struct hostd_limit - a limit for lines that others can cause
 * @burst: how many may come at once
 * @refill_ms: one more each so many milliseconds
 * @used: how many have come, less what was refilled
 * @since_ms: when that was
 * @dropped: how many did not pass since the last one that did
 */
struct hostd_limit {
	unsigned int burst;
	unsigned int refill_ms;
	unsigned int used;
	uint64_t since_ms;
	unsigned int dropped;
};

/**
 * hostd_limit_pass - may one more line be written
 * @limit: the limit; all zero but @burst and @refill_ms at first
 * @dropped: gets how many were not, since the last one
 *
 * Return: true if so.
 */
bool hostd_limit_pass(struct hostd_limit *limit, unsigned int *dropped);

#endif /* HOSTD_LOG_H */
