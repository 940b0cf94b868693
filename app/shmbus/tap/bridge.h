/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef TAP_BRIDGE_H
#define TAP_BRIDGE_H

/* Frames between a tap device and a bus, both ways. */

#include <stdint.h>

#include <shmbus.h>

#include "device.h"

struct tap_bridge;

/* NULL: out of memory. The device and the station stay the caller's. */
struct tap_bridge *tap_bridge_new(struct tap_device *dev, struct shmbus_station *st);
void tap_bridge_free(struct tap_bridge *bridge);

/*
 * Carry frames until stop, a descriptor, tells to end: 0. Or -errno after a
 * message: the device or the bus is gone.
 */
int tap_bridge_run(struct tap_bridge *bridge, int stop);

/* What was carried, on stdout. */
void tap_bridge_print(const struct tap_bridge *bridge);

#endif /* TAP_BRIDGE_H */
