/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_LIST_H
#define SHIM_LINUX_LIST_H

#include <linux/types.h>

struct list_head {
	struct list_head *next, *prev;
};

#define LIST_HEAD(name)	struct list_head name = { &(name), &(name) }

static inline void INIT_LIST_HEAD(struct list_head *list)
{
	list->next = list;
	list->prev = list;
}

static inline bool list_empty(const struct list_head *list)
{
	return list->next == list;
}

static inline void shim_list_link(struct list_head *prev, struct list_head *next)
{
	prev->next = next;
	next->prev = prev;
}

static inline void list_add(struct list_head *entry, struct list_head *list)
{
	shim_list_link(entry, list->next);
	shim_list_link(list, entry);
}

static inline void list_add_tail(struct list_head *entry, struct list_head *list)
{
	list_add(entry, list->prev);
}

static inline void list_del(struct list_head *entry)
{
	shim_list_link(entry->prev, entry->next);
}

static inline void list_move_tail(struct list_head *entry, struct list_head *list)
{
	list_del(entry);
	list_add_tail(entry, list);
}

static inline void list_splice_init(struct list_head *from, struct list_head *to)
{
	if (list_empty(from))
		return;
	shim_list_link(from->prev, to->next);
	shim_list_link(to, from->next);
	INIT_LIST_HEAD(from);
}

static inline void list_splice_tail(struct list_head *from, struct list_head *to)
{
	if (list_empty(from))
		return;
	shim_list_link(to->prev, from->next);
	shim_list_link(from->prev, to);
}

#define list_entry(ptr, type, member)		container_of(ptr, type, member)
#define list_first_entry(list, type, member)	list_entry((list)->next, type, member)
#define list_first_entry_or_null(list, type, member) \
	(list_empty(list) ? NULL : list_first_entry(list, type, member))
#define shim_next_entry(pos, member)	list_entry((pos)->member.next, __typeof__(*(pos)), member)
#define list_for_each_entry(pos, list, member)						\
	for ((pos) = list_first_entry(list, __typeof__(*(pos)), member);		\
	     &(pos)->member != (list); (pos) = shim_next_entry(pos, member))
#define list_for_each_entry_safe(pos, n, list, member)					\
	for ((pos) = list_first_entry(list, __typeof__(*(pos)), member),		\
	     (n) = shim_next_entry(pos, member);					\
	     &(pos)->member != (list); (pos) = (n), (n) = shim_next_entry(n, member))

#endif
