/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Other processes, by a descriptor that never means another one (Linux 5.3, pidfd_getfd 5.6).
 */
#ifndef HOSTD_PIDFD_H
#define HOSTD_PIDFD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Text of a boot id with its NUL. */
#define HOSTD_BOOT_ID_TEXT	37

/**
 * hostd_pidfd_open - get a descriptor of a process
 * @pid: the process
 *
 * It can be read, as poll() says, when the process has ended.
 *
 * Return: the descriptor, close-on-exec, or -errno: -ESRCH if there is none, -ENOSYS on a kernel
 * that has no such thing.
 */
int hostd_pidfd_open(pid_t pid);

/**
 * hostd_pidfd_is_alive - has the process not ended yet
 * @pidfd: its descriptor
 *
 * Return: false also for one that nobody has reaped.
 */
bool hostd_pidfd_is_alive(int pidfd);

/**
 * hostd_pidfd_take - take a copy of a descriptor of the process
 * @pidfd: its descriptor
 * @number: number of the descriptor there
 *
 * Return: the copy, close-on-exec, or -errno: -EPERM if this process may not look into that one.
 */
int hostd_pidfd_take(int pidfd, int number);

/**
 * hostd_process_start - when a process was started, which tells it from a later one of its number
 * @pid: the process
 * @start: gets the time, in ticks since the boot
 *
 * Return: 0 or -errno.
 */
int hostd_process_start(pid_t pid, uint64_t *start);

/**
 * hostd_boot_id - which boot of the host this is
 * @text: gets the kernel's name of it; "" if it has none
 */
void hostd_boot_id(char text[HOSTD_BOOT_ID_TEXT]);

#endif /* HOSTD_PIDFD_H */
