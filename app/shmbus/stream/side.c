/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "say.h"
#include "side.h"

/* Ends the connection. The frames that were read from it have all been sent to the bus. */
static void
hang_up(struct stream_side *side, const char *why)
{
	stream_link_down(&side->link, why);
	if (stream_frames_restart(&side->frames))
		shmbus_count(&side->dev.to_bus.dropped, 1);
	side->deaf = false;
	if (side->link.state == STREAM_LINK_ENDED)
		side->dev.ended = true;
}

/* Ends the connection to a peer that does not speak as it should. */
static int
refuse(struct stream_side *side, uint32_t claimed)
{
	char why[128];

	snprintf(why, sizeof(why), "the peer claims to send a frame of %" PRIu32 " bytes; the bus takes "
		 "%" PRIu32 " at most", claimed, side->frames.frame_max);
	hang_up(side, why);
	return side->link.once ? -EPROTO : 0;
}

static int
side_read(struct bridge_device *dev, struct shmbus_tx *frames, struct shmbus_offload *offloads,
	  unsigned int n)
{
	struct stream_side *side = (struct stream_side *)dev;
	unsigned int taken;
	uint32_t claimed;
	ssize_t len;
	int ret;

	(void)offloads; /* all frames are final */
	if (side->link.state != STREAM_LINK_UP) {
		ret = stream_link_step(&side->link);
		if (ret != 0 || side->link.state != STREAM_LINK_UP)
			return ret;
	}
	taken = stream_frames_take(&side->frames, frames, n, &claimed);
	if (taken == 0 && claimed == 0) {
		len = stream_frames_read(&side->frames, side->link.fd);
		if (len == -EAGAIN)
			return 0;
		if (len <= 0) {
			hang_up(side, len == 0 ? "the peer has closed it" : strerror((int)-len));
			return 0;
		}
		taken = stream_frames_take(&side->frames, frames, n, &claimed);
	}
	if (taken == 0 && claimed != 0)
		return refuse(side, claimed);
	side->link.useful = side->link.useful || taken != 0;
	return (int)taken;
}

static int
side_write(struct bridge_device *dev, const struct shmbus_rx *frames,
	   const struct shmbus_offload *offloads, unsigned int n)
{
	struct stream_side *side = (struct stream_side *)dev;
	int i, ret;

	(void)offloads;
	if (side->link.state != STREAM_LINK_UP || side->deaf) {
		shmbus_count(&dev->to_dev.dropped, n);
		return (int)n;
	}
	ret = stream_frames_write(&side->frames, side->link.fd, frames, n);
	if (ret < 0) {
		/* The peer may have said something before it closed: side_read() finds the end. */
		side->deaf = true;
		shmbus_count(&dev->to_dev.dropped, n);
		return (int)n;
	}
	for (i = 0; i < ret; i++) {
		shmbus_count(&dev->to_dev.frames, 1);
		shmbus_count(&dev->to_dev.bytes, frames[i].len);
	}
	side->link.useful = side->link.useful || ret != 0;
	return ret;
}

static int
side_sleep_on(struct bridge_device *dev, bool read, bool write, struct pollfd *on)
{
	const struct stream_side *side = (const struct stream_side *)dev;
	short events = 0;

	if (side->link.state != STREAM_LINK_UP)
		return stream_link_sleep_on(&side->link, on);
	if (read)
		events |= POLLIN;
	if (write)
		events |= POLLOUT;
	/* Without events poll() would still report a peer that has closed, again and again. */
	if (events != 0)
		*on = (struct pollfd){ .fd = side->link.fd, .events = events };
	return -1;
}

static const struct bridge_ops ops = {
	.headroom = STREAM_FRAMES_HDR_LEN,
	.read = side_read,
	.write = side_write,
	.sleep_on = side_sleep_on,
};

int
stream_side_init(struct stream_side *side, const struct stream_link *link, uint32_t frame_max)
{
	memset(side, 0, sizeof(*side));
	side->dev.ops = &ops;
	side->dev.name = link->name;
	side->dev.needs = stream_link_needs(link);
	side->link = *link;
	return stream_frames_init(&side->frames, frame_max);
}

void
stream_side_fini(struct stream_side *side)
{
	stream_link_end(&side->link);
	stream_frames_fini(&side->frames);
}
