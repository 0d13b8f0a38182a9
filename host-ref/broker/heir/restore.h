/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Go on where another broker has stopped: what it left is found, checked and taken.
 */
#ifndef HOSTD_RESTORE_H
#define HOSTD_RESTORE_H

struct hostd_broker;
struct json_object;

/**
 * hostd_restore_read - read what the broker before this one has left
 * @b: the broker, with its command line
 * @state: gets the state of a broker that this one takes the place of, to be put; NULL: there is
 *	none, or its QEMU is gone
 *
 * Return: 0; -errno if there is something that has to be seen to first, and the log says what.
 */
int hostd_restore_read(struct hostd_broker *b, struct json_object **state);

/**
 * hostd_restore_window - take the window again, and QEMU
 * @b: the broker, which listens
 * @state: the state
 *
 * Return: 0, and @b->qemu has a QEMU if there is one to go on with; -errno if it cannot be had, and
 * the log says why.
 */
int hostd_restore_window(struct hostd_broker *b, struct json_object *state);

/**
 * hostd_restore_devices - make the devices again
 * @b: the broker
 * @state: the state
 * @given: the commands of the command line, which count for nothing then
 *
 * Return: 0, or -errno and the log says why.
 */
int hostd_restore_devices(struct hostd_broker *b, struct json_object *state,
			  struct json_object *given);

#endif /* HOSTD_RESTORE_H */
