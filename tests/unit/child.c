/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "child.h"

#define PATIENCE_MS 10000

void
child_start(struct child *c, int (*body)(struct child *c, void *arg), void *arg)
{
	const pid_t parent = getpid();
	int down[2], up[2];

	assert_int_equal(pipe(down), 0);
	assert_int_equal(pipe(up), 0);
	c->pid = fork();
	assert_true(c->pid >= 0);
	if (c->pid == 0) {
		/* Nobody is left behind by a test program that dies. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		/* A failure ends this process; cmocka would go on with the next test in it. */
		setenv("CMOCKA_TEST_ABORT", "1", 1);
		close(down[1]);
		close(up[0]);
		c->to = down[0];
		c->from = up[1];
		_exit(body(c, arg));
	}
	close(down[0]);
	close(up[1]);
	c->to = down[1];
	c->from = up[0];
}

/* The parent's writing end is to, the child's is from. */
void
child_tell(const struct child *c, uint64_t number)
{
	const int fd = c->pid != 0 ? c->to : c->from;

	if (write(fd, &number, sizeof(number)) != (ssize_t)sizeof(number) && c->pid != 0)
		fail_msg("the child is gone");
}

bool
child_hear(const struct child *c, uint64_t *number)
{
	struct pollfd p = { .fd = c->pid != 0 ? c->from : c->to, .events = POLLIN };

	return poll(&p, 1, PATIENCE_MS) == 1 &&
	       read(p.fd, number, sizeof(*number)) == (ssize_t)sizeof(*number);
}

uint64_t
child_answer(const struct child *c)
{
	uint64_t number = 0;

	if (!child_hear(c, &number))
		fail_msg("the child says nothing");
	return number;
}

static int
reap(struct child *c)
{
	int status = 0;

	waitpid(c->pid, &status, 0);
	close(c->to);
	close(c->from);
	c->pid = -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void
child_kill(struct child *c)
{
	kill(c->pid, SIGKILL);
	reap(c);
}

int
child_wait(struct child *c)
{
	return reap(c);
}
