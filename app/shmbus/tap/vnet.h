/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef TAP_VNET_H
#define TAP_VNET_H

/*
 * The header in front of each frame of a tap device (struct virtio_net_hdr, see virtio 1.2,
 * 5.1.6), and the offloads of the library: both say what is left to be done of a frame.
 */

#include <stdbool.h>
#include <stdint.h>

#include <linux/virtio_net.h>
#include <shmbus.h>

/*
 * Translates the header of a frame of len bytes from the kernel. Completes the checksum in the
 * frame if final is true, or if no offload can express it: that of SCTP, or one inside of a
 * tunnel. Returns 0, or -errno if the header makes no sense.
 */
int vnet_to_offload(const struct virtio_net_hdr *hdr, uint8_t *frame, uint32_t len, bool final,
		    struct shmbus_offload *offload);

/*
 * The other way round, for a frame from the bus. Prepares the frame as the kernel wants it.
 * Returns false if the frame does not match its offload.
 */
bool vnet_from_offload(struct virtio_net_hdr *hdr, uint8_t *frame, uint32_t len,
		       const struct shmbus_offload *offload);

#endif /* TAP_VNET_H */
