/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The ioctls of the sample drivers, /dev/dma-buf-exporter and
 * /dev/dma-buf-importer.
 */
#ifndef _DMA_BUF_SAMPLES_H
#define _DMA_BUF_SAMPLES_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define SAMPLE_EXPORTER_SIZE_MAX	(16 << 20)

/**
 * struct sample_exporter_create - a buffer to make
 * @size: bytes, not zero; rounded up to whole pages, at most
 *	SAMPLE_EXPORTER_SIZE_MAX
 */
struct sample_exporter_create {
	__u64 size;
};

/* The kinds of job. */
#define SAMPLE_JOB_FILL		0	/* write the value into every byte */
/* read: fail with EIO unless every byte has the value */
#define SAMPLE_JOB_CHECK	1

#define SAMPLE_JOB_DELAY_MAX	1000	/* milliseconds */

/**
 * struct sample_importer_job - a job to run on the attached buffer
 * @op: SAMPLE_JOB_FILL or SAMPLE_JOB_CHECK
 * @value: the byte, at most 255
 * @delay_ms: how long the job takes, at most SAMPLE_JOB_DELAY_MAX
 * @pad: zero
 */
struct sample_importer_job {
	__u32 op;
	__u32 value;
	__u32 delay_ms;
	__u32 pad;
};

#define SAMPLE_EXPORTER_BASE	0xdb
#define SAMPLE_IMPORTER_BASE	0xdc

/* Returns the descriptor of a new buffer. */
#define SAMPLE_EXPORTER_CREATE	_IOW(SAMPLE_EXPORTER_BASE, 0, struct sample_exporter_create)

/* Moves the buffer behind a descriptor to other pages. */
#define SAMPLE_EXPORTER_MOVE	_IOW(SAMPLE_EXPORTER_BASE, 1, __s32)

/*
 * Attaches the device to the buffer behind a descriptor; once for each open
 * file.
 */
#define SAMPLE_IMPORTER_ATTACH	_IOW(SAMPLE_IMPORTER_BASE, 0, __s32)

/*
 * Starts a job, whose fence is in the buffer's reservation then. Returns how
 * many times the buffer has been mapped for this file so far.
 */
#define SAMPLE_IMPORTER_RUN	_IOW(SAMPLE_IMPORTER_BASE, 1, struct sample_importer_job)

/*
 * Reads the byte at an offset by the CPU, after the jobs that write it, and
 * returns it.
 */
#define SAMPLE_IMPORTER_PEEK	_IOW(SAMPLE_IMPORTER_BASE, 2, __u64)

#endif /* _DMA_BUF_SAMPLES_H */
