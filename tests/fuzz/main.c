// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz: run programs of system calls until one of them breaks the kernel.
 *
 *	fuzz run CORPUS RING SECONDS SEED
 *		make programs, and keep in CORPUS those that reach new code
 *	fuzz replay FILE RING REPEAT [leaks]
 *		run each candidate in FILE REPEAT times
 *	fuzz edges CORPUS RING
 *		run the corpus once, and say how much code it reaches
 *
 * RING is a file that always has the last programs, so that they survive the
 * machine. The exit status is 1 when something was found. A candidate is a list
 * of programs after a line "candidate".
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

#define CORPUS_MAX	4096
#define RING_SLOTS	2048
#define NAP_MS		10	/* one step of waiting for a program */
#define NAPS_KILL	200	/* after these the worker is killed */
#define NAPS_WAIT	2000	/* after these a wait that must end is a hang */
#define NAPS_HANG	3000	/* after these a killed worker is one */
#define RUNS_EACH	400	/* programs that one worker runs */
#define LEFT_EACH	100	/* programs between two checks for leftovers */
#define REPORT_SECONDS	10

struct shared *shared;

static struct program *corpus;
static unsigned int corpus_count;
static const char *corpus_path;
static unsigned long executions;
static int ring = -1;
static pid_t worker;
static unsigned int worker_runs;

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

/* The host can read the ring while the machine runs, and after it has died. */
static void ring_write(const struct program *program)
{
	char text[PROGRAM_TEXT] = "";
	int n = snprintf(text, sizeof(text), "# %lu\n", executions);

	program_print(program, text + n, sizeof(text) - n);
	if (pwrite(ring, text, sizeof(text), executions % RING_SLOTS * PROGRAM_TEXT) < 0 ||
	    fsync(ring))
		exit(2);
}

static void worker_start(void)
{
	worker = fork();
	if (!worker)
		worker_run();
	worker_runs = 0;
}

static void worker_end(void)
{
	if (worker <= 0)
		return;
	kill(-worker, SIGKILL);
	kill(worker, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
	worker = 0;
}

static void actors_interrupt(void)
{
	int i;

	for (i = 0; i < ACTORS; i++) {
		if (shared->pids[i] > 0 && shared->tids[i] > 0)
			tgkill(shared->pids[i], shared->tids[i], SIGUSR1);
	}
}

/* Return whether the worker is gone; reap whatever else ends. */
static bool worker_gone(void)
{
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) {
		if (pid == worker) {
			worker = 0;
			kill(-pid, SIGKILL);
		}
	}
	return !worker;
}

/* Wait for the program, or end it. Return a finding, or NULL. */
static const char *program_wait(__u32 posted)
{
	unsigned int naps = 0, waits = 0;
	bool killed = false;

	while (__atomic_load_n(&shared->done, __ATOMIC_ACQUIRE) != posted) {
		futex_wait(&shared->done, posted - 1, NAP_MS);
		if (worker_gone())
			return NULL;
		if (__atomic_load_n(&shared->finishing, __ATOMIC_ACQUIRE)) {
			if (++waits < NAPS_WAIT)
				continue;
			/* A timeline may be open without a slot. */
			if (check_timelines()) {
				worker_end();
				return NULL;
			}
			check_stacks();
			return "a wait does not end although all timelines are closed";
		}
		naps++;
		if (naps < NAPS_KILL) {
			actors_interrupt();
		} else if (!killed) {
			kill(-worker, SIGKILL);
			killed = true;
		} else if (naps > NAPS_HANG) {
			check_stacks();
			return "a killed process does not end";
		}
	}
	return NULL;
}

