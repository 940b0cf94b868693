/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef BRIDGE_THREADS_H
#define BRIDGE_THREADS_H

/* The threads of the bridges of a list, one for each. */

#include <sys/types.h>

struct bridge;
struct bridge_threads;

/*
 * Makes the threads, which wait. The calling thread is that of the first bridge. stop: as for
 * bridge_run(); needs: of the device. Returns 0, or -errno after a message; then *threads is NULL.
 */
int bridge_threads_start(struct bridge_threads **threads, struct bridge *first, int stop,
			 unsigned int needs);

/*
 * Gives up the rights that the device does not need, in all threads (rights.h), and carries frames
 * until the end, as bridge_run() does; all threads end when one of them does.
 * Returns 0, or the -errno of a thread.
 */
int bridge_threads_run(struct bridge_threads *threads);

/* Ends threads that still wait, and frees what there is. NULL is allowed. */
void bridge_threads_end(struct bridge_threads *threads);

#endif /* BRIDGE_THREADS_H */
