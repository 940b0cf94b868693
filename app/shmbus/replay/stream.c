/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stream.h"

/* Files are read in parts of this size. */
#define BUFFER 65536

struct source {
	struct stream_conf conf;
	int fd;
};

/* Waits until there is input, or its end. */
static int
wait_for(const struct source *in)
{
	struct pollfd on[2] = {
		{ .fd = in->fd, .events = POLLIN },
		{ .fd = in->conf.stop, .events = POLLIN },
	};
	int n;

	n = poll(on, 1, 0);
	if (n == 0) {
		if (in->conf.idle(in->conf.arg) != 0) {
			errno = ECANCELED;
			return -1;
		}
		n = poll(on, 2, -1);
	}
	if (n > 0 && on[0].revents == 0) {
		errno = EINTR;
		return -1;
	}
	return n < 0 ? -1 : 0;
}

static ssize_t
stream_read(void *cookie, char *to, size_t size)
{
	const struct source *in = cookie;

	return wait_for(in) == 0 ? read(in->fd, to, size) : -1;
}

static int
stream_close(void *cookie)
{
	struct source *in = cookie;

	if (in->fd != STDIN_FILENO)
		close(in->fd);
	free(in);
	return 0;
}

FILE *
stream_open(const char *file, const struct stream_conf *conf)
{
	const cookie_io_functions_t calls = { .read = stream_read, .close = stream_close };
	struct source *in;
	FILE *stream;

	in = malloc(sizeof(*in));
	if (in == NULL)
		return NULL;
	in->conf = *conf;
	in->fd = strcmp(file, "-") == 0 ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
	if (in->fd < 0) {
		free(in);
		return NULL;
	}
	stream = fopencookie(in, "r", calls);
	if (stream == NULL)
		stream_close(in);
	else
		setvbuf(stream, NULL, _IOFBF, BUFFER);
	return stream;
}
