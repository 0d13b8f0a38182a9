/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The run directory: where the sockets of a VM are, and who owns them.
 */
#ifndef HOSTD_RUNDIR_H
#define HOSTD_RUNDIR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Longest run directory: the path of a socket in it fits sun_path. */
#define HOSTD_RUN_DIR_MAX	88

/**
 * hostd_run_dir - the usual run directory of a VM
 * @name: name of the VM
 * @err: gets one line when that fails
 * @len: room of @err
 *
 * /run/pvkit/NAME for root, $XDG_RUNTIME_DIR/pvkit/NAME for others.
 *
 * Return: the path, to be freed, or NULL.
 */
char *hostd_run_dir(const char *name, char *err, size_t len);

/**
 * hostd_run_dir_take - make a run directory, own it and go there
 * @dir: absolute path
 * @fd: descriptor that holds the lock, of the pvhostd that this process was; -1: none
 * @err: gets one line when that fails
 * @len: room of @err
 *
 * A lock on the file "pid" makes sure that there is one pvhostd in it. It must be this user's, and
 * others must not be able to write to it.
 *
 * Return: descriptor that holds the lock, or -errno.
 */
int hostd_run_dir_take(const char *dir, int fd, char *err, size_t len);

/**
 * hostd_run_dir_keep - before hostd_run_dir_take(): take over what hostd_run_dir_fd() was in the program before
 * @fd: descriptor; -1: there is none
 */
void hostd_run_dir_keep(int fd);

/**
 * hostd_run_dir_fd - what a process that writes for this pvhostd holds as long as it may still write
 *
 * Return: a descriptor, or -1.
 */
int hostd_run_dir_fd(void);

/**
 * hostd_run_dir_is_ours - has whatever wrote for another pvhostd here ended
 *
 * A process that hangs with a file system, or was stopped, may outlive who has started it.
 *
 * Return: true if so, and then for good; true also where that cannot be known.
 */
bool hostd_run_dir_is_ours(void);

/**
 * hostd_run_dir_share - let a group reach what is in the run directory, by name
 * @dir: absolute path; it is the current directory
 * @gid: the group
 * @err: gets one line when that fails
 * @len: room of @err
 *
 * Changes that directory only; one above it that the group cannot pass is an error.
 *
 * Return: 0 or -errno.
 */
int hostd_run_dir_share(const char *dir, gid_t gid, char *err, size_t len);

/**
 * hostd_run_dir_note - note that something was made there, to be removed at the end
 * @name: "pid" or the name of a socket, in the current directory
 */
void hostd_run_dir_note(const char *name);

/**
 * hostd_run_dir_leave - remove what was made there
 * @dir: absolute path
 * @fd: from hostd_run_dir_take()
 *
 * The directory goes if nothing else is in it. Does not wait for more than
 * 2 s: what the file system takes longer for is removed later, and by then
 * no other pvhostd can be there. What nothing can be started for stays.
 */
void hostd_run_dir_leave(const char *dir, int fd);

#endif /* HOSTD_RUNDIR_H */
