/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus_state.h"
#include "json.h"
#include "say.h"
#include "shmbus_clock.h"

/* Reads the ports and the lanes. The arrays have room for all that the bus can have. */
static int
take_lists(struct bus_state *state, struct shmbus *bus)
{
	const struct shmbus_info *info = &state->info;
	const uint32_t lanes = info->format == SHMBUS_FORMAT_LANES ? info->ports * info->queues : 1;
	int n;

	state->peers = calloc(info->ports, sizeof(*state->peers));
	state->lanes = calloc(lanes, sizeof(*state->lanes));
	if (state->peers == NULL || state->lanes == NULL)
		return say_no_memory();
	n = shmbus_get_peers(bus, state->peers, info->ports);
	if (n < 0)
		return say_library_error(n);
	state->n_peers = (unsigned int)n;
	n = shmbus_get_lanes(bus, state->lanes, lanes);
	if (n < 0)
		return say_library_error(n);
	state->n_lanes = (unsigned int)n;
	return 0;
}

int
bus_state_take(struct bus_state *state, struct shmbus *bus)
{
	int ret;

	memset(state, 0, sizeof(*state));
	ret = shmbus_get_info(bus, &state->info);
	if (ret != 0)
		return say_library_error(ret);
	ret = take_lists(state, bus);
	if (ret != 0)
		bus_state_free(state);
	state->taken_ns = shmbus_clock_mono_ns();
	return ret;
}

void
bus_state_free(struct bus_state *state)
{
	free(state->peers);
	free(state->lanes);
	state->peers = NULL;
	state->lanes = NULL;
}

const char *
bus_state_mac(const uint8_t mac[6], char text[18])
{
	snprintf(text, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
		 mac[5]);
	return text;
}

const char *
bus_state_peer(const struct bus_state *state, const struct shmbus_peer_info *peer)
{
	if (!(peer->flags & SHMBUS_PEER_ALIVE))
		return "dead";
	if (state->info.format == SHMBUS_FORMAT_SHMIF)
		return "alive";
	if (!(peer->flags & SHMBUS_PEER_STARTED))
		return "stopped";
	return peer->flags & SHMBUS_PEER_LINK_UP ? "up" : "down";
}

static json_t *
peer_json(const struct bus_state *state, const struct shmbus_peer_info *p)
{
	const bool lanes = state->info.format == SHMBUS_FORMAT_LANES;
	char mac[18];
	json_t *peer;

	peer = json_pack("{s:I, s:b, s:s}",
		"slot", (json_int_t)p->slot,
		"alive", (p->flags & SHMBUS_PEER_ALIVE) != 0,
		"state", bus_state_peer(state, p));
	if (!lanes || peer == NULL)
		return peer;
	if (json_object_update_new(peer, json_pack(
		"{s:s, s:I, s:s, s:I, s:I, s:b, s:b, s:b, s:b, s:I, s:I,"
		" s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
		"name", p->name,
		"pid", (json_int_t)p->pid,
		"mac", bus_state_mac(p->mac, mac),
		"tx_queues", (json_int_t)p->tx_queues,
		"rx_queues", (json_int_t)p->rx_queues,
		"started", (p->flags & SHMBUS_PEER_STARTED) != 0,
		"link_up", (p->flags & SHMBUS_PEER_LINK_UP) != 0,
		"pause", (p->flags & SHMBUS_PEER_HOLDS) != 0,
		"interrupts", (p->flags & SHMBUS_PEER_SLEEPS) != 0,
		"owners", json_number(p->incarnation),
		"attached_ns", json_number(p->attached_ns),
		"tx_frames", json_number(p->tx_frames),
		"tx_bytes", json_number(p->tx_bytes),
		"tx_pauses", json_number(p->tx_pauses),
		"rx_frames", json_number(p->rx_frames),
		"rx_bytes", json_number(p->rx_bytes),
		"rx_skipped", json_number(p->rx_skipped),
		"rx_missed", json_number(p->rx_missed))) != 0) {
		json_decref(peer);
		return NULL;
	}
	return peer;
}

static json_t *
lane_json(const struct bus_state *state, const struct shmbus_lane_info *l)
{
	json_t *lane;

	lane = json_pack("{s:I, s:I, s:I, s:I, s:I}",
		"head", json_number(l->head),
		"tail", json_number(l->tail),
		"generation", json_number(l->generation),
		"size", json_number(l->size),
		"held", json_number(l->held));
	if (state->info.format != SHMBUS_FORMAT_LANES || lane == NULL)
		return lane;
	if (json_object_update_new(lane, json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}",
		"lane", (json_int_t)l->lane,
		"slot", (json_int_t)l->slot,
		"queue", (json_int_t)l->queue,
		"frames", json_number(l->frames),
		"bytes", json_number(l->bytes),
		"pauses", json_number(l->pauses))) != 0) {
		json_decref(lane);
		return NULL;
	}
	return lane;
}

const char *
bus_state_deliver(const struct shmbus_info *info)
{
	return info->deliver == SHMBUS_DELIVERY_SWITCH ? "switch" : "hub";
}

/* Returns the members that only one of the formats has. */
static json_t *
format_json(const struct shmbus_info *info)
{
	char id[2 * sizeof(info->id) + 1];
	unsigned int i;

	if (info->format == SHMBUS_FORMAT_SHMIF)
		return json_pack("{s:I, s:I, s:I, s:I, s:I}",
			"lock", (json_int_t)info->lock,
			"spare", (json_int_t)info->spare,
			"gen", json_number(info->gen),
			"first", (json_int_t)info->first,
			"last", (json_int_t)info->last);
	for (i = 0; i < sizeof(info->id); i++)
		snprintf(id + 2 * i, 3, "%02x", info->id[i]);
	return json_pack("{s:s, s:s, s:I, s:I, s:I}",
		"id", id,
		"deliver", bus_state_deliver(info),
		"places", (json_int_t)info->ports,
		"queues", (json_int_t)info->queues,
		"created_ns", json_number(info->created_ns));
}

json_t *
bus_state_json(const struct bus_state *state)
{
	const struct shmbus_info *info = &state->info;
	json_t *bus, *ports, *lanes;
	char mode[16];
	unsigned int i;

	snprintf(mode, sizeof(mode), "%04o", info->mode);
	ports = json_array();
	lanes = json_array();
	bus = json_pack("{s:o, s:s, s:I, s:I, s:I, s:I, s:s, s:I, s:b, s:b, s:o, s:o}",
		"path", json_text(info->path),
		"format", info->format == SHMBUS_FORMAT_LANES ? "lanes" : "shmif",
		"version", (json_int_t)info->version,
		"lane_size", json_number(info->lane_size),
		"file_size", json_number(info->file_size),
		"used", json_number(info->used),
		"mode", mode,
		"frame_max", (json_int_t)info->frame_max,
		"hugepages", info->hugetlb != 0,
		"removed", info->nlink == 0,
		"ports", ports,
		"lanes", lanes);
	if (bus == NULL)
		return NULL;
	if (json_object_update_new(bus, format_json(info)) != 0)
		goto err;
	for (i = 0; i < state->n_peers; i++)
		if (json_array_append_new(ports, peer_json(state, &state->peers[i])) != 0)
			goto err;
	for (i = 0; i < state->n_lanes; i++)
		if (json_array_append_new(lanes, lane_json(state, &state->lanes[i])) != 0)
			goto err;
	return bus;

err:
	json_decref(bus);
	return NULL;
}
