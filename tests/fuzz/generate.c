// SPDX-License-Identifier: GPL-2.0-only
/*
 * Make new programs, and change old ones.
 *
 * The generator remembers what each slot of each process is likely to hold at
 * the end of the program, so that most calls get a descriptor of the kind that
 * they are for. A call that needs a kind that no slot holds gets a call before
 * it that makes one.
 */
#include <fcntl.h>
#include <limits.h>
#include <linux/dma-buf.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>

#include "fuzz.h"

static __u64 state;

void random_seed(__u64 seed)
{
	state = seed * 0x9e3779b97f4a7c15ull + 1;
}

static __u64 random_u64(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state * 0x2545f4914f6cdd1dull;
}

__u64 random_below(__u64 limit)
{
	return (random_u64() >> 11) % limit;
}

static bool one_in(unsigned int n)
{
	return !random_below(n);
}

/* Values by type. The generator prefers values that stand here repeatedly. */
#define VALUES(...) { (const __u64[]){ __VA_ARGS__ }, sizeof((__u64[]){ __VA_ARGS__ }) / 8 }
static const struct {
	const __u64 *values;
	unsigned int count;
} values[T_COUNT] = {
	[T_PAGES] = VALUES(1, 1, 1, 2, 2, 3, 4, 15, 16, 17, 33, 64, 256, 257, 0, 1 << 20,
			   1ull << 40, ~0ull),
	[T_OPEN] = VALUES(O_RDWR | O_CLOEXEC, O_RDWR | O_CLOEXEC, O_RDWR, O_RDONLY, O_WRONLY, 3,
			  O_RDWR | O_NONBLOCK, ~0u),
	[T_SYNC] = VALUES(1, 2, 3, 3, 3, 5, 6, 7, 7, 0, 4, 8, ~0ull),
	[T_VALUE] = VALUES(0, 1, 1, 2, 2, 3, 4, 5, 8, 10, 30, 32, 33, INT_MAX - 1, INT_MAX,
			   INT_MAX + 1u, UINT_MAX, UINT_MAX - 1),
	[T_U64] = VALUES(0, 1, 2, 4095, 4096, 4097, 8192, INT_MAX, UINT_MAX, 1ull << 32, 1000000000,
			 INT64_MAX, 1ull << 63, ~0ull),
	[T_PROT] = VALUES(PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_READ, PROT_WRITE,
			  PROT_NONE, PROT_READ | PROT_WRITE | PROT_EXEC),
	[T_MAPFLAGS] = VALUES(MAP_SHARED, MAP_SHARED, MAP_SHARED, MAP_PRIVATE, MAP_SHARED_VALIDATE,
			      MAP_SHARED | MAP_POPULATE, MAP_SHARED | MAP_LOCKED,
			      MAP_SHARED | MAP_NORESERVE),
	[T_EVENTS] = VALUES(POLLIN, POLLOUT, POLLIN | POLLOUT, POLLIN | POLLOUT, 0, POLLPRI,
			    EPOLLET | EPOLLIN, EPOLLET | EPOLLOUT, EPOLLET | EPOLLIN | EPOLLOUT,
			    EPOLLONESHOT | EPOLLIN, EPOLLONESHOT | EPOLLOUT,
			    EPOLLEXCLUSIVE | EPOLLIN, UINT_MAX),
	[T_TIMEOUT] = VALUES(0, 0, 0, 1, 1, 2, 5),
	[T_WHENCE] = VALUES(SEEK_SET, SEEK_CUR, SEEK_END, SEEK_END, 3, 4, 5, ~0ull),
	[T_SEALS] = VALUES(F_SEAL_SHRINK, F_SEAL_SHRINK, F_SEAL_SHRINK, F_SEAL_SHRINK,
			   F_SEAL_SHRINK | F_SEAL_GROW, F_SEAL_WRITE, F_SEAL_SEAL,
			   F_SEAL_FUTURE_WRITE, F_SEAL_SHRINK | F_SEAL_WRITE,
			   F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE, 0),
	[T_NAME] = VALUES(0, 1, 2, 3, 4, 5, 6, 7),
	[T_SMALL] = VALUES(0, 1, 1, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17,
			   64, 255, UINT_MAX),
};

