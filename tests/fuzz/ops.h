/* SPDX-License-Identifier: GPL-2.0-only */
/* The operations of the table in ops.c, by the file that has them. */
#ifndef _FUZZ_OPS_H
#define _FUZZ_OPS_H

#include "fuzz.h"

#define OP(name) void op_##name(struct actor *me, const __u64 *a)

/* op-buf.c: buffers, fences, timelines */
OP(heap_alloc); OP(memfd); OP(seal); OP(udmabuf); OP(udmabuf_list); OP(sync); OP(set_name);
OP(export_sync_file); OP(import_sync_file); OP(timeline); OP(fence); OP(inc); OP(get_deadline);
OP(merge); OP(file_info); OP(set_deadline); OP(raw_ioctl);

/* op-device.c: drivers that export and import */
OP(vgem_open); OP(vgem_create); OP(vgem_export); OP(vgem_import); OP(vgem_close);
OP(vgem_fence); OP(vgem_signal); OP(exporter_create); OP(exporter_move); OP(importer_open);
OP(importer_attach); OP(importer_run); OP(importer_peek);

/* op-memory.c: mappings */
OP(mmap); OP(munmap); OP(mremap); OP(madvise); OP(mprotect); OP(touch); OP(map_info);
OP(read_into); OP(write_from); OP(vm_read);

/* op-file.c: what every descriptor has, and files about buffers */
OP(poll); OP(epoll_create); OP(epoll_ctl); OP(epoll_wait); OP(lseek); OP(dup); OP(dup_over);
OP(fcntl); OP(close); OP(read); OP(write); OP(pipe); OP(splice); OP(sendfile); OP(file_op);
OP(fdinfo); OP(bufinfo); OP(sync_info); OP(sysfs);

/* op-process.c: processes and descriptors that travel between them */
OP(send); OP(recv); OP(fork); OP(exit); OP(interrupt); OP(sleep); OP(unshare_files);

#endif /* _FUZZ_OPS_H */
