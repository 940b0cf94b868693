/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Receive: from the lanes that an Rx queue reads into mbufs.
 *
 * Lane by lane, record by record: as many mbufs as there are frames, copy,
 * then ask whether the frames were still whole (shmbus_reader_commit). If not
 * the mbufs go back to the stash, as if nothing had happened, and the frames
 * are counted as missed.
 *
 * The stash holds mbufs that were taken from the pool and not used yet. They
 * are as a pool gives them: next NULL, nb_segs 1, refcnt 1.
 */

#include <rte_cycles.h>

#include "base/shmbus_copy.h"
#include "shmbus_ethdev.h"

/* A look at who is on the bus after this many polls; idle ones count 16 times. */
#define ROSTER_EVERY 256
#define ROSTER_IDLE 16

/*
 * A lane that was emptied while its sender streams is left alone for a moment,
 * of SHMBUS_NAP_US; every so often also where nothing says that it does.
 *
 * A receiver that is faster than the sender asks for the lane's tail again and
 * again, and each time takes the cache line away from the sender, who needs it
 * once for each burst. Left alone for a moment, the sender is twice as fast
 * and the receiver finds several bursts at once. So: a full burst and then
 * nothing is how streaming looks, but also how a request of 32 frames does.
 * Now and then the lane is left alone on the suspicion. Two full bursts after
 * that prove it, and then it is done each time, as long as the proof lasts.
 */
#define NAP_TRY 16

/* Have n mbufs in the stash, or as many as the pool has. */
static inline uint16_t
fill_stash(struct shmbus_rxq *q, uint16_t n)
{
	uint16_t want;

	if (likely(q->n_stash >= n))
		return n;
	want = RTE_MAX((uint16_t)(n - q->n_stash), (uint16_t)SHMBUS_REFILL);
	want = RTE_MIN(want, (uint16_t)(SHMBUS_STASH - q->n_stash));
	if (rte_mempool_get_bulk(q->pool, (void **)&q->stash[q->n_stash], want) == 0) {
		q->n_stash += want;
	} else {
		while (q->n_stash < n &&
		       rte_mempool_get(q->pool, (void **)&q->stash[q->n_stash]) == 0)
			q->n_stash++;
		if (q->n_stash < n)
			rte_eth_devices[q->port_id].data->rx_mbuf_alloc_failed++;
	}
	return RTE_MIN(n, q->n_stash);
}

static inline void
init_mbuf(const struct shmbus_rxq *q, struct rte_mbuf *m, uint32_t len)
{
	uint64_t *rearm = (uint64_t *)&m->rearm_data;

	*rearm = q->mbuf_init;
	m->ol_flags = q->mbuf_flags;
	m->packet_type = 0;
	m->pkt_len = len;
	m->data_len = (uint16_t)len;
	m->vlan_tci = 0;
}

static inline void
copy_frame(const struct shmbus_rxq *q, struct rte_mbuf *m, const uint8_t *frame, uint32_t len)
{
	uint8_t *dst = rte_pktmbuf_mtod(m, uint8_t *);

	/* Whole lines are faster, where the mbuf has room for them. */
	if (likely(SHMBUS_ALIGN(len) <= q->room))
		shmbus_copy_lines(dst, frame, len);
	else
		memcpy(dst, frame, len);
}

/* Back into the state in which a pool gives them, and into the stash or the pool. */
static void
put_back(struct shmbus_rxq *q, struct rte_mbuf **pkts, uint16_t n)
{
	struct rte_mbuf *m, *next;
	uint16_t i;

	for (i = 0; i < n; i++) {
		for (m = pkts[i]; m != NULL; m = next) {
			next = m->next;
			m->next = NULL;
			m->nb_segs = 1;
			if (q->n_stash < SHMBUS_STASH)
				q->stash[q->n_stash++] = m;
			else
				rte_mempool_put(q->pool, m);
		}
	}
}

