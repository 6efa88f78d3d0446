// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's own information about a buffer: /proc/self/fdinfo, debugfs
 * dma_buf/bufinfo, and the page frames behind a mapping.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "demo.h"

#define BUFINFO_PATH	"/sys/kernel/debug/dma_buf/bufinfo"
#define PAGE_PRESENT	0x8000000000000000ULL
#define PAGE_FRAME	0x007fffffffffffffULL

/*
 * Print the lines that are a dma-buf's own in one line; the ones every file has
 * are left out.
 */
void show_fdinfo(const struct buffer *b)
{
	char path[64], line[256], text[512] = "";
	size_t used = 0;
	bool sized = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", b->fd);
	file = fopen(path, "r");
	if (!file)
		die("cannot read %s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		line[strcspn(line, "\t")] = ' ';
		sized |= strtoul(line + strcspn(line, " "), NULL, 10) == b->size &&
			 !strncmp(line, "size:", 5);
		if (!strncmp(line, "size:", 5) || !strncmp(line, "count:", 6) ||
		    !strncmp(line, "exp_name:", 9) || !strncmp(line, "name:", 5))
			used += snprintf(text + used, sizeof(text) - used, "  %s", line);
		if (used >= sizeof(text))
			die("%s is longer than expected", path);
	}
	fclose(file);
	if (!sized)
		die("%s does not tell the size %zu of the buffer:%s", path, b->size, text);
	quote("fdinfo %d%s", b->fd, text);
}

/*
 * A buffer's first line starts with six fields; the last of them is its inode.
 */
static unsigned long line_inode(const char *line)
{
	unsigned long inode;
	char exporter[64];

	if (line[0] == '\t' ||
	    sscanf(line, "%*u %*x %*x %*u %63s %lu", exporter, &inode) != 2)
		return 0;
	return inode;
}

static void bufinfo_line(struct bufinfo *info, const char *line)
{
	size_t used = strlen(info->text);
	unsigned int count;

	if (strstr(line, "unsignalled"))
		info->pending++;
	if (sscanf(line, "Total %u devices", &count) == 1)
		info->devices = count;
	quote("%s%s", line[0] == '\t' || !strncmp(line, "Total", 5) ? "        " : "bufinfo ",
	      line[0] == '\t' ? line + 1 : line);
	if (used + strlen(line) + 2 > sizeof(info->text))
		die("bufinfo says more about one buffer than expected");
	sprintf(info->text + used, "%s\n", line);
}

/* Print the part of bufinfo about @b: line, fences, attached devices. */
void show_bufinfo(const struct buffer *b, struct bufinfo *info)
{
	bool ours = false, found = false;
	char line[256], *c;
	FILE *file;

	memset(info, 0, sizeof(*info));
	file = fopen(BUFINFO_PATH, "r");
	if (!file)
		die("cannot read " BUFINFO_PATH ": %s", strerror(errno));
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (!ours)
			ours = line_inode(line) == b->inode;
		else if (!line[0])
			ours = false;
		if (!ours)
			continue;
		found = true;
		for (c = line + 1; *c; c++)
			*c = *c == '\t' ? ' ' : *c;
		bufinfo_line(info, line);
	}
	fclose(file);
	if (!found)
		die(BUFINFO_PATH " does not know the buffer with inode %lu", b->inode);
}

/* Return how many dma-bufs there are in the whole system. */
unsigned int count_buffers(void)
{
	unsigned int count = 0;
	bool found = false;
	char line[256];
	FILE *file;

	file = fopen(BUFINFO_PATH, "r");
	if (!file)
		die("cannot read " BUFINFO_PATH ": %s", strerror(errno));
	while (fgets(line, sizeof(line), file))
		found |= sscanf(line, "Total %u objects", &count) == 1;
	fclose(file);
	if (!found)
		die(BUFINFO_PATH " does not tell how many buffers there are");
	return count;
}

/*
 * Touch each page of the mapping, then read its page frame number. Return how
 * many there are.
 */
unsigned int page_frames(const void *addr, size_t size, __u64 *pfn)
{
	size_t page = sysconf(_SC_PAGESIZE), pages = (size + page - 1) / page, i;
	const char *byte = addr;
	ssize_t want = pages * sizeof(*pfn);
	int fd;

	if (pages > MSG_MAX_PAGES)
		die("a buffer of %zu pages is larger than this program expects", pages);
	for (i = 0; i < pages; i++)
		__atomic_load_n(&byte[i * page], __ATOMIC_RELAXED);

	fd = open_or_die("/proc/self/pagemap", O_RDONLY);
	if (pread(fd, pfn, want, (unsigned long)addr / page * sizeof(*pfn)) != want)
		die("/proc/self/pagemap: short read");
	close(fd);
	for (i = 0; i < pages; i++) {
		if (!(pfn[i] & PAGE_PRESENT) || !(pfn[i] & PAGE_FRAME))
			die("/proc/self/pagemap does not tell the frame of page %zu", i);
		pfn[i] &= PAGE_FRAME;
	}
	return pages;
}

void compare_pages(const __u64 *theirs, const __u64 *ours, unsigned int pages, const char *what)
{
	unsigned int i;

	for (i = 0; i < pages; i++) {
		if (theirs[i] != ours[i])
			die("%s: page %u is frame %#llx there and %#llx here: a copy", what, i,
			    (unsigned long long)theirs[i], (unsigned long long)ours[i]);
	}
	say("same pages   %s: %u of %u page frames equal (%#llx, %#llx ... %#llx)", what, pages,
	    pages, (unsigned long long)ours[0], (unsigned long long)ours[pages > 1],
	    (unsigned long long)ours[pages - 1]);
}
