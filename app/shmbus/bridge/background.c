/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "background.h"
#include "say.h"

/* The parent: ends as the child does, or when it is ready. */
static _Noreturn void
wait_for(pid_t child, int fd)
{
	char ready;
	ssize_t n;
	int status;

	do {
		n = read(fd, &ready, 1);
	} while (n < 0 && errno == EINTR);
	if (n == 1)
		_exit(0);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	_exit(WIFEXITED(status) && WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : 1);
}

int
background_begin(void)
{
	int fds[2], err;
	pid_t child;

	/* Both processes would write what stdio still holds. */
	fflush(stdout);
	if (pipe2(fds, O_CLOEXEC) != 0) {
		err = errno;
		say("cannot make a pipe: %s", strerror(err));
		return -err;
	}
	child = fork();
	if (child < 0) {
		err = errno;
		say("cannot fork: %s", strerror(err));
		close(fds[0]);
		close(fds[1]);
		return -err;
	}
	if (child > 0) {
		close(fds[1]);
		wait_for(child, fds[0]);
	}
	close(fds[0]);
	return fds[1];
}

void
background_leave_terminal(void)
{
	const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int i;

	setsid();
	for (i = 0; i <= STDERR_FILENO; i++)
		if (null < 0 || dup2(null, i) < 0)
			close(i);
	if (null > STDERR_FILENO)
		close(null);
}

void
background_ready(int fd)
{
	background_leave_terminal();
	/* The parent may have been killed. */
	if (write(fd, "", 1) != 1)
		errno = 0;
	close(fd);
}
