/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints of the NIC: /sys/kernel/tracing/events/pvnet.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM pvnet

#if !defined(_PVNET_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _PVNET_TRACE_H

#include <linux/netdevice.h>
#include <linux/tracepoint.h>
#include <uapi/pv/net.h>

DECLARE_EVENT_CLASS(pvnet_frame,
	TP_PROTO(const struct net_device *dev, u32 pair, u32 len, const struct pvnet_offload *offload),
	TP_ARGS(dev, pair, len, offload),
	TP_STRUCT__entry(
		__array(char, name, IFNAMSIZ)
		__field(u32, pair)
		__field(u32, len)
		__field(u8, flags)
		__field(u8, gso_type)
		__field(u16, gso_size)
	),
	TP_fast_assign(
		memcpy(__entry->name, dev->name, IFNAMSIZ);
		__entry->pair = pair;
		__entry->len = len;
		__entry->flags = offload->flags;
		__entry->gso_type = offload->gso_type;
		__entry->gso_size = le16_to_cpu(offload->gso_size);
	),
	TP_printk("%s pair=%u len=%u flags=%#x gso=%#x/%u", __entry->name, __entry->pair,
		  __entry->len, __entry->flags, __entry->gso_type, __entry->gso_size)
);

DEFINE_EVENT(pvnet_frame, pvnet_submit,
	TP_PROTO(const struct net_device *dev, u32 pair, u32 len, const struct pvnet_offload *offload),
	TP_ARGS(dev, pair, len, offload)
);

DEFINE_EVENT(pvnet_frame, pvnet_receive,
	TP_PROTO(const struct net_device *dev, u32 pair, u32 len, const struct pvnet_offload *offload),
	TP_ARGS(dev, pair, len, offload)
);

#endif /* _PVNET_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
