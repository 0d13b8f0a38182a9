// SPDX-License-Identifier: GPL-2.0-only
/*
 * The balloon device (Documentation/abi/balloon.md): its options, config area, features and
 * queues.
 */
#include "balloon/device.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "lib/json.h"
#include "lib/log/log.h"
#include "lib/log/report.h"

#define BIT(n)		(1ULL << (n))

static uint64_t target_of(struct json_object *config, uint64_t def)
{
	const char *text = hostd_json_str(config, "target");

	if (text && !strcmp(text, "auto"))
		return PVBALLOON_TARGET_AUTO;
	return hostd_json_u64(config, "target", def);
}

/* What may change while it is in use (BALLOON-D7). */
static void take_options(struct balloon *b, struct json_object *config)
{
	struct pvballoon_config *c = &b->config;

	c->target = htole64(target_of(config, le64toh(c->target)));
	c->rate = htole64(hostd_json_u64(config, "rate", le64toh(c->rate)));
	c->stats_ms = htole32(hostd_json_u64(config, "stats", le32toh(c->stats_ms)));
}

static int balloon_set(struct hdev *dev, struct json_object *config, char *error)
{
	struct balloon *b = dev->priv;
	const struct pvballoon_config old = b->config;

	(void)error;
	take_options(b, config);
	if (memcmp(&old, &b->config, sizeof(old)))
		hdev_set_config(dev, &b->config, sizeof(b->config));
	return 0;
}

/* BALLOON-D1 */
static int draw_nonce(struct balloon *b)
{
	ssize_t nr = getrandom(b->config.nonce, sizeof(b->config.nonce), 0);

	return nr == sizeof(b->config.nonce) ? 0 : -EIO;
}

static void balloon_begin(struct hdev *dev)
{
	struct balloon *b = dev->priv;

	if (draw_nonce(b)) {
		/* An old one, or zeroes, may be in many places. */
		hostd_report(HOSTD_LOG_ERR, "%s: the host has no random numbers", dev->name);
		exit(EXIT_FAILURE);
	}
	hdev_set_config(dev, &b->config, sizeof(b->config));
}

static int set_up(struct balloon *b, struct json_object *config, char *error)
{
	uint64_t granule = hostd_json_u64(config, "granule", 0);
	struct hdev *dev = b->dev;
	int ret;

	if (draw_nonce(b)) {
		snprintf(error, HDEV_ERROR_LEN, "the host has no random numbers");
		return -EIO;
	}
	b->given.granule = granule;
	b->config.granule = htole32(granule);
	take_options(b, config);
	dev->max_queues = BALLOON_QUEUES;
	dev->max_queue_size = BALLOON_QUEUE_SIZE;
	dev->features[0] = BIT(PVBALLOON_F_STATS);
	snprintf(b->ram.text, sizeof(b->ram.text), "ram=off: memory is only counted");
	if (b->fd < 0)
		return 0;
	dev->features[0] |= BIT(PVBALLOON_F_RETURN);
	if (hostd_json_bool(config, "report", true))
		dev->features[0] |= BIT(PVBALLOON_F_REPORT);
	b->ram.text[0] = 0;
	ret = hdev_watch(dev, b->fd, EPOLLIN, hdev_balloon_ready);
	if (ret)
		snprintf(error, HDEV_ERROR_LEN, "the helper cannot be watched: %s", strerror(-ret));
	return ret;
}

static int balloon_create(struct hdev *dev, struct json_object *config, const int *fds,
			  unsigned int nr_fds, char *error)
{
	struct balloon *b = calloc(1, sizeof(*b));
	int ret;

	if (!b) {
		snprintf(error, HDEV_ERROR_LEN, "out of memory");
		return -ENOMEM;
	}
	b->dev = dev;
	b->fd = nr_fds ? fds[0] : -1;
	b->last = &b->first;
	hdev_balloon_watch_helper(b);
	ret = set_up(b, config, error);
	if (ret)
		goto free_balloon;
	dev->priv = b;
	hdev_set_config(dev, &b->config, sizeof(b->config));
	return 0;

free_balloon:
	hdev_forget_waits(dev);
	free(b);
	return ret;
}

static void balloon_destroy(struct hdev *dev)
{
	struct balloon *b = dev->priv;

	if (b->fd >= 0)
		close(b->fd);
	hostd_given_reset(&b->given);
	free(b);
	dev->priv = NULL;
}

