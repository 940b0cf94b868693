/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * A bus among other descriptors in one epoll loop. Lines of the input are sent as frames,
 * frames that arrive are printed and counted, and a timer prints the count. While a slow
 * receiver holds a line up, the program reads no further line, and does all else.
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

struct program {
	struct shmbus_station *st;
	struct shmbus_self self;
	int epoll;
	int bus; /* the descriptors that epoll waits for */
	int room;
	int timer;
	int signals;
	unsigned long received;
	unsigned char line[HEADER + LINE]; /* as a frame */
	struct shmbus_tx frame;
	int waiting; /* 1: the frame is not sent yet */
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
	p->room = shmbus_room_fd(p->st);
	if (p->bus < 0 || p->room < 0)
		return bus_failed();
	return add(p, p->bus, "bus") == 0 && add(p, p->room, "room on the bus") == 0 ? 0 : -1;
}

static void
close_all(struct program *p)
{
	const int fds[] = { p->epoll, p->timer, p->signals };
	unsigned int i;

	shmbus_detach(p->st); /* closes p->bus and p->room */
	for (i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* ---- events: each function returns 1: go on; 0: the program ends; -1: an error was printed */

/* Waits for the input, or does not while a line waits for the bus. */
static int
listen_to_input(struct program *p)
{
	struct epoll_event ev = { .events = p->waiting ? 0 : EPOLLIN, .data.fd = STDIN_FILENO };

	if (epoll_ctl(p->epoll, EPOLL_CTL_MOD, STDIN_FILENO, &ev) != 0)
		return system_failed("epoll_ctl");
	return 1;
}

/* Sends the frame, or lets it wait until there is room. */
static int
send_frame(struct program *p)
{
	const int waited = p->waiting;
	const int ret = shmbus_send(p->st, &p->frame, 1);

	if (ret < 0)
		return bus_failed();
	p->waiting = ret == 0;
	return p->waiting != waited ? listen_to_input(p) : 1;
}

/* Makes a frame of a line of the input. */
static int
send_line(struct program *p)
{
	ssize_t n;

	n = read(STDIN_FILENO, p->line + HEADER, LINE);
	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 1 : system_failed("stdin");
	if (n == 0)
		return 0;
	memset(p->line, 0xff, 6);
	memcpy(p->line + 6, p->self.mac, 6);
	p->line[12] = 0x88; /* the type for experiments, 0x88b5 */
	p->line[13] = 0xb5;
	p->frame = (struct shmbus_tx){ .data = p->line, .len = HEADER + (uint32_t)n };
	return send_frame(p);
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
		return p->waiting ? 1 : send_line(p);
	if (fd == p->signals)
		return 0;
	if (fd == p->timer && read(fd, &ticks, sizeof(ticks)) > 0)
		fprintf(stderr, "%lu frames so far\n", p->received);
	return 1; /* the bus: receive() and send_frame() come anyway */
}

/* Announces a sleep. Returns 0: sleep; 1: there is something to do already; or an error. */
static int
arm(struct program *p)
{
	int ret;

	/* 0: the next frame makes the descriptor readable; 1: frames are there already. */
	ret = shmbus_arm(p->st);
	if (ret == 0 && p->waiting)
		ret = shmbus_arm_room(p->st);
	return ret;
}

static void
disarm(struct program *p)
{
	shmbus_disarm(p->st);
	if (p->waiting)
		shmbus_disarm_room(p->st);
}

static int
loop(struct program *p)
{
	struct epoll_event events[5];
	int going = 1;
	int armed, n, i;

	while (going > 0) {
		armed = arm(p);
		if (armed < 0)
			return bus_failed();
		n = epoll_wait(p->epoll, events, 5, armed == 0 ? -1 : 0);
		if (n < 0 && errno != EINTR)
			going = system_failed("epoll_wait");
		disarm(p);
		if (going > 0)
			going = receive(p);
		if (going > 0 && p->waiting)
			going = send_frame(p);
		for (i = 0; i < n && going > 0; i++)
			going = handle(p, events[i].data.fd);
	}
	return going;
}

int
main(int argc, char **argv)
{
	const struct shmbus_conf conf = { .name = "epoll" };
	struct program p = { .epoll = -1, .bus = -1, .room = -1, .timer = -1, .signals = -1 };
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
