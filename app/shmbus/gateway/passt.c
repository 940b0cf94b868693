/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "passt.h"
#include "say.h"

/* passt's end of the stream, in passt. */
#define CHILD_FD 3

/* How often a look is taken whether passt has read. */
#define LOOK_MS 2

/*
 * What passt may have sent that the gateway has not read yet. passt drops frames for which there
 * is no room; then TCP sends a window again and again. passt asks for as much for a socket of its
 * own, but leaves one that it was given as it is. It is more than a window of TCP, which is 1 MB
 * or so, and the kernel's limit for ordinary users (net.core.wmem_max) may be lower.
 */
#define PASST_ROOM (4 << 20)

/* passt prints this about each of its messages where there is no syslog, as in most containers. */
#define NO_SYSLOG "Failed to send "

/* Of passt's messages: the pipe's size, and the lines that are passed on at a time. */
#define TEXT_MAX 65536
#define LINES_MAX 8

/* Returns whether the options, for passt, have this one. letter: its short form, as "-m", or NULL. */
static bool
has_option(char *const *options, unsigned int n, const char *letter, const char *name)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if ((letter != NULL && strncmp(options[i], letter, strlen(letter)) == 0) ||
		    strncmp(options[i], name, strlen(name)) == 0)
			return true;
	return false;
}

static int
spawn(struct passt *p, int stream, int messages, char *const *args, int background)
{
	const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	/* The stream is last: CHILD_FD may be the number of a descriptor above. */
	const struct program_fd fds[] = {
		{ null, STDIN_FILENO },
		{ messages, STDOUT_FILENO },
		{ messages, STDERR_FILENO },
		{ stream, CHILD_FD },
	};
	const int own[] = { p->fd, p->messages, background };
	int ret;

	if (null < 0)
		return -errno;
	ret = keeper_start(&p->keeper, args, fds, sizeof(fds) / sizeof(fds[0]), own,
			   sizeof(own) / sizeof(own[0]));
	close(null);
	return ret;
}

/* Starts passt with its ends of the stream and of the pipe for messages. */
static int
spawn_with(struct passt *p, int stream, int messages, char *const *options, unsigned int n,
	   int background)
{
	static char name[] = "passt", foreground[] = "--foreground", quiet[] = "--quiet",
		    fd_option[] = "--fd", fd[] = "3", mtu_option[] = "--mtu", mtu[] = "1500";
	char **args = calloc(n + 8, sizeof(*args));
	unsigned int n_args = 0, i;
	int ret;

	_Static_assert(CHILD_FD == 3, "fd above");
	_Static_assert(PASST_MTU == 1500, "mtu above");
	if (args == NULL)
		return say_no_memory();
	args[n_args++] = name;
	args[n_args++] = foreground;
	args[n_args++] = fd_option;
	args[n_args++] = fd;
	if (!has_option(options, n, "-d", "--debug") && !has_option(options, n, NULL, "--trace"))
		args[n_args++] = quiet;
	p->own_mtu = has_option(options, n, "-m", "--mtu");
	if (!p->own_mtu) {
		args[n_args++] = mtu_option;
		args[n_args++] = mtu;
	}
	for (i = 0; i < n; i++)
		args[n_args++] = options[i];
	ret = spawn(p, stream, messages, args, background);
	free(args);
	if (ret == -ENOENT)
		say("cannot start passt: it is not installed (Debian: apt-get install passt), or not in PATH");
	else if (ret != 0)
		say("cannot start passt: %s", strerror(-ret));
	return ret;
}

/* Makes as much room as possible for what is sent at this end. Fails harmlessly. */
static void
make_room(int fd)
{
	const int room = PASST_ROOM;

	/* Beyond the limit, as root. */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)) != 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
}

int
passt_start(struct passt *p, char *const *options, unsigned int n, int background)
{
	int stream[2], messages[2];
	int ret;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, stream) != 0) {
		ret = -errno;
		say("cannot make a socket: %s", strerror(-ret));
		return ret;
	}
	/* Neither side waits for the other one: what does not fit into the pipe is lost. */
	if (pipe2(messages, O_CLOEXEC | O_NONBLOCK) != 0) {
		ret = -errno;
		say("cannot make a pipe: %s", strerror(-ret));
		goto err_stream;
	}
	fcntl(stream[0], F_SETFL, O_NONBLOCK);
	make_room(stream[1]);
	p->fd = stream[0];
	p->messages = messages[0];
	ret = spawn_with(p, stream[1], messages[1], options, n, background);
	close(messages[1]);
	if (ret != 0)
		goto err_messages;
	close(stream[1]);
	return 0;

err_messages:
	close(messages[0]);
err_stream:
	close(stream[0]);
	close(stream[1]);
	return ret;
}

/* Passes on the first lines that passt has printed since the last time. */
static void
pass_on(const struct passt *p)
{
	static char text[TEXT_MAX + 1]; /* as much as the pipe holds */
	unsigned int lines = 0;
	char *line, *rest;
	size_t have = 0;
	ssize_t len;

	do {
		len = read(p->messages, text + have, TEXT_MAX - have);
		have += len > 0 ? (size_t)len : 0;
	} while (len > 0 && have < TEXT_MAX);
	text[have] = '\0';
	for (line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
		if (strncmp(line, NO_SYSLOG, sizeof(NO_SYSLOG) - 1) != 0 && lines++ < LINES_MAX)
			say("passt: %s", line);
	if (lines > LINES_MAX)
		say("passt: and %u more lines", lines - LINES_MAX);
}

/*
 * passt takes the frame, whose type is for experiments, and forgets it. That it has been taken
 * tells that passt runs, in a way that needs no help from any version of passt.
 */
int
passt_wait_ready(struct passt *p, const uint8_t mac[6], int stop)
{
	uint8_t bytes[4 + 60] = { 0, 0, 0, 60, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
				  0, 0, 0, 0, 0, 0, 0x88, 0xb5 };
	struct pollfd on[2] = { { .fd = p->fd }, { .fd = stop, .events = POLLIN } };
	int left = 0;

	memcpy(bytes + 10, mac, 6);
	/* It fails if passt has ended already; so does the loop. */
	if (send(p->fd, bytes, sizeof(bytes), MSG_NOSIGNAL) < 0)
		left = -1;
	do {
		poll(on, 2, LOOK_MS);
		if (left >= 0)
			ioctl(p->fd, SIOCOUTQ, &left);
		/* After the look: the bytes are also gone when passt is. */
		poll(on, 2, 0);
	} while (left != 0 && !(on[0].revents & POLLHUP) && on[1].revents == 0);
	pass_on(p);
	if (!(on[0].revents & POLLHUP))
		return 0;
	say("passt has ended before it was ready. If it found no interface: it takes addresses and "
	    "routes from an interface with a default route (ip route); where there is none, tell it "
	    "all, as: -- --interface eth0 --address 10.0.2.15 --netmask 24 --gateway 10.0.2.2");
	return -ECHILD;
}

int
passt_end(struct passt *p, bool wanted)
{
	const int status = keeper_end(&p->keeper, wanted);

	if (!wanted)
		pass_on(p);
	close(p->messages);
	if (wanted)
		return 0;
	if (status < 0)
		say("passt has closed its stream without ending, and was made to end");
	else if (WIFSIGNALED(status))
		say("passt was killed by signal %d", WTERMSIG(status));
	else
		say("passt has ended with status %d", WEXITSTATUS(status));
	return -ECHILD;
}
