/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Everything that comes on one bus goes out on another, for tests that check
 * the frames at both ends: library-bridge LEFT RIGHT receive|peek. Says ready
 * when it is there; ends with its input, and tells what it counted.
 */

#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shmbus.h"

#define BURST 32
#define ROOM 65536

static uint8_t bytes[BURST][ROOM];
static uint64_t missed;

static void
fail(const char *what)
{
	fprintf(stderr, "library-bridge: %s: %s\n", what, shmbus_error_text());
	exit(1);
}

static struct shmbus_station *
attach(const char *path)
{
	const struct shmbus_conf conf = {
		.flags = SHMBUS_EXISTING | SHMBUS_NO_BREAK,
		.pause_timeout_ms = UINT32_MAX,
		.name = "bridge",
	};
	struct shmbus_station *st;

	if (shmbus_attach(&st, path, &conf) != 0)
		fail("attach");
	return st;
}

static void
send_on(struct shmbus_station *st, const struct shmbus_tx *frames, unsigned int n)
{
	if (n != 0 && shmbus_send_all(st, frames, n, -1) != (int)n)
		fail("send");
}

static int
by_copy(struct shmbus_station *left, struct shmbus_station *right)
{
	struct shmbus_tx out[BURST];
	struct shmbus_rx in[BURST];
	int i, n;

	for (i = 0; i < BURST; i++)
		in[i] = (struct shmbus_rx){ .data = bytes[i], .room = ROOM };
	n = shmbus_receive(left, in, BURST);
	for (i = 0; i < n; i++) {
		out[i] = (struct shmbus_tx){ .data = bytes[i], .len = in[i].len };
		missed += in[i].meta.missed;
	}
	if (n > 0)
		send_on(right, out, (unsigned int)n);
	return n;
}

/* A copy before the release, and used after it, as the rules have it. */
static int
by_peek(struct shmbus_station *left, struct shmbus_station *right)
{
	struct shmbus_view views[BURST];
	struct shmbus_tx out[BURST];
	int i, n;

	n = shmbus_peek(left, views, BURST);
	for (i = 0; i < n; i++) {
		memcpy(bytes[i], views[i].data, views[i].len);
		out[i] = (struct shmbus_tx){ .data = bytes[i], .len = views[i].len };
		if (views[i].offload.flags != 0)
			fail("a frame that is not final");
	}
	if (n > 0 && shmbus_release(left, (unsigned int)n) == n)
		send_on(right, out, (unsigned int)n);
	return n;
}

int
main(int argc, char **argv)
{
	int (*move)(struct shmbus_station *, struct shmbus_station *);
	struct shmbus_station *left, *right;
	struct shmbus_stats in, out;
	struct pollfd fds[2];
	bool going = true;
	int n;

	if (argc != 4)
		return 2;
	move = strcmp(argv[3], "peek") == 0 ? by_peek : by_copy;
	left = attach(argv[1]);
	right = attach(argv[2]);
	fds[0] = (struct pollfd){ .fd = shmbus_fd(left), .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = STDIN_FILENO, .events = POLLIN };
	printf("ready\n");
	fflush(stdout);
	while (going) {
		if (shmbus_arm(left) == 0)
			poll(fds, 2, -1);
		shmbus_disarm(left);
		while ((n = move(left, right)) > 0)
			;
		if (n < 0)
			fail("receive");
		if (poll(&fds[1], 1, 0) == 1)
			going = false;
	}
	shmbus_get_stats(left, &in);
	shmbus_get_stats(right, &out);
	printf("received %" PRIu64 " missed %" PRIu64 " %" PRIu64 " corrupt %" PRIu64
	       " sent %" PRIu64 "\n", in.rx_frames, in.rx_missed, missed, in.rx_corrupt,
	       out.tx_frames);
	shmbus_detach(left);
	shmbus_detach(right);
	return 0;
}
