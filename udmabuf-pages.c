// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pages of a udmabuf: ranges of memfds, which stay pinned until the buffer
 * is released.
 *
 * The memfd must be sealed against shrinking, so that its pages cannot go away.
 * It must be open for writing and not be sealed against it: devices write.
 *
 * Locks: the inode lock of the memfd, around seals and pinning.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/hash.h>
#include <linux/hugetlb.h>
#include <linux/log2.h>
#include <linux/memfd.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <uapi/linux/udmabuf.h>

#include "udmabuf-pages.h"

/* Pin so many bytes before the next look for signals. */
#define UDMABUF_PIN_SLICE SZ_16M

/* Do not pin pages that have more references: their count must not overflow. */
#define UDMABUF_FOLIO_REFS_MAX (INT_MAX / 2)

/**
 * udmabuf_pages_alloc - allocate the arrays
 * @up: zeroed
 * @pages: number of pages to come
 * @list: they come in more than one range
 *
 * Context: Process context. May sleep.
 * Return: 0 or -ENOMEM. The caller calls udmabuf_pages_free() in both cases.
 */
int udmabuf_pages_alloc(struct udmabuf_pages *up, u64 pages, bool list)
{
	up->pages = kvmalloc_array(pages, sizeof(*up->pages), UDMABUF_GFP_ARRAY);
	up->folios = kvmalloc_array(pages, sizeof(*up->folios), UDMABUF_GFP_ARRAY);
	if (!up->pages || !up->folios)
		return -ENOMEM;
	if (!list)
		return 0;

	/* At most half full. */
	up->seen_bits = order_base_2(pages) + 1;
	up->seen = kvcalloc(1ul << up->seen_bits, sizeof(*up->seen), UDMABUF_GFP_ARRAY);
	return up->seen ? 0 : -ENOMEM;
}

/**
 * udmabuf_pages_free - unpin all pages and free the arrays
 * @up: the pages, also if udmabuf_pages_alloc() failed
 *
 * Context: Process context. May sleep.
 */
void udmabuf_pages_free(struct udmabuf_pages *up)
{
	unsigned long i;

	for (i = 0; i < up->folio_count; i++) {
		unpin_folio(up->folios[i]);
		cond_resched();
	}
	udmabuf_pages_end(up);
	kvfree(up->folios);
	kvfree(up->pages);
}

/**
 * udmabuf_pages_end - free what only udmabuf_pages_add() needs
 * @up: the pages
 *
 * Context: Process context. May sleep.
 */
void udmabuf_pages_end(struct udmabuf_pages *up)
{
	kvfree(up->seen);
	up->seen = NULL;
}

/*
 * Check that devices may write to the memfd and that its pages stay. Seals are
 * final, and the inode lock keeps others from adding any.
 */
static int udmabuf_check_memfd(struct file *memfd)
{
	int seals;

	if (!shmem_file(memfd) && !is_file_hugepages(memfd))
		return -EBADFD;
	if (!(memfd->f_mode & FMODE_WRITE))
		return -EACCES;

	seals = memfd_fcntl(memfd, F_GET_SEALS, 0);
	if (seals < 0)
		return seals;
	if (!(seals & F_SEAL_SHRINK) || seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return -EINVAL;
	return 0;
}

/*
 * Return true if the buffer has pinned the folio before. Ranges of a list may
 * meet a folio anywhere. A single range meets one again only if it starts a
 * slice, and then the slice before ends with it.
 */
static bool udmabuf_has_folio(struct udmabuf_pages *up, struct folio *folio)
{
	unsigned long mask, slot;

	if (!up->seen)
		return up->folio_count && up->folios[up->folio_count - 1] == folio;

	mask = (1ul << up->seen_bits) - 1;
	slot = hash_ptr(folio, up->seen_bits);
	while (up->seen[slot] && up->seen[slot] != folio)
		slot = (slot + 1) & mask;
	if (up->seen[slot])
		return true;
	up->seen[slot] = folio;
	return false;
}

/*
 * Keep one pin of each folio. Otherwise a list that names a page a thousand
 * times would take a thousand pins of it.
 */
static void udmabuf_keep_pin(struct udmabuf_pages *up, struct folio *folio)
{
	if (udmabuf_has_folio(up, folio))
		unpin_folio(folio);
	else
		up->folios[up->folio_count++] = folio;
}

/*
 * Pin a part of a range and enter its pages. They start inside the first folio
 * and end inside the last.
 */
static int udmabuf_pin_slice(struct udmabuf_pages *up, struct file *memfd, u64 offset, u64 size)
{
	struct folio **folios = up->folios + up->folio_count;
	pgoff_t wanted = size >> PAGE_SHIFT;
	bool overused = false;
	long pinned, i;
	pgoff_t skip;

	pinned = memfd_pin_folios(memfd, offset, offset + size - 1, folios, wanted, &skip);
	if (pinned <= 0)
		return pinned ?: -EINVAL;

	skip >>= PAGE_SHIFT;
	for (i = 0; i < pinned; i++) {
		struct folio *folio = folios[i];
		pgoff_t count = min(wanted, (pgoff_t)folio_nr_pages(folio) - skip);

		wanted -= count;
		while (count--)
			up->pages[up->page_count++] = folio_page(folio, skip++);
		skip = 0;
		overused |= folio_ref_count(folio) > UDMABUF_FOLIO_REFS_MAX;
		/* Overwrites only those that have been looked at. */
		udmabuf_keep_pin(up, folio);
	}
	if (overused)
		return -ENOMEM;
	return wanted ? -EINVAL : 0;
}

/* Lock the inode, so that no seal comes between the check and the pin. */
static int udmabuf_add_slice(struct udmabuf_pages *up, struct file *memfd, u64 offset, u64 size)
{
	struct inode *inode = file_inode(memfd);
	int ret;

	if (inode_lock_shared_killable(inode))
		return -EINTR;
	ret = udmabuf_check_memfd(memfd);
	if (!ret)
		ret = udmabuf_pin_slice(up, memfd, offset, size);
	inode_unlock_shared(inode);
	return ret;
}

/**
 * udmabuf_pages_add - pin a range of a memfd
 * @up: the pages, with room for the range
 * @item: the range, whole pages
 *
 * Context: Process context. May sleep. Takes and releases the memfd's inode
 * lock.
 * Return: 0. On error some pages may have been added: -EBADFD if it is no
 * memfd, -EACCES if it is not open for writing, -EINVAL if the seals are wrong
 * or the range is not in the file, -EINTR if the process is being killed,
 * -ENOMEM.
 */
int udmabuf_pages_add(struct udmabuf_pages *up, const struct udmabuf_create_item *item)
{
	struct file *memfd __free(fput) = fget(item->memfd);
	u64 at, end, len;
	int ret;

	if (!memfd)
		return -EBADFD;
	if (check_add_overflow(item->offset, item->size, &end) || end > LLONG_MAX)
		return -EINVAL;

	for (at = item->offset; at < end; at += len) {
		if (fatal_signal_pending(current))
			return -EINTR;
		len = min(end - at, (u64)UDMABUF_PIN_SLICE);
		ret = udmabuf_add_slice(up, memfd, at, len);
		if (ret)
			return ret;
		cond_resched();
	}
	return 0;
}
