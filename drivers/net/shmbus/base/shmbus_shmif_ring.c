/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <string.h>

#include "shmbus_shmif_lock.h"
#include "shmbus_shmif_ring.h"

#define DATA SHMBUS_SHMIF_DATA
#define RECORD ((uint32_t)sizeof(struct shmbus_shmif_record))

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

	memcpy(dst, shmbus_shmif_data(bus) + off, part);
	if (part != len)
		memcpy((uint8_t *)dst + part, shmbus_shmif_data(bus), len - part);
}

void
shmbus_shmif_put(const struct shmbus_shmif *bus, uint64_t pos, const void *src, uint32_t len)
{
	const uint32_t off = offset_of(pos);
	const uint32_t part = len <= DATA - off ? len : DATA - off;

	memcpy(shmbus_shmif_data(bus) + off, src, part);
	if (part != len)
		memcpy(shmbus_shmif_data(bus), (const uint8_t *)src + part, len - part);
}

/* Length of the frame of the record at pos. -EILSEQ if no honest writer's. */
static int
read_len(const struct shmbus_shmif *bus, uint64_t pos, uint32_t *len)
{
	shmbus_shmif_get(bus, pos, len, sizeof(*len));
	return *len <= SHMBUS_SHMIF_FRAME_MAX ? 0 : -EILSEQ;
}

int
shmbus_shmif_load(const struct shmbus_shmif *bus, struct shmbus_shmif_state *s)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(bus);
	const uint64_t gen = shmbus_load(&h->gen);
	uint32_t first = shmbus_load(&h->first);
	uint32_t last = shmbus_load(&h->last);
	uint32_t len, end;

	if (first > DATA || last > DATA)
		return -EILSEQ;
	/* The end of the data is another name of its start. */
	first %= DATA;
	last %= DATA;
	if (read_len(bus, last, &len) != 0)
		return -EILSEQ;
	end = last + RECORD + len;
	/* gen counts the newest record's wrap already. Positions begin one lap
	 * later than gen says, so that none is below 0.
	 */
	s->end = (gen + 1) * DATA + end % DATA;
	s->last = s->end - RECORD - len;
	s->first = s->end - ((end % DATA + DATA - first - 1) % DATA + 1);
	if (s->last < s->first)
		return -EILSEQ;
	return 0;
}

int
shmbus_shmif_reserve(const struct shmbus_shmif *bus, struct shmbus_shmif_state *s, uint32_t len,
		     uint64_t *frame)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(bus);
	const uint64_t end = s->end + RECORD + len;
	/* One byte more where it ends with the data, as NetBSD has it. */
	const uint64_t clear = end + (end % DATA == 0);
	uint64_t first = s->first;
	uint32_t old;

	while (clear - first > DATA) {
		if (first >= s->end || read_len(bus, first, &old) != 0)
			return -EILSEQ;
		first += RECORD + old;
	}
	if (first != s->first) {
		s->first = first;
		/* B1: before its bytes are overwritten, a record is no longer in the ring. */
		shmbus_store(&h->first, offset_of(first));
		shmbus_fence_release();
	}
	*frame = s->end + RECORD;
	return 0;
}

void
shmbus_shmif_add(const struct shmbus_shmif *bus, struct shmbus_shmif_state *s, uint32_t len,
		 uint64_t uptime_ns)
{
	const struct shmbus_shmif_record record = {
		.len = len,
		.sec = (uint32_t)(uptime_ns / 1000000000),
		.usec = (uint32_t)(uptime_ns % 1000000000 / 1000),
		.sender = bus->sender,
	};

	shmbus_shmif_put(bus, s->end, &record, RECORD);
	s->last = s->end;
	s->end += RECORD + len;
}

void
shmbus_shmif_publish(const struct shmbus_shmif *bus, const struct shmbus_shmif_state *s)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(bus);
	const uint64_t gen = s->end / DATA - 1;
	const uint32_t last = offset_of(s->last);

	/* All of the records lies in the ring before it is said to. */
	shmbus_fence_release();
	if (gen == shmbus_load(&h->gen)) {
		shmbus_store(&h->last, last);
		return;
	}
	/* Two words must change. Say beforehand to what, so that whoever finds
	 * the lock of a dead port can finish the change.
	 */
	shmbus_shmif_lock_intent(bus, gen, last);
	shmbus_store_release(&h->last, last);
	shmbus_store_release(&h->gen, gen);
	shmbus_shmif_lock_intent_done(bus);
}

int
shmbus_shmif_next(const struct shmbus_shmif *bus, const struct shmbus_shmif_state *s, uint64_t *pos,
		  struct shmbus_shmif_frame *frame)
{
	struct shmbus_shmif_record record;

	if (s->end - *pos < RECORD)
		return -EILSEQ;
	shmbus_shmif_get(bus, *pos, &record, RECORD);
	if (record.len > SHMBUS_SHMIF_FRAME_MAX || record.len > s->end - *pos - RECORD)
		return -EILSEQ;
	frame->pos = *pos + RECORD;
	frame->len = record.len;
	frame->sender = record.sender;
	frame->uptime_ns = (uint64_t)record.sec * 1000000000 + (uint64_t)record.usec * 1000;
	*pos = frame->pos + record.len;
	return 0;
}
