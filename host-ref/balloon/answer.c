// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the driver is answered: the status of a request, and of each of its parts.
 */
#include "balloon/device.h"

#include <stddef.h>

#include "worker/bus/shmem.h"

#define STATUS_AT	offsetof(struct pvballoon_range, status)
#define REGION_STATUS_AT offsetof(struct pvballoon_region, status)

void hdev_balloon_post(struct hdev_queue *q, uint32_t id, uint32_t status)
{
	struct pvballoon_cqe cqe = { .id = htole32(id), .status = htole32(status) };

	hdev_queue_push(q, &cqe, status == PVBALLOON_S_OK);
}

/* BALLOON-D5: statuses are in the data before the completion says that they are. */
static void write_statuses(struct balloon_req *req)
{
	bool region = req->op == PVBALLOON_OP_REGION;
	size_t each = region ? sizeof(struct pvballoon_region) : sizeof(struct pvballoon_range);
	uint8_t *to = (uint8_t *)req->data + (region ? REGION_STATUS_AT : STATUS_AT);
	unsigned int i;

	for (i = 0; i < req->nr; i++)
		hostd_store32((__le32 *)(to + i * each), le32toh(*hdev_balloon_status(req, i)));
}

static uint32_t count_refused(struct balloon_req *req)
{
	uint32_t nr = 0;
	unsigned int i;

	for (i = 0; i < req->nr; i++)
		nr += *hdev_balloon_status(req, i) != 0;
	return nr;
}

void hdev_balloon_finish(struct balloon_req *req)
{
	struct hdev_queue *q = req->q;
	struct balloon_queue *bq = q->priv;
	struct balloon *b = q->dev->priv;
	uint32_t nr_refused = count_refused(req);

	b->count.refused += nr_refused;
	if (q->running) {
		if (nr_refused)
			write_statuses(req);
		hdev_balloon_post(q, req->id, nr_refused ? PVBALLOON_S_SOME : PVBALLOON_S_OK);
	}
	req->next = bq->free;
	bq->free = req;
}

/* The driver has a range again that the helper could not free. */
static void undo(struct balloon *b, struct balloon_req *req, const struct pvballoon_range *r)
{
	if (req->op != PVBALLOON_OP_INFLATE)
		return;
	hostd_given_forget(&b->given, le64toh(r->addr), le32toh(r->nr_pages));
	b->count.given -= hdev_balloon_length(r);
}

void hdev_balloon_take_reply(struct balloon_req *req, const uint64_t *failed)
{
	struct balloon *b = req->q->dev->priv;
	unsigned int i, nr = 0;

	for (i = 0; i < req->nr; i++) {
		__le32 *status = hdev_balloon_status(req, i);
		bool ok;

		if (*status)
			continue;
		ok = !(failed[nr / 64] >> nr % 64 & 1);
		nr++;
		if (req->op == PVBALLOON_OP_REGION && ok) {
			hostd_given_prove(&b->given, le64toh(req->regions[i].addr));
		} else if (req->op == PVBALLOON_OP_REGION) {
			*status = htole32(PVBALLOON_S_UNPROVEN);
		} else if (!ok) {
			*status = htole32(PVBALLOON_S_REFUSED);
			undo(b, req, &req->ranges[i]);
		}
	}
}
