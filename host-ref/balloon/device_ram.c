// SPDX-License-Identifier: GPL-2.0-only
/*
 * The balloon's connection to the helper that holds the guest's memory (ram.h).
 *
 * Requests are answered in order. What the connection has no room for waits here; it
 * is sent when a reply has made room, and the worker never waits for that.
 */
#include "balloon/device.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/log/report.h"
#include "lib/util.h"

/* A request frees no more than some GiB, which takes a second or two. */
#define ANSWER_NS	60000000000ULL

static uint64_t tag_of(const struct balloon_req *req)
{
	const struct balloon_queue *bq = req->q->priv;

	return (uint64_t)req->q->index << 32 | (req - bq->reqs);
}

/* Only what is OK so far. */
static size_t make_message(const struct balloon *b, struct balloon_req *req,
			   struct hostd_ram_message *msg)
{
	bool region = req->op == PVBALLOON_OP_REGION;
	unsigned int i, nr = 0;

	for (i = 0; i < req->nr; i++) {
		struct hostd_ram_range *to = &msg->ranges[nr];

		if (*hdev_balloon_status(req, i))
			continue;
		nr++;
		if (region)
			*to = (struct hostd_ram_range) { le64toh(req->regions[i].addr),
							 le64toh(req->regions[i].len),
							 le64toh(req->regions[i].proof) };
		else
			*to = (struct hostd_ram_range) { le64toh(req->ranges[i].addr),
							 (uint64_t)le32toh(req->ranges[i].nr_pages)
							 << PVBALLOON_PAGE_SHIFT, 0 };
	}
	msg->rq = (struct hostd_ram_request) {
		.tag = tag_of(req),
		.session = b->session,
		.op = region ? HOSTD_RAM_PROVE : HOSTD_RAM_PUNCH,
		.nr = nr,
	};
	memcpy(msg->rq.nonce, b->config.nonce, sizeof(msg->rq.nonce));
	return sizeof(msg->rq) + nr * sizeof(msg->ranges[0]);
}

