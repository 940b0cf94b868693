/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Theory of operation
 *
 * One thread alternates between a burst from the device to the bus and a burst
 * from the bus to the device. If both are empty, the thread arms the bus for a
 * wake-up, and sleeps until the bus or the device has frames.
 *
 * A bus with a slow receiver takes no frames for a while. Meanwhile the frames that
 * were read stay in the burst, and the device is not read. Its queue in the kernel
 * fills up, and the kernel's senders slow down, as with any NIC. The other direction
 * continues: otherwise two taps that wait for each other would wait for ever. If it has
 * nothing to do, the thread sleeps until the receiver has moved.
 */

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridge.h"
#include "packet.h"
#include "say.h"
#include "stop.h"

#define BURST 64

/* The longest sleep: device and bus are polled at this interval, even without a wake-up. */
#define LOOK_MS 1000

struct tap_bridge {
	struct tap_device *dev;
	struct shmbus_station *st;
	uint32_t room; /* for a frame */
	struct tap_packet packet; /* being made into frames */

	/* To the bus: tx[sent..n_tx-1] are still to be sent. */
	uint8_t *tx_bytes;
	struct shmbus_tx tx[BURST];
	unsigned int n_tx;
	unsigned int sent;

	/* From the bus. In front of each frame is a virtio header of zeros. */
	uint8_t *rx_bytes;
	struct shmbus_rx rx[BURST];

	uint64_t to_bus_bytes;
	uint64_t to_bus_frames;
	uint64_t to_bus_dropped; /* packets that could not be made into frames of the bus */
	uint64_t to_dev_bytes;
	uint64_t to_dev_frames;
	uint64_t to_dev_dropped; /* most refused by the kernel: the device is down, or no memory */
};

static volatile sig_atomic_t print_wanted;

struct tap_bridge *
tap_bridge_new(struct tap_device *dev, struct shmbus_station *st)
{
	struct tap_bridge *b = calloc(1, sizeof(*b));
	struct shmbus_self self;
	unsigned int i;

	if (b == NULL)
		return NULL;
	shmbus_get_self(st, &self);
	b->dev = dev;
	b->st = st;
	b->room = self.frame_max;
	b->tx_bytes = calloc(BURST, b->room);
	b->rx_bytes = calloc(BURST, TAP_DEVICE_HDR_LEN + b->room);
	if (b->tx_bytes == NULL || b->rx_bytes == NULL) {
		tap_bridge_free(b);
		return NULL;
	}
	for (i = 0; i < BURST; i++) {
		b->tx[i].data = b->tx_bytes + (size_t)i * b->room;
		b->rx[i].data = b->rx_bytes + (size_t)i * (TAP_DEVICE_HDR_LEN + b->room) +
				TAP_DEVICE_HDR_LEN;
		b->rx[i].room = b->room;
	}
	return b;
}

void
tap_bridge_free(struct tap_bridge *b)
{
	free(b->tx_bytes);
	free(b->rx_bytes);
	free(b);
}

void
tap_bridge_print(const struct tap_bridge *b)
{
	struct shmbus_stats stats;

	shmbus_get_stats(b->st, &stats);
	printf("%s to bus: %" PRIu64 " frames, %" PRIu64 " bytes, %" PRIu64 " dropped\n",
	       b->dev->name, b->to_bus_frames, b->to_bus_bytes, b->to_bus_dropped);
	printf("bus to %s: %" PRIu64 " frames, %" PRIu64 " bytes, %" PRIu64 " dropped, %" PRIu64
	       " missed\n", b->dev->name, b->to_dev_frames, b->to_dev_bytes, b->to_dev_dropped,
	       stats.rx_missed);
}

/* ---- to the bus */

static int
device_failed(const struct tap_bridge *b, int err)
{
	if (err == EBADFD)
		say("name=%s: the device is gone: it was deleted", b->dev->name);
	else
		say("name=%s: cannot read from the device: %s", b->dev->name, strerror(err));
	return -err;
}

