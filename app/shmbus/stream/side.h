/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef STREAM_SIDE_H
#define STREAM_SIDE_H

/*
 * A stream as one side of a bridge. While there is no connection, frames from the bus are
 * dropped and counted, as on a cable without a peer: nobody on the bus waits.
 */

#include <stdbool.h>
#include <stdint.h>

#include "bridge/device.h"
#include "frames.h"
#include "link.h"

struct stream_side {
	struct bridge_device dev;
	struct stream_link link;
	struct stream_frames frames;
	bool deaf; /* the peer takes no more bytes; some of its own may still come */
};

/*
 * Begins; the caller has begun the link, which belongs to the side from now on. Returns 0, or
 * -ENOMEM after a message.
 */
int stream_side_init(struct stream_side *side, const struct stream_link *link, uint32_t frame_max);

/* Closes the connection and the listener. */
void stream_side_fini(struct stream_side *side);

#endif /* STREAM_SIDE_H */
