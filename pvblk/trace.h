/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints of the disk: /sys/kernel/tracing/events/pvblk.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM pvblk

#if !defined(_PVBLK_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _PVBLK_TRACE_H

#include <linux/blk-mq.h>
#include <linux/tracepoint.h>

TRACE_EVENT(pvblk_submit,
	TP_PROTO(int disk, u32 queue, const struct request *rq),
	TP_ARGS(disk, queue, rq),
	TP_STRUCT__entry(
		__field(int, disk)
		__field(u32, queue)
		__field(u32, tag)
		__field(u32, op)
		__field(u64, sector)
		__field(u32, sectors)
	),
	TP_fast_assign(
		__entry->disk = disk;
		__entry->queue = queue;
		__entry->tag = rq->tag;
		__entry->op = (__force u32)req_op(rq);
		__entry->sector = blk_rq_pos(rq);
		__entry->sectors = blk_rq_sectors(rq);
	),
	TP_printk("pvblk%d queue=%u tag=%u op=%u sector=%llu+%u", __entry->disk, __entry->queue,
		  __entry->tag, __entry->op, __entry->sector, __entry->sectors)
);

TRACE_EVENT(pvblk_taken,
	TP_PROTO(int disk, u32 queue, const struct request *rq, u32 sectors),
	TP_ARGS(disk, queue, rq, sectors),
	TP_STRUCT__entry(
		__field(int, disk)
		__field(u32, queue)
		__field(u32, tag)
		__field(u32, sectors)
	),
	TP_fast_assign(
		__entry->disk = disk;
		__entry->queue = queue;
		__entry->tag = rq->tag;
		__entry->sectors = sectors;
	),
	TP_printk("pvblk%d queue=%u tag=%u sectors=%u", __entry->disk, __entry->queue,
		  __entry->tag, __entry->sectors)
);

TRACE_EVENT(pvblk_complete,
	TP_PROTO(int disk, u32 queue, const struct request *rq, blk_status_t status),
	TP_ARGS(disk, queue, rq, status),
	TP_STRUCT__entry(
		__field(int, disk)
		__field(u32, queue)
		__field(u32, tag)
		__field(u8, status)
	),
	TP_fast_assign(
		__entry->disk = disk;
		__entry->queue = queue;
		__entry->tag = rq->tag;
		__entry->status = (__force u8)status;
	),
	TP_printk("pvblk%d queue=%u tag=%u status=%u", __entry->disk, __entry->queue,
		  __entry->tag, __entry->status)
);

#endif /* _PVBLK_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
