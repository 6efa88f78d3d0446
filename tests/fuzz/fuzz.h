/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Programs of system calls, and the machinery that runs them.
 *
 *	call       one operation with its arguments
 *	actor      a thread that runs calls: actors 0 and 1 are in the worker,
 *	           2 and 3 in a process that it forks for one program
 *	turn       the index of the call that may begin; a racing call begins
 *	           without its turn
 *	slot       a place for one descriptor, shared by a process's actors
 *	worker     the process that runs programs; the controller starts
 *	           another one when it dies
 *	controller the first process: it chooses programs, and checks the
 *	           kernel after each of them
 *	edge       two places of the kernel's code, reached one after the other
 */
#ifndef _FUZZ_H
#define _FUZZ_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#define __noreturn	__attribute__((__noreturn__))
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define ACTORS		4
#define SLOTS		16
#define MAPS		4
#define CALLS_MAX	24
#define ARGS_MAX	5
#define PROGRAM_TEXT	4096
#define PAGE		4096ul
#define MAP_PAGES	4096ul		/* the place for one mapping */
#define EDGES_BITS	18
#define EDGES_NEW_MAX	512

/* The meaning of an argument, which decides its values. */
enum type {
	T_NONE,
	T_BUF, T_FENCE, T_TIMELINE, T_MEMFD, T_EPOLL, T_VGEM, T_IMPORTER, T_PIPE, T_ANY,
	T_NEW,
	T_MAP, T_PAGES, T_OPEN, T_SYNC, T_VALUE, T_U64, T_PROT, T_MAPFLAGS, T_EVENTS, T_TIMEOUT,
	T_WHENCE, T_NAME, T_SMALL, T_SEALS, T_BYTE,
	T_COUNT
};

struct arg {
	const char *name;
	enum type type;
};

struct actor;

struct op {
	const char *name;
	void (*run)(struct actor *me, const __u64 *a);
	enum type makes;	/* the kind of a T_NEW slot afterwards */
	unsigned int weight;
	struct arg args[ARGS_MAX];
};

extern const struct op ops[];
extern const unsigned int ops_count;

struct call {
	__u8 op;
	__u8 actor;
	__u8 race;		/* begins without its turn */
	__u8 fail;		/* which allocation or copy fails; 0: none */
	__u8 mem;		/* where the structure lies, see argument() */
	__u64 arg[ARGS_MAX];
};

struct program {
	unsigned int count;
	unsigned int chaos;	/* 10 us between preemptions; 0: none */
	struct call calls[CALLS_MAX];
};

/* The memory of the controller, the worker and its children. */
struct shared {
	struct program program;
	__u32 posted;		/* futex: the number of the program to run */
	__u32 done;		/* futex: the number of the program that ran */
	__u32 turn;		/* futex */
	__u32 actor_done[ACTORS];
	pid_t tids[ACTORS];
	pid_t pids[ACTORS];
	bool finishing;		/* the waits that must end have begun */
	__u32 edges;		/* how many are seen */
	__u32 new_count;
	__u32 new_edges[EDGES_NEW_MAX];
	__u8 seen[1 << EDGES_BITS];
};

extern struct shared *shared;

/* A process that runs calls. */
struct machine {
	int slots[SLOTS];
	__u8 kinds[SLOTS];
	int sockets[2];
	pid_t children[4];
	unsigned int children_count;
	int heap, udmabuf, exporter;
	int first_free;		/* programs have descriptors from here on */
};

extern struct machine machine;

/* A thread that runs calls. */
struct actor {
	unsigned int number;
	__u8 mem;
	int fail_fd;
	int kcov_fd;
	__u64 *cover;
};

/* program.c */
int program_print(const struct program *program, char *text, size_t size);
/* Return the characters read, 0 at the end, or -1 for a bad program. */
int program_parse(struct program *program, const char *text);
__u64 program_hash(const struct program *program);

/* generate.c */
void random_seed(__u64 seed);
__u64 random_below(__u64 limit);
void program_generate(struct program *program);
void program_mutate(struct program *program, const struct program *other);

/* ops.c, and the tables' entries in op-*.c */
int slot_fd(__u64 slot);
void slot_put(__u64 slot, int fd, enum type kind);
/* Lay a structure where the call's "mem" says. */
void *argument(struct actor *me, const void *data, size_t size);
char *map_address(__u64 map);
int sys_ioctl(struct actor *me, int fd, unsigned long request, void *data, size_t size);
bool paths_find(void);
extern char vgem_path[32];

/* actor.c */
__noreturn void worker_run(void);
void program_run(struct actor *me);
void actor_begin(struct actor *me, unsigned int number, bool cover);
void actor_run(struct actor *me);
void cover_take(struct actor *me);
void turn_begin(void);
void futex_wait(__u32 *futex, __u32 value, unsigned int ms);
void futex_wake(__u32 *futex);

/* op-memory.c */
void maps_drop(void);
void faults_catch(void);

/* check.c */
void check_begin(void);
/* Each returns a text that says what is wrong, or NULL. */
const char *check_log(void);
const char *check_left(void);
const char *check_leaks(void);
void check_stacks(void);
bool check_timelines(void);

#endif /* _FUZZ_H */
