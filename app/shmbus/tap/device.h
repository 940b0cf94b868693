/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef TAP_DEVICE_H
#define TAP_DEVICE_H

/*
 * A tap device: frames that the kernel sends come out of a descriptor, and what
 * is written to it the kernel receives. It goes with the process, unless it was
 * there before.
 */

#include <net/if.h>
#include <stdint.h>

/* What the kernel puts before each frame, and we before each of ours. */
#include <linux/virtio_net.h>

#define TAP_DEVICE_HDR_LEN sizeof(struct virtio_net_hdr)

/* Longest packet that the kernel leaves for us to cut up. */
#define TAP_DEVICE_PACKET_MAX (65536 + 64)

struct tap_device {
	int fd; /* not blocking */
	char name[IFNAMSIZ];
	uint8_t mac[6];
};

/*
 * Open the device name (NULL: the kernel chooses), which is made if it is not
 * there. 0, or -errno after a message.
 */
int tap_device_open(struct tap_device *dev, const char *name);
void tap_device_close(struct tap_device *dev);

/*
 * Go into a network namespace: a name of ip-netns(8), or a path. Before
 * tap_device_open. 0, or -errno after a message.
 */
int tap_device_enter_netns(const char *netns);

#endif /* TAP_DEVICE_H */