static int balloon_start(struct hdev_queue *q)
{
	struct balloon_queue *bq;
	uint32_t i;

	bq = calloc(1, sizeof(*bq) + q->ring.size * sizeof(bq->reqs[0]));
	if (!bq)
		return -ENOMEM;
	for (i = 0; i < q->ring.size; i++) {
		bq->reqs[i].q = q;
		bq->reqs[i].next = bq->free;
		bq->free = &bq->reqs[i];
	}
	q->priv = bq;
	return 0;
}

/* With its queues the driver forgets what it told and gave: it may have been another one. */
static void balloon_stop(struct hdev_queue *q)
{
	struct balloon *b = q->dev->priv;

	free(q->priv);
	q->priv = NULL;
	if (q->index)
		return;
	hostd_given_reset(&b->given);
	b->session++;
	b->ram.proven = 0;
	memset(&b->guest, 0, sizeof(b->guest));
}

static void add_guest(struct json_object *obj, const struct pvballoon_stats *stats)
{
	static const char *const names[PVBALLOON_STAT_NR] = {
		"total", "free", "available", "caches", "swap_in", "swap_out", "major_faults",
		"minor_faults", "htlb_allocs", "htlb_fails", "oom_kills", "alloc_stalls",
		"async_scans", "direct_scans", "async_reclaims", "direct_reclaims",
		"psi_some_us", "psi_full_us", "given", "relieved",
	};
	struct json_object *guest;
	unsigned int i;

	if (!stats->valid)
		return;
	guest = json_object_new_object();
	for (i = 0; i < PVBALLOON_STAT_NR; i++) {
		if (le64toh(stats->valid) >> i & 1)
			hostd_json_add_u64(guest, names[i], le64toh(stats->val[i]));
	}
	json_object_object_add(obj, "guest_stats", guest);
}

/* What the helper has not freed yet; an operator who waits for memory waits for that too. */
static uint64_t pages_in_progress(const struct balloon *b)
{
	const struct balloon_req *req;
	uint64_t nr_pages = 0;
	unsigned int i;

	for (req = b->first; req; req = req->next) {
		if (req->op != PVBALLOON_OP_INFLATE)
			continue;
		for (i = 0; i < req->nr; i++)
			nr_pages += req->ranges[i].status ? 0 : le32toh(req->ranges[i].nr_pages);
	}
	return nr_pages;
}

static void balloon_describe(const struct hdev *dev, struct json_object *obj)
{
	const struct balloon *b = dev->priv;
	uint64_t given = b->given.nr_pages, in_progress = pages_in_progress(b);

	/* What is in progress may have been taken back by a driver that does not wait. */
	given = given > in_progress ? given - in_progress : 0;
	hostd_json_add_u64(obj, "given", given << PVBALLOON_PAGE_SHIFT);
	hostd_json_add_u64(obj, "regions", b->given.nr_regions);
	hostd_json_add_u64(obj, "proven", b->ram.proven);
	hostd_json_add_u64(obj, "resident", b->ram.resident);
	hostd_json_add_u64(obj, "ram_size", b->ram.size);
	hostd_json_add_str(obj, "ram_note", b->ram.text);
	hostd_json_add_u64(obj, "inflated", b->count.given);
	hostd_json_add_u64(obj, "deflated", b->count.taken_back);
	hostd_json_add_u64(obj, "reported", b->count.reported);
	hostd_json_add_u64(obj, "punched", b->count.punched);
	hostd_json_add_u64(obj, "refused", b->count.refused);
	hostd_json_add_u64(obj, "messages", b->count.messages);
	add_guest(obj, &b->guest);
}

const struct pvdev_ops hdev_balloon_ops = {
	.sqe_shift = PVBALLOON_SQE_SHIFT,
	.cqe_shift = PVBALLOON_CQE_SHIFT,
	/* What its helper does takes longer, and needs the core. */
	.is_patient = true,
	.max_fds = 1,
	.create = balloon_create,
	.destroy = balloon_destroy,
	.start = balloon_start,
	.stop = balloon_stop,
	.poll = hdev_balloon_poll,
	.begin = balloon_begin,
	.beat = hdev_balloon_beat,
	.set = balloon_set,
	.describe = balloon_describe,
};
