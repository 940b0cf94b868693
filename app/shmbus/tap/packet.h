/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef TAP_PACKET_H
#define TAP_PACKET_H

/*
 * A packet that the kernel hands to a tap device: a frame, perhaps without its
 * checksum, or a TCP packet that is to become many frames. Here it becomes complete
 * frames, for a bus that carries no others.
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

/*
 * Reads a packet from a queue of a device, as it is, to frame, where room is, TAP_DEVICE_PACKET_MAX
 * at least, and its header. Returns its length; 0 if there is none now; or -errno.
 */
int tap_frame_read(int fd, struct virtio_net_hdr *hdr, uint8_t *frame,
		   size_t room);

/* Reads the next packet. Returns 1; 0 if there is none now; or -errno. */
int tap_packet_read(struct tap_packet *p, int fd);

/*
 * Writes the next frame of the packet to buf, and returns its length. Returns 0
 * when no frame is left, and -errno if the packet cannot be made into frames. In
 * both cases the packet is done.
 */
int tap_packet_next(struct tap_packet *p, void *buf, uint32_t room);

/* The packet is these bytes, with this header. */
void tap_packet_set(struct tap_packet *p, const struct virtio_net_hdr *hdr, const uint8_t *bytes,
		    uint32_t len);

static inline bool
tap_packet_is_there(const struct tap_packet *p)
{
	return p->len != 0;
}

#endif /* TAP_PACKET_H */
