/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef TAP_PACKET_H
#define TAP_PACKET_H

/*
 * A packet that the kernel hands to a tap device: a frame, perhaps without its
 * checksum, or a TCP packet that is to become many frames. Only complete frames go
 * onto the bus.
 */

#include <stdbool.h>
#include <stdint.h>

#include <shmbus.h>

#include "device.h"

struct tap_packet {
	struct virtio_net_hdr hdr;
	uint8_t bytes[TAP_DEVICE_PACKET_MAX];
	uint32_t len; /* 0: there is none */
	uint32_t done; /* the state of shmbus_complete() */
	struct shmbus_offload offload;
};

/* Reads the next packet. Returns 1; 0 if there is none now; or -errno. */
int tap_packet_read(struct tap_packet *p, const struct tap_device *dev);

/*
 * Writes the next frame of the packet to buf, and returns its length. Returns 0
 * when no frame is left, and -errno if the packet cannot be made into frames. In
 * both cases the packet is done.
 */
int tap_packet_next(struct tap_packet *p, void *buf, uint32_t room);

static inline bool
tap_packet_is_there(const struct tap_packet *p)
{
	return p->len != 0;
}

#endif /* TAP_PACKET_H */
