/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef TAP_PACKET_H
#define TAP_PACKET_H

/*
 * A packet as the kernel hands it to a tap device, which may be a frame without
 * its checksum, or a TCP packet that is to become many frames. On the bus go
 * final frames only.
 */

#include <stdbool.h>
#include <stdint.h>

#include <shmbus.h>

#include "device.h"

struct tap_packet {
	struct virtio_net_hdr hdr;
	uint8_t bytes[TAP_DEVICE_PACKET_MAX];
	uint32_t len; /* 0: there is none */
	uint32_t done; /* shmbus_complete's */
	struct shmbus_offload offload;
};

/* The next packet. 1; 0: none now; or -errno. */
int tap_packet_read(struct tap_packet *p, const struct tap_device *dev);

/*
 * The next frame of it into buf. Its length; 0: there are no more, the packet
 * is done with; -errno: so, but it could not be made into frames.
 */
int tap_packet_next(struct tap_packet *p, void *buf, uint32_t room);

static inline bool
tap_packet_is_there(const struct tap_packet *p)
{
	return p->len != 0;
}

#endif /* TAP_PACKET_H */
