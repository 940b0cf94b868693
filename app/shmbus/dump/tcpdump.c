/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "recorder.h"
#include "say.h"
#include "tcpdump.h"

#define ARGS_MAX 10

extern char **environ;

static int
spawn(pid_t *pid, int in, char **args)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int err;

	err = posix_spawn_file_actions_init(&actions);
	if (err != 0)
		return -err;
	err = posix_spawnattr_init(&attr);
	if (err != 0)
		goto out_actions;
	err = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	/* tcpdump must not get the terminal's SIGINT: it ends with its input, after printing all. */
	if (err == 0)
		err = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP);
	if (err == 0)
		err = posix_spawnp(pid, args[0], &actions, &attr, args, environ);
	posix_spawnattr_destroy(&attr);
out_actions:
	posix_spawn_file_actions_destroy(&actions);
	return -err;
}

int
tcpdump_start(struct tcpdump *t, const struct recorder_conf *conf, FILE **out)
{
	static char name[] = "tcpdump", numbers[] = "-n", lines[] = "-l", read_from[] = "-r",
		    in[] = "-", ethernet[] = "-e", verbose[] = "-v", hex[] = "-x", ascii[] = "-X";
	char *args[ARGS_MAX] = { name, numbers, lines, read_from, in };
	unsigned int n = 5;
	int ends[2];
	int ret;

	if (conf->ethernet)
		args[n++] = ethernet;
	if (conf->verbose)
		args[n++] = verbose;
	if (conf->hex)
		args[n++] = hex;
	if (conf->hex_ascii)
		args[n++] = ascii;
	if (pipe2(ends, O_CLOEXEC) != 0) {
		ret = -errno;
		say("cannot make a pipe to tcpdump: %s", strerror(-ret));
		return ret;
	}
	ret = spawn(&t->pid, ends[0], args);
	close(ends[0]);
	if (ret != 0) {
		t->pid = 0;
		if (ret != -ENOENT)
			say("cannot start tcpdump: %s", strerror(-ret));
		goto err_close;
	}
	*out = fdopen(ends[1], "wb");
	if (*out != NULL) {
		t->quiet = signal(SIGPIPE, SIG_IGN) == SIG_DFL;
		return 0;
	}
	ret = say_no_memory();
err_close:
	close(ends[1]);
	return ret;
}

void
tcpdump_end_quietly(const struct tcpdump *t)
{
	struct pollfd out = { .fd = STDOUT_FILENO };

	/* POLLERR: stdout is a pipe, and its other end is closed. */
	if (!t->quiet || poll(&out, 1, 0) != 1 || !(out.revents & POLLERR))
		return;
	signal(SIGPIPE, SIG_DFL);
	raise(SIGPIPE);
}

int
tcpdump_end(struct tcpdump *t)
{
	const pid_t pid = t->pid;
	int status;

	t->pid = 0;
	if (pid == 0)
		return 0;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	tcpdump_end_quietly(t);
	if (WIFSIGNALED(status))
		say("tcpdump was killed by signal %d", WTERMSIG(status));
	else
		say("tcpdump ended with status %d", WEXITSTATUS(status));
	return -EIO;
}
