/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trace events of a fence's life.
 *
 * context and seqno keep the 32 bits they have always had, for the tools that
 * parse them; context64 and seqno64 are the whole numbers.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM dma_fence

#if !defined(_TRACE_DMA_FENCE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_DMA_FENCE_H

#include <linux/tracepoint.h>

struct dma_fence;

/*
 * Record @name like __string(), but evaluate it once. __string() evaluates it
 * for the length, and again for the string to copy. A fence may be signaled in
 * between, and then has another name.
 */
#define __dma_fence_name(item, name)								\
	__string_len(item, __data_offsets->item##_ptr_,						\
		     strlen(__string_src(__data_offsets->item##_ptr_ = (name))))

#define DMA_FENCE_EVENT_CLASS(name, driver_name, timeline_name)				\
DECLARE_EVENT_CLASS(name, TP_PROTO(struct dma_fence *fence), TP_ARGS(fence),			\
		    TP_STRUCT__entry(__dma_fence_name(driver, driver_name)			\
				     __dma_fence_name(timeline, timeline_name)			\
				     __field(unsigned int, context)				\
				     __field(unsigned int, seqno)				\
				     __field(u64, context64)					\
				     __field(u64, seqno64)					\
				    ),								\
		    TP_fast_assign(__assign_str(driver);					\
				   __assign_str(timeline);					\
				   __entry->context64 = fence->context;				\
				   __entry->seqno64 = fence->seqno;				\
				   __entry->context = lower_32_bits(__entry->context64);	\
				   __entry->seqno = lower_32_bits(__entry->seqno64);		\
				  ),								\
		    TP_printk("driver=%s timeline=%s context=%u seqno=%u",			\
			      __get_str(driver), __get_str(timeline),				\
			      __entry->context, __entry->seqno)					\
)

/* The driver is about: the fence is pending, or is being signaled. */
DMA_FENCE_EVENT_CLASS(dma_fence, fence->ops->get_driver_name(fence),
		      fence->ops->get_timeline_name(fence));

/*
 * Possibly long after the signal. Events run with preemption off, which is an
 * RCU read section.
 */
DMA_FENCE_EVENT_CLASS(dma_fence_late, (__force const char *)dma_fence_driver_name(fence),
		      (__force const char *)dma_fence_timeline_name(fence));

DEFINE_EVENT(dma_fence, dma_fence_init, TP_PROTO(struct dma_fence *fence), TP_ARGS(fence));

/* The driver has handed the work to the hardware; emitted by drivers. */
DEFINE_EVENT(dma_fence, dma_fence_emit, TP_PROTO(struct dma_fence *fence), TP_ARGS(fence));

/*
 * The core asks the driver to signal, for the first waiter. Only fences with
 * &dma_fence_ops.enable_signaling emit this.
 */
DEFINE_EVENT(dma_fence, dma_fence_enable_signal, TP_PROTO(struct dma_fence *fence), TP_ARGS(fence));

DEFINE_EVENT(dma_fence_late, dma_fence_wait_start, TP_PROTO(struct dma_fence *fence),
	     TP_ARGS(fence));

DEFINE_EVENT(dma_fence_late, dma_fence_wait_end, TP_PROTO(struct dma_fence *fence),
	     TP_ARGS(fence));

DEFINE_EVENT(dma_fence, dma_fence_signaled, TP_PROTO(struct dma_fence *fence), TP_ARGS(fence));

/* The last reference is gone. */
DEFINE_EVENT(dma_fence_late, dma_fence_destroy, TP_PROTO(struct dma_fence *fence),
	     TP_ARGS(fence));

#endif /* _TRACE_DMA_FENCE_H */

/* Outside of the guard on purpose: it is read several times. */
#include <trace/define_trace.h>