/* Reads packets and makes frames of them, until the burst is full or no packet is left. */
static int
fill(struct tap_bridge *b)
{
	int ret;

	while (b->n_tx < BURST) {
		if (!tap_packet_is_there(&b->packet)) {
			ret = tap_packet_read(&b->packet, b->dev);
			if (ret < 0)
				return device_failed(b, -ret);
			if (ret == 0)
				break;
		}
		ret = tap_packet_next(&b->packet, b->tx_bytes + (size_t)b->n_tx * b->room, b->room);
		if (ret > 0)
			b->tx[b->n_tx++].len = (uint32_t)ret;
		else if (ret < 0)
			b->to_bus_dropped++;
	}
	return 0;
}

/* Sends a burst. Returns 0 if there was nothing to do, a positive number, or -errno. */
static int
to_bus(struct tap_bridge *b)
{
	unsigned int i, end;
	int ret;

	ret = fill(b);
	if (ret != 0)
		return ret;
	if (b->n_tx == 0)
		return 0;
	ret = shmbus_send(b->st, b->tx + b->sent, b->n_tx - b->sent);
	if (ret == -EMSGSIZE) { /* shorter than a header */
		b->to_bus_dropped++;
		b->sent++;
	} else if (ret < 0) {
		return say_library_error(ret);
	}
	for (i = b->sent, end = b->sent + (unsigned int)(ret > 0 ? ret : 0); i < end; i++) {
		b->to_bus_frames++;
		b->to_bus_bytes += b->tx[i].len;
	}
	b->sent = end;
	if (b->sent == b->n_tx)
		b->sent = b->n_tx = 0;
	return ret == -EMSGSIZE ? 1 : ret;
}

/* ---- from the bus */

static int
to_device(struct tap_bridge *b)
{
	uint8_t *frame;
	uint32_t len;
	int n, i;

	n = shmbus_receive(b->st, b->rx, BURST);
	if (n < 0)
		return say_library_error(n);
	for (i = 0; i < n; i++) {
		if (b->rx[i].len > b->rx[i].room) { /* behind room the bytes of other frames begin */
			b->to_dev_dropped++;
			continue;
		}
		frame = (uint8_t *)b->rx[i].data - TAP_DEVICE_HDR_LEN;
		len = b->rx[i].len;
		if (write(b->dev->fd, frame, TAP_DEVICE_HDR_LEN + len) >= 0) {
			b->to_dev_frames++;
			b->to_dev_bytes += len;
		} else if (errno == EBADFD) {
			return device_failed(b, EBADFD);
		} else {
			b->to_dev_dropped++;
		}
	}
	return n;
}

/* ---- both */

static int
sleep_until_needed(struct tap_bridge *b, int stop)
{
	const bool waiting = b->n_tx != 0; /* for the bus to take the frames of the burst */
	struct pollfd on[3] = {
		{ .fd = stop, .events = POLLIN },
		{ .fd = waiting ? shmbus_room_fd(b->st) : b->dev->fd, .events = POLLIN },
		{ .fd = shmbus_fd(b->st), .events = POLLIN },
	};
	int ret;

	ret = shmbus_arm(b->st);
	if (ret == 0 && waiting)
		ret = shmbus_arm_room(b->st);
	if (ret == 0)
		poll(on, 3, LOOK_MS);
	if (waiting)
		shmbus_disarm_room(b->st);
	shmbus_disarm(b->st);
	return ret < 0 ? say_library_error(ret) : 0;
}

static void
on_print(int signal)
{
	(void)signal;
	print_wanted = 1;
}

void
tap_bridge_catch(void)
{
	/* The signal ends a sleep even so, but no write of a line to stdout. */
	const struct sigaction action = { .sa_handler = on_print, .sa_flags = SA_RESTART };

	sigaction(SIGUSR1, &action, NULL);
}

int
tap_bridge_run(struct tap_bridge *b, int stop)
{
	int out, in, ret;

	while (!stop_wanted()) {
		if (print_wanted) {
			print_wanted = 0;
			tap_bridge_print(b);
			if (say_flush() != 0)
				return -EIO;
		}
		out = to_bus(b);
		if (out < 0)
			return out;
		in = to_device(b);
		if (in < 0)
			return in;
		if (out != 0 || in != 0)
			continue;
		ret = sleep_until_needed(b, stop);
		if (ret != 0)
			return ret;
	}
	return 0;
}
