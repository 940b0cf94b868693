/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef BRIDGE_H
#define BRIDGE_H

/*
 * Carries frames between a device and a bus, in both directions. A bridge has one thread. The
 * queues of a device with several are bridges in a list.
 */

#include <shmbus.h>

#include "device.h"

struct bridge;

/*
 * Returns a bridge, and puts it behind the last one of its list, NULL: it is the first. NULL: out
 * of memory. The caller remains the owner of device and station.
 */
struct bridge *bridge_new(struct bridge_device *dev, struct shmbus_station *st,
			  struct bridge *last);

/* Returns the next bridge of the list; NULL: there is none. */
struct bridge *bridge_next(const struct bridge *bridge);

/* Frees all bridges of a list. bridge: the first. */
void bridge_free(struct bridge *bridge);

/*
 * Prints the counters at each SIGUSR1 that comes from now on, as soon as the first bridge
 * runs, whose thread gets the signal. Call it before anybody is told that the bridge is ready.
 */
void bridge_catch(void);

/*
 * Carries frames until the descriptor stop becomes readable, or the device has ended. Returns
 * 0, or -errno after a message if the device or the bus is gone. Frames that are on their way
 * then count as dropped.
 */
int bridge_run(struct bridge *bridge, int stop);

/* Prints the counters of all bridges of a list to stdout. bridge: the first. */
void bridge_print(const struct bridge *bridge);

#endif /* BRIDGE_H */
