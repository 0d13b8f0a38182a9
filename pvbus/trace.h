/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints of the bus: /sys/kernel/tracing/events/pvbus.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM pvbus

#if !defined(_PVBUS_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _PVBUS_TRACE_H

#include <linux/tracepoint.h>

TRACE_EVENT(pvbus_epoch,
	TP_PROTO(int bus, u64 epoch, int err),
	TP_ARGS(bus, epoch, err),
	TP_STRUCT__entry(
		__field(int, bus)
		__field(u64, epoch)
		__field(int, err)
	),
	TP_fast_assign(
		__entry->bus = bus;
		__entry->epoch = epoch;
		__entry->err = err;
	),
	TP_printk("bus=%d epoch=%#llx err=%d", __entry->bus, __entry->epoch, __entry->err)
);

TRACE_EVENT(pvbus_state,
	TP_PROTO(int bus, u32 slot, u32 from, u32 to),
	TP_ARGS(bus, slot, from, to),
	TP_STRUCT__entry(
		__field(int, bus)
		__field(u32, slot)
		__field(u32, from)
		__field(u32, to)
	),
	TP_fast_assign(
		__entry->bus = bus;
		__entry->slot = slot;
		__entry->from = from;
		__entry->to = to;
	),
	/* enum pvbus_state */
	TP_printk("bus=%d slot=%u from=%u to=%u", __entry->bus, __entry->slot, __entry->from,
		  __entry->to)
);

TRACE_EVENT(pvbus_command,
	TP_PROTO(int bus, u32 op, u32 seq, int err),
	TP_ARGS(bus, op, seq, err),
	TP_STRUCT__entry(
		__field(int, bus)
		__field(u32, op)
		__field(u32, seq)
		__field(int, err)
	),
	TP_fast_assign(
		__entry->bus = bus;
		__entry->op = op;
		__entry->seq = seq;
		__entry->err = err;
	),
	TP_printk("bus=%d op=%u seq=%u err=%d", __entry->bus, __entry->op, __entry->seq,
		  __entry->err)
);

DECLARE_EVENT_CLASS(pvbus_queue,
	TP_PROTO(int bus, u32 slot, u32 queue),
	TP_ARGS(bus, slot, queue),
	TP_STRUCT__entry(
		__field(int, bus)
		__field(u32, slot)
		__field(u32, queue)
	),
	TP_fast_assign(
		__entry->bus = bus;
		__entry->slot = slot;
		__entry->queue = queue;
	),
	TP_printk("bus=%d slot=%u queue=%u", __entry->bus, __entry->slot, __entry->queue)
);

DEFINE_EVENT(pvbus_queue, pvbus_kick,
	TP_PROTO(int bus, u32 slot, u32 queue),
	TP_ARGS(bus, slot, queue)
);

DEFINE_EVENT(pvbus_queue, pvbus_interrupt,
	TP_PROTO(int bus, u32 slot, u32 queue),
	TP_ARGS(bus, slot, queue)
);

#endif /* _PVBUS_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
