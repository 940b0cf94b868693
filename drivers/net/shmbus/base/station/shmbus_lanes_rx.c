/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include "shmbus_prefault.h"
#include "shmbus_status.h"
#include "shmbus_lanes_rx.h"

/* Records without a frame for the queue that one look before a sleep steps over. */
#define PENDING_TRIES 256

static_assert(SHMBUS_NO_SLOT == SHMBUS_ALL_SLOTS, "a monitor gets the frames for all slots");

/* Arrays of one element per lane begin on cache lines of their own. */
static size_t
array(size_t n, size_t size)
{
	return SHMBUS_ALIGN(n * size);
}

size_t
shmbus_lanes_rx_size(const struct shmbus_geometry *geo)
{
	return 2 * array(geo->lanes, sizeof(struct shmbus_reader)) +
	       array(geo->lanes, sizeof(struct shmbus_backoff)) +
	       array(geo->lanes, sizeof(struct shmbus_lanes_rx_active)) +
	       array(geo->ports, sizeof(uint32_t));
}

static void *
take(uint8_t **memory, size_t n, size_t size)
{
	void *p = *memory;

	*memory += array(n, size);
	return p;
}

void
shmbus_lanes_rx_init(struct shmbus_lanes_rx *rx, const struct shmbus_geometry *geo, void *memory)
{
	uint8_t *p = memory;

	rx->n_lanes = geo->lanes;
	rx->readers = take(&p, geo->lanes, sizeof(struct shmbus_reader));
	rx->restart_at = take(&p, geo->lanes, sizeof(struct shmbus_reader));
	rx->backoffs = take(&p, geo->lanes, sizeof(struct shmbus_backoff));
	rx->active = take(&p, geo->lanes, sizeof(struct shmbus_lanes_rx_active));
	rx->roster = take(&p, geo->ports, sizeof(uint32_t));
	rx->n_active = 0;
	rx->conf.slot = SHMBUS_NO_SLOT;
	rx->conf.n_queues = 1;
}

/*
 * Returns whether the lane of a slot's queue is this Rx queue's own: lanes are
 * divided by sender and by the sender's queue. The next lane belongs to the next queue; conf.turn
 * says which queue comes first.
 */
static bool
is_own(const struct shmbus_lanes_rx *rx, uint32_t slot, uint32_t queue)
{
	return (slot + queue + rx->conf.turn) % rx->conf.n_queues == rx->conf.queue;
}

/* Returns whether this Rx queue reads the lane of a slot's queue. */
static bool
is_mine(const struct shmbus_lanes_rx *rx, uint32_t slot, uint32_t queue)
{
	if (slot == rx->conf.slot && !rx->conf.loopback)
		return false;
	return rx->conf.shared || is_own(rx, slot, queue);
}

static bool
lane_is_mine(const struct shmbus_bus *bus, const struct shmbus_lanes_rx *rx, uint32_t lane)
{
	return is_mine(rx, lane / bus->geo.queues, lane % bus->geo.queues);
}

static bool
lane_is_own(const struct shmbus_bus *bus, const struct shmbus_lanes_rx *rx, uint32_t lane)
{
	return is_own(rx, lane / bus->geo.queues, lane % bus->geo.queues);
}

/* Returns the queue's part of a number that all sharing queues have counted. */
static uint64_t
part_of(const struct shmbus_lanes_rx *rx, uint64_t n)
{
	/* If all queues have counted the same number, the parts add up to it. */
	return rx->conf.shared ? (n + rx->conf.queue) / rx->conf.n_queues : n;
}

/* The same for a number of which alone were this queue's alone. */
static uint64_t
part_of_alone(const struct shmbus_lanes_rx *rx, const shmbus_a64 *number, const shmbus_a64 *alone)
{
	const uint64_t n = shmbus_counted(number);
	uint64_t own = shmbus_counted(alone);

	/* The reader may be counting. */
	if (own > n)
		own = n;
	return own + part_of(rx, n - own);
}

