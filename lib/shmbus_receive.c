/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Receiving, whatever the format.
 *
 * A frame that its sender has not finished is first copied out of the bus into
 * st->part, where nobody can change it, and its place in the bus let go. From
 * there come the final frames, as many at a time as the caller has room for.
 */

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "shmbus_copy.h"
#include "shmbus_lib.h"

/* Looks at the bus in one call, should somebody keep it full of what is nothing. */
#define TRIES 64

bool
shmbus_lib_wants(const struct shmbus_station *st, const uint8_t *frame, uint32_t len)
{
	uint8_t dst[6];

	if (!(st->flags & SHMBUS_FILTER))
		return true;
	if (len < sizeof(dst))
		return false;
	memcpy(dst, frame, sizeof(dst));
	return (dst[0] & 1) || memcmp(dst, st->mac, sizeof(dst)) == 0;
}

void
shmbus_lib_take(struct shmbus_station *st, struct shmbus_rx *rx, const uint8_t *frame, uint32_t len)
{
	const uint32_t part = shmbus_lib_min(len, rx->room);

	rx->len = len;
	if (part != 0)
		shmbus_copy_exact(rx->data, frame, part);
	if (part != len) {
		rx->meta.flags |= SHMBUS_META_TRUNCATED;
		shmbus_count(&st->stats.rx_truncated, 1);
	}
}

/* The next final frame into part->final. False: there are no more. */
static bool
finish_next(struct shmbus_station *st)
{
	struct shmbus_unfinished *part = &st->part;
	int ret;

	if (part->len == 0)
		return false;
	ret = shmbus_complete(part->frame, part->len, &part->offload, &part->done, part->final,
			      SHMBUS_FRAME_MAX);
	if (ret > 0) {
		part->final_len = (uint32_t)ret;
		return true;
	}
	if (ret < 0)
		shmbus_count(&st->stats.rx_corrupt, 1);
	part->len = 0;
	return false;
}

static bool
has_final(struct shmbus_station *st)
{
	return st->part.final_len != 0 || finish_next(st);
}

/* That one has been delivered. */
static void
drop_final(struct shmbus_station *st)
{
	shmbus_count(&st->stats.rx_frames, 1);
	shmbus_count(&st->stats.rx_bytes, st->part.final_len);
	st->part.final_len = 0;
	st->part.meta.missed = 0;
}

static unsigned int
receive_finished(struct shmbus_station *st, struct shmbus_rx *frames, unsigned int n)
{
	unsigned int got;

	for (got = 0; got < n && has_final(st); got++) {
		frames[got].meta = st->part.meta;
		shmbus_lib_take(st, &frames[got], st->part.final, st->part.final_len);
		drop_final(st);
	}
	return got;
}

int
shmbus_receive(struct shmbus_station *st, struct shmbus_rx *frames, unsigned int n)
{
	unsigned int tries = TRIES;
	unsigned int got = 0;
	unsigned int more;

	st->peeked = 0;
	if (n > INT_MAX)
		n = INT_MAX;
	do {
		got += receive_finished(st, frames + got, n - got);
		if (got == n)
			break;
		more = st->wire->receive(st, frames + got, n - got);
		got += more;
	} while ((more != 0 || st->part.len != 0) && --tries != 0);
	return got != 0 ? (int)got : shmbus_lib_gone(&st->bus);
}

int
shmbus_peek(struct shmbus_station *st, struct shmbus_view *frames, unsigned int n)
{
	st->peeked = 0;
	if (n == 0)
		return 0;
	if (n > SHMBUS_PEEK_MAX)
		n = SHMBUS_PEEK_MAX;
	if (has_final(st)) {
		frames[0] = (struct shmbus_view){
			.data = st->part.final,
			.len = st->part.final_len,
			.meta = st->part.meta,
		};
		frames[0].meta.missed = 0;
		st->peeked = 1;
	} else {
		st->peeked = st->wire->peek(st, frames, n);
	}
	if (st->peeked == 0)
		return shmbus_lib_gone(&st->bus);
	return (int)st->peeked;
}

int
shmbus_release(struct shmbus_station *st, unsigned int n)
{
	const unsigned int peeked = st->peeked;

	if (n > peeked)
		return shmbus_lib_fail(-EINVAL, "path=%s: release of %u frames, the last peek showed %u",
				       shmbus_lib_file(&st->bus)->path, n, peeked);
	st->peeked = 0;
	if (n == 0)
		return 0;
	if (st->part.final_len != 0)
		drop_final(st);
	else if (!st->wire->release(st, n))
		return 0;
	return (int)n;
}
