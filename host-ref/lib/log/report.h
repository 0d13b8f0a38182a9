/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a worker has to say: to its broker, or to standard error if it has none.
 */
#ifndef HOSTD_REPORT_H
#define HOSTD_REPORT_H

#include <stdint.h>

struct json_object;

/**
 * hostd_report_init - send reports to the broker from now on
 * @ipc_fd: the worker's end, or -1 for standard error
 */
void hostd_report_init(int ipc_fd);

/**
 * hostd_report - say one line
 * @level: HOSTD_LOG_*
 * @fmt: printf format without a newline
 *
 * Never waits. What a guest can cause is limited in number: more than a few
 * lines a second are counted and dropped.
 */
void hostd_report(int level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/**
 * hostd_report_post - send the broker a message that must arrive
 * @msg: an object without descriptors; stays the caller's
 *
 * One that cannot be sent now, because the broker does not read or the host has no memory, waits for
 * hostd_report_flush(). Never waits.
 *
 * Return: 0 or -errno, as hostd_ipc_post().
 */
int hostd_report_post(struct json_object *msg);

/**
 * hostd_report_flush - send what waits, as far as that can be
 */
void hostd_report_flush(void);

/**
 * hostd_report_event - tell the broker that something happened
 * @event: name of the event
 * @key: name of its only member
 * @value: value of that
 */
void hostd_report_event(const char *event, const char *key, uint64_t value);

/**
 * hostd_report_device - tell the broker that something happened to a device
 * @event: name of the event
 * @slot: of the device
 * @generation: of the slot
 */
void hostd_report_device(const char *event, unsigned int slot, uint32_t generation);

#endif /* HOSTD_REPORT_H */
