/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef STOP_H
#define STOP_H

/* The first SIGINT or SIGTERM asks long work to end in order. The second one kills. */

#include <stdbool.h>

/*
 * Catches the signals. Returns a descriptor that becomes readable at the first
 * signal, for poll and epoll; or -errno after a message. Call it once.
 */
int stop_catch(void);

/*
 * Sets a function that the signal handler calls at the first signal: it undoes what
 * must not outlive the process, which the second signal kills. The function calls
 * nothing but what signal-safety(7) lists.
 */
void stop_call(void (*undo)(void));

/*
 * Restarts a write(2) that a signal interrupts: stdio would lose the bytes of its
 * buffer otherwise. Signals still end a sleep. Call it after stop_catch.
 */
void stop_finish_writes(void);

/* Asks for the same as a signal: a thread calls it that cannot go on. */
void stop_now(void);

/* Returns whether a signal has come, or stop_now() was called. */
bool stop_wanted(void);

#endif /* STOP_H */
