/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_TRACEPOINT_H
#define SHIM_LINUX_TRACEPOINT_H

/* Nothing is traced; the types of the arguments are looked at. */
#define TP_PROTO(...)	(__VA_ARGS__)
#define TRACE_EVENT(name, proto, ...) \
	static inline void trace_##name proto { }
#define DECLARE_EVENT_CLASS(...)
#define DEFINE_EVENT(class, name, proto, ...) TRACE_EVENT(name, proto)

#endif
