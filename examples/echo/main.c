/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Sends every frame back to its sender, with the addresses swapped.
 *
 *	shmbus-echo /dev/shm/wire [COUNT]
 *
 * For frames to echo, run dpdk-testpmd with --forward-mode=txonly on the same file. The
 * program ends after COUNT frames, or at SIGINT; with status 1 if the bus is gone.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <shmbus.h>

#define BURST 32
#define ROOM 2048

/*
 * The longest sleep. A signal interrupts a sleep; a signal that comes right before the
 * sleep is noticed after this time.
 */
#define SLEEP_MS 500

static unsigned char bytes[BURST][ROOM];
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

static void
swap_addresses(unsigned char *frame)
{
	unsigned char address[6];

	memcpy(address, frame, 6);
	memcpy(frame, frame + 6, 6);
	memcpy(frame + 6, address, 6);
}

/*
 * Sends n frames. Returns how many were sent: less than n only if a signal came; or a
 * negative error.
 */
static int
send_frames(struct shmbus_station *st, const struct shmbus_tx *frames, unsigned int n)
{
	unsigned int sent = 0;
	int ret;

	while (sent < n && !stop) {
		/* Returns after SLEEP_MS while a slow receiver holds the bus up. */
		ret = shmbus_send_all(st, frames + sent, n - sent, SLEEP_MS);
		if (ret < 0 && ret != -EINTR)
			return ret;
		if (ret > 0)
			sent += (unsigned int)ret;
	}
	return (int)sent;
}

/*
 * Echoes the frames that are there, up to a burst. frame_max: the longest frame that can
 * be sent. Adds to *echoed. Returns the number of frames received, or a negative error.
 */
static int
echo_burst(struct shmbus_station *st, uint32_t frame_max, unsigned long *echoed)
{
	struct shmbus_rx in[BURST];
	struct shmbus_tx out[BURST];
	unsigned int n = 0;
	int got, ret, i;

	for (i = 0; i < BURST; i++)
		in[i] = (struct shmbus_rx){ .data = bytes[i], .room = ROOM };
	got = shmbus_receive(st, in, BURST);
	for (i = 0; i < got; i++) {
		/* Not all of it is here; cannot be sent. */
		if (in[i].len > in[i].room || in[i].len > frame_max)
			continue;
		swap_addresses(bytes[i]);
		out[n++] = (struct shmbus_tx){ .data = bytes[i], .len = in[i].len };
	}
	if (n != 0) {
		ret = send_frames(st, out, n);
		if (ret < 0)
			return ret;
		*echoed += (unsigned int)ret;
	}
	return got;
}

/* Echoes until count frames are done, 0: until a signal comes. Returns 0 or a negative error. */
static int
echo(struct shmbus_station *st, unsigned long count)
{
	struct shmbus_self self;
	unsigned long echoed = 0;
	int ret;

	shmbus_get_self(st, &self);
	while (!stop && (count == 0 || echoed < count)) {
		ret = echo_burst(st, self.frame_max, &echoed);
		if (ret == 0)
			ret = shmbus_wait(st, SLEEP_MS);
		if (ret < 0 && ret != -EINTR)
			return ret;
	}
	return 0;
}

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
	const struct shmbus_conf conf = { .name = "echo" };
	struct shmbus_station *st;
	unsigned long count = 0;
	int ret;

	if (argc > 3 || (argc > 2 && !parse_count(argv[2], &count))) {
		fprintf(stderr, "usage: shmbus-echo [PATH [COUNT]]\n");
		return 2;
	}
	catch_signals();
	if (shmbus_attach(&st, argc > 1 ? argv[1] : SHMBUS_DEFAULT_PATH, &conf) != 0) {
		fprintf(stderr, "echo: %s\n", shmbus_error_text());
		return 1;
	}
	ret = echo(st, count);
	if (ret < 0) /* -ENODEV: the bus is gone */
		fprintf(stderr, "echo: %s\n", shmbus_error_text());
	shmbus_detach(st);
	return ret < 0;
}
