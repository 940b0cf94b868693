/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <string.h>

#include "shmbus_clock.h"
#include "shmbus_deadlock.h"
#include "shmbus_port.h"
#include "shmbus_writer.h"

/*
 * Time after which the writer asks the kernel whether a reader that holds it
 * back lives, and interval of the later questions.
 */
#define ALIVE_ASK_AFTER_NS (1000 * 1000)
#define ALIVE_ASK_EVERY_NS (10 * 1000 * 1000)

/* Time after which the writer says that a reader holds it back. */
#define TELL_AFTER_NS (1000 * 1000)

/*
 * The stall at one cursor; stall.pos is its highest position:
 *   UNSEEN   nothing is known
 *   FREE     the cursor does not hold the writer back
 *   HOLDING  the cursor holds the writer back at stall.pos since stall.since_ns
 *   IGNORED  the cursor has held the writer back too long there, or its owner is
 *            dead or waits for the writer; ignored until it moves
 */
enum {
	STALL_UNSEEN = 0,
	STALL_FREE,
	STALL_HOLDING,
	STALL_IGNORED,
};

/*
 * Continues behind the last owner, which may have died anywhere and may have
 * written wrong values.
 */
static void
take_over_positions(struct shmbus_lane_entry *lane, struct shmbus_writer *w)
{
	uint64_t head;

	w->tail = shmbus_load(&lane->tail) & ~(uint64_t)(SHMBUS_LINE - 1);
	w->bytes = shmbus_load(&lane->bytes);
	/* The stamp of the last publication holds tail. If the owner died after it wrote the
	 * next stamp and before it published, that next stamp does not.
	 */
	w->stamp = shmbus_load(&lane->stamp[0].pos) == w->tail ? 1 : 0;
	w->seq = shmbus_load(&lane->stamp[w->stamp ^ 1].seq);
	head = shmbus_load(&lane->head);
	if (w->tail - head > w->size || (head & w->chunk_mask) != 0) {
		/* No correct owner leaves such a head: give up the records of the ring. */
		head = w->tail & ~w->chunk_mask;
		shmbus_step_store(writer_give_up_ring, &lane->head, head);
	}
	w->limit = head + w->size;
}

void
shmbus_writer_start(const struct shmbus_bus *bus, struct shmbus_writer *w, uint32_t slot,
		    uint32_t queue, struct shmbus_stall *stalls, bool pause,
		    uint64_t pause_timeout_ns)
{
	const struct shmbus_geometry *geo = &bus->geo;
	struct shmbus_lane_entry *lane = shmbus_bus_lane(bus, slot * geo->queues + queue);

	memset(w, 0, sizeof(*w));
	memset(stalls, 0, geo->ports * geo->queues * sizeof(*stalls));
	w->slot = slot;
	w->lane = slot * geo->queues + queue;
	w->size = geo->lane_size;
	w->chunk_mask = geo->lane_size / SHMBUS_CHUNKS - 1;
	w->stalls = stalls;
	shmbus_writer_set_pause(w, pause, pause_timeout_ns);
	take_over_positions(lane, w);
	w->credit = w->limit - w->size;
	/* The last start may have ended while it was held back. */
	if (shmbus_load(&lane->waits) != 0)
		shmbus_step_store(writer_end_wait, &lane->waits, 0);
	/* Its owner may have died while it slept. */
	if (shmbus_load(&lane->room) != 0)
		shmbus_step_store(writer_end_ask, &lane->room, 0);
	w->refused = w->tail;
	/* Whatever the chunk's mark is, the next record gets no mark before the next chunk,
	 * unless it is the first of its chunk.
	 */
	w->mark_chunk = (w->tail - 1) & ~w->chunk_mask;
}

/* Returns whether to wait for a cursor that holds the writer back. now: the time. */
static bool
wait_for(const struct shmbus_bus *bus, struct shmbus_writer *w, struct shmbus_stall *stall,
	 uint32_t slot, uint32_t queue, uint64_t pos, uint64_t now)
{
	if (stall->state == STALL_UNSEEN || stall->state == STALL_FREE || stall->pos != pos) {
		stall->state = STALL_HOLDING;
		stall->pos = pos;
		stall->since_ns = now;
		stall->asked_ns = now;
		return true;
	}
	if (stall->state == STALL_IGNORED)
		return false;
	if (shmbus_deadlock_is_one(bus, w, stall, slot, queue, now)) {
		stall->state = STALL_IGNORED;
		shmbus_count(&w->deadlocks, 1);
		return false;
	}
	if (now - stall->since_ns >= shmbus_load(&w->pause_timeout_ns)) {
		stall->state = STALL_IGNORED;
		shmbus_count(&w->timeouts, 1);
		return false;
	}
	if (now - stall->since_ns >= ALIVE_ASK_AFTER_NS && slot != w->slot &&
	    (stall->asked_ns == stall->since_ns || now - stall->asked_ns >= ALIVE_ASK_EVERY_NS)) {
		stall->asked_ns = now;
		if (!shmbus_port_alive(bus, slot)) {
			stall->state = STALL_IGNORED;
			shmbus_count(&w->dead, 1);
			return false;
		}
	}
	return true;
}

