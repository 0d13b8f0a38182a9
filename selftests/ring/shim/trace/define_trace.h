/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_TRACE_DEFINE_TRACE_H
#define SHIM_TRACE_DEFINE_TRACE_H

/* Tracepoints are empty functions here: see <linux/tracepoint.h>. */

#endif
