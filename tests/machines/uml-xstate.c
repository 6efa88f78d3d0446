// SPDX-License-Identifier: GPL-2.0-only
/*
 * Let User Mode Linux run on a processor with AMX.
 *
 * UML keeps the vector registers of its processes in a buffer that ends before
 * the AMX state, and the host refuses to set a register state that is shorter
 * than its own. This library, preloaded into the UML kernel, lengthens what UML
 * sets to the host's size; AMX itself stays in its initial state, so programs
 * inside UML must not use it.
 */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#define XSTATE_BV_OFFSET	512
#define XSTATE_BV_AMX		(UINT64_C(3) << 17)

typedef long (*ptrace_fn)(int request, long pid, void *addr, void *data);

static unsigned char state[64 * 1024] __attribute__((aligned(64)));

/*
 * The size of the host's register state: what it returns to a reader with room
 * for anything.
 */
static size_t host_size(ptrace_fn next, long pid)
{
	static size_t size;
	struct iovec all = { .iov_base = state, .iov_len = sizeof(state) };

	if (!size && !next(PTRACE_GETREGSET, pid, (void *)NT_X86_XSTATE, &all))
		size = all.iov_len;
	return size;
}

static long set_lengthened(ptrace_fn next, long pid, const struct iovec *part, size_t size)
{
	struct iovec all = { .iov_base = state, .iov_len = size };
	uint64_t present;

	memcpy(state, part->iov_base, part->iov_len);
	memset(state + part->iov_len, 0, size - part->iov_len);
	memcpy(&present, state + XSTATE_BV_OFFSET, sizeof(present));
	present &= ~XSTATE_BV_AMX;
	memcpy(state + XSTATE_BV_OFFSET, &present, sizeof(present));
	return next(PTRACE_SETREGSET, pid, (void *)NT_X86_XSTATE, &all);
}

/* UML runs on one thread, so the static buffer is safe. */
long ptrace(enum __ptrace_request request, ...)
{
	static ptrace_fn next;
	void *addr, *data;
	va_list args;
	long pid;

	va_start(args, request);
	pid = va_arg(args, long);
	addr = va_arg(args, void *);
	data = va_arg(args, void *);
	va_end(args);

	if (!next)
		next = (ptrace_fn)dlsym(RTLD_NEXT, "ptrace");
	if (request == PTRACE_SETREGSET && addr == (void *)NT_X86_XSTATE) {
		const struct iovec *part = data;
		size_t size = host_size(next, pid);

		if (part->iov_len < size)
			return set_lengthened(next, pid, part, size);
	}
	return next(request, pid, addr, data);
}
