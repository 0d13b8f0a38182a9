/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a process starts with: its descriptors, its signals, its limits.
 */
#ifndef HOSTD_PROCESS_H
#define HOSTD_PROCESS_H

#include <stdbool.h>

/**
 * hostd_fds_open_std - see that descriptors 0 to 2 are open
 *
 * One that is not becomes /dev/null: else the next file or socket that is opened would be taken
 * for standard output or for the log.
 */
void hostd_fds_open_std(void);

/**
 * hostd_fds_shut_std - hold nothing of whoever started this process: 0 to 2 become /dev/null
 *
 * Return: 0 or -errno.
 */
int hostd_fds_shut_std(void);

/**
 * hostd_fds_shut - keep descriptors above 2 that were inherited from what this process starts
 * @keep: those that this process needs
 * @nr_keep: their number
 * @now: close them here, too
 */
void hostd_fds_shut(const int *keep, unsigned int nr_keep, bool now);

/**
 * hostd_fds_left - how many more descriptors this process may have
 *
 * Return: their number.
 */
unsigned int hostd_fds_left(void);

/**
 * hostd_fds_raise - raise the limit of descriptors as far as it goes
 */
void hostd_fds_raise(void);

/**
 * hostd_signals_ignore - ignore what a peer, a limit or a terminal can cause
 * @ours: also what the broker is ended by; for processes that it ends itself
 *
 * What would raise such a signal fails with an error instead. The death of a child is not ignored,
 * not even if whoever started this process did.
 */
void hostd_signals_ignore(bool ours);

#endif /* HOSTD_PROCESS_H */
