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
 */

#include "base/shmbus_copy.h"
#include "shmbus_frame.h"
#include "shmbus_mbuf.h"
#include "shmbus_pace.h"
#include "shmbus_segment.h"
#include "shmbus_steer.h"
#include "shmbus_ops.h"

/* A look at who is on the bus after this many polls; idle ones count 16 times. */
#define ROSTER_EVERY 256
#define ROSTER_IDLE 16

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

struct part {
	uint16_t delivered; /* frames put into pkts */
	uint16_t refused;   /* frames with requests that do not fit them */
	uint32_t bytes;
	uint32_t too_long;
	uint32_t filtered;
	uint32_t cut_done;  /* of the next frame, see struct shmbus_cut */
	uint8_t odd;      /* bits, below: the record is not done with, and not as usual */
	bool no_mbuf;
};

#define ODD_CORRUPT 1u  /* what comes next makes no sense */
#define ODD_REQUEST 2u  /* or may be a frame with a request: copy_plain does not know */
#define ODD_REFUSED 4u  /* part.refused is not 0 */
#define ODD_CUT 8u      /* some segments of the next frame are delivered */

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
			part->odd = ODD_REQUEST;
			break;
		}
		if (unlikely(len > q->max_len || len > q->room)) {
			part->too_long++;
			continue;
		}
		k++;
		pkts[k - 1] = stash[-k];
		shmbus_init_mbuf(q, pkts[k - 1], len);
		copy_frame(q, pkts[k - 1], frame, len);
		part->bytes += len;
	}
	part->delivered = k;
	q->n_stash -= k;
}

/* A frame in segments. False: not all of them had room, and reading stays where it is. */
static bool
copy_segments(struct shmbus_rxq *q, const uint8_t *frame, struct shmbus_cut *cut,
	      const struct shmbus_frame *info, struct rte_mbuf **pkts, uint16_t room,
	      uint32_t flags, struct part *part)
{
	struct rte_mbuf *m;
	uint32_t len;
	int ret;

	do {
		len = cut->req.data_off + shmbus_cut_part(cut);
		if (len > q->max_len || (len > q->room && !(flags & SHMBUS_RX_SCATTER))) {
			part->too_long++;
			return true;
		}
		if (part->delivered == room)
			break;
		ret = shmbus_segment_receive(q, cut, frame, &m);
		if (ret == -EINVAL) {
			part->odd |= ODD_REFUSED;
			part->refused++;
			return true;
		}
		if (ret != 0) {
			part->no_mbuf = true;
			break;
		}
		if (flags & SHMBUS_RX_COMPLETE)
			shmbus_frame_complete(q, m, info);
		pkts[part->delivered++] = m;
		part->bytes += len;
		/* One without payload is a segment, too. */
		if (shmbus_cut_finished(cut))
			return true;
	} while (true);
	part->odd |= ODD_CUT;
	part->cut_done = cut->done;
	return false;
}

/* The frame that comes next in segments: all of it, or what a poll before left of it. */
static struct shmbus_cut
begin_cut(const struct shmbus_reader *r, const struct shmbus_walk *at,
	  const struct shmbus_request *req, uint32_t len)
{
	struct shmbus_cut cut = { .req = *req, .len = len };

	if (r->part_seq == r->rec_seq + at->next && r->part_done < len - req->data_off)
		cut.done = r->part_done;
	return cut;
}

static void
copy_with_flags(struct shmbus_rxq *q, const struct shmbus_reader *r, struct shmbus_walk *walk,
		struct rte_mbuf **pkts, uint16_t n, uint16_t room, uint32_t flags,
		struct part *part)
{
	struct shmbus_frame info = {
		.tstamp_ns = r->tstamp_ns,
		.pos = r->pos,
		.lane = r->lane,
	};
	struct shmbus_walk before;
	enum shmbus_verdict verdict;
	struct shmbus_cut cut;
	const uint8_t *frame;
	struct rte_mbuf *m;
	bool segment, whole;
	uint32_t len;
	uint16_t i;

