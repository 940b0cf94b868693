/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Two processes on a bus: one sends frames, the other prints them.
 *
 *	shmbus-hello receive /dev/shm/wire 3 &
 *	shmbus-hello send /dev/shm/wire 3
 *
 * The receiver ends after this number of frames, or at SIGINT. The sender waits until
 * another port is on the bus, and has started. Both end with status 1 if the bus is gone.
 *
 * To build this file alone: cc main.c $(pkg-config --cflags --libs shmbus)
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <shmbus.h>

/* An Ethernet header: destination, source, type. */
#define HEADER 14

/*
 * The longest sleep. A signal interrupts a sleep; a signal that comes right before the
 * sleep is noticed after this time.
 */
#define SLEEP_MS 500

/* The interval at which the sender looks for other ports. */
#define LOOK_MS 10

static volatile sig_atomic_t stop;

static void
on_signal(int signal)
{
	(void)signal;
	stop = 1;
}

static void
catch_signals(void)
{
	/* No SA_RESTART: the signal ends a sleep. */
	const struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static int
failed(const char *what)
{
	fprintf(stderr, "hello: %s: %s\n", what, shmbus_error_text());
	return 1;
}

/* ---- send */

/*
 * Returns whether another port is on the bus, and has started. About the ports of a
 * shmif bus it is only known that they are alive.
 */
static int
has_other_port(struct shmbus *bus)
{
	struct shmbus_peer_info peers[32];
	struct shmbus_info info;
	uint32_t wanted = SHMBUS_PEER_ALIVE;
	int i, n;

	if (shmbus_get_info(bus, &info) == 0 && info.format == SHMBUS_FORMAT_LANES)
		wanted |= SHMBUS_PEER_STARTED;
	n = shmbus_get_peers(bus, peers, 32);
	for (i = 0; i < n && i < 32; i++)
		if ((peers[i].flags & (wanted | SHMBUS_PEER_SELF)) == wanted)
			return 1;
	return 0;
}

static int
send_frames(struct shmbus_station *st, unsigned long count)
{
	static const unsigned char type[2] = { 0x88, 0xb5 }; /* for experiments */
	unsigned char bytes[100] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }; /* broadcast */
	const struct shmbus_tx frame = { .data = bytes, .len = sizeof(bytes) };
	struct shmbus_self self;
	unsigned long i = 0;
	int ret;

	shmbus_get_self(st, &self);
	memcpy(bytes + 6, self.mac, 6);
	memcpy(bytes + 12, type, 2);
	while (!stop && !has_other_port(shmbus_station_bus(st))) {
		/* This station receives nothing, so it sleeps all the time. */
		ret = shmbus_wait(st, LOOK_MS);
		if (ret < 0 && ret != -EINTR)
			return failed("wait");
	}
	while (!stop && (count == 0 || i < count)) {
		snprintf((char *)bytes + HEADER, sizeof(bytes) - HEADER, "hello %lu", i);
		/* 0: a slow receiver holds the bus up. The next attempt sends the same frame. */
		ret = shmbus_send_all(st, &frame, 1, SLEEP_MS);
		if (ret < 0 && ret != -EINTR)
			return failed("send");
		if (ret == 1)
			i++;
	}
	return 0;
}

/* ---- receive */

/*
 * Prints the text in a frame, up to the first zero byte. The bytes are foreign: what is
 * not a printable character could change the state of the terminal.
 */
static void
print_text(const unsigned char *bytes, uint32_t len)
{
	uint32_t i;

	for (i = HEADER; i < len && bytes[i] != '\0'; i++)
		putchar(bytes[i] >= ' ' && bytes[i] <= '~' ? bytes[i] : '?');
}

/* Returns false if stdout cannot be written. */
static int
print_frame(const struct shmbus_rx *frame)
{
	/* A frame may be longer than the buffer. */
	const uint32_t len = frame->len < frame->room ? frame->len : frame->room;

	printf("%u bytes from slot %u, %llu missed before: ", frame->len, frame->meta.slot,
	       (unsigned long long)frame->meta.missed);
	print_text(frame->data, len);
	putchar('\n');
	return fflush(stdout) == 0;
}

static int
receive_frames(struct shmbus_station *st, unsigned long count)
{
	static unsigned char bytes[65536];
	struct shmbus_rx frame = { .data = bytes, .room = sizeof(bytes) };
	unsigned long i = 0;
	int n;

	while (!stop && (count == 0 || i < count)) {
		n = shmbus_receive(st, &frame, 1);
		if (n < 0) /* -ENODEV: the bus is gone */
			return failed("receive");
		if (n == 1 && !print_frame(&frame)) {
			perror("hello: stdout");
			return 1;
		}
		i += (unsigned int)n;
		if (n == 0) {
			n = shmbus_wait(st, SLEEP_MS);
			if (n < 0 && n != -EINTR)
				return failed("wait");
		}
	}
	return 0;
}

/* ---- the program */

/* Parses a number of frames. Returns false if text is not a number. */
static int
parse_count(const char *text, unsigned long *count)
{
	char *end;

	errno = 0;
	*count = strtoul(text, &end, 10);
	return errno == 0 && *text >= '0' && *text <= '9' && *end == '\0';
}

int
main(int argc, char **argv)
{
	const char *path = argc > 2 ? argv[2] : SHMBUS_DEFAULT_PATH;
	struct shmbus_conf conf = { .name = "hello" };
	struct shmbus_station *st;
	unsigned long count = 0;
	int sends, ret;

	if (argc < 2 || argc > 4 ||
	    (strcmp(argv[1], "send") != 0 && strcmp(argv[1], "receive") != 0) ||
	    (argc > 3 && !parse_count(argv[3], &count))) {
		fprintf(stderr, "usage: shmbus-hello send|receive [PATH [COUNT]]\n");
		return 2;
	}
	sends = strcmp(argv[1], "send") == 0;
	if (sends) /* no other sender has to wait for a station that never receives */
		conf.flags = SHMBUS_SEND_ONLY;
	catch_signals();
	if (shmbus_attach(&st, path, &conf) != 0)
		return failed("attach");
	ret = sends ? send_frames(st, count) : receive_frames(st, count);
	shmbus_detach(st);
	return ret;
}
