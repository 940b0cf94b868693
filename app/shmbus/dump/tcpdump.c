/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "program.h"
#include "recorder.h"
#include "say.h"
#include "tcpdump.h"

#define ARGS_MAX 10

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
	/* tcpdump ends with its input, after printing all. */
	ret = program_start(&t->pid, args, &(struct program_fd){ ends[0], STDIN_FILENO }, 1);
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
