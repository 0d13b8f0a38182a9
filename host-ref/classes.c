// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device classes: one line each. The build takes the directory of that name, too.
 */
#include "keys/class.h"

#define CLASSES(add)	\
	add(blk)	\
	add(net)	\
	add(clock)	\
	add(balloon)

#define DECLARE(name)	extern const struct pv_class pv_##name##_class;
#define LIST(name)	&pv_##name##_class,

CLASSES(DECLARE)

const struct pv_class *const pv_classes[] = { CLASSES(LIST) NULL };
