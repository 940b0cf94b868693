/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef TAP_SIDE_H
#define TAP_SIDE_H

/*
 * A queue of a tap device as one side of a bridge.
 *
 * Lanes carry the kernel's packets as they are, with checksums and segmentation left to the
 * receivers. Packets for shmif, and packets that are longer than the lanes' frames, become
 * final frames here.
 */

#include <stdbool.h>
#include <stdint.h>

#include "bridge/device.h"
#include "device.h"
#include "packet.h"

struct tap_side {
	struct bridge_device dev;
	int fd; /* of the queue */
	uint32_t room; /* for a frame */
	bool leave;    /* the bus carries frames of which work is left */
	struct tap_packet packet; /* being made into final frames */
	uint8_t *bytes; /* of a burst of frames to the bus */
};

/*
 * Begins. frame_max: the longest frame that the bus takes; leave: as in the struct. The caller
 * remains the owner of the device. Returns 0, or -ENOMEM after a message.
 */
int tap_side_init(struct tap_side *side, const struct tap_device *tap, unsigned int queue,
		  uint32_t frame_max, bool leave);
void tap_side_fini(struct tap_side *side);

#endif /* TAP_SIDE_H */
