// SPDX-License-Identifier: GPL-2.0-only
/*
 * Run random programs on the machine and write what each call returned.
 *
 *	differ user|kernel CALLS LIST OUT
 *
 * LIST has a program a line: a seed, then, for a shrunk program, the numbers of
 * the calls that are left, separated by blanks. "FIRST..LAST" stands for many
 * seeds. OUT gets a line "program ..." for each, followed by its trace. The
 * line is written before the program runs, so that the last one names the
 * program that hung or stopped the machine. A hang ends this one, too.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../selftests/common.h"
#include "differ.h"

#define KERNEL_FILE "/sys/kernel/debug/dmabuf_differ"
#define CALLS_MAX 256
#define TRACE_SIZE (256 * 1024)
#define PROGRAM_SECONDS 30
#define CONTEXTS_MAX 64

struct program {
	unsigned long long seed;
	unsigned int calls[CALLS_MAX];
	unsigned int count;
};

/* Shared with the child, so that a trace outlives the program. */
static struct trace {
	size_t length;
	char text[TRACE_SIZE];
} *trace;

static uint64_t random_state;
static uint64_t start_ns;
static unsigned long long contexts[CONTEXTS_MAX];
static unsigned int context_count;
static volatile sig_atomic_t alarmed;
static pthread_t helper;
static bool is_helped;
static struct { int timeline; unsigned int count; } help;

static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ull;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

unsigned int pick(unsigned int below)
{
	random_state = mix(random_state);
	return (random_state >> 16) % below;
}

unsigned int pick_used(const int *fds, unsigned int count)
{
	unsigned int slot = pick(count), i;

	if (!pick(32))
		return slot;
	for (i = 0; i < count; i++)
		if (fds[(slot + i) % count] >= 0)
			return (slot + i) % count;
	return slot;
}

unsigned int pick_buf(const struct state *state)
{
	int fds[BUFS];
	unsigned int i;

	for (i = 0; i < BUFS; i++)
		fds[i] = state->buf[i].fd;
	return pick_used(fds, BUFS);
}

void say(const char *format, ...)
{
	size_t left = TRACE_SIZE - trace->length;
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(trace->text + trace->length, left, format, args);
	va_end(args);
	if (length > 0 && (size_t)length < left)
		trace->length += length;
}

void say_error(int err)
{
	if (err == TIMED_OUT)
		say("TIMEOUT");
	else if (err < 0)
		say("%s", strerrorname_np(-err));
	else
		say("ok");
}

/* Number contexts in the order in which they are seen. */
static unsigned int context_number(unsigned long long context)
{
	unsigned int i;

	for (i = 0; i < context_count; i++)
		if (contexts[i] == context)
			return i;
	if (context_count < CONTEXTS_MAX)
		contexts[context_count++] = context;
	return i;
}

void say_text(const char *text)
{
	static const char *const marks[] = {
		"sw_sync-differ", "signaled-", "vgem-unbound", "dma_fence_array-unbound"
	};
	const char *mark = NULL, *at;
	unsigned long long context;
	unsigned int i;
	char *end;

	for (i = 0; i < ARRAY_SIZE(marks) && !mark; i++)
		if (!strncmp(text, marks[i], strlen(marks[i])))
			mark = marks[i];
	if (!mark) {
		for (; *text; text++)
			say(*text < ' ' ? "\\%02x" : "%c", (unsigned char)*text);
		return;
	}
	at = text + strlen(mark);
	context = strtoull(at, &end, 10);
	if (context)
		say("%s#%u", mark, context_number(context));
	else
		say("%s0", mark);
	say("%s", end);
}

uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

void say_time(uint64_t ns)
{
	if (!ns)
		say("at no time");
	else if (ns < start_ns || ns > now_ns())
		say("at a wrong time");
	else
		say("at a time");
}

void say_elapsed(uint64_t since)
{
	say(" after %llu ms", (unsigned long long)(now_ns() - since + 5000000) / 10000000 * 10);
}