/* The kinds of the slots of both processes. */
struct forecast {
	__u8 kinds[2][SLOTS];
};

static __u8 *forecast_slots(struct forecast *forecast, const struct call *call)
{
	return forecast->kinds[call->actor / 2];
}

/* Note what a call leaves behind. */
static void forecast_add(struct forecast *forecast, const struct call *call)
{
	const struct op *op = &ops[call->op];
	int i;

	for (i = 0; i < ARGS_MAX && op->args[i].name; i++) {
		if (op->args[i].type == T_NEW)
			forecast_slots(forecast, call)[call->arg[i] % SLOTS] = op->makes;
	}
}

static void forecast_all(struct forecast *forecast, const struct program *program, unsigned int end)
{
	unsigned int i;

	memset(forecast, 0, sizeof(*forecast));
	for (i = 0; i < end; i++)
		forecast_add(forecast, &program->calls[i]);
}

static bool is_slot(enum type type)
{
	return type >= T_BUF && type <= T_ANY;
}

/* Find a slot that holds the wanted kind; return SLOTS when there is none. */
static unsigned int slot_find(const __u8 *kinds, enum type want)
{
	unsigned int i, at = random_below(SLOTS);

	for (i = 0; i < SLOTS; i++, at = (at + 1) % SLOTS) {
		if (want == T_ANY ? kinds[at] != T_NONE : kinds[at] == want)
			return at;
	}
	return SLOTS;
}

static __u64 value_choose(enum type type)
{
	if (type == T_MAP)
		return random_below(MAPS);
	if (type == T_BYTE)
		return random_below(256);
	if (type == T_NEW || is_slot(type))
		return random_below(SLOTS);
	if (!one_in(20) && values[type].count)
		return values[type].values[random_below(values[type].count)];
	return random_u64() >> random_below(64);
}

static unsigned int op_choose(enum type makes)
{
	unsigned int i, sum = 0, at;

	for (i = 0; i < ops_count; i++)
		sum += makes == T_NONE || ops[i].makes == makes ? ops[i].weight : 0;
	if (!sum)
		return ops_count;
	at = random_below(sum);
	for (i = 0; i < ops_count; i++) {
		unsigned int weight = makes == T_NONE || ops[i].makes == makes ? ops[i].weight : 0;

		if (at < weight)
			return i;
		at -= weight;
	}
	return 0;
}

static void call_append(struct program *program, struct forecast *forecast, unsigned int op,
			unsigned int actor, unsigned int depth);

static __u64 slot_choose(struct program *program, struct forecast *forecast, enum type want,
			 unsigned int actor, unsigned int depth)
{
	__u8 *kinds = forecast->kinds[actor / 2];
	unsigned int slot = slot_find(kinds, want), op;

	if (one_in(12))
		return random_below(SLOTS);
	if (slot < SLOTS && (want == T_ANY || !one_in(6)))
		return slot;
	op = op_choose(want == T_ANY ? T_BUF : want);
	if (depth < 4 && op < ops_count)
		call_append(program, forecast, op, actor, depth + 1);
	slot = slot_find(kinds, want);
	return slot < SLOTS ? slot : random_below(SLOTS);
}

/* Append the calls that make the operands, and then the call. */
static void call_append(struct program *program, struct forecast *forecast, unsigned int op,
			unsigned int actor, unsigned int depth)
{
	struct call call = { .op = op, .actor = actor };
	int i;

	for (i = 0; i < ARGS_MAX && ops[op].args[i].name; i++) {
		enum type type = ops[op].args[i].type;

		if (is_slot(type))
			call.arg[i] = slot_choose(program, forecast, type, actor, depth);
		else
			call.arg[i] = value_choose(type);
	}
	call.race = one_in(5);
	call.fail = one_in(12) ? 1 + random_below(one_in(3) ? 60 : 8) : 0;
	call.mem = one_in(25) ? 1 + random_below(5) : 0;
	if (program->count < CALLS_MAX) {
		program->calls[program->count++] = call;
		forecast_add(forecast, &call);
	}
}

