/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef BUS_STATE_H
#define BUS_STATE_H

/* All that a bus says of itself at one time: for info and top. */

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
 * Take the state of a bus. 0 or -errno with shmbus_error_text(); then nothing
 * needs to be freed.
 */
int bus_state_take(struct bus_state *state, struct shmbus *bus);

void bus_state_free(struct bus_state *state);

/* As the manual has it; NULL: out of memory. The caller drops the reference. */
json_t *bus_state_json(const struct bus_state *state);

/* "b2:a0:00:00:00:01" */
const char *bus_state_mac(const uint8_t mac[6], char text[18]);

/*
 * What a port calls itself. It may be anything: what does not belong on a
 * terminal, or into JSON, becomes a question mark.
 */
#define BUS_STATE_NAME_LEN 65
const char *bus_state_name(const struct shmbus_peer_info *peer, char text[BUS_STATE_NAME_LEN]);

/* What a port does, in few words: "up", "down", "dead", ... */
const char *bus_state_peer(const struct bus_state *state, const struct shmbus_peer_info *peer);

#endif /* BUS_STATE_H */
