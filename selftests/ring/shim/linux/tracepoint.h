/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_TRACEPOINT_H
#define SHIM_LINUX_TRACEPOINT_H

/* The first argument of each is a number. */
#define TRACE_EVENT(name, ...) \
	static inline void trace_##name(long first, ...) { (void)first; }
#define DECLARE_EVENT_CLASS(...)
#define DEFINE_EVENT(class, name, ...) TRACE_EVENT(name)

#endif
