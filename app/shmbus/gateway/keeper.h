/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef GATEWAY_KEEPER_H
#define GATEWAY_KEEPER_H

/* A process between the gateway and its child, which ends the child whatever ends the gateway. */

#include <stdbool.h>
#include <sys/types.h>

#include "program.h"

struct keeper {
	pid_t pid; /* of the keeper */
	int fd;	   /* to the keeper */
	pid_t child;
};

/*
 * Starts the keeper, and through it a program as program_start() does. own: descriptors that only
 * the caller is to have, n_own of them; the keeper has all others of the caller's. So the caller
 * has no bus open yet. Returns 0 or -errno.
 */
int keeper_start(struct keeper *keeper, char *const *args, const struct program_fd *fds,
		 unsigned int n, const int *own, unsigned int n_own);

/*
 * Waits a moment for the end of the child, and forces it then. wanted: does not wait, but asks the
 * child to end. Returns the status that the child has ended with, as waitpid() does; -1: it was
 * made to end.
 */
int keeper_end(struct keeper *keeper, bool wanted);

#endif /* GATEWAY_KEEPER_H */
