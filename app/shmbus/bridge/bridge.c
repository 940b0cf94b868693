/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Theory of operation
 *
 * One thread of each queue alternates between a burst from the device to the bus and a burst
 * from the bus to the device. If both are empty, the thread arms the bus for a
 * wake-up, and sleeps until the bus or the device has frames.
 *
 * A bus with a slow receiver takes no frames for a while. Meanwhile the frames that
 * were read stay in the burst, and the device is not read: its senders slow down, as
 * with any NIC. A device with a slow reader takes no frames for a while. Meanwhile the
 * frames stay in the other burst, and the bus is not read: its senders wait for this
 * station, for their pause_timeout_ms at most.
 *
 * Each direction continues while the other one waits: otherwise two bridges that wait
 * for each other would wait for ever. If there is nothing to do, the thread sleeps until
 * the slow side has moved.
 */

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "bridge.h"
#include "say.h"
#include "stop.h"

/* The longest sleep: device and bus are polled at this interval, even without a wake-up. */
#define LOOK_MS 1000

struct bridge {
	struct bridge_device *dev;
	struct shmbus_station *st;
	struct bridge *next;
	bool first;

	/* To the bus: tx[sent..n_tx-1] are still to be sent. Their bytes belong to the device. */
	struct shmbus_tx tx[BRIDGE_BURST];
	struct shmbus_offload tx_offloads[BRIDGE_BURST];
	unsigned int n_tx;
	unsigned int sent;

	/* From the bus: rx[written..n_rx-1] are still to be written. Each has headroom in front. */
	uint8_t *rx_bytes;
	struct shmbus_rx rx[BRIDGE_BURST];
	struct shmbus_offload rx_offloads[BRIDGE_BURST];
	unsigned int n_rx;
	unsigned int written;
};

static atomic_bool print_wanted;

struct bridge *
bridge_new(struct bridge_device *dev, struct shmbus_station *st, struct bridge *last)
{
	struct bridge *b = calloc(1, sizeof(*b));
	const size_t headroom = dev->ops->headroom;
	struct shmbus_self self;
	unsigned int i;

	if (b == NULL)
		return NULL;
	shmbus_get_self(st, &self);
	b->dev = dev;
	b->st = st;
	b->rx_bytes = calloc(BRIDGE_BURST, headroom + self.frame_max);
	if (b->rx_bytes == NULL) {
		free(b);
		return NULL;
	}
	for (i = 0; i < BRIDGE_BURST; i++) {
		b->rx[i].data = b->rx_bytes + i * (headroom + self.frame_max) + headroom;
		b->rx[i].room = self.frame_max;
	}
	b->first = last == NULL;
	if (last != NULL)
		last->next = b;
	return b;
}

struct bridge *
bridge_next(const struct bridge *b)
{
	return b->next;
}

void
bridge_free(struct bridge *b)
{
	struct bridge *next;

	for (; b != NULL; b = next) {
		next = b->next;
		free(b->rx_bytes);
		free(b);
	}
}

static void
add(struct bridge_counts *sum, const struct bridge_counts *counts)
{
	shmbus_count(&sum->frames, shmbus_counted(&counts->frames));
	shmbus_count(&sum->bytes, shmbus_counted(&counts->bytes));
	shmbus_count(&sum->dropped, shmbus_counted(&counts->dropped));
}

void
bridge_print(const struct bridge *b)
{
	const char *name = b->dev->name;
	struct bridge_counts out = { .frames = 0 }, in = { .frames = 0 };
	struct shmbus_stats stats;

	shmbus_get_stats(b->st, &stats);
	for (; b != NULL; b = b->next) {
		add(&out, &b->dev->to_bus);
		add(&in, &b->dev->to_dev);
	}
	printf("%s to bus: %" PRIu64 " frames, %" PRIu64 " bytes, %" PRIu64 " dropped\n", name,
	       shmbus_counted(&out.frames), shmbus_counted(&out.bytes), shmbus_counted(&out.dropped));
	printf("bus to %s: %" PRIu64 " frames, %" PRIu64 " bytes, %" PRIu64 " dropped, %" PRIu64
	       " missed\n", name, shmbus_counted(&in.frames), shmbus_counted(&in.bytes),
	       shmbus_counted(&in.dropped), stats.rx_missed);
}

static bool
waits_for_bus(const struct bridge *b)
{
	return b->sent != b->n_tx;
}

static bool
waits_for_device(const struct bridge *b)
{
	return b->written != b->n_rx;
}

