/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "say.h"
#include "side.h"
#include "vnet.h"

/* The bytes of a burst to the bus: many short frames, or some of the longest. */
#define FRAMES_ROOM (16 * TAP_DEVICE_PACKET_MAX)

static int
device_failed(const struct tap_side *side, int err)
{
	if (err == EBADFD)
		say("name=%s: the device is gone: it was deleted", side->dev.name);
	else
		say("name=%s: cannot read from the device: %s", side->dev.name, strerror(err));
	return -err;
}

/* Reads a packet, to frame if it can go as it is, or to side->packet. Returns as tap_frame_read(). */
static int
read_packet(struct tap_side *side, uint8_t *frame, struct virtio_net_hdr *hdr)
{
	struct tap_packet *p = &side->packet;
	int len;

	if (!side->leave) {
		len = tap_packet_read(p, side->fd);
	} else {
		len = tap_frame_read(side->fd, hdr, frame, TAP_DEVICE_PACKET_MAX);
		if (len > (int)side->room)
			tap_packet_set(p, hdr, frame, (uint32_t)len);
	}
	return len < 0 ? device_failed(side, -len) : len;
}

/*
 * Makes a frame at at, of side->packet or else of the packet of len bytes that is there already.
 * Returns its length; 0: side->packet has no more; -errno: the packet cannot be sent.
 */
static int
make_frame(struct tap_side *side, uint8_t *at, uint32_t len, const struct virtio_net_hdr *hdr,
	   struct shmbus_offload *offload)
{
	int ret;

	if (!tap_packet_is_there(&side->packet)) {
		ret = vnet_to_offload(hdr, at, len, false, offload);
		return ret == 0 ? (int)len : ret;
	}
	*offload = (struct shmbus_offload){ .flags = 0 };
	return tap_packet_next(&side->packet, at, side->room);
}

/* Reads packets and makes frames of them, until the burst is full or no packet is left. */
static int
side_read(struct bridge_device *dev, struct shmbus_tx *frames, struct shmbus_offload *offloads,
	  unsigned int n)
{
	struct tap_side *side = (struct tap_side *)dev;
	struct virtio_net_hdr hdr;
	unsigned int done = 0;
	size_t used = 0;
	int len = 0;

	while (done < n && used + TAP_DEVICE_PACKET_MAX <= FRAMES_ROOM) {
		if (!tap_packet_is_there(&side->packet)) {
			len = read_packet(side, side->bytes + used, &hdr);
			if (len < 0)
				return len;
			if (len == 0)
				break;
		}
		len = make_frame(side, side->bytes + used, (uint32_t)len, &hdr, &offloads[done]);
		if (len < 0)
			shmbus_count(&dev->to_bus.dropped, 1);
		if (len <= 0)
			continue;
		frames[done++] = (struct shmbus_tx){ .data = side->bytes + used,
						     .len = (uint32_t)len };
		used += ((size_t)len + 63) & ~(size_t)63;
	}
	return (int)done;
}

/* In front of each frame there is room for the header. */
static int
side_write(struct bridge_device *dev, const struct shmbus_rx *frames,
	   const struct shmbus_offload *offloads, unsigned int n)
{
	struct tap_side *side = (struct tap_side *)dev;
	struct virtio_net_hdr hdr;
	unsigned int i;
	uint8_t *at;

	for (i = 0; i < n; i++) {
		at = (uint8_t *)frames[i].data - sizeof(hdr);
		if (!vnet_from_offload(&hdr, frames[i].data, frames[i].len, &offloads[i])) {
			shmbus_count(&dev->to_dev.dropped, 1);
			continue;
		}
		memcpy(at, &hdr, sizeof(hdr));
		if (write(side->fd, at, sizeof(hdr) + frames[i].len) >= 0) {
			shmbus_count(&dev->to_dev.frames, 1);
			shmbus_count(&dev->to_dev.bytes, frames[i].len);
		} else if (errno == EBADFD) {
			return device_failed(side, EBADFD);
		} else { /* most refused by the kernel: the device is down, or no memory */
			shmbus_count(&dev->to_dev.dropped, 1);
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
		*on = (struct pollfd){ .fd = side->fd, .events = POLLIN };
	return -1;
}

static const struct bridge_ops ops = {
	.headroom = TAP_DEVICE_HDR_LEN,
	.offloads = true,
	.read = side_read,
	.write = side_write,
	.sleep_on = side_sleep_on,
};

int
tap_side_init(struct tap_side *side, const struct tap_device *tap, unsigned int queue,
	      uint32_t frame_max, bool leave)
{
	memset(side, 0, sizeof(*side));
	side->dev.ops = &ops;
	side->dev.name = tap->name;
	side->fd = tap->fds[queue];
	side->room = frame_max;
	side->leave = leave;
	side->bytes = malloc(FRAMES_ROOM);
	return side->bytes != NULL ? 0 : say_no_memory();
}

void
tap_side_fini(struct tap_side *side)
{
	free(side->bytes);
}
