/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Receiving, for both formats.
 *
 * A frame on the bus may change while the station reads it. The filter therefore
 * decides on a copy of the destination, and the caller gets that same copy.
 */

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "shmbus_copy.h"
#include "shmbus_lib.h"

bool
shmbus_lib_wants(const struct shmbus_station *st, const uint8_t dst[6], uint32_t len)
{
	if (!(st->flags & SHMBUS_FILTER))
		return true;
	return len >= sizeof(st->mac) &&
	       ((dst[0] & 1) || memcmp(dst, st->mac, sizeof(st->mac)) == 0);
}

bool
shmbus_lib_copy(const struct shmbus_station *st, uint8_t *to, uint32_t room, const uint8_t *frame,
		uint32_t len)
{
	const uint32_t part = shmbus_lib_min(len, room);
	const bool filter = st->flags & SHMBUS_FILTER;
	uint8_t dst[6];

	if (filter) {
		shmbus_lib_destination(dst, frame);
		if (!shmbus_lib_wants(st, dst, len))
			return false;
	}
	if (part != 0)
		shmbus_copy_exact(to, frame, part);
	if (filter && part >= sizeof(dst))
		memcpy(to, dst, sizeof(dst));
	else if (filter && part != 0)
		memcpy(to, dst, part);
	return true;
}

bool
shmbus_lib_take(const struct shmbus_station *st, struct shmbus_rx *rx, const uint8_t *frame,
		uint32_t len)
{
	if (!shmbus_lib_copy(st, rx->data, rx->room, frame, len))
		return false;
	rx->len = len;
	if (len > rx->room)
		rx->meta.flags |= SHMBUS_META_TRUNCATED;
	return true;
}

void
shmbus_lib_show(struct shmbus_station *st, unsigned int i, const struct shmbus_view *view,
		const struct shmbus_walk *walk)
{
	st->shown[i].walk = *walk;
	st->shown[i].bytes = view->len + (i != 0 ? st->shown[i - 1].bytes : 0);
}

/*
 * Notes that receive or peek has got this number of frames, and that the filter had rejected
 * this number before. Counts the wake-up as vain if it has led to nothing (shmbus_wait.c).
 */
static void
note_read(struct shmbus_station *st, unsigned int got, uint64_t filtered)
{
	if (got != 0 || shmbus_counted(&st->stats.rx_filtered) != filtered)
		st->vain = 0;
	else if (st->hinted && st->vain != UINT32_MAX)
		st->vain++;
	st->hinted = false;
}

static int
receive(struct shmbus_station *st, struct shmbus_rx *frames, struct shmbus_offload *offloads,
	unsigned int n)
{
	const uint64_t filtered = shmbus_counted(&st->stats.rx_filtered);
	unsigned int got = 0;
	uint64_t bytes = 0;
	uint64_t truncated = 0;
	unsigned int i;

	st->peeked = 0;
	if (n > INT_MAX)
		n = INT_MAX;
	if (shmbus_lib_receives(st))
		got = st->ops->receive(st, frames, offloads, n);
	if (n != 0)
		note_read(st, got, filtered);
	if (got == 0)
		return shmbus_lib_gone(st->bus);
	for (i = 0; i < got; i++) {
		bytes += frames[i].len;
		truncated += (frames[i].meta.flags & SHMBUS_META_TRUNCATED) != 0;
	}
	shmbus_count(&st->stats.rx_frames, got);
	shmbus_count(&st->stats.rx_bytes, bytes);
	shmbus_count(&st->stats.rx_truncated, truncated);
	return (int)got;
}

int
shmbus_receive(struct shmbus_station *st, struct shmbus_rx *frames, unsigned int n)
{
	return receive(st, frames, NULL, n);
}

int
shmbus_receive_offload(struct shmbus_station *st, struct shmbus_rx *frames,
		       struct shmbus_offload *offloads, unsigned int n)
{
	return receive(st, frames, offloads, n);
}

int
shmbus_peek(struct shmbus_station *st, struct shmbus_view *frames, unsigned int n)
{
	const uint64_t filtered = shmbus_counted(&st->stats.rx_filtered);

	st->peeked = 0;
	if (n == 0)
		return 0;
	if (shmbus_lib_receives(st))
		st->peeked = st->ops->peek(st, frames, shmbus_lib_min(n, SHMBUS_PEEK_MAX));
	note_read(st, st->peeked, filtered);
	return st->peeked != 0 ? (int)st->peeked : shmbus_lib_gone(st->bus);
}

int
shmbus_release(struct shmbus_station *st, unsigned int n)
{
	const unsigned int peeked = st->peeked;

	if (n > peeked)
		return shmbus_lib_fail(-EINVAL, "path=%s: cannot release %u frames: "
				       "the last peek showed %u",
				       shmbus_lib_path(st->bus), n, peeked);
	st->peeked = 0;
	if (n == 0 || !st->ops->release(st, n))
		return 0;
	shmbus_count(&st->stats.rx_frames, n);
	shmbus_count(&st->stats.rx_bytes, st->shown[n - 1].bytes);
	return (int)n;
}