/* A frame into a chain of mbufs, the first of which is there. False: no more mbufs. */
static bool
copy_scattered(struct shmbus_rxq *q, struct rte_mbuf *head, const uint8_t *frame, uint32_t len)
{
	struct rte_mbuf *last = head;
	uint32_t left = len;
	uint32_t part;

	for (;;) {
		part = RTE_MIN(left, (uint32_t)q->room);
		memcpy(rte_pktmbuf_mtod(last, uint8_t *), frame, part);
		last->data_len = (uint16_t)part;
		frame += part;
		left -= part;
		if (left == 0)
			return true;
		if (fill_stash(q, 1) == 0)
			return false;
		last->next = q->stash[--q->n_stash];
		last = last->next;
		init_mbuf(q, last, 0);
		head->nb_segs++;
	}
}

struct part {
	uint16_t delivered; /* frames put into pkts */
	uint32_t bytes;
	uint32_t too_long;
	uint32_t filtered;
	bool corrupt;
	bool no_mbuf;
};

/* The usual case: every frame is wanted and fits into one mbuf. */
static inline void
copy_plain(struct shmbus_rxq *q, const struct shmbus_reader *r, struct shmbus_walk *walk,
	   struct rte_mbuf **pkts, uint16_t n, struct part *part)
{
	struct rte_mbuf **stash = &q->stash[q->n_stash];
	const uint8_t *frame;
	uint32_t len;
	uint16_t i, k;

	for (i = 0, k = 0; i < n; i++) {
		len = shmbus_reader_next(r, walk, &frame);
		if (unlikely(len == 0)) {
			part->corrupt = true;
			break;
		}
		if (unlikely(len > q->max_len || len > q->room)) {
			part->too_long++;
			continue;
		}
		k++;
		pkts[k - 1] = stash[-k];
		init_mbuf(q, pkts[k - 1], len);
		copy_frame(q, pkts[k - 1], frame, len);
		part->bytes += len;
	}
	part->delivered = k;
	q->n_stash -= k;
}

static void
copy_with_flags(struct shmbus_rxq *q, const struct shmbus_reader *r, struct shmbus_walk *walk,
		struct rte_mbuf **pkts, uint16_t n, uint32_t flags, struct part *part)
{
	const struct rte_eth_dev *dev = &rte_eth_devices[q->port_id];
	struct shmbus_walk before;
	const uint8_t *frame;
	struct rte_mbuf *m;
	uint32_t len;
	uint16_t i;

	for (i = 0; i < n; i++) {
		before = *walk;
		len = shmbus_reader_next(r, walk, &frame);
		if (unlikely(len == 0)) {
			part->corrupt = true;
			break;
		}
		if (len > q->max_len || (len > q->room && !(flags & SHMBUS_RX_SCATTER))) {
			part->too_long++;
			continue;
		}
		if ((flags & SHMBUS_RX_FILTER) && !shmbus_filter_accepts(dev, frame, len)) {
			part->filtered++;
			continue;
		}
		if (unlikely(fill_stash(q, 1) == 0)) {
			*walk = before;
			part->no_mbuf = true;
			break;
		}
		m = q->stash[--q->n_stash];
		init_mbuf(q, m, len);
		if (len <= q->room) {
			copy_frame(q, m, frame, len);
		} else if (!copy_scattered(q, m, frame, len)) {
			put_back(q, &m, 1);
			*walk = before;
			part->no_mbuf = true;
			break;
		}
		pkts[part->delivered++] = m;
		part->bytes += len;
	}
}

/* Frames of one record, up to n. False: nothing more is to be had from this lane now. */
static inline bool
rx_record(const struct shmbus_bus *bus, struct shmbus_rxq *q, struct shmbus_reader *r,
	  struct rte_mbuf **pkts, uint16_t n, uint32_t flags, uint16_t *delivered)
{
	struct part part = { .delivered = 0 };
	struct shmbus_walk walk;

	*delivered = 0;
	shmbus_reader_walk(bus, r, &walk);
	if (likely(flags == 0)) {
		n = fill_stash(q, RTE_MIN(n, (uint16_t)SHMBUS_STASH));
		if (unlikely(n == 0))
			return false;
		copy_plain(q, r, &walk, pkts, n, &part);
	} else {
		copy_with_flags(q, r, &walk, pkts, n, flags, &part);
	}
	if (unlikely(!shmbus_reader_commit(bus, r, &walk))) {
		put_back(q, pkts, part.delivered);
		return true;
	}
	q->stats.packets += part.delivered;
	q->stats.bytes += part.bytes;
	q->stats.too_long += part.too_long;
	q->stats.filtered += part.filtered;
	*delivered = part.delivered;
	if (unlikely(part.corrupt)) {
		shmbus_reader_give_up(r);
		return true;
	}
	return !part.no_mbuf;
}

