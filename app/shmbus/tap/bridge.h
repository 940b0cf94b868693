/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef TAP_BRIDGE_H
#define TAP_BRIDGE_H

/* Carries frames between a tap device and a bus, in both directions. */

#include <stdint.h>

#include <shmbus.h>

#include "device.h"

struct tap_bridge;

/* Returns a bridge; NULL: out of memory. The caller remains the owner of device and station. */
struct tap_bridge *tap_bridge_new(struct tap_device *dev, struct shmbus_station *st);
void tap_bridge_free(struct tap_bridge *bridge);

/*
 * Prints the counters at each SIGUSR1 that comes from now on, as soon as the bridge
 * runs. Call it before anybody is told that the bridge is ready.
 */
void tap_bridge_catch(void);

/*
 * Carries frames until the descriptor stop becomes readable. Returns 0, or -errno
 * after a message if the device or the bus is gone.
 */
int tap_bridge_run(struct tap_bridge *bridge, int stop);

/* Prints the counters to stdout. */
void tap_bridge_print(const struct tap_bridge *bridge);

#endif /* TAP_BRIDGE_H */