void
shmbus_lanes_rx_count(const struct shmbus_lanes_rx *rx, struct shmbus_lanes_rx_counts *counts)
{
	const struct shmbus_reader *r;

	counts->missed += rx->past.missed;
	counts->skipped += rx->past.skipped;
	counts->overruns += rx->past.overruns;
	counts->corrupt += rx->past.corrupt;
	for (r = rx->readers; r != rx->readers + rx->n_lanes; r++) {
		counts->missed += part_of_alone(rx, &r->missed, &r->missed_alone);
		counts->skipped += part_of_alone(rx, &r->skipped, &r->skipped_alone);
		counts->overruns += shmbus_counted(&r->overruns);
		counts->corrupt += part_of(rx, shmbus_counted(&r->corrupt));
	}
}

/* Adds the readers' counters to past before the readers begin anew. */
static void
fold(struct shmbus_lanes_rx *rx)
{
	struct shmbus_lanes_rx_counts sum = { .missed = 0 };
	struct shmbus_reader *r;

	shmbus_lanes_rx_count(rx, &sum);
	for (r = rx->readers; r != rx->readers + rx->n_lanes; r++) {
		shmbus_store(&r->missed, 0);
		shmbus_store(&r->missed_alone, 0);
		shmbus_store(&r->skipped, 0);
		shmbus_store(&r->skipped_alone, 0);
		shmbus_store(&r->overruns, 0);
		shmbus_store(&r->corrupt, 0);
	}
	rx->past = sum;
}

/*
 * Returns whether the queue has cursors in the file: a monitor has none, and
 * another bus in the same file has none of this queue.
 */
static bool
has_cursors(const struct shmbus_bus *bus, const struct shmbus_lanes_rx *rx)
{
	return rx->conf.slot != SHMBUS_NO_SLOT && !shmbus_status_is_lost(bus);
}

/* Puts readers at the tails of all lanes, with cursors, which hold senders back from now on. */
static void
place(const struct shmbus_bus *bus, const struct shmbus_lanes_rx *rx, struct shmbus_reader *readers)
{
	const bool cursors = has_cursors(bus, rx);
	struct shmbus_cursor *cursor;
	uint32_t lane;

	for (lane = 0; lane < rx->n_lanes; lane++) {
		if (rx->conf.oldest)
			shmbus_reader_start_oldest(bus, &readers[lane], lane);
		else
			shmbus_reader_start(bus, &readers[lane], lane);
		if (!cursors)
			continue;
		cursor = shmbus_bus_cursor(bus, rx->conf.slot, rx->conf.queue, lane);
		if (lane_is_mine(bus, rx, lane))
			shmbus_reader_hold(bus, &readers[lane], cursor);
		else
			shmbus_reader_release(cursor);
	}
}

/* Begins polling: the readers are in place, all other state begins anew. */
static void
begin_polling(const struct shmbus_bus *bus, struct shmbus_lanes_rx *rx)
{
	uint32_t lane;

	for (lane = 0; lane < rx->n_lanes; lane++)
		shmbus_backoff_start(&rx->backoffs[lane], rx->conf.backoff_ticks);
	rx->n_active = 0;
	rx->turn = 0;
	rx->idle = 0;
	/* The first look at the roster reads every entry. */
	shmbus_port_roster_forget(bus, rx->roster);
}

void
shmbus_lanes_rx_start(const struct shmbus_bus *bus, struct shmbus_lanes_rx *rx,
		      const struct shmbus_lanes_rx_conf *conf)
{
	fold(rx);
	rx->conf = *conf;
	rx->own_lane = conf->slot == SHMBUS_NO_SLOT ? 0 : conf->slot * bus->geo.queues;
	rx->own_lanes = conf->slot == SHMBUS_NO_SLOT ? 0 : bus->geo.queues;
	if (conf->pollers != NULL)
		shmbus_store(&conf->pollers->rx[conf->queue].thread, 0);
	rx->restart_seen = shmbus_load(&rx->restart);
	place(bus, rx, rx->readers);
	begin_polling(bus, rx);
}

