/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The balloon device: its state, its requests, and its connection to the helper that frees.
 */
#ifndef HOSTD_DEV_BALLOON_H
#define HOSTD_DEV_BALLOON_H

#include <endian.h>

#include <pv/balloon.h>

#include "balloon/class.h"
#include "balloon/given.h"
#include "balloon/ram.h"
#include "worker/bus/bus.h"

#define BALLOON_QUEUES		2
#define BALLOON_QUEUE_SIZE	64

/**
 * struct balloon_req - a request
 * @q: its queue
 * @id: the driver's
 * @op: PVBALLOON_OP_*
 * @nr: ranges or regions
 * @data: they, in the window, for their statuses
 * @ranges: copy, each with the status that it has so far
 * @regions: copy, as @ranges
 * @next: in a list
 */
struct balloon_req {
	struct hdev_queue *q;
	uint32_t id;
	uint8_t op;
	unsigned int nr;
	void *data;
	union {
		struct pvballoon_range ranges[PVBALLOON_RANGES_MAX];
		struct pvballoon_region regions[PVBALLOON_REGIONS_MAX];
	};
	struct balloon_req *next;
};

/**
 * struct balloon_queue - what belongs to a queue
 * @free: requests that are not in use
 * @reqs: one for each entry
 */
struct balloon_queue {
	struct balloon_req *free;
	struct balloon_req reqs[];
};

/**
 * struct balloon_counters - what it has done since it exists
 * @given: bytes taken by INFLATE
 * @taken_back: bytes of DEFLATE
 * @reported: bytes of REPORT
 * @punched: bytes that the helper freed
 * @refused: ranges and regions not taken
 * @messages: requests to the helper
 */
struct balloon_counters {
	uint64_t given;
	uint64_t taken_back;
	uint64_t reported;
	uint64_t punched;
	uint64_t refused;
	uint64_t messages;
};

/**
 * struct balloon - a balloon
 * @dev: the device
 * @config: config area
 * @given: what the driver told and gave
 * @fd: connection to the helper; -1: there is none
 * @session: of the driver, for the helper
 * @first: requests that wait for the helper, in order
 * @last: where the next one goes
 * @unsent: the first that is not sent yet; NULL: all are
 * @silence: due when the helper has not answered for long
 * @is_silent: the log says so
 * @count: counters
 * @ram: the helper's last word on the file
 * @guest: the driver's last STATS
 */
struct balloon {
	struct hdev *dev;
	struct pvballoon_config config;
	struct hostd_given given;
	int fd;
	uint64_t session;
	struct balloon_req *first;
	struct balloon_req **last;
	struct balloon_req *unsent;
	struct hdev_timer silence;
	bool is_silent;
	struct balloon_counters count;
	struct hostd_ram_reply ram;
	struct pvballoon_stats guest;
};

/* request.c */

/**
 * hdev_balloon_poll - take requests
 * @q: queue
 * @budget: at most so many
 *
 * Return: how many it took.
 */
unsigned int hdev_balloon_poll(struct hdev_queue *q, unsigned int budget);

/* answer.c */

/**
 * hdev_balloon_post - complete a request
 * @q: its queue, which runs
 * @id: its id
 * @status: PVBALLOON_S_*
 */
void hdev_balloon_post(struct hdev_queue *q, uint32_t id, uint32_t status);

/**
 * hdev_balloon_finish - complete a request of which each part has its status
 * @req: the request; free afterwards
 */
void hdev_balloon_finish(struct balloon_req *req);

/**
 * hdev_balloon_take_reply - note what the helper did
 * @req: the request
 * @failed: a bit for each part that was sent to it and could not be done
 */
void hdev_balloon_take_reply(struct balloon_req *req, const uint64_t *failed);

/**
 * hdev_balloon_status - status of a part of a request, as it is so far
 * @req: REGION, INFLATE, DEFLATE or REPORT
 * @i: index of the part
 *
 * Return: its place.
 */
static inline __le32 *hdev_balloon_status(struct balloon_req *req, unsigned int i)
{
	return req->op == PVBALLOON_OP_REGION ? &req->regions[i].status : &req->ranges[i].status;
}

/**
 * hdev_balloon_length - bytes of a range
 * @r: a range
 *
 * Return: their number.
 */
static inline uint64_t hdev_balloon_length(const struct pvballoon_range *r)
{
	return (uint64_t)le32toh(r->nr_pages) << PVBALLOON_PAGE_SHIFT;
}

/* device_ram.c */

/**
 * hdev_balloon_watch_helper - prepare to notice that it does not answer
 * @b: the balloon
 */
void hdev_balloon_watch_helper(struct balloon *b);

/**
 * hdev_balloon_ask - have the helper do what is OK so far of a request
 * @b: the balloon, with a helper
 * @req: of any operation but DEFLATE; is finished later
 */
void hdev_balloon_ask(struct balloon *b, struct balloon_req *req);

/**
 * hdev_balloon_ready - take the helper's replies
 * @dev: the device
 * @fd: the connection
 * @events: EPOLL* bits
 */
void hdev_balloon_ready(struct hdev *dev, int fd, uint32_t events);

/**
 * hdev_balloon_beat - send what could not be sent before, and see that the helper answers
 * @dev: the device
 */
void hdev_balloon_beat(struct hdev *dev);

#endif /* HOSTD_DEV_BALLOON_H */
