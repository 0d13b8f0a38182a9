/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The layout, checked where it is compiled, for compilers whose programs cannot be run here.
 * C and C++.
 */
#include <pv/balloon.h>
#include <pv/blk.h>
#include <pv/bus.h>
#include <pv/clock.h>
#include <pv/net.h>
#include <pv/ring.h>

/* No array has -1 elements. */
#define CHECK(condition)	((int)sizeof(char[(condition) ? 1 : -1])),
#define MEMBER(type, member, off, bytes) \
	CHECK(offsetof(struct type, member) == (off) && \
	      sizeof(((struct type *)0)->member) == (bytes))
#define END(type, bytes)	CHECK(sizeof(struct type) == (bytes) && (bytes) % 8 == 0)

extern const int layout_checks[];
const int layout_checks[] = {
#include "layout.h"
};