void
shmbus_lanes_rx_prepare_restart(const struct shmbus_bus *bus, struct shmbus_lanes_rx *rx)
{
	place(bus, rx, rx->restart_at);
	/* R1 (lanes_rx_restart): with R2 */
	shmbus_store_release(&rx->restart, shmbus_load(&rx->restart) + 1);
}

static void
take_restart(const struct shmbus_bus *bus, struct shmbus_lanes_rx *rx)
{
	uint32_t lane;

	rx->restart_seen = shmbus_load_acquire(&rx->restart);
	fold(rx);
	for (lane = 0; lane < rx->n_lanes; lane++) {
		rx->readers[lane] = rx->restart_at[lane];
		/* Another restart may be changing this entry: no read leaves the mapped lane. */
		rx->readers[lane].lane = lane;
	}
	begin_polling(bus, rx);
}

void
shmbus_lanes_rx_stop(const struct shmbus_bus *bus, struct shmbus_lanes_rx *rx)
{
	uint32_t lane;

	fold(rx);
	rx->n_active = 0;
	if (!has_cursors(bus, rx))
		return;
	for (lane = 0; lane < rx->n_lanes; lane++)
		shmbus_reader_release(shmbus_bus_cursor(bus, rx->conf.slot, rx->conf.queue, lane));
}

void
shmbus_lanes_rx_share(const struct shmbus_bus *bus, struct shmbus_lanes_rx *rx)
{
	const bool cursors = has_cursors(bus, rx);
	struct shmbus_reader *r;
	uint32_t lane;

	if (shmbus_lanes_rx_restarts(rx))
		take_restart(bus, rx);
	/* What has been lost until now, this queue alone has lost. */
	fold(rx);
	rx->conf.shared = true;
	for (lane = 0; lane < rx->n_lanes; lane++) {
		if (lane_is_own(bus, rx, lane) || !lane_is_mine(bus, rx, lane))
			continue;
		r = &rx->readers[lane];
		shmbus_reader_start(bus, r, lane);
		if (cursors)
			shmbus_reader_hold(bus, r, shmbus_bus_cursor(bus, rx->conf.slot,
								     rx->conf.queue, lane));
	}
	/* The next poll lists the lanes anew. */
	rx->idle = 0;
	shmbus_port_roster_forget(bus, rx->roster);
}

/* Returns the position that a reader has reached. A record that it has opened counts as read. */
static uint64_t
reached(const struct shmbus_reader *r)
{
	return r->left != 0 ? r->pos + r->len : r->pos;
}

uint64_t
shmbus_lanes_rx_reached(struct shmbus_lanes_rx *const *queues, uint32_t n, uint32_t lane)
{
	uint64_t first = 0;
	uint64_t pos;
	uint32_t i;

	for (i = 0; i < n; i++) {
		pos = reached(&queues[i]->readers[lane]);
		if (i == 0 || (int64_t)(pos - first) > 0)
			first = pos;
	}
	return first;
}

uint64_t
shmbus_lanes_rx_shared(const struct shmbus_bus *bus, struct shmbus_lanes_rx *const *queues,
		       uint32_t n, uint32_t lane)
{
	const uint64_t from = shmbus_lanes_rx_reached(queues, n, lane);
	const struct shmbus_reader *first = NULL;
	struct shmbus_reader *r;
	uint32_t i;

	for (i = 0; i < n && first == NULL; i++) {
		r = &queues[i]->readers[lane];
		if (r->pos == from && r->left == 0 && !r->seq_unknown)
			first = r;
	}
	for (i = 0; i < n && first != NULL; i++) {
		r = &queues[i]->readers[lane];
		if (lane_is_own(bus, queues[i], lane) && !r->seq_unknown)
			r->alone = first->seq;
	}
	return from;
}

/* Returns the offset of the word that tells that there is something to read in a lane. */
static uint32_t
watch_of(const struct shmbus_bus *bus, const struct shmbus_lanes_rx *rx, uint32_t lane)
{
	const uint32_t slot = shmbus_lanes_rx_reads_for(rx, lane);
	const shmbus_a64 *word;

	if (bus->geo.directs && slot != SHMBUS_ALL_SLOTS)
		word = &shmbus_bus_notice(bus, slot, lane)->word;
	else
		word = &shmbus_bus_lane(bus, lane)->tail;
	/* The tables below the cursors take less than 4 GiB. */
	return (uint32_t)((uintptr_t)word - (uintptr_t)bus->control);
}

