/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Receive from lanes.
 *
 * Theory of operation
 *
 * The queue reads lane by lane, record by record. It copies frames into mbufs; then
 * the commit (shmbus_reader_commit) tells whether the copies are whole. If they are
 * not, the mbufs go back to the stash and the frames count as missed. All further
 * work is done on the copies (shmbus_frame.h).
 *
 * Two functions copy a record. copy_plain() handles frames that fit one mbuf and have
 * no request. At any other frame shmbus_rx_any() goes on (shmbus_rx_any.h), which
 * handles all frames.
 */

#include "shmbus_bursts.h"
#include "shmbus_mbuf.h"
#include "shmbus_priv.h"
#include "shmbus_rx_any.h"
#include "shmbus_steer.h"
#include "shmbus_switch.h"

/* Flags that need the second loop. */
#define SORT (SHMBUS_RX_FILTER | SHMBUS_RX_STEER | SHMBUS_RX_COMPLETE)
/* Flags that copy_plain() does not handle. */
#define NOT_PLAIN (SHMBUS_RX_SCATTER | SHMBUS_RX_SHARED | SHMBUS_RX_REQUESTS)

/* The copies from one record, before the commit. */
struct copied {
	uint16_t n;     /* mbufs */
	bool not_plain; /* the next frame is not plain, or its descriptor is corrupt */
	uint32_t bytes;
	uint32_t too_long;
	/* On a switch, of the words at the source addresses: all bits that one, and that all have. */
	uint64_t any_source;
	uint64_t all_sources;
};

/* Returns whether the frames have one source address. */
static inline bool
has_one_source(const struct copied *copied)
{
	return shmbus_address_of_word(copied->any_source ^ copied->all_sources) == 0;
}

static inline void
note_source(struct copied *copied, const uint8_t *frame)
{
	uint64_t word;

	memcpy(&word, frame + RTE_ETHER_ADDR_LEN, sizeof(word));
	copied->any_source |= word;
	copied->all_sources &= word;
}

/*
 * Copies up to n frames into mbufs of the stash. directed, which is constant: the bus is a
 * switch; only frames for slot are copied.
 */
static __rte_always_inline void
copy_plain(struct shmbus_rxq *q, const struct shmbus_reader *r, struct shmbus_walk *walk,
	   struct rte_mbuf **pkts, uint16_t n, bool directed, uint32_t slot,
	   struct copied *copied)
{
	struct rte_mbuf **stash = &q->stash[q->n_stash];
	const uint8_t *frame;
	uint16_t i, k;
	uint32_t len;
	uint8_t *at;

	for (i = 0, k = 0; i < n; i++) {
		len = directed ? shmbus_reader_next_directed(r, walk, slot, &frame) :
				 shmbus_reader_next(r, walk, &frame);
		if (unlikely(len == 0)) {
			copied->not_plain = !directed || walk->next != r->next + r->left;
			break;
		}
		if (unlikely(len > q->max_len || len > q->room)) {
			copied->too_long++;
			continue;
		}
		k++;
		pkts[k - 1] = stash[-k];
		shmbus_init_mbuf(q, pkts[k - 1], len);
		at = rte_pktmbuf_mtod(pkts[k - 1], uint8_t *);
		shmbus_copy_frame(q, at, frame, 0, len);
		if (directed)
			note_source(copied, at);
		copied->bytes += len;
	}
	copied->n = k;
	q->n_stash -= k;
}

/* The same as rx_record(), for plain frames. directed: as above. */
static __rte_always_inline uint16_t
rx_plain(const struct shmbus_bus *bus, struct shmbus_rxq *q, struct shmbus_reader *r,
	 struct rte_mbuf **pkts, uint16_t n, uint32_t *flags, bool *more, bool directed)
{
	const uint32_t slot = directed ? shmbus_lanes_rx_reads_for(&q->lanes, r->lane) : 0;
	struct copied copied = { .all_sources = UINT64_MAX };
	const uint64_t pos = r->pos;
	struct shmbus_walk walk;

	shmbus_reader_walk(bus, r, &walk);
	/* A record that is all for others needs no mbufs. */
	if (!directed || shmbus_reader_pass(r, &walk, slot)) {
		n = shmbus_fill_stash(q, RTE_MIN(n, (uint16_t)SHMBUS_STASH));
		if (unlikely(n == 0)) {
			*more = false;
			return 0;
		}
		copy_plain(q, r, &walk, pkts, n, directed, slot, &copied);
	}
	if (unlikely(!shmbus_reader_commit(bus, r, &walk))) {
		shmbus_put_back(q, pkts, copied.n);
		return 0;
	}
	if (directed)
		shmbus_switch_note(bus, q, r, &walk, pkts,
				   has_one_source(&copied) ? RTE_MIN(copied.n, 1) : copied.n);
	q->stats.too_long += copied.too_long;
	if (unlikely(copied.not_plain))
		*flags |= SHMBUS_RX_REQUESTS;
	if (unlikely(*flags & SORT)) {
		const struct shmbus_frame frame = {
			.tstamp_ns = r->tstamp_ns,
			.pos = pos,
			.lane = r->lane,
		};

		return shmbus_frames_sort(q, pkts, copied.n, &frame, 0, *flags);
	}
	q->stats.packets += copied.n;
	q->stats.bytes += copied.bytes;
	return copied.n;
}

