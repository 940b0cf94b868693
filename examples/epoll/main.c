/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * A bus among other descriptors in one epoll loop. Lines of the input are sent as frames,
 * frames that arrive are printed and counted, and a timer prints the count.
 *
 *	shmbus-epoll /dev/shm/wire
 *
 * Start the program twice, and type. It ends at the end of its input, or at SIGINT; with
 * status 1 if the bus is gone.
 */

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <shmbus.h>

#define HEADER 14 /* destination, source, type */
#define LINE 1500 /* the longest part of the input that becomes one frame */

/* Frames that are received before the other descriptors have their turn. */
#define BURST 64

/* The time that a line waits for a slow receiver before it is given up. */
#define SEND_MS 1000

struct program {
	struct shmbus_station *st;
	struct shmbus_self self;
	int epoll;
	int bus; /* the descriptors that epoll waits for */
	int timer;
	int signals;
	unsigned long received;
};

static int
system_failed(const char *what)
{
	fprintf(stderr, "epoll: %s: %s\n", what, strerror(errno));
	return -1;
}

static int
bus_failed(void)
{
	fprintf(stderr, "epoll: %s\n", shmbus_error_text());
	return -1;
}

/* ---- descriptors */

static int
open_timer(void)
{
	const struct itimerspec every = { .it_value.tv_sec = 1, .it_interval.tv_sec = 1 };
	const int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

	if (fd >= 0 && timerfd_settime(fd, 0, &every, NULL) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Blocks the signals that end the program. They arrive through a descriptor instead. */
static int
open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return -1;
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static int
add(const struct program *p, int fd, const char *what)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	if (fd < 0 || epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &ev) != 0)
		return system_failed(what); /* EPERM: a regular file, which is always readable */
	return 0;
}

/* Returns 0, or -1 after a message. */
static int
open_all(struct program *p)
{
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (p->epoll < 0)
		return system_failed("epoll_create1");
	p->timer = open_timer();
	if (add(p, p->timer, "timer") != 0 || add(p, p->signals, "signals") != 0 ||
	    add(p, STDIN_FILENO, "stdin, which must be a terminal or a pipe") != 0)
		return -1;
	p->bus = shmbus_fd(p->st);
	if (p->bus < 0)
		return bus_failed();
	return add(p, p->bus, "bus");
}

static void
close_all(struct program *p)
{
	const int fds[] = { p->epoll, p->timer, p->signals };
	unsigned int i;

	shmbus_detach(p->st); /* closes p->bus */
	for (i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* ---- events: each function returns 1: go on; 0: the program ends; -1: an error was printed */

/* Sends a line of the input as a frame. */
static int
send_line(struct program *p)
{
	unsigned char bytes[HEADER + LINE] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	struct shmbus_tx frame = { .data = bytes };
	ssize_t n;
	int ret;

	n = read(STDIN_FILENO, bytes + HEADER, LINE);
	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 1 : system_failed("stdin");
	if (n == 0)
		return 0;
	memcpy(bytes + 6, p->self.mac, 6);
	bytes[12] = 0x88; /* the type for experiments, 0x88b5 */
	bytes[13] = 0xb5;
	frame.len = HEADER + (uint32_t)n;
	ret = shmbus_send_all(p->st, &frame, 1, SEND_MS);
	if (ret < 0 && ret != -EINTR)
		return bus_failed();
	if (ret != 1)
		fprintf(stderr, "epoll: a line was not sent: a receiver is too slow\n");
	return 1;
}

/*
 * Prints the text in a frame. The bytes are foreign: what is neither printable nor the end
 * of a line could change the state of the terminal.
 */
static void
print_text(const struct shmbus_rx *frame)
{
	const unsigned char *bytes = frame->data;
	/* A frame may be longer than the buffer, or shorter than an Ethernet header. */
	const uint32_t len = frame->len < frame->room ? frame->len : frame->room;
	uint32_t i;

	for (i = HEADER; i < len; i++)
		putchar((bytes[i] >= ' ' && bytes[i] <= '~') || bytes[i] == '\n' ? bytes[i] : '?');
}

/* Receives frames that are there. If more are there, shmbus_arm() says so. */
static int
receive(struct program *p)
{
	static unsigned char bytes[65536];
	struct shmbus_rx frame = { .data = bytes, .room = sizeof(bytes) };
	int n = 1;
	int i;

	for (i = 0; i < BURST && n > 0; i++) {
		n = shmbus_receive(p->st, &frame, 1);
		if (n < 0) /* -ENODEV: the bus is gone */
			return bus_failed();
		if (n > 0) {
			p->received++;
			print_text(&frame);
		}
	}
	return fflush(stdout) == 0 ? 1 : system_failed("stdout");
}

static int
handle(struct program *p, int fd)
{
	uint64_t ticks;

	if (fd == STDIN_FILENO)
		return send_line(p);
	if (fd == p->signals)
		return 0;
	if (fd == p->timer && read(fd, &ticks, sizeof(ticks)) > 0)
		fprintf(stderr, "%lu frames so far\n", p->received);
	return 1; /* the bus: receive() comes anyway */
}

static int
loop(struct program *p)
{
	struct epoll_event events[4];
	int going = 1;
	int armed, n, i;

	while (going > 0) {
		/* 0: the next frame makes the descriptor readable; 1: frames are there already. */
		armed = shmbus_arm(p->st);
		if (armed < 0)
			return bus_failed();
		n = epoll_wait(p->epoll, events, 4, armed == 0 ? -1 : 0);
		if (n < 0 && errno != EINTR)
			going = system_failed("epoll_wait");
		shmbus_disarm(p->st);
		if (going > 0)
			going = receive(p);
		for (i = 0; i < n && going > 0; i++)
			going = handle(p, events[i].data.fd);
	}
	return going;
}

int
main(int argc, char **argv)
{
	const struct shmbus_conf conf = { .name = "epoll" };
	struct program p = { .epoll = -1, .bus = -1, .timer = -1, .signals = -1 };
	int ret;

	p.signals = open_signals();
	if (shmbus_attach(&p.st, argc > 1 ? argv[1] : SHMBUS_DEFAULT_PATH, &conf) != 0) {
		bus_failed();
		return 1;
	}
	shmbus_get_self(p.st, &p.self);
	ret = open_all(&p);
	if (ret == 0)
		ret = loop(&p);
	close_all(&p);
	return ret < 0;
}
