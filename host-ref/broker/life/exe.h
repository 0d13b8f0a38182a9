/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The program that workers and helpers execute: an upgrade makes another.
 */
#ifndef HOSTD_EXE_H
#define HOSTD_EXE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The executable as a file: an upgrade makes another. */
struct hostd_exe_id {
	uint64_t dev;
	uint64_t ino;
	uint64_t size;
	int64_t sec;
	int64_t nsec;
};

/**
 * struct hostd_exe - the program of workers and helpers
 * @path: where an upgrade puts the next one
 * @fd: that of this life
 * @is_other: @fd is not what the broker itself executes
 * @refused: that which did not fit; not tried again
 */
struct hostd_exe {
	char *path;
	int fd;
	bool is_other;
	struct hostd_exe_id refused;
};

/* Exit status of a child that could not execute the program. */
#define HOSTD_NO_EXEC	127

/**
 * hostd_exe_init - find the program
 * @exe: gets it; @fd is -1
 *
 * Return: 0 or -errno; the log says what to do.
 */
int hostd_exe_init(struct hostd_exe *exe);

/**
 * hostd_exe_exit - forget it
 * @exe: the program; may be empty
 */
void hostd_exe_exit(struct hostd_exe *exe);

/**
 * hostd_exe_choose - choose the program of the life that begins, for its worker and its helpers
 * @exe: the program: the file at @path, unless it is gone or was refused
 *
 * Return: 0 or -errno.
 */
int hostd_exe_choose(struct hostd_exe *exe);

/**
 * hostd_exe_refuse - go back to the program that the broker executes itself, and say so
 * @exe: the program, with @is_other set
 * @why: what is wrong with the other one
 */
void hostd_exe_refuse(struct hostd_exe *exe, const char *why);

/**
 * hostd_spawn - execute the program, in a process that dies with this one
 * @exe: the program, chosen
 * @argv: arguments
 * @fd: becomes HOSTD_IPC_WORKER_FD; stays the caller's
 * @fence_fd: stays open there for as long as that process lives; stays the caller's
 *
 * Return: the process or -errno.
 */
pid_t hostd_spawn(const struct hostd_exe *exe, char *const argv[], int fd, int fence_fd);

#endif /* HOSTD_EXE_H */