/* On a switch. Not inline: the loop of a hub stays as small as it is. */
static __rte_noinline uint16_t
rx_directed(const struct shmbus_bus *bus, struct shmbus_rxq *q, struct shmbus_reader *r,
	    struct rte_mbuf **pkts, uint16_t n, uint32_t *flags, bool *more)
{
	return rx_plain(bus, q, r, pkts, n, flags, more, true);
}

/*
 * Receives up to n frames of one record into pkts, which has room for room mbufs, as a
 * frame may become several. Returns the number of mbufs. *more: the lane may have
 * more frames for this poll.
 */
static inline uint16_t
rx_record(const struct shmbus_bus *bus, struct shmbus_rxq *q, struct shmbus_reader *r,
	  struct rte_mbuf **pkts, uint16_t n, uint16_t room, uint32_t *flags, bool *more)
{
	*more = true;
	if (unlikely(*flags & (NOT_PLAIN | SHMBUS_RX_DIRECTED))) {
		if (*flags & NOT_PLAIN)
			return shmbus_rx_any(bus, q, r, pkts, n, room, *flags, more);
		return rx_directed(bus, q, r, pkts, n, flags, more);
	}
	return rx_plain(bus, q, r, pkts, n, flags, more, false);
}

/* Receives the frames of a lane, up to nb_pkts. */
static __rte_always_inline uint16_t
rx_lane(const struct shmbus_bus *bus, struct shmbus_rxq *q, struct shmbus_reader *r,
	struct rte_mbuf **pkts, uint16_t nb_pkts, uint32_t flags)
{
	struct shmbus_backoff *backoff = &q->lanes.backoffs[r->lane];
	const uint64_t pos = r->pos;
	unsigned int tries = SHMBUS_STASH;
	uint16_t got = 0;
	uint16_t n;
	bool more;

	if (shmbus_backoff_waits(backoff))
		return 0;
	/* The number of records is limited, as a hostile writer could keep this loop busy. */
	do {
		n = RTE_MIN(shmbus_reader_peek(bus, r), (uint32_t)(nb_pkts - got));
		if (n == 0)
			break;
		got += rx_record(bus, q, r, &pkts[got], n, nb_pkts - got, &flags, &more);
	} while (more && got < nb_pkts && --tries != 0);
	shmbus_backoff_note(backoff, got, nb_pkts);
	if (r->pos != pos)
		shmbus_lanes_rx_publish(bus, &q->lanes, r);
	return got;
}

static __rte_always_inline uint16_t
rx_lanes(struct shmbus_rxq *q, struct rte_mbuf **pkts, uint16_t nb_pkts, uint32_t flags)
{
	struct shmbus_bus *bus = &shmbus_port_wire(q->port_id)->lanes;
	struct shmbus_lanes_rx *rx = &q->lanes;
	struct shmbus_lanes_rx_active *a;
	struct shmbus_reader *r;
	uint16_t got = 0;
	uint32_t left;

	if (unlikely(shmbus_lanes_rx_due(rx))) {
		if (shmbus_lanes_rx_restarts(rx))
			q->held.len = 0;
		shmbus_lanes_rx_attend(bus, rx);
	}
	if (unlikely(q->held.len != 0))
		got = shmbus_rx_held(q, pkts, nb_pkts, flags);
	left = rx->n_active;
	while (got < nb_pkts && q->held.len == 0) {
		a = shmbus_lanes_rx_next(bus, rx, &left);
		if (a == NULL)
			break;
		r = shmbus_lanes_rx_reader(bus, rx, a->lane);
		if (unlikely(r == NULL))
			continue;
		got += rx_lane(bus, q, r, &pkts[got], nb_pkts - got, flags);
		shmbus_lanes_rx_leave(bus, rx, a);
	}
	shmbus_lanes_rx_polled(rx, got);
	return got;
}

static __rte_noinline uint16_t
rx_steered(struct shmbus_rxq *q, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	uint32_t flags;
	uint16_t got = 0;

	if (!shmbus_steer_enter(q))
		return 0;
	/* The flags belong to the table, and both change under the lock. R3 (rxq_flags): pairs
	 * with R4.
	 */
	flags = shmbus_load_acquire(&q->flags);
	if (likely(!(flags & SHMBUS_RX_DOWN)))
		got = rx_lanes(q, pkts, nb_pkts, flags);
	shmbus_steer_leave(q);
	return got;
}

uint16_t
shmbus_rx_lanes_burst(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	struct shmbus_rxq *q = queue;
	uint16_t got = 0;
	uint32_t flags;

	shmbus_gate_enter(&q->gate);
	/* R3 (rxq_flags): pairs with R4; a link that is up again is seen with its restart. */
	flags = shmbus_load_acquire(&q->flags);
	if (likely((flags & (SHMBUS_RX_DOWN | SHMBUS_RX_STEER)) == 0))
		got = rx_lanes(q, pkts, nb_pkts, flags);
	shmbus_gate_leave(&q->gate);
	if (unlikely(flags & SHMBUS_RX_STEER))
		got = rx_steered(q, pkts, nb_pkts);
	return got;
}
