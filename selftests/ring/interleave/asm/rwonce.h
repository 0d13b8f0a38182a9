/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * In the place of the shim's: every marked access goes to interleave.c.
 */
#ifndef INTERLEAVE_ASM_RWONCE_H
#define INTERLEAVE_ASM_RWONCE_H

#include "interleave.h"

#define READ_ONCE(x)		((typeof(x))il_load(&(x), sizeof(x)))
#define WRITE_ONCE(x, v)	il_store((void *)&(x), (uint64_t)(typeof(x))(v), sizeof(x), false)

#endif
