// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests of the balloon: copied, checked against what was told and given, then handed to the
 * helper if there is something to free.
 */
#include "balloon/device.h"

#include <errno.h>
#include <string.h>

#include "lib/util.h"
#include "worker/bus/shmem.h"

/* Then others have their turn; a request may take long if the guest wants that. */
#define POLL_MS		2

/* BALLOON-D6: was the operation agreed? */
static bool is_served(const struct hdev *dev, uint8_t op)
{
	switch (op) {
	case PVBALLOON_OP_REGION:
	case PVBALLOON_OP_INFLATE:
	case PVBALLOON_OP_DEFLATE:
		return true;
	case PVBALLOON_OP_REPORT:
		return hdev_has_feature(dev, PVBALLOON_F_REPORT) &&
		       hdev_has_feature(dev, PVBALLOON_F_RETURN);
	case PVBALLOON_OP_STATS:
		return hdev_has_feature(dev, PVBALLOON_F_STATS);
	default:
		return false;
	}
}

/* The place of the data of a request that is served, or NULL: the ABI is broken. */
static void *find_data(const struct hdev_queue *q, const struct pvballoon_sqe *sqe, size_t *len)
{
	unsigned int nr = le16toh(sqe->nr), max = PVBALLOON_RANGES_MAX;
	size_t each = sizeof(struct pvballoon_range);

	if (sqe->op == PVBALLOON_OP_REGION) {
		max = PVBALLOON_REGIONS_MAX;
		each = sizeof(struct pvballoon_region);
	} else if (sqe->op == PVBALLOON_OP_STATS) {
		max = 1;
		each = sizeof(struct pvballoon_stats);
	}
	if (!nr || nr > max)
		return NULL;
	*len = nr * each;
	return hostd_window_at(&q->data, le64toh(sqe->data_off), *len, 8);
}

/* BALLOON-D2. Returns whether there is something to prove. */
static bool tell_regions(struct balloon *b, struct balloon_req *req)
{
	bool ask = b->fd >= 0 && hdev_has_feature(b->dev, PVBALLOON_F_RETURN), any = false;
	unsigned int i;

	for (i = 0; i < req->nr; i++) {
		struct pvballoon_region *r = &req->regions[i];
		uint32_t status = hostd_given_tell(&b->given, le64toh(r->addr), le64toh(r->len));

		if (status == PVBALLOON_S_OK && !ask)
			status = PVBALLOON_S_UNPROVEN;
		r->status = htole32(status);
		any |= !status;
	}
	return any;
}

/* BALLOON-D4 */
static uint32_t count_range(struct balloon *b, struct balloon_req *req,
			    const struct pvballoon_range *r)
{
	uint64_t addr = le64toh(r->addr), *counter = &b->count.reported;
	uint32_t nr_pages = le32toh(r->nr_pages), status;

	if (req->op == PVBALLOON_OP_INFLATE) {
		status = hostd_given_inflate(&b->given, addr, nr_pages);
		counter = &b->count.given;
	} else if (req->op == PVBALLOON_OP_DEFLATE) {
		status = hostd_given_deflate(&b->given, addr, nr_pages);
		counter = &b->count.taken_back;
	} else {
		status = hostd_given_report(&b->given, addr, nr_pages);
	}
	if (status != PVBALLOON_S_OK)
		return status;
	*counter += hdev_balloon_length(r);
	if (req->op == PVBALLOON_OP_INFLATE)
		req->q->stats.write_bytes += hdev_balloon_length(r);
	else if (req->op == PVBALLOON_OP_DEFLATE)
		req->q->stats.read_bytes += hdev_balloon_length(r);
	return status;
}

/* Returns whether there is something to free. */
static bool count_ranges(struct balloon *b, struct balloon_req *req)
{
	bool any = false;
	unsigned int i;

	for (i = 0; i < req->nr; i++) {
		struct pvballoon_range *r = &req->ranges[i];

		r->status = htole32(count_range(b, req, r));
		any |= !r->status;
	}
	return any && req->op != PVBALLOON_OP_DEFLATE && b->fd >= 0 &&
	       hdev_has_feature(b->dev, PVBALLOON_F_RETURN);
}

static void start_request(struct hdev_queue *q, const struct pvballoon_sqe *sqe, void *data,
			  size_t len)
{
	struct balloon_queue *bq = q->priv;
	struct balloon *b = q->dev->priv;
	struct balloon_req *req = bq->free;
	bool ask;

	bq->free = req->next;
	req->id = le32toh(sqe->id);
	req->op = sqe->op;
	req->nr = le16toh(sqe->nr);
	req->data = data;
	if (req->op == PVBALLOON_OP_STATS) {
		/* Nothing to free: the answer says what the file occupies now. */
		req->nr = 0;
		ask = b->fd >= 0 && b->ram.proven;
	} else {
		hostd_copy_in(req->ranges, data, len);
		ask = req->op == PVBALLOON_OP_REGION ? tell_regions(b, req) : count_ranges(b, req);
	}
	if (ask)
		hdev_balloon_ask(b, req);
	else
		hdev_balloon_finish(req);
}

/* False: the driver broke the ABI. */
static bool execute(struct hdev_queue *q, const struct pvballoon_sqe *sqe)
{
	struct balloon *b = q->dev->priv;
	size_t len;
	void *data;

	if (!is_served(q->dev, sqe->op)) {
		hdev_balloon_post(q, le32toh(sqe->id), PVBALLOON_S_UNSUPP);
		return true;
	}
	data = find_data(q, sqe, &len);
	if (!data)
		return false;
	if (sqe->op == PVBALLOON_OP_STATS)
		hostd_copy_in(&b->guest, data, len);
	start_request(q, sqe, data, len);
	return true;
}

unsigned int hdev_balloon_poll(struct hdev_queue *q, unsigned int budget)
{
	_Alignas(8) struct pvballoon_sqe sqe;
	uint64_t until_ms = hostd_now_ms() + POLL_MS;
	unsigned int nr;

	for (nr = 0; nr < budget && (!nr || hostd_now_ms() < until_ms) && hdev_queue_pop(q, &sqe); nr++) {
		if (!execute(q, &sqe)) {
			hdev_queue_break(q, PVRING_E_ENTRY, "a request is malformed");
			break;
		}
	}
	return nr;
}