/* Run one program. Return a finding, or NULL. */
static const char *program_execute(const struct program *program)
{
	const char *wrong;

	if (worker > 0 && worker_runs >= RUNS_EACH)
		worker_end();
	shared->program = *program;
	shared->new_count = 0;
	shared->finishing = false;
	memset(shared->tids + 2, 0, 2 * sizeof(pid_t));
	turn_begin();
	ring_write(program);
	if (worker <= 0)
		worker_start();
	executions++;
	worker_runs++;
	__atomic_store_n(&shared->posted, shared->posted + 1, __ATOMIC_RELEASE);
	futex_wake(&shared->posted);
	wrong = program_wait(shared->posted);
	if (worker <= 0)
		shared->done = shared->posted;
	return wrong ?: check_log();
}

/* Check for leftovers. The worker has no objects between two programs. */
static const char *left_check(void)
{
	return check_log() ?: check_left() ?: check_log();
}

static bool program_read(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

	text[n > 0 ? n : 0] = 0;
	if (fd >= 0)
		close(fd);
	return n > 0;
}

static void corpus_add(const struct program *program)
{
	if (corpus_count < CORPUS_MAX && program->count)
		corpus[corpus_count++] = *program;
}

static void corpus_save(const struct program *program)
{
	char path[300], text[PROGRAM_TEXT];
	int fd, n = program_print(program, text, sizeof(text));

	snprintf(path, sizeof(path), "%s/%016llx", corpus_path,
		 (unsigned long long)program_hash(program));
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, text, n) != n || fsync(fd))
		fprintf(stderr, "fuzz: cannot write %s\n", path);
	if (fd >= 0)
		close(fd);
}

/*
 * Run what earlier runs have kept, and remember each program that still
 * reaches code that the programs before it do not reach.
 */
static const char *corpus_load(void)
{
	char path[600], text[PROGRAM_TEXT];
	struct program program;
	struct dirent *entry;
	const char *wrong = NULL;
	DIR *dir = opendir(corpus_path);

	while (dir && !wrong && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "%s/%s", corpus_path, entry->d_name);
		if (entry->d_name[0] == '.' || !program_read(path, text, sizeof(text)))
			continue;
		if (program_parse(&program, text) <= 0) {
			fprintf(stderr, "fuzz: %s is no program\n", path);
			continue;
		}
		wrong = program_execute(&program);
		if (shared->new_count)
			corpus_add(&program);
	}
	if (dir)
		closedir(dir);
	return wrong;
}

/* Forget the edges; return how many of them the program reaches again. */
static unsigned int edges_again(const struct program *program, const __u32 *edges,
				unsigned int count, const char **wrong)
{
	unsigned int i, again = 0;

	for (i = 0; i < count; i++)
		shared->seen[edges[i]] = 0;
	shared->edges -= count;
	*wrong = program_execute(program);
	for (i = 0; i < count; i++) {
		again += shared->seen[edges[i]];
		if (!shared->seen[edges[i]]) {
			shared->seen[edges[i]] = 1;
			shared->edges++;
		}
	}
	return again;
}

/* Keep a program that reached new edges, without the calls that add none. */
static const char *program_keep(struct program *program)
{
	unsigned int count = shared->new_count, stable, i;
	__u32 edges[EDGES_NEW_MAX];
	struct program shorter;
	const char *wrong;

	if (count > EDGES_NEW_MAX)
		count = EDGES_NEW_MAX;
	memcpy(edges, shared->new_edges, count * sizeof(edges[0]));
	stable = edges_again(program, edges, count, &wrong);
	if (wrong || !stable)
		return wrong;
	for (i = program->count; i-- > 0 && program->count > 1;) {
		shorter = *program;
		shorter.count--;
		memmove(shorter.calls + i, shorter.calls + i + 1,
			(shorter.count - i) * sizeof(struct call));
		if (edges_again(&shorter, edges, count, &wrong) >= stable)
			*program = shorter;
		if (wrong)
			return wrong;
	}
	corpus_add(program);
	corpus_save(program);
	return NULL;
}

