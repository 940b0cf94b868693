/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus_state.h"
#include "shmbus_clock.h"

/* Spare room in an array, for ports that join between the two calls. */
#define SPARE 8

static int
take_peers(struct bus_state *state, struct shmbus *bus)
{
	const int n = shmbus_get_peers(bus, NULL, 0);
	unsigned int room;
	int got;

	if (n < 0)
		return n;
	room = (unsigned int)n + SPARE;
	state->peers = calloc(room, sizeof(*state->peers));
	if (state->peers == NULL)
		return -ENOMEM;
	got = shmbus_get_peers(bus, state->peers, room);
	if (got < 0)
		return got;
	state->n_peers = (unsigned int)got < room ? (unsigned int)got : room;
	return 0;
}

static int
take_lanes(struct bus_state *state, struct shmbus *bus)
{
	const int n = shmbus_get_lanes(bus, NULL, 0);
	unsigned int room;
	int got;

	if (n < 0)
		return n;
	room = (unsigned int)n + SPARE;
	state->lanes = calloc(room, sizeof(*state->lanes));
	if (state->lanes == NULL)
		return -ENOMEM;
	got = shmbus_get_lanes(bus, state->lanes, room);
	if (got < 0)
		return got;
	state->n_lanes = (unsigned int)got < room ? (unsigned int)got : room;
	return 0;
}

int
bus_state_take(struct bus_state *state, struct shmbus *bus)
{
	int ret;

	memset(state, 0, sizeof(*state));
	ret = shmbus_get_info(bus, &state->info);
	if (ret == 0)
		ret = take_peers(state, bus);
	if (ret == 0)
		ret = take_lanes(state, bus);
	if (ret != 0) {
		bus_state_free(state);
		return ret;
	}
	state->taken_ns = shmbus_clock_mono_ns();
	return 0;
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
bus_state_name(const struct shmbus_peer_info *peer, char text[BUS_STATE_NAME_LEN])
{
	unsigned int i;

	for (i = 0; i < sizeof(peer->name) && peer->name[i] != '\0'; i++)
		text[i] = peer->name[i] >= ' ' && peer->name[i] <= '~' ? peer->name[i] : '?';
	text[i] = '\0';
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
	char name[BUS_STATE_NAME_LEN];
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
		" s:I, s:I, s:I, s:I, s:I, s:I}",
		"name", bus_state_name(p, name),
		"pid", (json_int_t)p->pid,
		"mac", bus_state_mac(p->mac, mac),
		"tx_queues", (json_int_t)p->tx_queues,
		"rx_queues", (json_int_t)p->rx_queues,
		"started", (p->flags & SHMBUS_PEER_STARTED) != 0,
		"link_up", (p->flags & SHMBUS_PEER_LINK_UP) != 0,
		"pause", (p->flags & SHMBUS_PEER_HOLDS) != 0,
		"interrupts", (p->flags & SHMBUS_PEER_SLEEPS) != 0,
		"owners", (json_int_t)p->incarnation,
		"attached_ns", (json_int_t)p->attached_ns,
		"tx_frames", (json_int_t)p->tx_frames,
		"tx_bytes", (json_int_t)p->tx_bytes,
		"tx_pauses", (json_int_t)p->tx_pauses,
		"rx_frames", (json_int_t)p->rx_frames,
		"rx_bytes", (json_int_t)p->rx_bytes,
		"rx_missed", (json_int_t)p->rx_missed)) != 0) {
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
		"head", (json_int_t)l->head,
		"tail", (json_int_t)l->tail,
		"generation", (json_int_t)l->generation,
		"size", (json_int_t)l->size,
		"held", (json_int_t)l->held);
	if (state->info.format != SHMBUS_FORMAT_LANES || lane == NULL)
		return lane;
	if (json_object_update_new(lane, json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}",
		"lane", (json_int_t)l->lane,
		"slot", (json_int_t)l->slot,
		"queue", (json_int_t)l->queue,
		"frames", (json_int_t)l->frames,
		"bytes", (json_int_t)l->bytes,
		"pauses", (json_int_t)l->pauses)) != 0) {
		json_decref(lane);
		return NULL;
	}
	return lane;
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
			"gen", (json_int_t)info->gen,
			"first", (json_int_t)info->first,
			"last", (json_int_t)info->last);
	for (i = 0; i < sizeof(info->id); i++)
		snprintf(id + 2 * i, 3, "%02x", info->id[i]);
	return json_pack("{s:s, s:I, s:I, s:I}",
		"id", id,
		"places", (json_int_t)info->ports,
		"queues", (json_int_t)info->queues,
		"created_ns", (json_int_t)info->created_ns);
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
	bus = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:s, s:I, s:b, s:b, s:o, s:o}",
		"path", info->path,
		"format", info->format == SHMBUS_FORMAT_LANES ? "lanes" : "shmif",
		"version", (json_int_t)info->version,
		"lane_size", (json_int_t)info->lane_size,
		"file_size", (json_int_t)info->file_size,
		"used", (json_int_t)info->used,
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
