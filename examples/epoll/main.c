/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * A bus among other descriptors in one epoll loop. Lines of the input are sent as
 * frames, frames that arrive are printed and counted, and a timer prints the count.
 *
 *	shmbus-epoll /dev/shm/wire
 *
 * Start the program twice, and type. It ends at the end of its input.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <shmbus.h>

#define HEADER 14

static unsigned long received;

static void
add_to_epoll(int ep, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	if (fd < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) != 0) {
		perror("epoll");
		exit(1);
	}
}

static int
open_timer(void)
{
	const struct itimerspec every = { .it_value.tv_sec = 1, .it_interval.tv_sec = 1 };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

	if (fd >= 0)
		timerfd_settime(fd, 0, &every, NULL);
	return fd;
}

/* Sends a line of the input as a frame. Returns 0 at the end of the input. */
static int
send_line(struct shmbus_station *st)
{
	unsigned char bytes[1514] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x88, 0xb5 };
	struct shmbus_tx frame = { .data = bytes };
	ssize_t n = read(STDIN_FILENO, bytes + HEADER, sizeof(bytes) - HEADER);

	if (n <= 0)
		return 0;
	frame.len = HEADER + (uint32_t)n;
	if (shmbus_send_all(st, &frame, 1, 1000) < 0)
		fprintf(stderr, "epoll: %s\n", shmbus_error_text());
	return 1;
}

static void
receive(struct shmbus_station *st)
{
	static unsigned char bytes[65536];
	struct shmbus_rx frame = { .data = bytes, .room = sizeof(bytes) };

	while (shmbus_receive(st, &frame, 1) > 0) {
		received++;
		printf("%.*s", (int)(frame.len - HEADER), (const char *)bytes + HEADER);
	}
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	struct epoll_event events[4];
	struct shmbus_station *st;
	const int ep = epoll_create1(EPOLL_CLOEXEC);
	const int timer = open_timer();
	uint64_t ticks;
	int going = 1;
	int i, n, bus;

	if (shmbus_attach(&st, argc > 1 ? argv[1] : SHMBUS_DEFAULT_PATH, NULL) != 0 ||
	    (bus = shmbus_fd(st)) < 0) {
		fprintf(stderr, "epoll: %s\n", shmbus_error_text());
		return 1;
	}
	add_to_epoll(ep, bus);
	add_to_epoll(ep, timer);
	add_to_epoll(ep, STDIN_FILENO);
	while (going) {
		/* shmbus_arm() returns 0 if no frame has come since the last receive. */
		n = epoll_wait(ep, events, 4, shmbus_arm(st) == 0 ? -1 : 0);
		shmbus_disarm(st);
		receive(st);
		for (i = 0; i < n; i++) {
			if (events[i].data.fd == timer && read(timer, &ticks, sizeof(ticks)) > 0)
				fprintf(stderr, "%lu frames so far\n", received);
			else if (events[i].data.fd == STDIN_FILENO)
				going = send_line(st);
		}
	}
	shmbus_detach(st);
	return 0;
}