static void program_choose(struct program *program)
{
	if (!corpus_count || !random_below(8)) {
		program_generate(program);
		return;
	}
	/* The latest are chosen more often. */
	if (random_below(3))
		*program = corpus[random_below(corpus_count)];
	else
		*program = corpus[corpus_count - 1 - random_below(1 + corpus_count / 8)];
	program_mutate(program, &corpus[random_below(corpus_count)]);
}

static void report(const char *end)
{
	printf("%s executions=%lu edges=%u corpus=%u\n", end, executions, shared->edges,
	       corpus_count);
	fflush(stdout);
}

static const char *fuzz(double seconds)
{
	double end = now() + seconds, next = now() + REPORT_SECONDS;
	struct program program;
	const char *wrong = corpus_load();

	while (!wrong && now() < end) {
		program_choose(&program);
		wrong = program_execute(&program);
		if (!wrong && shared->new_count)
			wrong = program_keep(&program);
		if (!wrong && executions % LEFT_EACH == 0)
			wrong = left_check();
		if (now() > next) {
			report("progress:");
			next += REPORT_SECONDS;
		}
	}
	worker_end();
	return wrong ?: left_check() ?: check_leaks();
}

/* Run the candidate whose programs begin at "at". Return its end. */
static const char *candidate_run(const char *at, unsigned int repeat, bool leaks,
				 const char **wrong)
{
	static struct program programs[RING_SLOTS];
	unsigned int count = 0, i, round;

	while (count < RING_SLOTS && *at && strncmp(at, "candidate", 9)) {
		int n = program_parse(&programs[count], at);

		if (n <= 0) {
			fprintf(stderr, "fuzz: no program: %.80s\n", at);
			exit(2);
		}
		at += n;
		count++;
	}
	for (round = 0; round < repeat && !*wrong; round++) {
		for (i = 0; i < count && !*wrong; i++)
			*wrong = program_execute(&programs[i]);
		if (!*wrong && (round < 10 || round % 50 == 0))
			*wrong = left_check();
	}
	*wrong = *wrong ?: left_check();
	if (!*wrong && leaks) {
		worker_end();
		*wrong = check_leaks();
	}
	return at;
}

static const char *replay(const char *path, unsigned int repeat, bool leaks)
{
	static char text[RING_SLOTS * PROGRAM_TEXT];
	const char *at = text, *wrong = NULL;
	unsigned int candidate = 0;

	if (!program_read(path, text, sizeof(text)))
		exit(2);
	while (!wrong && (at = strstr(at, "candidate"))) {
		printf("candidate: %u\n", candidate++);
		fflush(stdout);
		at = candidate_run(at + strcspn(at, "\n") + 1, repeat, leaks, &wrong);
	}
	return wrong;
}

static void child_ended(int signal)
{
}

static void begin(const char *ring_path)
{
	struct sigaction action = { .sa_handler = child_ended };

	sigaction(SIGCHLD, &action, NULL);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	corpus = calloc(CORPUS_MAX, sizeof(*corpus));
	ring = open(ring_path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (shared == MAP_FAILED || !corpus || ring < 0 || !paths_find()) {
		fprintf(stderr, "fuzz: this is not the machine for it\n");
		exit(2);
	}
	check_begin();
}

int main(int argc, char **argv)
{
	const char *wrong = NULL;

	if (argc < 4 || (!strcmp(argv[1], "edges") ? argc != 4 : argc < 5)) {
		fprintf(stderr, "usage: fuzz run|replay|edges ...\n");
		return 2;
	}
	begin(argv[3]);
	corpus_path = argv[2];
	if (!strcmp(argv[1], "run")) {
		random_seed(argc > 5 ? strtoull(argv[5], NULL, 0) : 1);
		wrong = fuzz(atof(argv[4]));
	} else if (!strcmp(argv[1], "edges")) {
		wrong = corpus_load();
	} else {
		wrong = replay(argv[2], atoi(argv[4]), argc > 5);
	}
	worker_end();
	report("end:");
	if (wrong)
		printf("finding: %s\n", wrong);
	fflush(stdout);
	return !!wrong;
}
