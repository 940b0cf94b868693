/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef TERMINAL_H
#define TERMINAL_H

/* The keys of the terminal on stdin, for a command that shows a table on stdout. */

/*
 * Sets the terminal to deliver each key at once and without echo, as long as the process
 * is in the foreground. Does nothing if stdin or stdout is not a terminal. Call it once,
 * after stop_catch.
 */
void terminal_begin(void);

/* Sets the terminal back. */
void terminal_end(void);

/* Returns the descriptor to read keys from; -1: there are none, or another job has them now. */
int terminal_keys(void);

#endif /* TERMINAL_H */