/*
 * Returns the position to which head may rise: that of the slowest active
 * cursor, at most tail. want: the head that is needed; only cursors below it
 * hold the writer back.
 */
static uint64_t
look_at_cursors(const struct shmbus_bus *bus, struct shmbus_writer *w, uint64_t want)
{
	const struct shmbus_geometry *geo = &bus->geo;
	const uint64_t head = w->limit - w->size;
	const uint64_t held = w->tail - head;
	struct shmbus_port_entry *port;
	struct shmbus_cursor *cursor;
	struct shmbus_stall *stall;
	bool waits = false;
	uint64_t may = held;
	uint64_t now = 0;
	uint64_t pos;
	uint32_t slot, q, n_rxq;

	SHMBUS_STEP(writer_look_at_cursors);
	/* A2 (writer_look_at_cursors): with A1 in the reader. No store of tail waits in this
	 * processor.
	 */
	shmbus_fence_full();
	for (slot = 0; slot < geo->ports; slot++) {
		port = shmbus_bus_port(bus, slot);
		if (!(shmbus_load(&port->state) & SHMBUS_PORT_RX_CURSORS))
			continue;
		n_rxq = shmbus_load(&port->n_rxq);
		for (q = 0; q < n_rxq && q < geo->queues; q++) {
			cursor = shmbus_bus_cursor(bus, slot, q, w->lane);
			if (!(shmbus_load(&cursor->state) & SHMBUS_CURSOR_ACTIVE))
				continue;
			stall = &w->stalls[slot * geo->queues + q];
			/* C2 (writer_look_at_cursors): with C1 in the reader */
			pos = shmbus_load_acquire(&cursor->pos);
			if (pos - head > held) /* lapped, or corrupt */
				continue;
			/* No correct reader goes back. A cursor that goes back could hold the
			 * writer back for ever, as the time-out would begin anew at each step.
			 */
			if (stall->state != STALL_UNSEEN && (int64_t)(pos - stall->pos) < 0)
				continue;
			if (((pos & ~w->chunk_mask) - head) >= want - head) {
				stall->state = STALL_FREE;
				stall->pos = pos;
			} else {
				if (now == 0)
					now = shmbus_clock_mono_ns();
				if (!wait_for(bus, w, stall, slot, q, pos, now))
					continue;
				if (!waits && now - stall->since_ns >= TELL_AFTER_NS) {
					waits = true;
					shmbus_deadlock_tell(bus, w, slot, q, now);
				}
			}
			if (pos - head < may) {
				may = pos - head;
				w->holder = slot * geo->queues + q;
			}
		}
	}
	if (!waits)
		shmbus_deadlock_end(bus, w);
	return (head + may) & ~w->chunk_mask;
}

bool
shmbus_writer_look(const struct shmbus_bus *bus, struct shmbus_writer *w, uint64_t len)
{
	struct shmbus_lane_entry *lane = shmbus_bus_lane(bus, w->lane);
	const uint64_t head = w->limit - w->size;
	const bool pause = shmbus_load(&w->pause);
	uint64_t to;

	/* The lowest chunk that leaves enough room. */
	to = (w->tail + len - w->size + w->chunk_mask) & ~w->chunk_mask;
	if (pause && w->credit - head < to - head) {
		w->credit = look_at_cursors(bus, w, to);
		if (w->credit - head < to - head)
			to = w->credit;
	}
	if (to != head) {
		if (w->blocked != 0)
			shmbus_step_store(writer_count_pause, &lane->pauses, shmbus_counted(&w->pauses));
		w->blocked = 0;
		/* H1 (writer_raise_head): with H2 in the reader */
		shmbus_step_store(writer_raise_head, &lane->head, to);
		shmbus_fence_release();
		w->limit = to + w->size;
		if (!pause)
			w->credit = to; /* if pause is switched on, it begins here */
	}
	return w->limit - w->tail >= len;
}

bool
shmbus_writer_credit(const struct shmbus_bus *bus, struct shmbus_writer *w, uint64_t len)
{
	struct shmbus_lane_entry *lane = shmbus_bus_lane(bus, w->lane);

	if (shmbus_writer_look(bus, w, len))
		return true;
	w->refused = w->tail + len;
	shmbus_count(&w->pauses, 1);
	w->blocked++;
	/* The word is on the line of head, which readers load at each commit, and a blocked
	 * sender comes here as fast as it can spin. So the count is stored when head moves, and
	 * meanwhile each time that it has doubled.
	 */
	if ((w->blocked & (w->blocked - 1)) == 0)
		shmbus_step_store(writer_count_pause, &lane->pauses, shmbus_counted(&w->pauses));
	return false;
}