void put_fd(int *slot, int fd)
{
	if (*slot >= 0)
		close(*slot);
	*slot = fd < 0 ? -1 : fd;
}

void say_fd(int fd)
{
	if (fd < 0)
		say_error(fd);
	else
		say("fd%s", fcntl(fd, F_GETFD) & FD_CLOEXEC ? " cloexec" : "");
}

static void on_alarm(int signal)
{
	alarmed = 1;
}

int bounded_ioctl(int fd, unsigned long request, void *arg)
{
	struct itimerval bound = { .it_value.tv_usec = WAIT_MS * 1000 }, none = { 0 };
	int err;

	alarmed = 0;
	setitimer(ITIMER_REAL, &bound, NULL);
	err = do_ioctl(fd, request, arg);
	setitimer(ITIMER_REAL, &none, NULL);
	return err == -EINTR && alarmed ? TIMED_OUT : err;
}

static void *helper_run(void *unused)
{
	usleep(HELP_MS * 1000);
	timeline_inc(help.timeline, help.count);
	return NULL;
}

/* The helper must not get the alarm. */
static void helper_start(void)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	is_helped = !pthread_create(&helper, NULL, helper_run, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void help_begin(struct state *state)
{
	unsigned int timeline = pick_used(state->timeline, TIMELINES), count = 1 + pick(4);

	if (pick(2) || state->timeline[timeline] < 0)
		return;
	say(" (t%u += %u meanwhile)", timeline, count);
	help.timeline = state->timeline[timeline];
	help.count = count;
	state->value[timeline] += count;
	helper_start();
}

void help_end(void)
{
	if (is_helped)
		pthread_join(helper, NULL);
	is_helped = false;
}

static const struct op *const tables[] = { fence_ops, buf_ops, wait_ops };

static const struct op *op_pick(void)
{
	unsigned int sum = 0, chosen, i;
	const struct op *op;

	for (i = 0; i < ARRAY_SIZE(tables); i++)
		for (op = tables[i]; op->name; op++)
			sum += op->weight;
	chosen = pick(sum);
	for (i = 0; i < ARRAY_SIZE(tables); i++)
		for (op = tables[i]; op->name; op++) {
			if (chosen < op->weight)
				return op;
			chosen -= op->weight;
		}
	return NULL;
}

/* A program begins with a timeline, a fence and a buffer. */
static const struct op *op_at(unsigned int call)
{
	const struct op *op = op_pick();

	if (call == 0)
		return &fence_ops[0];
	if (call == 1)
		return &buf_ops[0];
	return call < 4 ? &fence_ops[1] : op;
}

static void program_run(const struct program *program)
{
	struct state state;
	unsigned int i;

	memset(&state, -1, sizeof(state));
	memset(state.watch, 0, sizeof(state.watch));
	memset(state.handle, 0, sizeof(state.handle));
	memset(state.vgem_fence, 0, sizeof(state.vgem_fence));
	for (i = 0; i < BUFS; i++)
		state.buf[i] = (struct buffer){ .exporter = "no", .fd = -1, .mem = -1 };
	start_ns = now_ns();
	for (i = 0; i < program->count; i++) {
		const struct op *op;

		random_state = mix(program->seed * CALLS_MAX + program->calls[i]);
		op = op_at(program->calls[i]);
		say("%u %s", program->calls[i], op->name);
		op->run(&state);
		say("\n");
	}
	say("end\n");
}

/* Let the other generator, which is in the kernel, run the program. */
static void program_run_kernel(const struct program *program)
{
	char text[CALLS_MAX * 4 + 32];
	size_t length = snprintf(text, sizeof(text), "%llu", program->seed);
	int fd = open(KERNEL_FILE, O_RDWR | O_CLOEXEC);
	ssize_t got;
	unsigned int i;

	for (i = 0; i < program->count; i++)
		length += snprintf(text + length, sizeof(text) - length, " %u",
				   program->calls[i]);
	if (fd < 0 || write(fd, text, length) != (ssize_t)length) {
		say("%s: %s\n", KERNEL_FILE, strerror(errno));
		_exit(1);
	}
	while ((got = read(fd, trace->text + trace->length, TRACE_SIZE - trace->length)) > 0)
		trace->length += got;
}

/* Return false if the program does not end. */
static bool child_wait(pid_t child)
{
	int status;

	alarm(PROGRAM_SECONDS);
	if (waitpid(child, &status, 0) < 0) {
		say("\nHANG\n");
		return false;
	}
	alarm(0);
	if (WIFSIGNALED(status))
		say("\nKILLED by signal %d\n", WTERMSIG(status));
	return true;
}

/* Leave out the offsets in functions. */
static void say_log(const char *text)
{
	say("LOG %.*s\n", (int)strcspn(text, "+"), text);
}

/* Append the first lines of the reports that the kernel made meanwhile. */
static void kernel_log(int kmsg)
{
	char record[8192];
	ssize_t length;
	char *text;

	while ((length = read(kmsg, record, sizeof(record) - 1)) > 0 || errno == EPIPE) {
		record[length > 0 ? length : 0] = '\0';
		text = strchr(record, ';');
		if (!text || !strpbrk(text, "WBIK"))
			continue;
		text[strcspn(text, "\n")] = '\0';
		if (strstr(text, "WARNING:") || strstr(text, "BUG:") || strstr(text, "Oops") ||
		    strstr(text, "INFO: task") || strstr(text, "possible"))
			say_log(strstr(text, " at ") ?: text + 1);
	}
}

static void write_all(int fd, const char *text, size_t length)
{
	while (length) {
		ssize_t done = write(fd, text, length);

		if (done <= 0) {
			perror("write");
			exit(2);
		}
		text += done;
		length -= done;
	}
}

static void program_fork(int out, int kmsg, const struct program *program, bool in_kernel)
{
	char line[64];
	bool ended;
	pid_t child;

	snprintf(line, sizeof(line), "program %llu\n", program->seed);
	write_all(out, line, strlen(line));
	trace->length = 0;
	child = fork();
	if (!child) {
		if (in_kernel)
			program_run_kernel(program);
		else
			program_run(program);
		_exit(0);
	}
	ended = child_wait(child);
	kernel_log(kmsg);
	write_all(out, trace->text, trace->length);
	if (!ended)
		exit(3);
}

static void program_all_calls(struct program *program, unsigned int calls)
{
	for (program->count = 0; program->count < calls; program->count++)
		program->calls[program->count] = program->count;
}

/* Parse a line. @program gets its first seed; the last one is returned. */
static unsigned long long line_parse(char *line, struct program *program, unsigned int calls)
{
	unsigned long long last;
	char *at;

	last = strtoull(line, &at, 10);
	program->seed = last;
	program_all_calls(program, calls);
	if (!strncmp(at, "..", 2))
		return strtoull(at + 2, NULL, 10);
	if (*at != ' ')
		return last;
	for (program->count = 0; *at == ' ' && program->count < CALLS_MAX; program->count++)
		program->calls[program->count] = strtoul(at + 1, &at, 10);
	return last;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct program program;
	unsigned long long last;
	char line[2048];
	int out, kmsg;
	FILE *list;

	if (argc != 5) {
		fprintf(stderr, "usage: differ user|kernel CALLS LIST OUT\n");
		return 2;
	}
	list = fopen(argv[3], "r");
	out = open(argv[4], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	trace = mmap(NULL, sizeof(*trace), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		     -1, 0);
	if (!list || out < 0 || kmsg < 0 || trace == MAP_FAILED) {
		perror("differ");
		return 2;
	}
	sigaction(SIGALRM, &action, NULL);
	lseek(kmsg, 0, SEEK_END);
	while (fgets(line, sizeof(line), list)) {
		last = line_parse(line, &program, atoi(argv[2]));
		for (; program.seed <= last; program.seed++)
			program_fork(out, kmsg, &program, !strcmp(argv[1], "kernel"));
	}
	return 0;
}