	for (i = 0; i < n && part->delivered < room; i++) {
		before = *walk;
		len = shmbus_reader_next_any(r, walk, &frame, &info.request);
		if (unlikely(len == 0)) {
			part->odd |= ODD_CORRUPT;
			break;
		}
		segment = info.request.flags & SHMBUS_REQUEST_SEGMENT;
		whole = segment && shmbus_segment_whole(q, len, flags);
		if (flags & SHMBUS_RX_CLASSIFY) {
			verdict = shmbus_frame_classify(q, frame, len, &info);
			part->filtered += verdict == SHMBUS_FRAME_FILTERED;
			if (verdict != SHMBUS_FRAME_TAKE)
				continue;
		}
		if (segment && !whole) {
			cut = begin_cut(r, &before, &info.request, len);
			if (copy_segments(q, frame, &cut, &info, pkts, room, flags, part))
				continue;
			*walk = before;
			break;
		}
		if (!whole && (len > q->max_len ||
			       (len > q->room && !(flags & SHMBUS_RX_SCATTER)))) {
			part->too_long++;
			continue;
		}
		if (unlikely(shmbus_fill_stash(q, 1) == 0)) {
			*walk = before;
			part->no_mbuf = true;
			break;
		}
		m = q->stash[--q->n_stash];
		shmbus_init_mbuf(q, m, len);
		if (len <= q->room) {
			copy_frame(q, m, frame, len);
		} else if (!shmbus_copy_scattered(q, m, frame, len)) {
			shmbus_put_back(q, &m, 1);
			*walk = before;
			part->no_mbuf = true;
			break;
		}
		if (info.request.flags != 0 &&
		    !(whole ? shmbus_segment_accept(q, m, &info.request) :
			      shmbus_checksum_accept(q, m, &info.request))) {
			shmbus_put_back(q, &m, 1);
			part->odd |= ODD_REFUSED;
			part->refused++;
			continue;
		}
		if (flags & SHMBUS_RX_COMPLETE)
			shmbus_frame_complete(q, m, &info);
		pkts[part->delivered++] = m;
		part->bytes += len;
	}
}

/* After the commit of a part with something odd. Flags to go on with. */
static __rte_noinline uint32_t
attend_odd(struct shmbus_rxq *q, struct shmbus_reader *r, const struct part *part)
{
	/* Counted by this queue alone, not by all that read the lane. */
	q->past.corrupt += part->refused;
	if (part->odd & ODD_CUT) {
		r->part_seq = r->rec_seq + r->next;
		r->part_done = part->cut_done;
	}
	if (part->odd & ODD_CORRUPT)
		shmbus_reader_give_up(r);
	return part->odd & ODD_REQUEST ? SHMBUS_RX_REQUESTS : 0;
}

/*
 * Up to n frames of one record into pkts, which has room for that and for more
 * segments. False: nothing more is to be had from this lane now.
 */
static inline bool
rx_record(const struct shmbus_bus *bus, struct shmbus_rxq *q, struct shmbus_reader *r,
	  struct rte_mbuf **pkts, uint16_t n, uint16_t room, uint32_t *flags,
	  uint16_t *delivered)
{
	struct part part = { .delivered = 0 };
	struct shmbus_walk walk;

	*delivered = 0;
	shmbus_reader_walk(bus, r, &walk);
	if (likely(*flags == 0)) {
		n = shmbus_fill_stash(q, RTE_MIN(n, (uint16_t)SHMBUS_STASH));
		if (unlikely(n == 0))
			return false;
		copy_plain(q, r, &walk, pkts, n, &part);
	} else {
		copy_with_flags(q, r, &walk, pkts, n, room, *flags, &part);
	}
	if (unlikely(!shmbus_reader_commit(bus, r, &walk))) {
		shmbus_put_back(q, pkts, part.delivered);
		return true;
	}
	q->stats.packets += part.delivered;
	q->stats.bytes += part.bytes;
	q->stats.too_long += part.too_long;
	q->stats.filtered += part.filtered;
	*delivered = part.delivered;
	if (unlikely(part.odd != 0))
		*flags |= attend_odd(q, r, &part);
	return !part.no_mbuf;
}