/* Most programs have one actor, because others cost more time. */
static unsigned int actors_choose(void)
{
	static const __u8 choice[] = { 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 1, 2, 1, 3, 4 };

	return choice[random_below(sizeof(choice))];
}

void program_generate(struct program *program)
{
	unsigned int length = 3 + random_below(CALLS_MAX - 6), actors = actors_choose();
	struct forecast forecast = {};

	memset(program, 0, sizeof(*program));
	if (actors > 1 && one_in(2))
		program->chaos = 1 + random_below(30);
	while (program->count < length)
		call_append(program, &forecast, op_choose(T_NONE), random_below(actors), 0);
}

static void program_insert(struct program *program)
{
	unsigned int at = random_below(program->count + 1);
	struct program tail = { .count = program->count - at };
	struct forecast forecast;

	memcpy(tail.calls, program->calls + at, tail.count * sizeof(struct call));
	forecast_all(&forecast, program, at);
	program->count = at;
	call_append(program, &forecast, op_choose(T_NONE), random_below(actors_choose()), 0);
	if (tail.count > CALLS_MAX - program->count)
		tail.count = CALLS_MAX - program->count;
	memcpy(program->calls + program->count, tail.calls, tail.count * sizeof(struct call));
	program->count += tail.count;
}

static void program_delete(struct program *program)
{
	unsigned int at = random_below(program->count);

	program->count--;
	memmove(program->calls + at, program->calls + at + 1,
		(program->count - at) * sizeof(struct call));
}

static void program_change(struct program *program)
{
	struct call *call = &program->calls[random_below(program->count)];
	const struct op *op = &ops[call->op];
	unsigned int at = random_below(ARGS_MAX + 4);
	struct forecast forecast;

	if (at == ARGS_MAX) {
		call->race ^= 1;
	} else if (at == ARGS_MAX + 1) {
		call->fail = one_in(2) ? 0 : 1 + random_below(one_in(3) ? 60 : 8);
	} else if (at == ARGS_MAX + 2) {
		call->mem = one_in(2) ? 0 : 1 + random_below(5);
	} else if (at == ARGS_MAX + 3) {
		call->actor = random_below(one_in(4) ? ACTORS : 2);
	} else if (op->args[at].name) {
		forecast_all(&forecast, program, call - program->calls);
		call->arg[at] = value_choose(op->args[at].type);
		if (is_slot(op->args[at].type) && !one_in(4))
			call->arg[at] = slot_find(forecast_slots(&forecast, call),
						  op->args[at].type) % SLOTS;
	}
}

static void program_repeat(struct program *program)
{
	unsigned int at = random_below(program->count);

	if (program->count < CALLS_MAX)
		program->calls[program->count++] = program->calls[at];
}

static void program_splice(struct program *program, const struct program *other)
{
	unsigned int keep = random_below(program->count + 1), i;

	program->count = keep;
	for (i = random_below(other->count); i < other->count && program->count < CALLS_MAX; i++)
		program->calls[program->count++] = other->calls[i];
}

void program_mutate(struct program *program, const struct program *other)
{
	do {
		switch (random_below(9)) {
		case 0 ... 2:
			program_insert(program);
			break;
		case 3 ... 5:
			program_change(program);
			break;
		case 6:
			if (program->count > 2)
				program_delete(program);
			break;
		case 7:
			program_repeat(program);
			break;
		default:
			program_splice(program, other);
			break;
		}
		if (one_in(8))
			program->chaos = one_in(2) ? 0 : 1 + random_below(30);
		if (!program->count)
			program_generate(program);
	} while (!one_in(3));
}
