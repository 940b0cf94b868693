/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef BACKGROUND_H
#define BACKGROUND_H

/*
 * A command that goes on in the background once it is ready: the shell gets its prompt
 * back when the command can be used, and not before.
 */

/*
 * Forks. Returns in the child, with a descriptor for background_ready(), or -errno after
 * a message. The parent waits for the child: it exits with 0 when the child is ready,
 * or with the child's status if the child ends before that.
 */
int background_begin(void);

/*
 * Lets the parent end. From now on this process has neither a terminal nor the
 * descriptors 0 to 2 of its parent, which others may be waiting for to be closed.
 */
void background_ready(int fd);

/* Gives up the terminal, and the descriptors 0 to 2, which may be pipes in its place. */
void background_leave_terminal(void);

#endif /* BACKGROUND_H */
