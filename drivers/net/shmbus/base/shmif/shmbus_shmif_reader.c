/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <time.h>

#include "shmbus_shmif_reader.h"

/* A jump beyond this is not a loss but corruption. */
#define MISSED_MAX (UINT64_C(1) << 50)

static void
remember(struct shmbus_shmif_reader *r, const struct shmbus_shmif_state *s)
{
	r->gen = s->header_gen;
	r->last = s->header_last;
}

void
shmbus_shmif_reader_start(const struct shmbus_shmif *bus, struct shmbus_shmif_reader *r,
			  unsigned int wait_ms)
{
	const struct timespec nap = { .tv_nsec = 1000 * 1000 };
	struct shmbus_shmif_state s;
	unsigned int i = 0;
	bool locked;
	int ret;

	r->off = 0;
	r->len = 0;
	while (!(locked = shmbus_shmif_lock(bus, &r->lock_wait)) && i++ < wait_ms)
		nanosleep(&nap, NULL);
	ret = shmbus_shmif_load(bus, &s);
	remember(r, &s);
	r->pos = 0;
	if (ret == 0)
		r->pos = locked ? s.end : s.last;
	r->more = !locked;
	if (locked)
		shmbus_shmif_unlock(bus, &r->lock_wait, ret == 0 ? s.end : 0);
}

/* Counts bytes between the reader and the ring that were overwritten. */
static void
count_missed(struct shmbus_shmif_reader *r, uint64_t bytes)
{
	const uint64_t mean = r->fetched != 0 ? r->fetched_bytes / r->fetched :
			      r->record + SHMBUS_SHMIF_FRAME_MAX;

	if (bytes > MISSED_MAX) {
		shmbus_count(&r->corrupt, 1);
		return;
	}
	r->missed_bytes += bytes;
	shmbus_count(&r->missed, (bytes + mean - 1) / mean);
}

/* Finds the whole records in the copy. Returns false if the copy is corrupt behind them. */
static bool
check_piece(struct shmbus_shmif_reader *r, uint32_t got, bool all)
{
	uint32_t off = 0;
	uint32_t len;

	while (got - off >= r->record) {
		memcpy(&len, r->bytes + off, sizeof(len));
		if (len > SHMBUS_SHMIF_FRAME_MAX)
			break;
		if (len > got - off - r->record) {
			if (all)
				break;
			r->len = off;
			return true;
		}
		off += r->record + len;
		r->fetched++;
	}
	r->len = off;
	return off == got || (!all && got - off < r->record);
}

void
shmbus_shmif_reader_copy(const struct shmbus_shmif *bus, const struct shmbus_shmif_reader *r,
			 const struct shmbus_shmif_state *s, struct shmbus_shmif_piece *piece)
{
	piece->pos = r->pos;
	piece->record = bus->record;
	piece->lost = 0;
	piece->overrun = false;
	if (r->pos == 0) {
		piece->pos = s->last;
	} else if (r->pos < s->first) {
		piece->lost = s->first - r->pos;
		piece->overrun = true;
		piece->pos = s->first;
	} else if (r->pos > s->end) {
		/* The ring began anew, or was damaged and repaired. */
		piece->overrun = true;
		piece->pos = s->first;
	}
	piece->all = s->end - piece->pos <= SHMBUS_SHMIF_PIECE;
	piece->len = piece->all ? (uint32_t)(s->end - piece->pos) : SHMBUS_SHMIF_PIECE;
	shmbus_shmif_get(bus, piece->pos, r->bytes, piece->len);
}

int
shmbus_shmif_reader_accept(struct shmbus_shmif_reader *r, const struct shmbus_shmif_state *s,
			   const struct shmbus_shmif_piece *piece)
{
	bool whole;

	remember(r, s);
	r->record = piece->record;
	shmbus_count(&r->overruns, piece->overrun);
	whole = check_piece(r, piece->len, piece->all);
	r->fetched_bytes += r->len;
	if (piece->lost != 0)
		count_missed(r, piece->lost);
	if (!whole) {
		shmbus_count(&r->corrupt, 1);
		r->pos = s->end;
		r->more = false;
		return -EILSEQ;
	}
	r->pos = piece->pos + r->len;
	r->more = r->pos != s->end;
	return 0;
}

void
shmbus_shmif_reader_refuse(struct shmbus_shmif_reader *r, const struct shmbus_shmif_state *s)
{
	remember(r, s);
	r->more = false;
	shmbus_count(&r->corrupt, 1);
}

int
shmbus_shmif_fetch(const struct shmbus_shmif *bus, struct shmbus_shmif_reader *r)
{
	struct shmbus_shmif_piece piece;
	struct shmbus_shmif_state s;
	int ret;

	r->off = 0;
	r->len = 0;
	if (!shmbus_shmif_lock(bus, &r->lock_wait))
		return -EBUSY;
	ret = shmbus_shmif_load(bus, &s);
	if (ret == 0)
		shmbus_shmif_reader_copy(bus, r, &s, &piece);
	shmbus_shmif_unlock(bus, &r->lock_wait, ret == 0 ? s.end : 0);
	if (ret != 0) {
		shmbus_shmif_reader_refuse(r, &s);
		return ret;
	}
	/* Zeros in place of a part of the file that was cut off are not frames. */
	shmbus_fence_acquire();
	if (shmbus_guard_struck(bus->guard)) {
		shmbus_shmif_reader_refuse(r, &s);
		return -EILSEQ;
	}
	return shmbus_shmif_reader_accept(r, &s, &piece);
}

uint32_t
shmbus_shmif_reader_fetched(const struct shmbus_shmif_reader *r)
{
	/* Another thread may be reading: the walk uses copies, and never leaves the piece. */
	const uint32_t record = r->record;
	const uint32_t end = r->len;
	uint32_t off = r->off;
	uint32_t n = 0;
	uint32_t len;

	if (record < SHMBUS_SHMIF_RECORD_OLD)
		return 0; /* nothing was fetched yet */
	while (end <= SHMBUS_SHMIF_PIECE && off < end && end - off >= record) {
		memcpy(&len, r->bytes + off, sizeof(len));
		if (len > end - off - record)
			break;
		off += record + len;
		n++;
	}
	return n;
}
