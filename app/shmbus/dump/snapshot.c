/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * On lanes each lane numbers its frames. The end of the snapshot is the number
 * behind the lane's last frame. An owner may write any number there, so the
 * snapshot of a lane also ends after as many bytes as the lane holds. On shmif
 * frames have no numbers. There the snapshot ends after as many bytes as the ring
 * holds, which may be too late, but never too early.
 */

#include <stdlib.h>
#include <string.h>

#include "shmbus_shmif_format.h"
#include "snapshot.h"

struct snapshot {
	bool taken;
	bool lanes;
	uint32_t queues;
	uint32_t n_lanes;
	uint64_t *next; /* [lane] the number behind the last frame that was passed */
	uint64_t *end;  /* [lane] the number behind the last frame of the snapshot */
	uint64_t *room; /* [lane] bytes that may come before the end; 0: the end is reached */
	struct shmbus_lane_info *rings; /* [lane] */
	uint32_t left;  /* the number of lanes that have not reached their end */
	uint64_t bytes_left; /* shmif */
	uint32_t record;     /* shmif: bytes of a record besides the frame */
	bool cut; /* the last frame is a segment of a packet, and more segments may come */
};

struct snapshot *
snapshot_new(const struct shmbus_info *info)
{
	struct snapshot *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->lanes = info->format == SHMBUS_FORMAT_LANES;
	s->queues = s->lanes ? info->queues : 1;
	s->record = info->version == SHMBUS_SHMIF_VERSION_OLD ? SHMBUS_SHMIF_RECORD_OLD :
		    (uint32_t)sizeof(struct shmbus_shmif_record);
	s->n_lanes = s->lanes ? info->ports * info->queues : 1;
	s->next = calloc(s->n_lanes, sizeof(*s->next));
	s->end = calloc(s->n_lanes, sizeof(*s->end));
	s->room = calloc(s->n_lanes, sizeof(*s->room));
	s->rings = calloc(s->n_lanes, sizeof(*s->rings));
	if (s->next == NULL || s->end == NULL || s->room == NULL || s->rings == NULL) {
		snapshot_free(s);
		return NULL;
	}
	return s;
}

void
snapshot_free(struct snapshot *s)
{
	if (s == NULL)
		return;
	free(s->next);
	free(s->end);
	free(s->room);
	free(s->rings);
	free(s);
}

int
snapshot_skip(struct snapshot *s, struct shmbus *bus)
{
	int i, n;

	n = shmbus_get_lanes(bus, s->rings, s->n_lanes);
	if (n < 0)
		return n;
	for (i = 0; s->lanes && i < n && i < (int)s->n_lanes; i++)
		s->next[s->rings[i].lane] = s->rings[i].frames;
	return 0;
}

int
snapshot_take(struct snapshot *s, struct shmbus *bus)
{
	const struct shmbus_lane_info *ring;
	int i, n;

	n = shmbus_get_lanes(bus, s->rings, s->n_lanes);
	if (n < 0)
		return n;
	s->taken = true;
	s->bytes_left = s->rings[0].size;
	for (i = 0; s->lanes && i < n && i < (int)s->n_lanes; i++) {
		ring = &s->rings[i];
		s->end[ring->lane] = ring->frames;
		if (ring->held == 0 || s->next[ring->lane] >= ring->frames)
			continue;
		s->room[ring->lane] = ring->size;
		s->left++;
	}
	return 0;
}

bool
snapshot_is_taken(const struct snapshot *s)
{
	return s->taken;
}

static bool
pass_shmif(struct snapshot *s, uint32_t len)
{
	const uint64_t bytes = len + s->record;

	if (!s->taken)
		return true;
	s->bytes_left -= bytes < s->bytes_left ? bytes : s->bytes_left;
	return true;
}

static void
reach_end(struct snapshot *s, uint32_t lane)
{
	s->room[lane] = 0;
	s->left--;
}

/* Passes a frame that lies before the lane's end. */
static void
pass_lane(struct snapshot *s, uint32_t lane, uint32_t len)
{
	/* Of the segments of a packet only the last counts: it is no longer than the packet. */
	const uint64_t bytes = s->cut ? 0 : len + UINT64_C(1);

	if (s->room[lane] > bytes) {
		s->room[lane] -= bytes;
		if (s->next[lane] >= s->end[lane])
			reach_end(s, lane);
		return;
	}
	/* More than the lane can have held: its owner has written a wrong number. */
	s->end[lane] = 0;
	if (s->room[lane] != 0)
		reach_end(s, lane);
}

bool
snapshot_pass(struct snapshot *s, const struct shmbus_meta *meta, uint32_t len, uint64_t *missed)
{
	const uint32_t lane = meta->slot * s->queues + meta->queue;

	if (!s->lanes)
		return pass_shmif(s, len);
	s->cut = (meta->flags & SHMBUS_META_SEGMENT) != 0;
	s->next[lane] = meta->seq + 1;
	if (!s->taken)
		return true;
	if (meta->seq < s->end[lane]) {
		pass_lane(s, lane, len);
		return true;
	}
	if (s->room[lane] != 0)
		reach_end(s, lane);
	/* The missed frames may lie on both sides of the end. Those behind it are not counted. */
	if (*missed > meta->seq - s->end[lane])
		*missed -= meta->seq - s->end[lane];
	else
		*missed = 0;
	return false;
}

bool
snapshot_is_complete(const struct snapshot *s)
{
	if (!s->taken)
		return false;
	return s->lanes ? s->left == 0 && !s->cut : s->bytes_left == 0;
}
