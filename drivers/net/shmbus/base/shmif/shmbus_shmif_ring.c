/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>

#include "shmbus_copy.h"
#include "shmbus_shmif_ring.h"
#include "shmbus_shmif_spare.h"
#include "shmbus_step.h"

#define DATA SHMBUS_SHMIF_DATA

static uint32_t
offset_of(uint64_t pos)
{
	return (uint32_t)(pos % DATA);
}

void
shmbus_shmif_get(const struct shmbus_shmif *bus, uint64_t pos, void *dst, uint32_t len)
{
	const uint32_t off = offset_of(pos);
	const uint32_t part = len <= DATA - off ? len : DATA - off;

	shmbus_copy_exact(dst, shmbus_shmif_data(bus) + off, part);
	if (part != len)
		shmbus_copy_exact((uint8_t *)dst + part, shmbus_shmif_data(bus), len - part);
}

void
shmbus_shmif_put(const struct shmbus_shmif *bus, uint64_t pos, const void *src, uint32_t len)
{
	const uint32_t off = offset_of(pos);
	const uint32_t part = len <= DATA - off ? len : DATA - off;

	SHMBUS_STEP(shmif_copy);
	shmbus_copy_exact(shmbus_shmif_data(bus) + off, src, part);
	if (part != len) {
		SHMBUS_STEP(shmif_copy_rest);
		shmbus_copy_exact(shmbus_shmif_data(bus), (const uint8_t *)src + part, len - part);
	}
}

/* Reads the frame length of the record at pos. Returns -EILSEQ if no correct writer writes it. */
static int
read_len(const struct shmbus_shmif *bus, uint64_t pos, uint32_t *len)
{
	shmbus_shmif_get(bus, pos, len, sizeof(*len));
	return *len <= SHMBUS_SHMIF_FRAME_MAX ? 0 : -EILSEQ;
}

int
shmbus_shmif_work_out(const struct shmbus_shmif *bus, const struct shmbus_shmif_words *w,
		      struct shmbus_shmif_state *s)
{
	uint32_t first = w->first;
	uint32_t last = w->last;
	uint32_t len, end;

	s->header_gen = w->gen;
	s->header_last = last;
	if (first > DATA || last > DATA || w->gen > SHMBUS_SHMIF_GEN_MAX)
		return -EILSEQ;
	/* The end of the data is another name of its start. */
	first %= DATA;
	last %= DATA;
	if (read_len(bus, last, &len) != 0)
		return -EILSEQ;
	end = last + bus->record + len;
	/* gen has counted the newest record's wrap already. Positions begin one lap later than
	 * gen, so that none is below 0.
	 */
	s->end = (w->gen + 1) * DATA + end % DATA;
	s->last = s->end - bus->record - len;
	s->first = s->end - ((end % DATA + DATA - first - 1) % DATA + 1);
	return s->last < s->first ? -EILSEQ : 0;
}

int
shmbus_shmif_load(const struct shmbus_shmif *bus, struct shmbus_shmif_state *s)
{
	const struct shmbus_shmif_words w = shmbus_shmif_words(bus);

	return shmbus_shmif_work_out(bus, &w, s);
}

/* Moves first so that the bytes from the end of the ring to end may be written. */
static int
make_room(const struct shmbus_shmif *bus, struct shmbus_shmif_state *s, uint64_t end)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(bus);
	/* One byte more if the burst ends with the data, as in NetBSD. */
	const uint64_t clear = end + (end % DATA == 0);
	uint64_t first = s->first;
	uint32_t len;
	int ret = 0;

	while (clear - first > DATA) {
		if (first >= s->last || read_len(bus, first, &len) != 0) {
			/* shmbus_shmif_load() has checked the newest record. NetBSD does not
			 * accept a ring of this record alone before another record follows.
			 */
			shmbus_shmif_ask_repair(bus);
			ret = -EILSEQ;
			first = s->last;
			break;
		}
		first += bus->record + len;
	}
	if (first != s->first) {
		s->first = first;
		/* N3 (shmif_raise_first): a monitor that sees it sees no older last and gen. */
		shmbus_step_store_release(shmif_raise_first, &h->first, offset_of(first));
	}
	/* B1 (shmif_raise_first): a record leaves the ring before its bytes are overwritten;
	 * the fence is also needed if another port has raised first as far as this.
	 */
	shmbus_fence_release();
	return ret;
}

int
shmbus_shmif_append(const struct shmbus_shmif *bus, struct shmbus_shmif_state *s,
		    const void *records, uint32_t len, uint32_t last)
{
	int ret;

	ret = make_room(bus, s, s->end + len);
	shmbus_shmif_put(bus, s->end, records, len);
	s->last = s->end + last;
	s->end += len;
	return ret;
}

void
shmbus_shmif_publish(const struct shmbus_shmif *bus, const struct shmbus_shmif_state *s)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(bus);
	const uint64_t gen = s->end / DATA - 1;
	const uint32_t last = offset_of(s->last);

	/* All bytes of the records are in the ring before the words say so. */
	shmbus_fence_release();
	if (gen == shmbus_load(&h->gen)) {
		shmbus_step_store(shmif_store_last, &h->last, last);
		return;
	}
	/* Two words must change. The announcement lets the next holder of a dead port's lock
	 * finish the change.
	 */
	shmbus_shmif_intent(bus, gen, last);
	shmbus_step_store_release(shmif_wrap_last, &h->last, last);
	shmbus_step_store_release(shmif_wrap_gen, &h->gen, gen);
	shmbus_shmif_intent_done(bus);
}
