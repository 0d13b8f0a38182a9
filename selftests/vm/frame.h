/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How the host runs commands in a test guest: frames on a serial line.
 *
 * The line may lose or garble what was in flight when a guest is reset, migrated or
 * restored, so a receiver finds its place again at the next good header, and an answer
 * counts only if it carries the id of the command (random, 64 bits).
 */
#ifndef VM_FRAME_H
#define VM_FRAME_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define FRAME_MAGIC	"\002PvKit\003\n"
#define FRAME_MAX	65536

enum frame_type {
	FRAME_PING = 1,	/* to the guest: are you there */
	FRAME_PONG,	/* from the guest */
	FRAME_CMD,	/* to the guest: 4 bytes timeout in ms, then the shell command */
	FRAME_OUT,	/* from the guest: a piece of the command's output */
	FRAME_EXIT,	/* from the guest: 4 bytes exit status, as a shell's $? */
};

struct frame_head {
	char magic[8];
	uint64_t id;
	uint32_t type;
	uint32_t len;
	uint32_t check;
	uint32_t reserved;
};

/* FNV-1a over what the header says. */
static inline uint32_t frame_check(const struct frame_head *head)
{
	const uint8_t *byte = (const uint8_t *)head;
	uint32_t sum = 2166136261u;

	for (size_t i = 0; i < offsetof(struct frame_head, check); i++)
		sum = (sum ^ byte[i]) * 16777619u;
	return sum;
}

static inline void frame_init(struct frame_head *head, uint64_t id, uint32_t type, uint32_t len)
{
	memset(head, 0, sizeof(*head));
	memcpy(head->magic, FRAME_MAGIC, sizeof(head->magic));
	head->id = id;
	head->type = type;
	head->len = len;
	head->check = frame_check(head);
}

/* What was received and not yet taken. */
struct frame_buf {
	size_t len;
	uint8_t data[sizeof(struct frame_head) + FRAME_MAX];
};

static inline void frame_drop(struct frame_buf *buf, size_t len)
{
	buf->len -= len;
	memmove(buf->data, buf->data + len, buf->len);
}

/**
 * frame_get() - find a whole frame at the start of what was received
 * @buf: skips to the first good header
 * @head: filled in if there is one
 *
 * Return: the payload, valid until frame_drop() takes the frame away, or NULL if more
 * bytes are needed.
 */
static inline const uint8_t *frame_get(struct frame_buf *buf, struct frame_head *head)
{
	size_t skip = 0;

	while (buf->len - skip >= sizeof(*head)) {
		memcpy(head, buf->data + skip, sizeof(*head));
		if (!memcmp(head->magic, FRAME_MAGIC, sizeof(head->magic)) &&
		    head->check == frame_check(head) && head->len <= FRAME_MAX)
			break;
		skip++;
	}
	if (skip)
		frame_drop(buf, skip);
	if (buf->len < sizeof(*head) || buf->len - sizeof(*head) < head->len)
		return NULL;
	return buf->data + sizeof(*head);
}

#endif
