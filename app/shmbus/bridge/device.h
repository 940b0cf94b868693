/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef BRIDGE_DEVICE_H
#define BRIDGE_DEVICE_H

/*
 * The side of a bridge that is not the bus: where frames come from and go to. Each kind of
 * device has a table of functions, and a struct that begins with struct bridge_device. A device
 * with several queues is one such struct for each queue.
 */

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <shmbus.h>

#include "shmbus_atomic.h"

/* The most frames that pass the bridge at a time. */
#define BRIDGE_BURST 64

struct bridge_device;

struct bridge_ops {
	/* Bytes in front of each frame from the bus that the device may write a header to. */
	size_t headroom;

	/* The device takes and gives frames of which work is left. If not, all frames are final. */
	bool offloads;

	/*
	 * Reads up to n frames, sets data and len of each, and returns their number. The bytes
	 * stay where they are until the next call. 0: there are none now. -errno after a
	 * message: the device is gone. offloads[i] belongs to frames[i]; it is 0 for a device
	 * that does not set it.
	 */
	int (*read)(struct bridge_device *dev, struct shmbus_tx *frames,
		    struct shmbus_offload *offloads, unsigned int n);

	/*
	 * Writes up to n frames, in their order. Counts them. Returns the number of frames that
	 * need not be written again: less than n if the device takes no more now. -errno after a
	 * message: the device is gone.
	 */
	int (*write)(struct bridge_device *dev, const struct shmbus_rx *frames,
		     const struct shmbus_offload *offloads, unsigned int n);

	/*
	 * Says what to sleep on. read: the bridge waits for frames; write: it waits to write
	 * those that the device did not take. Returns the longest sleep in ms, or -1.
	 */
	int (*sleep_on)(struct bridge_device *dev, bool read, bool write, struct pollfd *on);
};

/* The thread of the device counts, and any thread prints. */
struct bridge_counts {
	shmbus_a64 frames;
	shmbus_a64 bytes;
	shmbus_a64 dropped;
};

struct bridge_device {
	const struct bridge_ops *ops;
	struct bridge_device *next; /* the next queue of the device; NULL: there is none */
	const char *name; /* for people, in the counters */
	unsigned int needs; /* enum bridge_rights */
	bool ended; /* set by the device: it has nothing more to say, which is no error */

	/* The bridge counts frames that the bus has taken, the device those that it could not make. */
	struct bridge_counts to_bus;
	/* Counted by the device, but frames that the bridge could not hand over. */
	struct bridge_counts to_dev;
};

#endif /* BRIDGE_DEVICE_H */
