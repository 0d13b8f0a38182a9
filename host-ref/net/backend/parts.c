// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames for peers that know no offloads.
 */
#include "net/backend/parts.h"

#include <endian.h>
#include <string.h>

static void add(struct net_parts *parts, const void *data, size_t len)
{
	parts->iov[parts->nr++] = (struct iovec) { (void *)data, len };
	parts->len += len;
}

void net_parts_make(struct net_parts *parts, const struct net_out *out, bool with_len)
{
	const struct net_offload *o = &out->offload;
	uint32_t at = o->csum_start + o->csum_offset;

	parts->nr = 0;
	parts->len = 0;
	if (with_len) {
		parts->be_len = htobe32(out->len);
		add(parts, &parts->be_len, sizeof(parts->be_len));
	}
	if (!(o->flags & PVNET_O_CSUM_PARTIAL)) {
		add(parts, out->data, out->len);
		return;
	}
	/* The frame itself stays as it is: it may be sent again. */
	parts->csum = net_csum_complete(out->data, out->len, o);
	add(parts, out->data, at);
	add(parts, &parts->csum, sizeof(parts->csum));
	add(parts, out->data + at + sizeof(parts->csum), out->len - at - sizeof(parts->csum));
}

bool net_chunk_make(struct net_chunk *chunk, struct net_cut *cut)
{
	const uint8_t *payload;
	uint32_t size;

	for (chunk->nr = 0; chunk->nr < NET_CHUNK_MAX; chunk->nr++) {
		struct net_parts *parts = &chunk->parts[chunk->nr];
		uint8_t *head = chunk->heads[chunk->nr];

		if (!net_cut_next(cut, head, &payload, &size))
			break;
		*parts = (struct net_parts) { .iov = chunk->nr ? parts[-1].iov + parts[-1].nr : chunk->iov };
		parts->be_len = htobe32(cut->head_len + size);
		add(parts, &parts->be_len, sizeof(parts->be_len));
		add(parts, head, cut->head_len);
		add(parts, payload, size);
	}
	return chunk->nr;
}

void net_rest_add(struct net_rest *rest, const struct net_parts *parts, size_t skip)
{
	const struct iovec *iov = parts->iov, *end = iov + parts->nr;

	for (; iov < end; iov++) {
		size_t part = iov->iov_len > skip ? iov->iov_len - skip : 0;

		memcpy(rest->data + rest->len, (uint8_t *)iov->iov_base + (iov->iov_len - part), part);
		rest->len += part;
		skip -= iov->iov_len - part;
	}
}

size_t net_parts_copy(const struct iovec *iov, unsigned int nr_iov, const uint8_t *frame, size_t len)
{
	size_t done = 0, part;

	for (; nr_iov; iov++, nr_iov--, done += part) {
		part = len - done < iov->iov_len ? len - done : iov->iov_len;
		memcpy(iov->iov_base, frame + done, part);
	}
	return done;
}

void net_arrival_check(const struct net_backend *be, const uint8_t *frame, size_t len, struct net_offload *offload)
{
	*offload = (struct net_offload) { 0 };
	if (be->offloads >> PVNET_F_RX_CSUM & 1 && len >= PVNET_FRAME_MIN && net_csum_is_right(frame, len))
		offload->flags = PVNET_O_CSUM_VALID;
}
