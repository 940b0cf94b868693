/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Sends every frame back to its sender, with the addresses swapped.
 *
 *	shmbus-echo /dev/shm/wire [COUNT]
 *
 * For frames to echo, run dpdk-testpmd with --forward-mode=txonly on the same
 * file. The program ends after COUNT frames, or without COUNT on a signal.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <shmbus.h>

#define BURST 32
#define ROOM 2048

static unsigned char bytes[BURST][ROOM];

static void
swap_addresses(unsigned char *frame)
{
	unsigned char address[6];

	memcpy(address, frame, 6);
	memcpy(frame, frame + 6, 6);
	memcpy(frame + 6, address, 6);
}

/* Echoes a burst. Returns the number of frames sent back, or a negative error. */
static int
echo_burst(struct shmbus_station *st)
{
	struct shmbus_rx in[BURST];
	struct shmbus_tx out[BURST];
	unsigned int n = 0;
	int got, i;

	for (i = 0; i < BURST; i++) {
		in[i].data = bytes[i];
		in[i].room = ROOM;
	}
	got = shmbus_receive(st, in, BURST);
	for (i = 0; i < got; i++) {
		if (in[i].len < 14 || in[i].len > ROOM)
			continue;
		swap_addresses(bytes[i]);
		out[n].data = bytes[i];
		out[n].len = in[i].len;
		n++;
	}
	return got <= 0 || n == 0 ? got : shmbus_send_all(st, out, n, -1);
}

int
main(int argc, char **argv)
{
	const unsigned long count = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
	struct shmbus_station *st;
	unsigned long done = 0;
	int ret;

	if (shmbus_attach(&st, argc > 1 ? argv[1] : SHMBUS_DEFAULT_PATH, NULL) != 0) {
		fprintf(stderr, "echo: %s\n", shmbus_error_text());
		return 1;
	}
	do {
		ret = echo_burst(st);
		if (ret == 0)
			ret = shmbus_wait(st, -1) < 0 ? -1 : 0;
		if (ret > 0)
			done += (unsigned long)ret;
	} while (ret >= 0 && (count == 0 || done < count));
	if (ret < 0)
		fprintf(stderr, "echo: %s\n", shmbus_error_text());
	shmbus_detach(st);
	return ret < 0;
}
