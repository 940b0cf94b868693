/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * A ring's part of the snapshot ends behind the frame that was its last one when the
 * snapshot was taken. On lanes each lane numbers its frames. But an owner may write any
 * number, and on shmif frames have no numbers, so the part also ends after as many bytes as
 * the ring holds. This may be too late, but never too early.
 */

#include <stdlib.h>

#include "snapshot.h"

struct part {
	uint64_t next; /* the number behind the last frame that was passed */
	uint64_t end;  /* the number behind the last frame of the part */
	uint64_t room; /* bytes that may come before the end; 0: the end is reached */
};

struct snapshot {
	bool taken;
	bool cut; /* the last frame is a segment of a packet, and more segments may come */
	bool lanes;
	uint32_t queues;
	uint32_t n;    /* rings */
	uint32_t left; /* parts that have not reached their end */
	struct part *parts; /* [ring] */
	struct shmbus_lane_info *rings; /* room for shmbus_get_lanes() */
};

struct snapshot *
snapshot_new(const struct shmbus_info *info)
{
	struct snapshot *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->lanes = info->format == SHMBUS_FORMAT_LANES;
	s->queues = info->queues;
	s->n = s->lanes ? info->ports * info->queues : 1;
	s->parts = calloc(s->n, sizeof(*s->parts));
	s->rings = calloc(s->n, sizeof(*s->rings));
	if (s->parts == NULL || s->rings == NULL) {
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
	free(s->parts);
	free(s->rings);
	free(s);
}

int
snapshot_skip(struct snapshot *s, struct shmbus *bus)
{
	const int n = shmbus_get_lanes(bus, s->rings, s->n);
	int i;

	for (i = 0; i < n && i < (int)s->n; i++)
		s->parts[s->rings[i].lane].next = s->rings[i].frames;
	return n < 0 ? n : 0;
}

int
snapshot_take(struct snapshot *s, struct shmbus *bus)
{
	const int n = shmbus_get_lanes(bus, s->rings, s->n);
	const struct shmbus_lane_info *ring;
	struct part *part;
	int i;

	s->taken = n >= 0;
	for (i = 0; i < n && i < (int)s->n; i++) {
		ring = &s->rings[i];
		part = &s->parts[ring->lane];
		part->end = s->lanes ? ring->frames : UINT64_MAX;
		if ((s->lanes && ring->held == 0) || part->next >= part->end)
			continue;
		part->room = ring->size;
		s->left++;
	}
	return n < 0 ? n : 0;
}

bool
snapshot_is_taken(const struct snapshot *s)
{
	return s->taken;
}

static void
reach_end(struct snapshot *s, struct part *part)
{
	if (part->room == 0)
		return;
	part->room = 0;
	s->left--;
}

bool
snapshot_pass(struct snapshot *s, const struct shmbus_meta *meta, uint32_t len, uint64_t *missed)
{
	struct part *part = &s->parts[s->lanes ? meta->slot * s->queues + meta->queue : 0];
	uint64_t bytes, behind;

	s->cut = (meta->flags & SHMBUS_META_SEGMENT) != 0;
	part->next = meta->seq + 1;
	if (!s->taken)
		return true;
	if (meta->seq < part->end) {
		/* Only the last segment of a packet counts: it is no longer than the packet. */
		bytes = s->cut ? 0 : len + UINT64_C(1);
		if (part->room > bytes)
			part->room -= bytes;
		else
			part->end = 0; /* more than the ring can have held */
		if (part->next >= part->end)
			reach_end(s, part);
		return true;
	}
	reach_end(s, part);
	/* The missed frames may lie on both sides of the end. Frames behind the end are not counted. */
	behind = meta->seq - part->end;
	*missed -= *missed < behind ? *missed : behind;
	return false;
}

bool
snapshot_is_complete(const struct snapshot *s)
{
	return s->taken && s->left == 0 && !s->cut;
}
