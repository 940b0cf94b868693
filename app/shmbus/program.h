/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef PROGRAM_H
#define PROGRAM_H

#include <sys/types.h>

/* A descriptor of this process, and its number in the new one. */
struct program_fd {
	int from;
	int to;
};

/*
 * Starts a program, which is searched in PATH, in a process group of its own: a SIGINT of the
 * terminal does not reach it. The descriptors are set in this order; all others are closed
 * that are to be closed on exec. Returns 0 or -errno.
 */
int program_start(pid_t *pid, char *const *args, const struct program_fd *fds, unsigned int n);

#endif /* PROGRAM_H */
