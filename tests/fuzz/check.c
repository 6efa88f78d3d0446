// SPDX-License-Identifier: GPL-2.0-only
/*
 * Look at the kernel after a program. The log must have no report. No buffer,
 * fence or mapping may be left when no process has it. kmemleak must find
 * nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

#define DEBUGFS "/sys/kernel/debug/"

static char found[600];
static int kmsg = -1;
static long mappings_free;

static int file_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), n, at = 0;

	text[0] = 0;
	if (fd < 0)
		return -1;
	while (at < (int)size - 1 && (n = read(fd, text + at, size - 1 - at)) > 0)
		at += n;
	text[at] = 0;
	close(fd);
	return at;
}

static void file_put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fprintf(stderr, "fuzz: cannot write %s to %s: %s\n", text, path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

static long mappings_count(void)
{
	char text[32];

	file_text(DEBUGFS "dma-api/num_free_entries", text, sizeof(text));
	return atol(text);
}

static void nap(unsigned int ms)
{
	struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000l };

	nanosleep(&time, NULL);
}

void check_begin(void)
{
	static const char * const injectors[] = { "failslab", "fail_page_alloc", "fail_usercopy" };
	char path[80];
	unsigned int i;

	for (i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), DEBUGFS "%s/verbose", injectors[i]);
		file_put(path, "0");
	}
	file_put(DEBUGFS "failslab/ignore-gfp-wait", "N");
	file_put(DEBUGFS "fail_page_alloc/ignore-gfp-wait", "N");
	file_put(DEBUGFS "fail_page_alloc/ignore-gfp-highmem", "N");
	file_put(DEBUGFS "fail_page_alloc/min-order", "0");
	file_put(DEBUGFS "kmemleak", "scan=off");
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	lseek(kmsg, 0, SEEK_END);
	mappings_free = mappings_count();
}

/*
 * Find what begins a report in the kernel log. Warnings and oopses stop the
 * machine before they get here. User Mode Linux itself looks up a mapping
 * without its lock when a mapped file gets shorter; RCU's complaint about that
 * names the maple tree, and any other complaint of RCU counts.
 */
static const char *splat_find(const char *line)
{
	static const char * const words[] = {
		"WARNING: ", "BUG: ", "INFO: task", "INFO: rcu", "UBSAN: ", "KASAN: ", "Oops: ",
		"detected stall", "soft lockup", "refcount_t: ", "kernel BUG at",
		"suspicious rcu_", "Illegal context switch", "DEBUG_LOCKS_WARN_ON", "DMA-API: ",
		"sysfs: cannot create duplicate"
	};
	const char *at = NULL;
	unsigned int i;

	if (strstr(line, "WARNING: suspicious RCU usage") || strstr(line, "lib/maple_tree.c:"))
		return NULL;
	for (i = 0; !at && i < ARRAY_SIZE(words); i++)
		at = strstr(line, words[i]);
	return at;
}

const char *check_log(void)
{
	char record[2048];
	const char *at;
	ssize_t n;

	while ((n = read(kmsg, record, sizeof(record) - 1)) > 0 || (n < 0 && errno == EPIPE)) {
		if (n < 0)
			continue;
		record[n] = 0;
		at = strchr(record, ';');
		at = at ? splat_find(at) : NULL;
		if (at) {
			snprintf(found, sizeof(found), "%.*s", (int)strcspn(at, "\n"), at);
			return found;
		}
	}
	return NULL;
}

static bool buffers_are_left(void)
{
	char text[4096], *total;

	if (file_text(DEBUGFS "dma_buf/bufinfo", text, sizeof(text)) <= 0)
		return false;
	total = strstr(text, "\nTotal ");
	snprintf(found, sizeof(found), "buffers are left: %.500s", total ? total + 1 : text);
	return !total || atoi(total + 7);
}

static bool fences_are_left(void)
{
	char text[4096], *at;

	if (file_text(DEBUGFS "sync/info", text, sizeof(text)) <= 0)
		return false;
	snprintf(found, sizeof(found), "fences are left: %.500s", text);
	for (at = strtok(text, "\n"); at; at = strtok(NULL, "\n")) {
		if (strcmp(at, "objs:") && strcmp(at, "fences:") && at[0] != '-')
			return true;
	}
	return false;
}

static bool mappings_are_left(void)
{
	long now = mappings_count();

	snprintf(found, sizeof(found), "%ld mappings for devices are left", mappings_free - now);
	return now < mappings_free;
}

/* Something may be on its way to its end: a work item, an RCU callback. */
const char *check_left(void)
{
	bool left = true;
	int i;

	for (i = 0; left && i < 100; i++) {
		if (i)
			nap(20);
		left = buffers_are_left() || fences_are_left() || mappings_are_left();
	}
	return left ? found : NULL;
}

/*
 * Objects younger than five seconds are not looked at, and one scan may miss a
 * pointer that is on its way from one place to another.
 */
const char *check_leaks(void)
{
	static char text[8192];
	char *at;

	nap(6000);
	file_put(DEBUGFS "kmemleak", "scan");
	nap(1000);
	file_put(DEBUGFS "kmemleak", "scan");
	if (file_text(DEBUGFS "kmemleak", text, sizeof(text)) <= 0)
		return NULL;
	printf("%s\n", text);
	/* The first function that is not the allocator's names the leak. */
	at = strstr(text, "backtrace");
	at = at ? strchr(at, '\n') : NULL;
	while (at && (strstr(at, "alloc") && strstr(at, "alloc") < strchr(at + 1, '\n')))
		at = strchr(at + 1, '\n');
	snprintf(found, sizeof(found), "kmemleak: memory leaked at%.60s", at ? at + 1 : " ?");
	at = strchr(found, '\n');
	if (at)
		*at = 0;
	return found;
}

/* Print where the actors are in the kernel. */
void check_stacks(void)
{
	char path[64], text[4096];
	int i;

	for (i = 0; i < ACTORS; i++) {
		snprintf(path, sizeof(path), "/proc/%d/task/%d/stack", shared->pids[i],
			 shared->tids[i]);
		if (shared->pids[i] > 0 && file_text(path, text, sizeof(text)) > 0)
			printf("actor %d:\n%s", i, text);
	}
	fflush(stdout);
}

/* Return whether the worker has a timeline open. */
bool check_timelines(void)
{
	char path[64], link[64];
	int fd;

	for (fd = 0; fd < 100; fd++) {
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/%d/fd/%d", shared->pids[0], fd);
		n = readlink(path, link, sizeof(link) - 1);
		link[n > 0 ? n : 0] = 0;
		if (strstr(link, "sw_sync"))
			return true;
	}
	return false;
}
