/* SPDX-License-Identifier: GPL-2.0-only */
#undef TRACE_SYSTEM
#define TRACE_INCLUDE_PATH ../../drivers/dma-buf
#define TRACE_SYSTEM sync_trace

#if !defined(_DMA_BUF_SYNC_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _DMA_BUF_SYNC_TRACE_H

#include <linux/tracepoint.h>

#include "sync_debug.h"

TRACE_EVENT(sync_timeline,
	    TP_PROTO(struct sync_timeline *timeline),

	    TP_ARGS(timeline),

	    TP_STRUCT__entry(__string(name, timeline->name)
			     __field(u32, value)
	    ),

	    TP_fast_assign(__assign_str(name);
			   __entry->value = READ_ONCE(timeline->value);
	    ),

	    TP_printk("name=%s value=%d", __get_str(name), __entry->value)
);

#endif /* _DMA_BUF_SYNC_TRACE_H */

/* Outside of the guard: read once for each use. */
#define TRACE_INCLUDE_FILE sync_trace
#include <trace/define_trace.h>