/* Sends a burst. Returns 0 if there was nothing to do, a positive number, or -errno. */
static int
to_bus(struct bridge *b)
{
	struct bridge_counts *counts = &b->dev->to_bus;
	unsigned int i, end;
	int ret;

	if (!waits_for_bus(b)) {
		ret = b->dev->ops->read(b->dev, b->tx, b->tx_offloads, BRIDGE_BURST);
		if (ret <= 0)
			return ret;
		b->n_tx = (unsigned int)ret;
		b->sent = 0;
	}
	ret = shmbus_send_offload(b->st, b->tx + b->sent, b->tx_offloads + b->sent,
				  b->n_tx - b->sent);
	/* Shorter than a header, or with an offload that does not fit it. */
	if (ret == -EMSGSIZE || ret == -EINVAL) {
		shmbus_count(&counts->dropped, 1);
		b->sent++;
		return 1;
	}
	if (ret < 0)
		return say_library_error(ret);
	for (i = b->sent, end = b->sent + (unsigned int)ret; i < end; i++) {
		shmbus_count(&counts->frames, 1);
		shmbus_count(&counts->bytes, b->tx[i].len);
	}
	b->sent = end;
	return ret;
}

/* Receives a burst from the bus. Returns 0, or -errno after a message. */
static int
receive(struct bridge *b)
{
	struct shmbus_rx rx;
	unsigned int i;
	int n;

	b->n_rx = b->written = 0;
	n = b->dev->ops->offloads ?
	    shmbus_receive_offload(b->st, b->rx, b->rx_offloads, BRIDGE_BURST) :
	    shmbus_receive(b->st, b->rx, BRIDGE_BURST);
	if (n < 0)
		return say_library_error(n);
	for (i = 0; i < (unsigned int)n; i++) {
		if (b->rx[i].len > b->rx[i].room) { /* behind room the bytes of other frames begin */
			shmbus_count(&b->dev->to_dev.dropped, 1);
			continue;
		}
		b->rx_offloads[b->n_rx] = b->rx_offloads[i];
		rx = b->rx[b->n_rx];
		b->rx[b->n_rx++] = b->rx[i];
		b->rx[i] = rx;
	}
	return 0;
}

/* Writes a burst to the device. Returns 0 if there was nothing to do, a positive number, or -errno. */
static int
to_device(struct bridge *b)
{
	int ret;

	if (!waits_for_device(b)) {
		ret = receive(b);
		if (ret != 0)
			return ret;
	}
	if (b->n_rx == 0)
		return 0;
	ret = b->dev->ops->write(b->dev, b->rx + b->written, b->rx_offloads + b->written,
				 b->n_rx - b->written);
	if (ret > 0)
		b->written += (unsigned int)ret;
	return ret;
}

static int
sleep_until_needed(struct bridge *b, int stop)
{
	const bool wait_bus = waits_for_bus(b), wait_dev = waits_for_device(b);
	/* A descriptor of -1 is not looked at. */
	struct pollfd on[4] = {
		{ .fd = stop, .events = POLLIN },
		{ .fd = -1 },
		{ .fd = wait_dev ? -1 : shmbus_fd(b->st), .events = POLLIN },
		{ .fd = wait_bus ? shmbus_room_fd(b->st) : -1, .events = POLLIN },
	};
	int ms, ret;

	ms = b->dev->ops->sleep_on(b->dev, !wait_bus, wait_dev, &on[1]);
	if (ms < 0 || ms > LOOK_MS)
		ms = LOOK_MS;
	/* Nobody need wake a station that waits for its device; the call reports a bus that is gone. */
	ret = shmbus_arm(b->st);
	if (wait_dev && ret >= 0) {
		shmbus_disarm(b->st);
		ret = 0;
	}
	if (ret == 0 && wait_bus)
		ret = shmbus_arm_room(b->st);
	if (ret == 0)
		poll(on, 4, ms);
	if (wait_bus)
		shmbus_disarm_room(b->st);
	shmbus_disarm(b->st);
	return ret < 0 ? say_library_error(ret) : 0;
}

static void
on_print(int signal)
{
	(void)signal;
	atomic_store(&print_wanted, true);
}

void
bridge_catch(void)
{
	/* The signal ends a sleep even so, but no write of a line to stdout. */
	const struct sigaction action = { .sa_handler = on_print, .sa_flags = SA_RESTART };

	sigaction(SIGUSR1, &action, NULL);
}

static int
carry(struct bridge *b, int stop)
{
	int out, in, ret;

	while (!stop_wanted() && !b->dev->ended) {
		if (b->first && atomic_exchange(&print_wanted, false)) {
			bridge_print(b);
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

int
bridge_run(struct bridge *b, int stop)
{
	const int ret = carry(b, stop);

	shmbus_count(&b->dev->to_bus.dropped, b->n_tx - b->sent);
	shmbus_count(&b->dev->to_dev.dropped, b->n_rx - b->written);
	b->sent = b->n_tx;
	b->written = b->n_rx;
	return ret;
}
