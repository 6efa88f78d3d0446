# SPDX-License-Identifier: GPL-2.0-only
#
# Two readers: the kernel's build, which sets srctree, and a person in a clone.

ifdef srctree

# Ours
obj-y := dma-fence.o dma-fence-stub.o dma-fence-wait.o \
	 dma-fence-array.o dma-fence-chain.o dma-fence-unwrap.o \
	 dma-resv.o dma-resv-slots.o dma-resv-table.o dma-resv-iter.o dma-resv-query.o \
	 dma-resv-watch.o \
	 dma-buf.o dma-buf-attach.o dma-buf-map.o dma-buf-cpu.o dma-buf-file.o dma-buf-poll.o
obj-$(CONFIG_LOCKDEP)		+= dma-fence-lockdep.o dma-resv-lockdep.o
obj-$(CONFIG_DEBUG_FS)		+= dma-buf-debugfs.o
obj-$(CONFIG_SYNC_FILE)		+= sync_file.o dma-buf-sync-file.o
obj-$(CONFIG_SW_SYNC)		+= sw_sync.o sync_debug.o
obj-$(CONFIG_DMABUF_HEAPS)	+= dma-heap.o page-buffer.o heaps/
obj-$(CONFIG_UDMABUF)		+= udmabuf.o udmabuf-pages.o page-buffer.o
obj-$(CONFIG_DMABUF_SYSFS_STATS)	+= dma-buf-sysfs-stats.o
obj-$(CONFIG_SAMPLE_DMABUF)	+= samples/
obj-y				+= tests/

# The self-tests that stock has in this folder: not ours, and compiled where the build folder has them.
dmabuf_selftests-y := $(patsubst $(obj)/%.c,%.o,$(sort $(wildcard $(obj)/peers/*.c)))
obj-$(CONFIG_DMABUF_SELFTESTS)	+= $(if $(dmabuf_selftests-y),dmabuf_selftests.o)

else

include tests/machines/targets.mk

endif
