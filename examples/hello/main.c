/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Two processes on a bus: one sends frames, the other prints them.
 *
 *	shmbus-hello receive /dev/shm/wire 3 &
 *	shmbus-hello send /dev/shm/wire 3
 *
 * The receiver ends after this number of frames; without a number it never ends.
 * The sender waits until another port is on the bus, and has started.
 *
 * To build this file alone: cc main.c $(pkg-config --cflags --libs shmbus)
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <shmbus.h>

/* An Ethernet header: broadcast, from the port's address, with the EtherType for experiments. */
#define HEADER 14

static int
failed(const char *what)
{
	fprintf(stderr, "hello: %s: %s\n", what, shmbus_error_text());
	return 1;
}

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
	static const unsigned char type[2] = { 0x88, 0xb5 };
	unsigned char bytes[100] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	const struct shmbus_tx frame = { .data = bytes, .len = sizeof(bytes) };
	struct shmbus_self self;
	unsigned long i;

	shmbus_get_self(st, &self);
	memcpy(bytes + 6, self.mac, 6);
	memcpy(bytes + 12, type, 2);
	while (!has_other_port(shmbus_station_bus(st)))
		usleep(10000);
	for (i = 0; count == 0 || i < count; i++) {
		snprintf((char *)bytes + HEADER, sizeof(bytes) - HEADER, "hello %lu", i);
		if (shmbus_send_all(st, &frame, 1, -1) < 0)
			return failed("send");
	}
	return 0;
}

static int
receive_frames(struct shmbus_station *st, unsigned long count)
{
	static char bytes[65536];
	struct shmbus_rx frame = { .data = bytes, .room = sizeof(bytes) - 1 };
	unsigned long i = 0;
	int n;

	while (count == 0 || i < count) {
		n = shmbus_receive(st, &frame, 1);
		if (n < 0)
			return failed("receive");
		if (n == 0) {
			if (shmbus_wait(st, -1) < 0)
				return failed("wait");
			continue;
		}
		bytes[frame.len] = '\0';
		printf("%u bytes from slot %u, %llu missed before: %s\n", frame.len, frame.meta.slot,
		       (unsigned long long)frame.meta.missed,
		       frame.len > HEADER ? bytes + HEADER : "");
		fflush(stdout);
		i++;
	}
	return 0;
}

int
main(int argc, char **argv)
{
	const char *path = argc > 2 ? argv[2] : SHMBUS_DEFAULT_PATH;
	const unsigned long count = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
	struct shmbus_station *st;
	int ret;

	if (argc < 2 || (strcmp(argv[1], "send") != 0 && strcmp(argv[1], "receive") != 0)) {
		fprintf(stderr, "usage: shmbus-hello send|receive [PATH [COUNT]]\n");
		return 2;
	}
	if (shmbus_attach(&st, path, NULL) != 0)
		return failed("attach");
	ret = strcmp(argv[1], "send") == 0 ? send_frames(st, count) : receive_frames(st, count);
	shmbus_detach(st);
	return ret;
}
