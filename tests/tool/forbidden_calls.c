/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Loaded into the command with LD_PRELOAD: at each SIGUSR2 the command tries what no bridge ever
 * needs, and writes the error of each attempt to stderr.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static void
tell(const char *what, long ret)
{
	/* snprintf of such a line allocates nothing. */
	char line[64];
	int len = snprintf(line, sizeof(line), "tried %s: %d\n", what, ret < 0 ? errno : 0);

	if (write(STDERR_FILENO, line, (size_t)len) != len)
		_exit(99);
}

static void
try_all(int number)
{
	char *const args[] = { NULL };
	long fd;

	(void)number;
	fd = syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY);
	tell("open", fd);
	fd = syscall(SYS_socket, AF_INET, SOCK_DGRAM, 0);
	tell("socket", fd);
	tell("mmap-exec", (long)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
				     0) == -1 ? -1 : 0);
	tell("mmap", (long)mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == -1 ? -1 : 0);
	tell("ptrace", syscall(SYS_ptrace, PTRACE_ATTACH, 0, 0, 0)); /* nobody's number */
	tell("unlink", syscall(SYS_unlinkat, AT_FDCWD, "/nowhere", 0));
	tell("kill", syscall(SYS_kill, getppid(), 0));
	/* Last: without a filter each of these would end the attempts. */
	tell("execve", syscall(SYS_execve, "/nowhere", args, args));
}

__attribute__((constructor)) static void
catch(void)
{
	const struct sigaction action = { .sa_handler = try_all, .sa_flags = SA_RESTART };

	sigaction(SIGUSR2, &action, NULL);
}
