/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef BUS_STATE_H
#define BUS_STATE_H

/* The state of a bus at one moment, with its ports and lanes: for info and top. */

#include <stdint.h>

#include <jansson.h>
#include <shmbus.h>

struct bus_state {
	struct shmbus_info info;
	struct shmbus_peer_info *peers;
	unsigned int n_peers;
	struct shmbus_lane_info *lanes;
	unsigned int n_lanes;
	uint64_t taken_ns; /* monotonic */
};

/*
 * Reads the state of a bus. Returns 0, or -errno after a message. After an error
 * there is nothing to free.
 */
int bus_state_take(struct bus_state *state, struct shmbus *bus);

/* Frees the lists. */
void bus_state_free(struct bus_state *state);

/*
 * Returns the state as JSON; docs/tool.rst lists the keys. NULL: out of memory.
 * The caller drops the reference.
 */
json_t *bus_state_json(const struct bus_state *state);

/* Formats an address: "b2:a0:00:00:00:01". Returns text. */
const char *bus_state_mac(const uint8_t mac[6], char text[18]);

/* Returns the state of a port in one word: "up", "down", "dead", ... */
const char *bus_state_peer(const struct bus_state *state, const struct shmbus_peer_info *peer);

/* Returns the word for who gets a unicast frame on a bus of lanes. */
const char *bus_state_deliver(const struct shmbus_info *info);

#endif /* BUS_STATE_H */
