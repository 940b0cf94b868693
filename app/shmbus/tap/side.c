/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "say.h"
#include "side.h"

static int
device_failed(const struct tap_side *side, int err)
{
	if (err == EBADFD)
		say("name=%s: the device is gone: it was deleted", side->tap->name);
	else
		say("name=%s: cannot read from the device: %s", side->tap->name, strerror(err));
	return -err;
}

/* Reads packets and makes frames of them, until the burst is full or no packet is left. */
static int
side_read(struct bridge_device *dev, struct shmbus_tx *frames, unsigned int n)
{
	struct tap_side *side = (struct tap_side *)dev;
	unsigned int done = 0;
	uint8_t *frame;
	int ret;

	while (done < n) {
		if (!tap_packet_is_there(&side->packet)) {
			ret = tap_packet_read(&side->packet, side->tap);
			if (ret < 0)
				return device_failed(side, -ret);
			if (ret == 0)
				break;
		}
		frame = side->bytes + (size_t)done * side->room;
		ret = tap_packet_next(&side->packet, frame, side->room);
		if (ret > 0)
			frames[done++] = (struct shmbus_tx){ .data = frame, .len = (uint32_t)ret };
		else if (ret < 0)
			dev->to_bus.dropped++;
	}
	return (int)done;
}

/* In front of each frame is a virtio header of zeros: nothing ever writes there. */
static int
side_write(struct bridge_device *dev, const struct shmbus_rx *frames, unsigned int n)
{
	struct tap_side *side = (struct tap_side *)dev;
	const uint8_t *frame;
	unsigned int i;

	for (i = 0; i < n; i++) {
		frame = (const uint8_t *)frames[i].data - TAP_DEVICE_HDR_LEN;
		if (write(side->tap->fd, frame, TAP_DEVICE_HDR_LEN + frames[i].len) >= 0) {
			dev->to_dev.frames++;
			dev->to_dev.bytes += frames[i].len;
		} else if (errno == EBADFD) {
			return device_failed(side, EBADFD);
		} else { /* most refused by the kernel: the device is down, or no memory */
			dev->to_dev.dropped++;
		}
	}
	return (int)n;
}

static int
side_sleep_on(struct bridge_device *dev, bool read, bool write, struct pollfd *on)
{
	const struct tap_side *side = (const struct tap_side *)dev;

	(void)write; /* it always takes all */
	if (read)
		*on = (struct pollfd){ .fd = side->tap->fd, .events = POLLIN };
	return -1;
}

static const struct bridge_ops ops = {
	.headroom = TAP_DEVICE_HDR_LEN,
	.read = side_read,
	.write = side_write,
	.sleep_on = side_sleep_on,
};

int
tap_side_init(struct tap_side *side, struct tap_device *tap, uint32_t frame_max)
{
	memset(side, 0, sizeof(*side));
	side->dev.ops = &ops;
	side->dev.name = tap->name;
	side->tap = tap;
	side->room = frame_max;
	side->bytes = calloc(BRIDGE_BURST, frame_max);
	return side->bytes != NULL ? 0 : say_no_memory();
}

void
tap_side_fini(struct tap_side *side)
{
	free(side->bytes);
}
