/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the next broker has to know to go on where this one stops: the window, the devices, QEMU.
 *
 * It is one JSON object. The file "state" of the run directory has it for as long as a QEMU has the
 * window. A broker that executes another program in its own place hands it over together with the
 * descriptors, which "fds", of the whole and of each device, has by number.
 *
 *   version	of all that follows, but not of boot and qemu, which are there in every version
 *   program	version of the pvhostd that wrote it
 *   boot	the kernel's id of this boot
 *   qemu	pid, and start (ticks): the process that has the window; step: of its handshake
 *   window	len, vectors, uuid, and what hostd_carrier_id has: dev, ino, kicks, irqs
 *   began	an epoch has begun
 *   released	the operator has had the devices released
 *   generations of each slot
 *   devices	slot, class, arguments, fresh, removing, force, and kept: what its class says
 */
#ifndef HOSTD_STATE_H
#define HOSTD_STATE_H

/* Changes when a broker that reads it would misunderstand it. */
#ifndef HOSTD_STATE_VERSION
#define HOSTD_STATE_VERSION	1
#endif
/* The oldest that is understood. */
#define HOSTD_STATE_OLDEST	1

#define HOSTD_STATE_FILE	"state"

struct hostd_broker;
struct json_object;
struct pv_class;

/**
 * hostd_state_make - describe a broker
 * @b: the broker
 *
 * Return: the state, with the descriptors.
 */
struct json_object *hostd_state_make(const struct hostd_broker *b);

/**
 * hostd_state_save - write the state to its file, or remove that if no QEMU has the window
 * @b: the broker
 *
 * To be called after every change of what the state has.
 */
void hostd_state_save(struct hostd_broker *b);

/**
 * hostd_state_check - is a state understood
 * @state: the state
 * @classes: of devices, up to NULL
 * @err: gets one line of HOSTD_ERROR_MAX if not
 *
 * Return: 0 or -EINVAL.
 */
int hostd_state_check(struct json_object *state, const struct pv_class *const *classes, char *err);

/**
 * hostd_kept_fd - take a descriptor that was handed over
 * @fds: "fds" of the state or of a device; NULL: there are none
 * @key: its name
 *
 * Return: the descriptor, which is the caller's, or -1.
 */
int hostd_kept_fd(struct json_object *fds, const char *key);

#endif /* HOSTD_STATE_H */
