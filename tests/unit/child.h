/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef TEST_CHILD_H
#define TEST_CHILD_H

/* Other processes: started, told to go on, and asked for a number. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct child {
	pid_t pid;
	int to;   /* what the child reads */
	int from; /* what the child writes */
};

/*
 * Start a process that runs body(child, arg) and ends with what it returns.
 * In it to and from are its own ends.
 */
void child_start(struct child *c, int (*body)(struct child *c, void *arg), void *arg);

/* One number to the other side, or from it, for at most ten seconds. */
void child_tell(const struct child *c, uint64_t number);
bool child_hear(const struct child *c, uint64_t *number);
/* In the parent: fails the test if nothing comes. */
uint64_t child_answer(const struct child *c);

/* Kill it with a signal and wait until it is gone. */
void child_kill(struct child *c);
/* Wait for its end, and give its exit status; -1 if a signal ended it. */
int child_wait(struct child *c);

/* Exit status of a child that cannot be what it should be. */
#define CHILD_SKIP 77

#endif /* TEST_CHILD_H */