static int send_message(const struct balloon *b, struct balloon_req *req)
{
	struct hostd_ram_message msg;
	size_t len = make_message(b, req, &msg);
	ssize_t done;

	do {
		done = send(b->fd, &msg, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (done < 0 && errno == EINTR);
	return done < 0 ? -errno : 0;
}

/* Take the first request off the list; it was sent, or there is nobody to send to. */
static struct balloon_req *take_first(struct balloon *b)
{
	struct balloon_req *req = b->first;

	b->first = req->next;
	if (!b->first)
		b->last = &b->first;
	req->q->in_flight--;
	req->q->work_ns = b->dev->loop->now_ns;
	return req;
}

/*
 * The helper has ended, and so has what it did: the broker starts another life. Or none could be
 * started.
 */
static void lose_helper(struct balloon *b)
{
	uint64_t failed[HOSTD_RAM_RANGES_MAX / 64];

	memset(failed, 0xff, sizeof(failed));
	hdev_unwatch(b->dev, b->fd);
	close(b->fd);
	b->fd = -1;
	hdev_timer_set(&b->silence, HDEV_NEVER);
	b->ram.proven = 0;
	b->unsent = NULL;
	snprintf(b->ram.text, sizeof(b->ram.text),
		 "the helper that frees memory has ended: memory is only counted");
	hostd_report(HOSTD_LOG_WARN, "%s: %s", b->dev->name, b->ram.text);
	while (b->first) {
		struct balloon_req *req = take_first(b);

		hdev_balloon_take_reply(req, failed);
		hdev_balloon_finish(req);
	}
}

static void send_unsent(struct balloon *b)
{
	while (b->unsent) {
		/* There is no room; or the end of the connection is about to be read. */
		if (send_message(b, b->unsent))
			return;
		b->count.messages++;
		b->unsent = b->unsent->next;
	}
}

void hdev_balloon_ask(struct balloon *b, struct balloon_req *req)
{
	req->next = NULL;
	if (!b->first)
		hdev_timer_set(&b->silence, b->dev->loop->now_ns + ANSWER_NS);
	*b->last = req;
	b->last = &req->next;
	req->q->in_flight++;
	if (!b->unsent)
		b->unsent = req;
	send_unsent(b);
}

/* Said once, not with each request that has the same answer. */
static void take_text(struct balloon *b, const struct hostd_ram_reply *reply)
{
	if (!reply->text[0] || !strcmp(reply->text, b->ram.text))
		return;
	memcpy(b->ram.text, reply->text, sizeof(b->ram.text));
	b->ram.level = reply->level;
	hostd_report(reply->level, "%s: %s", b->dev->name, b->ram.text);
}

/* What it does, and will do to the guest's memory, is not known: the broker ends both. */
static void __attribute__((noreturn)) give_up(const struct balloon *b, const char *why)
{
	hostd_report(HOSTD_LOG_ERR, "%s: the helper that frees memory %s", b->dev->name, why);
	exit(EXIT_FAILURE);
}

/*
 * It is stopped, or hangs in the file of the memory: that is the balloon's alone, unless a guest that begins anew, and
 * has to know that nothing more is freed, waits for it with all its devices.
 */
static void helper_is_silent(struct hdev_timer *timer)
{
	struct balloon *b = timer->dev->priv;

	if (!b->first->q->running)
		give_up(b, "does not answer");
	hdev_timer_set(&b->silence, b->dev->loop->now_ns + ANSWER_NS);
	if (b->is_silent)
		return;
	b->is_silent = true;
	b->ram.proven = 0;
	snprintf(b->ram.text, sizeof(b->ram.text),
		 "the helper that frees memory does not answer, and is waited for: see whether it is stopped, or hangs in the file system of the memory");
	hostd_report(HOSTD_LOG_WARN, "%s: %s", b->dev->name, b->ram.text);
}

static void end_silence(struct balloon *b)
{
	if (!b->is_silent)
		return;
	b->is_silent = false;
	b->ram.text[0] = 0;
	hostd_report(HOSTD_LOG_INFO, "%s: the helper that frees memory answers again", b->dev->name);
}

void hdev_balloon_watch_helper(struct balloon *b)
{
	hdev_timer_init(b->dev, &b->silence, helper_is_silent);
}

static void take_reply(struct balloon *b, struct hostd_ram_reply *reply)
{
	struct balloon_req *req;

	if (!b->first || b->first == b->unsent || reply->tag != tag_of(b->first))
		give_up(b, "sends nonsense");
	reply->text[sizeof(reply->text) - 1] = 0;
	end_silence(b);
	take_text(b, reply);
	b->count.punched += reply->punched;
	b->ram.proven = reply->proven;
	b->ram.resident = reply->resident;
	b->ram.size = reply->size;
	req = take_first(b);
	hdev_timer_set(&b->silence, b->first ? b->dev->loop->now_ns + ANSWER_NS : HDEV_NEVER);
	hdev_balloon_take_reply(req, reply->failed);
	hdev_balloon_finish(req);
}

void hdev_balloon_ready(struct hdev *dev, int fd, uint32_t events)
{
	struct balloon *b = dev->priv;
	struct hostd_ram_reply reply;
	struct iovec iov = { .iov_base = &reply, .iov_len = sizeof(reply) };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t len;

	(void)fd;
	(void)events;
	while (b->fd >= 0) {
		len = recvmsg(b->fd, &mh, MSG_DONTWAIT);
		if (len < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (len == sizeof(reply))
			take_reply(b, &reply);
		else if (len > 0)
			give_up(b, "sends nonsense");
		else
			lose_helper(b);
	}
	send_unsent(b);
}

void hdev_balloon_beat(struct hdev *dev)
{
	struct balloon *b = dev->priv;

	send_unsent(b);
}
