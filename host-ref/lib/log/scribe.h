/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The scribe: a process that writes to a file for one that must not wait for it.
 */
#ifndef HOSTD_SCRIBE_H
#define HOSTD_SCRIBE_H

/**
 * hostd_scribe_open - open a file to append to
 * @path: its path; made if there is none
 *
 * Return: a descriptor; -errno, also when it is a link, or not this user's.
 */
int hostd_scribe_open(const char *path);

/**
 * hostd_scribe_start - start a process that writes to a file what it finds in a pipe
 * @to: the file; stays the caller's
 * @path: open that in the new process instead; if it cannot, it takes @to. NULL: take @to
 * @fd: gets the pipe's end for writing, non-blocking
 * @done_fd: gets an eventfd that counts what has been written
 *
 * It is nobody's child, ignores signals, and ends when nobody can write to the pipe any more.
 *
 * Return: 0 or -errno.
 */
int hostd_scribe_start(int to, const char *path, int *fd, int *done_fd);

#endif /* HOSTD_SCRIBE_H */
