/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The pages of a udmabuf.
 */
#ifndef _DMA_BUF_UDMABUF_PAGES_H
#define _DMA_BUF_UDMABUF_PAGES_H

#include <linux/gfp.h>
#include <linux/types.h>

struct folio;
struct page;
struct udmabuf_create_item;

/* Userspace chooses the length of arrays, which may be impossible. */
#define UDMABUF_GFP_ARRAY (GFP_KERNEL_ACCOUNT | __GFP_NOWARN)

/**
 * struct udmabuf_pages - pinned pages of memfds
 * @pages: every page of the buffer, in order
 * @page_count: their number
 * @folios: the pinned folios, each of them once
 * @folio_count: their number
 * @seen: hash table of @folios while a list of ranges is added, or NULL
 * @seen_bits: the table has two to the power of this many slots
 */
struct udmabuf_pages {
	struct page **pages;
	unsigned long page_count;
	struct folio **folios;
	unsigned long folio_count;
	struct folio **seen;
	unsigned int seen_bits;
};

int udmabuf_pages_alloc(struct udmabuf_pages *up, u64 pages, bool list);
int udmabuf_pages_add(struct udmabuf_pages *up, const struct udmabuf_create_item *item);
void udmabuf_pages_end(struct udmabuf_pages *up);
void udmabuf_pages_free(struct udmabuf_pages *up);

#endif /* _DMA_BUF_UDMABUF_PAGES_H */
