/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef TAP_DEVICE_H
#define TAP_DEVICE_H

/*
 * A tap device. Frames that the kernel sends are read from a descriptor, and the
 * kernel receives the frames that are written to it. A device that this process
 * made is deleted when the process ends.
 *
 * A device with several queues has a descriptor for each. The kernel sends a flow through the queue
 * to which the last frame of the flow was written, or else through one that a hash chooses.
 */

#include <net/if.h>
#include <stdint.h>

/* The header in front of each frame, in both directions. */
#include <linux/virtio_net.h>

#define TAP_DEVICE_HDR_LEN sizeof(struct virtio_net_hdr)

/* The longest packet that the kernel leaves to the device to be segmented. */
#define TAP_DEVICE_PACKET_MAX (65536 + 64)

/* The most queues that a port on a bus has. The kernel takes more. */
#define TAP_DEVICE_QUEUES_MAX 64

struct tap_device {
	int fds[TAP_DEVICE_QUEUES_MAX]; /* non-blocking, one for each queue */
	unsigned int queues;
	char name[IFNAMSIZ];
	uint8_t mac[6];
};

/*
 * Opens the device with this name and with this number of queues, and makes it if it does not
 * exist. If name is NULL, the kernel chooses one. Returns 0, or -errno after a message.
 */
int tap_device_open(struct tap_device *dev, const char *name, unsigned int queues);
void tap_device_close(struct tap_device *dev);

/*
 * Enters a network namespace: a name of ip-netns(8), or a path. Call it before
 * tap_device_open. Returns 0, or -errno after a message.
 */
int tap_device_enter_netns(const char *netns);

#endif /* TAP_DEVICE_H */
