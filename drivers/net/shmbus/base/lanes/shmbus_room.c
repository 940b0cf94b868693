/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include "shmbus_room.h"
#include "shmbus_wake.h"

/*
 * Looks in a row at which another cursor holds the writer back each time. After these the
 * writer sleeps all the same: only hostile readers can do that, and the time-out wakes it.
 */
#define ASK_TRIES 16

/* The word of a lane's entry: a position, which is a multiple of the chunk, and a cursor. */
static uint64_t
word_of(const struct shmbus_writer *w)
{
	const uint64_t to = (w->refused - w->size + w->chunk_mask) & ~w->chunk_mask;

	return to | w->holder;
}

bool
shmbus_room_look(const struct shmbus_bus *bus, struct shmbus_writer *w)
{
	const uint64_t len = w->refused - w->tail;

	return (int64_t)len <= 0 || w->limit - w->tail >= len || shmbus_writer_look(bus, w, len);
}

bool
shmbus_room_ask(const struct shmbus_bus *bus, struct shmbus_writer *w)
{
	struct shmbus_lane_entry *lane = shmbus_bus_lane(bus, w->lane);
	unsigned int i;

	if (shmbus_room_look(bus, w))
		goto out_room;
	for (i = 0; i < ASK_TRIES; i++) {
		w->room = word_of(w);
		/* Q1 (writer_ask_room): with Q2 in the reader. The look below begins with a full
		 * fence: either it sees the cursor, or the reader sees the word.
		 */
		shmbus_step_store(writer_ask_room, &lane->room, w->room);
		if (shmbus_room_look(bus, w))
			goto out_room;
		if (word_of(w) == w->room)
			break;
	}
	return false;

out_room:
	shmbus_room_end(bus, w);
	return true;
}

void
shmbus_room_end(const struct shmbus_bus *bus, struct shmbus_writer *w)
{
	if (w->room == 0)
		return;
	w->room = 0;
	shmbus_step_store(writer_end_ask, &shmbus_bus_lane(bus, w->lane)->room, 0);
}

void
shmbus_room_answer(const struct shmbus_bus *bus, struct shmbus_reader *r, uint32_t cursor)
{
	const uint64_t chunk_mask = bus->geo.lane_size / SHMBUS_CHUNKS - 1;
	const uint64_t word = shmbus_load(&shmbus_bus_lane(bus, r->lane)->room);
	const uint64_t to = word & ~chunk_mask;

	if (word != 0 && (word & chunk_mask) == cursor) {
		if ((int64_t)(r->pos - to) < 0)
			return; /* not yet */
		if ((int64_t)(to - r->room_answered) > 0) {
			/* The writer sees the cursor when it is awake, whatever else it sees. */
			shmbus_fence_full();
			if (shmbus_wake_ring(bus) != 0)
				return; /* the next look tries again */
			r->room_answered = r->pos & ~chunk_mask;
		}
	}
	r->room_seen = word;
}
