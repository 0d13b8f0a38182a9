/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Become another pvhostd: this process executes the program that an upgrade has put in its place.
 *
 * Between two lives a broker is nothing but descriptors and configuration. The program is asked first
 * whether it understands them; if not, nothing happens.
 */
#ifndef HOSTD_UPGRADE_H
#define HOSTD_UPGRADE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/loop.h"

/* Where the program finds the state: the number of a descriptor, or that after HOSTD_HANDOVER_CHECK. */
#define HOSTD_HANDOVER_ENV	"PVKIT_HANDOVER"
/* Then it only says whether it understands it, with this line. */
#define HOSTD_HANDOVER_CHECK	"check:"
#define HOSTD_HANDOVER_FITS	"the state fits"

struct hostd_broker;
struct hostd_call;
struct json_object;
struct pv_class;

/**
 * struct hostd_upgrade - an upgrade that is under way
 * @call: the command that waits for it, or NULL
 * @exe_fd: the program; -1: there is none
 * @checker: the process that is asked whether it fits; 0: none
 * @answer: what that says
 * @text: the same, as far as it was read
 * @text_len: its bytes
 * @deadline: end of its time, or of that to die
 * @is_late: its time is over
 * @is_due: it fits: this process becomes it when the life has ended
 */
struct hostd_upgrade {
	struct hostd_call *call;
	int exe_fd;
	pid_t checker;
	struct hostd_source answer;
	char text[512];
	size_t text_len;
	struct hostd_timer deadline;
	bool is_late;
	bool is_due;
};

/**
 * hostd_upgrade_init - prepare for upgrades
 * @b: the broker
 */
void hostd_upgrade_init(struct hostd_broker *b);

/**
 * hostd_upgrade_exit - forget one that is under way
 * @b: the broker
 */
void hostd_upgrade_exit(struct hostd_broker *b);

/**
 * hostd_upgrade_start - begin an upgrade
 * @call: the command; answered by this process if it fails, else by what it becomes
 */
void hostd_upgrade_start(struct hostd_call *call);

/**
 * hostd_upgrade_reap - reap what has died of an upgrade, on SIGCHLD
 * @b: the broker
 */
void hostd_upgrade_reap(struct hostd_broker *b);

/**
 * hostd_upgrade_go - become the other program, if that is due
 * @b: the broker, between two lives
 *
 * Returns only if it is not due, or fails; then the broker goes on as it was.
 */
void hostd_upgrade_go(struct hostd_broker *b);

/**
 * hostd_upgrade_read - read the state that was handed to this program
 * @fd: descriptor of it, which is closed
 * @classes: of devices, up to NULL
 * @err: gets one line of HOSTD_ERROR_MAX when that fails
 *
 * Return: the state, understood, or NULL.
 */
struct json_object *hostd_upgrade_read(int fd, const struct pv_class *const *classes, char *err);

#endif /* HOSTD_UPGRADE_H */
