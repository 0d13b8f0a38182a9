/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sandboxes of the processes that serve a guest: no privileges, few system calls.
 */
#ifndef HOSTD_SANDBOX_H
#define HOSTD_SANDBOX_H

#include <stdbool.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HOSTD_SANITIZED	true
#else
#define HOSTD_SANITIZED	false
#endif

struct hostd_sandbox;

/* A worker: serves devices; opens nothing, starts no process, makes no second io_uring. */
extern const struct hostd_sandbox hostd_sandbox_worker;
/* The helper that holds the guest's memory: reads it, frees parts of it, talks to the worker. */
extern const struct hostd_sandbox hostd_sandbox_ram;

/**
 * hostd_sandbox_drop - give up capabilities, new privileges, and to be root
 *
 * Before other threads exist: capabilities are a thread's own, and inherited.
 *
 * Return: 0 or -errno.
 */
int hostd_sandbox_drop(void);

/**
 * hostd_sandbox_enter - allow only the system calls that the process needs
 * @box: which ones
 * @san: the process is instrumented by a sanitizer and needs more of them
 *
 * Standard error is /dev/null from then on, unless @san: what there is to say goes to the broker.
 * Applies to every thread and can't be undone. A forbidden system call kills the process.
 *
 * Return: 0 or -errno.
 */
int hostd_sandbox_enter(const struct hostd_sandbox *box, bool san);

#endif /* HOSTD_SANDBOX_H */
