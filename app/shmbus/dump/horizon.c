/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * On lanes frames have numbers, each lane its own: the horizon is the number
 * behind the last one; but no lane holds more bytes than it is long, whatever
 * number its owner gives. On shmif they have none; there it is as far away as
 * the ring is long, which is never too near.
 */

#include <stdlib.h>
#include <string.h>

#include "horizon.h"
#include "shmbus_shmif_format.h"

struct horizon {
	bool set;
	bool lanes;
	uint32_t queues;
	uint32_t n_lanes;
	uint64_t *next; /* [lane] behind the last frame that was passed */
	uint64_t *end;  /* [lane] */
	uint64_t *room; /* [lane] for frames before the end; 0: it is reached */
	struct shmbus_lane_info *rings; /* [lane] */
	uint32_t left;  /* lanes that have not reached their end */
	uint64_t bytes_left; /* shmif */
	uint32_t record;     /* shmif: bytes that one takes besides the frame */
	bool cut; /* the last frame was cut out of a packet, and more of it may come */
};

struct horizon *
horizon_new(const struct shmbus_info *info)
{
	struct horizon *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	h->lanes = info->format == SHMBUS_FORMAT_LANES;
	h->queues = h->lanes ? info->queues : 1;
	h->record = info->version == SHMBUS_SHMIF_VERSION_OLD ? SHMBUS_SHMIF_RECORD_OLD :
		    (uint32_t)sizeof(struct shmbus_shmif_record);
	h->n_lanes = h->lanes ? info->ports * info->queues : 1;
	h->next = calloc(h->n_lanes, sizeof(*h->next));
	h->end = calloc(h->n_lanes, sizeof(*h->end));
	h->room = calloc(h->n_lanes, sizeof(*h->room));
	h->rings = calloc(h->n_lanes, sizeof(*h->rings));
	if (h->next == NULL || h->end == NULL || h->room == NULL || h->rings == NULL) {
		horizon_free(h);
		return NULL;
	}
	return h;
}

void
horizon_free(struct horizon *h)
{
	if (h == NULL)
		return;
	free(h->next);
	free(h->end);
	free(h->room);
	free(h->rings);
	free(h);
}

int
horizon_skip(struct horizon *h, struct shmbus *bus)
{
	int i, n;

	n = shmbus_get_lanes(bus, h->rings, h->n_lanes);
	if (n < 0)
		return n;
	for (i = 0; h->lanes && i < n && i < (int)h->n_lanes; i++)
		h->next[h->rings[i].lane] = h->rings[i].frames;
	return 0;
}

int
horizon_set(struct horizon *h, struct shmbus *bus)
{
	const struct shmbus_lane_info *ring;
	int i, n;

	n = shmbus_get_lanes(bus, h->rings, h->n_lanes);
	if (n < 0)
		return n;
	h->set = true;
	h->bytes_left = h->rings[0].size;
	for (i = 0; h->lanes && i < n && i < (int)h->n_lanes; i++) {
		ring = &h->rings[i];
		h->end[ring->lane] = ring->frames;
		if (ring->held == 0 || h->next[ring->lane] >= ring->frames)
			continue;
		h->room[ring->lane] = ring->size;
		h->left++;
	}
	return 0;
}

bool
horizon_is_set(const struct horizon *h)
{
	return h->set;
}

static bool
pass_shmif(struct horizon *h, uint32_t len)
{
	const uint64_t bytes = len + h->record;

	if (!h->set)
		return true;
	h->bytes_left -= bytes < h->bytes_left ? bytes : h->bytes_left;
	return true;
}

static void
reach_end(struct horizon *h, uint32_t lane)
{
	h->room[lane] = 0;
	h->left--;
}

/* One more frame that lies before the lane's end. */
static void
pass_lane(struct horizon *h, uint32_t lane, uint32_t len)
{
	/* Of what was cut out of a packet the last one counts: it is no longer than the packet. */
	const uint64_t bytes = h->cut ? 0 : len + UINT64_C(1);

	if (h->room[lane] > bytes) {
		h->room[lane] -= bytes;
		if (h->next[lane] >= h->end[lane])
			reach_end(h, lane);
		return;
	}
	/* More than it can have held: its owner lies. */
	h->end[lane] = 0;
	if (h->room[lane] != 0)
		reach_end(h, lane);
}

bool
horizon_pass(struct horizon *h, const struct shmbus_meta *meta, uint32_t len, uint64_t *missed)
{
	const uint32_t lane = meta->slot * h->queues + meta->queue;

	if (!h->lanes)
		return pass_shmif(h, len);
	h->cut = (meta->flags & SHMBUS_META_SEGMENT) != 0;
	h->next[lane] = meta->seq + 1;
	if (!h->set)
		return true;
	if (meta->seq < h->end[lane]) {
		pass_lane(h, lane, len);
		return true;
	}
	if (h->room[lane] != 0)
		reach_end(h, lane);
	/* What lies between the last frame on this side and this one may be on both sides. */
	if (*missed > meta->seq - h->end[lane])
		*missed -= meta->seq - h->end[lane];
	else
		*missed = 0;
	return false;
}

bool
horizon_reached(const struct horizon *h)
{
	if (!h->set)
		return false;
	return h->lanes ? h->left == 0 && !h->cut : h->bytes_left == 0;
}
