/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Theory of operation
 *
 *   gateway ---- socket ---- keeper ---- passt
 *
 * passt has ports of the host open, so it must not outlive its gateway. It ends by itself when
 * it sees the end of its stream, but a busy or stopped passt does not look. The kernel can send
 * a signal to a child whose parent ends (PR_SET_PDEATHSIG), but not to a child that has changed
 * its user since, as passt does if root starts it.
 *
 * Hence passt is the child of the keeper. The kernel closes the socket when the gateway ends,
 * also by SIGKILL, and the keeper ends its child then, and itself. It sleeps until then, and
 * reads nothing but the status of its child. Without a bus: the lock of a slot belongs to all
 * who have the descriptor, and a gateway that was killed would seem to live.
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bridge/background.h"
#include "bridge/rights.h"
#include "keeper.h"

/* How long a child may take to end before it is killed. */
#define END_MS 1000

/* ---- the keeper */

/*
 * Returns a descriptor that is readable when a child has ended, or -1. From now on only the gateway
 * ends the keeper.
 */
static int
watch_children(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return -1;
	sigdelset(&set, SIGINT);
	sigdelset(&set, SIGTERM);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static void
drain(int children)
{
	struct signalfd_siginfo info;

	if (read(children, &info, sizeof(info)) < 0)
		errno = 0; /* waitpid() tells */
}

/* Returns the status of the child at its end, or -1 if the gateway has ended or says so. */
static int
wait_for_child(pid_t child, int fd, int children)
{
	struct pollfd on[2] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = children, .events = POLLIN },
	};
	int status;

	for (;;) {
		if (waitpid(child, &status, WNOHANG) == child)
			return status;
		poll(on, 2, -1);
		if (on[0].revents != 0)
			return -1;
		if (on[1].revents != 0)
			drain(children);
	}
}

static void
end_child(pid_t child, int children)
{
	struct pollfd on = { .fd = children, .events = POLLIN };

	kill(child, SIGTERM);
	/* A SIGCHLD may also tell of a child that has been stopped. */
	while (waitpid(child, NULL, WNOHANG) == 0 && poll(&on, 1, END_MS) > 0)
		drain(children);
	if (waitpid(child, NULL, WNOHANG) == 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
}

static _Noreturn void
keep(int fd, char *const *args, const struct program_fd *fds, unsigned int n)
{
	int32_t said;
	pid_t child;
	unsigned int i;
	int children;

	said = program_start(&child, args, fds, n);
	if (said == 0)
		said = (int32_t)child;
	/* The child's ends of them are the child's alone. */
	for (i = 0; i < n; i++)
		close(fds[i].from);
	background_leave_terminal();
	send(fd, &said, sizeof(said), MSG_NOSIGNAL);
	if (said < 0)
		_exit(1);
	children = watch_children();
	bridge_rights_keep(BRIDGE_RIGHTS_KILL, child);
	said = wait_for_child(child, fd, children);
	if (said < 0)
		end_child(child, children);
	else
		send(fd, &said, sizeof(said), MSG_NOSIGNAL);
	_exit(0);
}

/* ---- the gateway */

/* Returns whether the keeper has said something. */
static bool
hear(const struct keeper *k, int32_t *said)
{
	ssize_t len;

	do {
		len = recv(k->fd, said, sizeof(*said), 0);
	} while (len < 0 && errno == EINTR);
	return len == (ssize_t)sizeof(*said);
}

static void
wait_for_keeper(const struct keeper *k)
{
	close(k->fd);
	while (waitpid(k->pid, NULL, 0) < 0 && errno == EINTR)
		;
}

int
keeper_start(struct keeper *k, char *const *args, const struct program_fd *fds, unsigned int n,
	     const int *own, unsigned int n_own)
{
	int ends[2], ret;
	unsigned int i;
	int32_t said;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		return -errno;
	k->pid = fork();
	if (k->pid < 0) {
		ret = -errno;
		close(ends[0]);
		close(ends[1]);
		return ret;
	}
	if (k->pid == 0) {
		close(ends[0]);
		for (i = 0; i < n_own; i++)
			close(own[i]);
		keep(ends[1], args, fds, n);
	}
	close(ends[1]);
	k->fd = ends[0];
	if (!hear(k, &said))
		said = -ECHILD;
	if (said < 0)
		wait_for_keeper(k);
	else
		k->child = said;
	return said < 0 ? said : 0;
}

int
keeper_end(struct keeper *k, bool wanted)
{
	struct pollfd on = { .fd = k->fd, .events = POLLIN };
	int32_t status = -1;

	if (!wanted && poll(&on, 1, END_MS) == 1 && !hear(k, &status))
		status = -1;
	wait_for_keeper(k);
	return status;
}
