// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs as text, one call a line:
 *
 *	program chaos=5
 *	heap_alloc new=3 pages=2 flags=0x80002 heap_flags=0
 *	sync buf=3 flags=0x3 @1 race fail=4 mem=2
 *
 * "@1" names the actor, "race" lets the call begin without its turn, "fail"
 * makes that allocation or user copy fail, and "mem" says where the structure
 * lies.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

static int call_print(const struct call *call, char *text, size_t size)
{
	const struct op *op = &ops[call->op];
	int i, n = snprintf(text, size, "%s", op->name);

	for (i = 0; i < ARGS_MAX && op->args[i].name; i++)
		n += snprintf(text + n, size - n, " %s=%#llx", op->args[i].name,
			      (unsigned long long)call->arg[i]);
	if (call->actor)
		n += snprintf(text + n, size - n, " @%u", call->actor);
	if (call->race)
		n += snprintf(text + n, size - n, " race");
	if (call->fail)
		n += snprintf(text + n, size - n, " fail=%u", call->fail);
	if (call->mem)
		n += snprintf(text + n, size - n, " mem=%u", call->mem);
	n += snprintf(text + n, size - n, "\n");
	return n;
}

int program_print(const struct program *program, char *text, size_t size)
{
	int n = snprintf(text, size, "program chaos=%u\n", program->chaos);
	unsigned int i;

	for (i = 0; i < program->count; i++)
		n += call_print(&program->calls[i], text + n, size - n);
	return n;
}

static bool word_parse(struct call *call, char *word)
{
	const struct op *op = &ops[call->op];
	char *value = strchr(word, '=');
	int i;

	if (word[0] == '@') {
		call->actor = strtoul(word + 1, NULL, 0) % ACTORS;
		return true;
	}
	if (!strcmp(word, "race")) {
		call->race = 1;
		return true;
	}
	if (!value)
		return false;
	*value++ = 0;
	if (!strcmp(word, "fail")) {
		call->fail = strtoul(value, NULL, 0);
		return true;
	}
	if (!strcmp(word, "mem")) {
		call->mem = strtoul(value, NULL, 0);
		return true;
	}
	for (i = 0; i < ARGS_MAX && op->args[i].name; i++) {
		if (!strcmp(word, op->args[i].name)) {
			call->arg[i] = strtoull(value, NULL, 0);
			return true;
		}
	}
	return false;
}

static bool call_parse(struct call *call, char *line)
{
	char *save, *word = strtok_r(line, " ", &save);
	unsigned int i;

	memset(call, 0, sizeof(*call));
	for (i = 0; i < ops_count; i++) {
		if (word && !strcmp(word, ops[i].name))
			break;
	}
	if (i == ops_count)
		return false;
	call->op = i;
	while ((word = strtok_r(NULL, " ", &save))) {
		if (!word_parse(call, word))
			return false;
	}
	return true;
}

int program_parse(struct program *program, const char *text)
{
	const char *at = text;
	bool begun = false;
	char line[512], *value;

	memset(program, 0, sizeof(*program));
	while (*at) {
		size_t length = strcspn(at, "\n");

		if (length >= sizeof(line))
			return -1;
		memcpy(line, at, length);
		line[length] = 0;
		if (!strncmp(line, "program", 7)) {
			if (begun)
				break;
			begun = true;
			value = strchr(line, '=');
			program->chaos = value ? strtoul(value + 1, NULL, 0) : 0;
		} else if (!strncmp(line, "candidate", 9)) {
			if (begun)
				break;
		} else if (length && line[0] != '#') {
			if (!begun || program->count == CALLS_MAX ||
			    !call_parse(&program->calls[program->count++], line))
				return -1;
		}
		at += length + (at[length] == '\n');
	}
	return begun ? at - text : 0;
}

/* FNV-1a of the text */
__u64 program_hash(const struct program *program)
{
	__u64 hash = 0xcbf29ce484222325ull;
	char text[PROGRAM_TEXT], *at;

	program_print(program, text, sizeof(text));
	for (at = text; *at; at++)
		hash = (hash ^ (unsigned char)*at) * 0x100000001b3ull;
	return hash;
}