/* Is the lane to be left alone now? */
static inline bool
is_napping(struct shmbus_pace *pace)
{
	if (likely(pace->since_tsc == 0))
		return false;
	/* By difference: a counter that has been set back, as in a restored machine, ends it too. */
	if (rte_rdtsc() - pace->since_tsc < pace->nap_tsc)
		return true;
	pace->since_tsc = 0;
	return false;
}

/* A poll of the lane gave so many of the frames that were asked for. */
static inline void
keep_pace(struct shmbus_pace *pace, uint16_t got, uint16_t nb_pkts)
{
	if (got == nb_pkts) {
		pace->full++;
		return;
	}
	if (got == 0 && pace->full != 0 &&
	    (pace->full > 1 || ++pace->suspicions % NAP_TRY == 0))
		pace->since_tsc = rte_rdtsc();
	pace->full = 0;
}

/* All that a lane has, up to nb_pkts. */
static inline uint16_t
rx_lane(struct shmbus_bus *bus, struct shmbus_rxq *q, uint32_t lane, struct rte_mbuf **pkts,
	uint16_t nb_pkts, uint32_t flags)
{
	struct shmbus_reader *r = &q->readers[lane];
	struct shmbus_pace *pace = &q->paces[lane];
	const uint64_t pos = r->pos;
	unsigned int tries = SHMBUS_STASH;
	uint16_t got = 0;
	uint16_t n, k;
	bool more;

	if (is_napping(pace))
		return 0;
	/* A hostile writer could keep this loop busy: so many records, no more. */
	do {
		n = RTE_MIN(shmbus_reader_peek(bus, r), (uint32_t)(nb_pkts - got));
		if (n == 0)
			break;
		more = rx_record(bus, q, r, &pkts[got], n, flags, &k);
		got += k;
	} while (more && got < nb_pkts && --tries != 0);
	keep_pace(pace, got, nb_pkts);
	if (r->pos != pos)
		shmbus_reader_publish(r, shmbus_bus_cursor(bus, q->slot, q->queue_id, lane));
	return got;
}

/* Rare things, which the flags, the restart counter and the idle counter tell. */
static bool
attend(struct shmbus_rxq *q, uint32_t flags)
{
	const struct rte_eth_dev *dev = &rte_eth_devices[q->port_id];
	const uint32_t restart = shmbus_load_acquire(&q->restart);

	if (flags & SHMBUS_RX_DOWN)
		return false;
	if (restart != q->restart_seen) {
		shmbus_lanes_start(dev, q);
		q->restart_seen = restart;
	}
	q->idle = ROSTER_EVERY;
	shmbus_lanes_refresh(dev, q);
	return true;
}

uint16_t
shmbus_rx_burst(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	struct shmbus_rxq *q = queue;
	struct shmbus_bus *bus = shmbus_port_bus(q->port_id);
	const uint32_t flags = shmbus_load(&q->flags);
	uint16_t got = 0;
	uint16_t i, turn, lane;

	if (unlikely((flags & SHMBUS_RX_DOWN) || q->idle == 0 ||
		     shmbus_load(&q->restart) != q->restart_seen)) {
		if (!attend(q, flags))
			return 0;
	}
	q->idle--;
	turn = q->turn;
	for (i = 0; i < q->n_active && got < nb_pkts; i++) {
		if (turn >= q->n_active)
			turn = 0;
		lane = q->active[turn++];
		if (unlikely(shmbus_load(&bus->lane_prot[lane]) == SHMBUS_LANE_UNMAPPED) &&
		    shmbus_bus_map_lane(bus, lane, SHMBUS_LANE_READ) != 0)
			continue;
		got += rx_lane(bus, q, lane, &pkts[got], nb_pkts - got, flags);
	}
	q->turn = turn;
	if (got == 0)
		q->idle = q->idle > ROSTER_IDLE ? q->idle - ROSTER_IDLE : 0;
	return got;
}