/* Lists the lanes in use, and lanes out of use that hold unread records. */
static void
list_active(const struct shmbus_bus *bus, struct shmbus_lanes_rx *rx)
{
	const struct shmbus_geometry *geo = &bus->geo;
	struct shmbus_peer peer;
	uint32_t slot, queue, lane, n_txq;
	uint16_t n = 0;

	for (slot = 0; slot < geo->ports; slot++) {
		n_txq = shmbus_port_peer(bus, slot, &peer) ? peer.n_txq : 0;
		for (queue = 0; queue < geo->queues; queue++) {
			lane = slot * geo->queues + queue;
			if (!is_mine(rx, slot, queue))
				continue;
			if (queue < n_txq ||
			    rx->readers[lane].pos != shmbus_load(&shmbus_bus_lane(bus, lane)->tail))
				rx->active[n++] = (struct shmbus_lanes_rx_active){
					.empty_at = SHMBUS_NOT_EMPTY,
					.lane = lane,
					.watch = watch_of(bus, rx, lane),
				};
		}
	}
	rx->n_active = n;
	rx->turn = 0;
	if (rx->conf.prefault != 0)
		shmbus_prefault_peers(bus, rx->conf.slot, rx->conf.prefault);
}

bool
shmbus_lanes_rx_pass_lane(const struct shmbus_bus *bus, struct shmbus_lanes_rx *rx,
			  struct shmbus_lanes_rx_active *a, uint64_t word)
{
	struct shmbus_reader *r = &rx->readers[a->lane];
	const uint64_t pos = r->pos;

	/* D4 (reader_look_at_notice): with D3 in the writer. No tail that is loaded from now on is
	 * older than the notice.
	 */
	shmbus_fence_acquire();
	r->notice = word;
	if (!shmbus_notice_is_below(word, pos) ||
	    !shmbus_backoff_is_idle(&rx->backoffs[a->lane]) ||
	    !shmbus_reader_pass_lane(bus, r, rx->conf.slot))
		return false;
	/* Not a later one, which may have come after the tail: the next poll looks again. */
	a->empty_at = word;
	if (r->pos != pos) {
		shmbus_lanes_rx_publish_skipped(bus, rx, r);
		shmbus_lanes_rx_publish(bus, rx, r);
	}
	return true;
}

void
shmbus_lanes_rx_refresh(const struct shmbus_bus *bus, struct shmbus_lanes_rx *rx)
{
	if (shmbus_port_roster_changed(bus, rx->roster))
		list_active(bus, rx);
}

void
shmbus_lanes_rx_answer(const struct shmbus_bus *bus, const struct shmbus_lanes_rx *rx,
		       struct shmbus_reader *r)
{
	if (!has_cursors(bus, rx))
		return;
	/* The reader may have moved since it published: it was overtaken. */
	shmbus_reader_publish(r, shmbus_bus_cursor(bus, rx->conf.slot, rx->conf.queue, r->lane));
	shmbus_room_answer(bus, r, rx->conf.slot * bus->geo.queues + rx->conf.queue);
}

/* Answers on all active lanes. See shmbus_room.h why an idle queue does this. */
static void
answer_all(const struct shmbus_bus *bus, const struct shmbus_lanes_rx *rx)
{
	struct shmbus_reader *r;
	uint32_t i;

	if (rx->conf.slot == SHMBUS_NO_SLOT)
		return;
	for (i = 0; i < rx->n_active; i++) {
		r = &rx->readers[rx->active[i].lane];
		if (shmbus_room_is_asked(bus, r))
			shmbus_lanes_rx_answer(bus, rx, r);
	}
}