/* All that a lane has, up to nb_pkts. */
static __rte_always_inline uint16_t
rx_lane(struct shmbus_bus *bus, struct shmbus_rxq *q, uint32_t lane, struct rte_mbuf **pkts,
	uint16_t nb_pkts, uint32_t flags, bool publish)
{
	struct shmbus_reader *r = &q->readers[lane];
	struct shmbus_pace *pace = &q->paces[lane];
	const uint64_t pos = r->pos;
	unsigned int tries = SHMBUS_STASH;
	uint16_t got = 0;
	uint16_t n, k;
	bool more;

	if (shmbus_pace_napping(pace))
		return 0;
	/* A hostile writer could keep this loop busy: so many records, no more. */
	do {
		n = RTE_MIN(shmbus_reader_peek(bus, r), (uint32_t)(nb_pkts - got));
		if (n == 0)
			break;
		more = rx_record(bus, q, r, &pkts[got], n, nb_pkts - got, &flags, &k);
		got += k;
	} while (more && got < nb_pkts && --tries != 0);
	shmbus_pace_keep(pace, got, nb_pkts);
	if (publish && r->pos != pos)
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
		shmbus_lanes_restart(dev, q);
		q->restart_seen = restart;
	}
	q->idle = ROSTER_EVERY;
	shmbus_lanes_refresh(dev, q);
	return true;
}

/* publish: tell the senders how far it got. A constant, wherever this is called. */
static __rte_always_inline uint16_t
rx_lanes(struct shmbus_rxq *q, struct rte_mbuf **pkts, uint16_t nb_pkts, uint32_t flags,
	 bool publish)
{
	struct shmbus_bus *bus = shmbus_port_bus(q->port_id);
	uint16_t got = 0;
	uint16_t i, turn, lane;

	q->idle--;
	turn = q->turn;
	for (i = 0; i < q->n_active && got < nb_pkts; i++) {
		if (turn >= q->n_active)
			turn = 0;
		lane = q->active[turn++];
		if (unlikely(shmbus_load(&bus->lane_prot[lane]) == SHMBUS_LANE_UNMAPPED) &&
		    shmbus_bus_map_lane(bus, lane, SHMBUS_LANE_READ) != 0)
			continue;
		got += rx_lane(bus, q, lane, &pkts[got], nb_pkts - got, flags, publish);
	}
	q->turn = turn;
	if (got == 0)
		q->idle = q->idle > ROSTER_IDLE ? q->idle - ROSTER_IDLE : 0;
	return got;
}

/* All lanes, and of their frames those that are for this queue. */
static uint16_t
rx_steered(struct shmbus_rxq *q, struct rte_mbuf **pkts, uint16_t nb_pkts, uint32_t flags,
	   bool publish)
{
	uint16_t got = 0;

	if (!shmbus_steer_enter(q))
		return 0;
	if ((!(flags & SHMBUS_RX_DOWN) && q->idle != 0 &&
	     shmbus_load(&q->restart) == q->restart_seen) || attend(q, flags))
		got = rx_lanes(q, pkts, nb_pkts, flags, publish);
	shmbus_steer_leave(q);
	return got;
}

static __rte_always_inline uint16_t
rx_burst(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts, bool publish)
{
	struct shmbus_rxq *q = queue;
	const uint32_t flags = shmbus_load(&q->flags);

	/* The flags in one look: the plain case pays for nothing else. */
	if (unlikely((flags & (SHMBUS_RX_DOWN | SHMBUS_RX_STEER)) || q->idle == 0 ||
		     shmbus_load(&q->restart) != q->restart_seen)) {
		if (flags & SHMBUS_RX_STEER)
			return rx_steered(q, pkts, nb_pkts, flags, publish);
		if (!attend(q, flags))
			return 0;
	}
	return rx_lanes(q, pkts, nb_pkts, flags, publish);
}

uint16_t
shmbus_rx_burst(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	return rx_burst(queue, pkts, nb_pkts, true);
}

uint16_t
shmbus_rx_burst_readonly(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	return rx_burst(queue, pkts, nb_pkts, false);
}
