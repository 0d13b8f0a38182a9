/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The parts of the balloon, for its class.
 */
#ifndef HOSTD_BALLOON_CLASS_H
#define HOSTD_BALLOON_CLASS_H

struct json_object;
struct pvdev_ops;

extern const struct pvdev_ops hdev_balloon_ops;

/**
 * hostd_balloon_summarize - say in lines of text how it is
 * @obj: what broker and worker say of it
 * @lines: array that gets them
 */
void hostd_balloon_summarize(struct json_object *obj, struct json_object *lines);

#endif /* HOSTD_BALLOON_CLASS_H */