/* Steps over all that is for others, in lanes whose notices have not changed. */
static void
pass_all(const struct shmbus_bus *bus, struct shmbus_lanes_rx *rx)
{
	struct shmbus_lanes_rx_active *a;

	for (a = rx->active; a != rx->active + rx->n_active; a++)
		if (shmbus_lanes_rx_has_notice(bus, a))
			shmbus_lanes_rx_pass_lane(bus, rx, a, shmbus_lanes_rx_word(bus, a));
}

void
shmbus_lanes_rx_attend(const struct shmbus_bus *bus, struct shmbus_lanes_rx *rx)
{
	if (shmbus_lanes_rx_restarts(rx))
		take_restart(bus, rx);
	rx->idle = SHMBUS_ROSTER_EVERY;
	shmbus_lanes_rx_refresh(bus, rx);
	if (bus->geo.directs && ++rx->looks % SHMBUS_PASS_EVERY == 0)
		pass_all(bus, rx);
	answer_all(bus, rx);
}

/*
 * Counts on all lanes of the queue, not only on the active ones: a lane may be
 * new, and the list older than the frames on it.
 */
uint64_t
shmbus_lanes_rx_waiting(const struct shmbus_bus *bus, const struct shmbus_lanes_rx *rx)
{
	uint64_t waiting = 0;
	uint32_t lane;

	for (lane = 0; lane < rx->n_lanes; lane++)
		if (lane_is_mine(bus, rx, lane))
			waiting += shmbus_reader_waiting(bus, &rx->readers[lane]);
	return waiting;
}

/*
 * Returns whether the next poll of a lane would get a frame, or get past one that is invalid,
 * and not only step over frames. Reads ahead with a copy of the reader.
 *
 * A cursor must not stay behind by a quarter of a lap: the sender may have rung for that before
 * the queue said that it sleeps (shmbus_director_end), and would wait for the cursor.
 */
static bool
has_own(struct shmbus_bus *bus, struct shmbus_lanes_rx *rx, uint32_t lane)
{
	const uint32_t slot = shmbus_lanes_rx_reads_for(rx, lane);
	const struct shmbus_reader *r = shmbus_lanes_rx_reader(bus, rx, lane);
	unsigned int tries = PENDING_TRIES;
	struct shmbus_reader ahead;
	struct shmbus_walk walk;

	if (r == NULL)
		return true; /* no room for the mapping now: the poll tries again */
	ahead = *r;
	while (shmbus_reader_peek(bus, &ahead) != 0) {
		shmbus_reader_walk(bus, &ahead, &walk);
		if (shmbus_reader_pass(&ahead, &walk, slot) ||
		    !shmbus_reader_commit(bus, &ahead, &walk) || --tries == 0)
			return true;
	}
	if (ahead.pos / (bus->geo.lane_size / 4) != r->pos / (bus->geo.lane_size / 4))
		return true;
	/* The reader itself gets past records that were lost or are corrupt, and counts them. */
	return shmbus_counted(&ahead.overruns) != shmbus_counted(&r->overruns) ||
	       shmbus_counted(&ahead.corrupt) != shmbus_counted(&r->corrupt);
}

bool
shmbus_lanes_rx_pending(struct shmbus_bus *bus, struct shmbus_lanes_rx *rx)
{
	const bool directed = shmbus_geometry_directed(&bus->geo);
	struct shmbus_lanes_rx_active *a;
	uint64_t word;
	bool same;

	/* A sender is in the roster before its first frame is on its lane. */
	shmbus_lanes_rx_refresh(bus, rx);
	for (a = rx->active; a != rx->active + rx->n_active; a++) {
		if (!shmbus_reader_pending(bus, &rx->readers[a->lane]))
			continue;
		if (shmbus_lanes_rx_has_notice(bus, a)) {
			word = shmbus_lanes_rx_word(bus, a);
			/* The next poll would not look there, whatever a hostile sender has done. */
			same = word == a->empty_at;
			if (shmbus_lanes_rx_pass_lane(bus, rx, a, word) || same)
				continue;
		}
		if (!directed || has_own(bus, rx, a->lane))
			return true;
	}
	answer_all(bus, rx);
	return false;
}
