/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Receive and transmit on a shmif bus.
 *
 * The ring is read and written in pieces, by way of memory of the queue's own
 * (base/shmbus_shmif_reader.h, _writer.h): the bus's lock is held for one copy
 * each, in which nothing can fault, and never while mbufs are touched. Where
 * the lock is not to be had in a bounded time the burst ends; nothing sleeps.
 * A port that only looks on reads without the lock (base/shmbus_shmif_monitor.h).
 */

#include "base/shmbus_clock.h"
#include "base/shmbus_copy.h"
#include "base/shmbus_shmif_monitor.h"
#include "shmbus_frame.h"
#include "shmbus_limit.h"
#include "shmbus_mbuf.h"
#include "shmbus_pace.h"
#include "shmbus_segment.h"
#include "shmbus_steer.h"
#include "shmbus_vlan.h"
#include "shmbus_ops.h"

/* Pieces looked through in one call, should none of it be for us. */
#define FETCHES 8

/* Between two lines in the log about broken locks. */
#define LOG_EVERY_NS UINT64_C(1000000000)

/* Tell people that a lock was broken, but not at any rate that a peer may choose. */
static inline uint64_t
broken(const struct shmbus_shmif_watch *watch)
{
	return shmbus_counted(&watch->broken_ours) + shmbus_counted(&watch->broken_foreign);
}

static void
tell_broken(const struct shmbus_shmif *bus, const struct shmbus_shmif_watch *now,
	    struct shmbus_shmif_told *told)
{
	const uint64_t ns = shmbus_clock_mono_ns();

	if (told->since_ns != 0 && ns - told->since_ns < LOG_EVERY_NS)
		return;
	SHMBUS_LOG(WARNING, "%s: broke the bus's lock: of dead ports of this driver %" PRIu64
		   " times, of others that held it for too long %" PRIu64, bus->file.path,
		   shmbus_counted(&now->broken_ours), shmbus_counted(&now->broken_foreign));
	told->since_ns = ns;
	told->broken = broken(now);
}

static inline void
tell(const struct shmbus_shmif *bus, const struct shmbus_shmif_watch *watch,
     struct shmbus_shmif_told *told)
{
	if (unlikely(broken(watch) != told->broken))
		tell_broken(bus, watch, told);
}

static bool
is_wanted(struct shmbus_rxq *q, const struct shmbus_shmif *bus,
	  const struct shmbus_shmif_frame *frame, uint32_t flags, struct shmbus_frame *info)
{
	enum shmbus_verdict verdict;

	if (frame->sender == bus->sender && !(flags & SHMBUS_RX_LOOPBACK) && bus->id != 0)
		return false;
	/* Receivers skip these, the first record of a new bus among them. */
	if (frame->len < SHMBUS_SHMIF_FRAME_MIN)
		return false;
	if (unlikely(frame->len > q->max_len ||
		     (frame->len > q->room && !(flags & SHMBUS_RX_SCATTER)))) {
		q->stats.too_long++;
		return false;
	}
	if (!(flags & SHMBUS_RX_CLASSIFY))
		return true;
	verdict = shmbus_frame_classify(q, frame->data, frame->len, info);
	q->stats.filtered += verdict == SHMBUS_FRAME_FILTERED;
	return verdict == SHMBUS_FRAME_TAKE;
}

/* Frames of the piece into mbufs, up to n. False: no mbuf is left. */
static bool
deliver(struct shmbus_rxq *q, const struct shmbus_shmif *bus, struct rte_mbuf **pkts, uint16_t n,
	uint32_t flags, uint16_t *delivered)
{
	struct shmbus_shmif_reader *r = &q->shmif;
	/* The time is of the sender's own clock, and comparable with nobody's. */
	struct shmbus_frame info = { .tstamp_ns = 0 };
	struct shmbus_shmif_frame frame;
	uint32_t before;
	struct rte_mbuf *m;
	uint16_t got = 0;

	while (got < n && shmbus_shmif_has_next(r)) {
		before = r->off;
		shmbus_shmif_next(r, &frame);
		if (!is_wanted(q, bus, &frame, flags, &info))
			continue;
		if (unlikely(shmbus_fill_stash(q, 1) == 0))
			goto no_mbuf;
		m = q->stash[--q->n_stash];
		shmbus_init_mbuf(q, m, frame.len);
		if (likely(frame.len <= q->room)) {
			shmbus_copy_exact(rte_pktmbuf_mtod(m, uint8_t *), frame.data, frame.len);
		} else if (!shmbus_copy_scattered(q, m, frame.data, frame.len)) {
			shmbus_put_back(q, &m, 1);
			goto no_mbuf;
		}
		if (flags & SHMBUS_RX_COMPLETE)
			shmbus_frame_complete(q, m, &info);
		pkts[got++] = m;
		q->stats.bytes += frame.len;
	}
	q->stats.packets += got;
	*delivered = got;
	return true;

no_mbuf:
	r->off = before;
	q->stats.packets += got;
	*delivered = got;
	return false;
}

static __rte_always_inline uint16_t
rx_pieces(struct shmbus_rxq *q, struct rte_mbuf **pkts, uint16_t nb_pkts, uint32_t flags,
	  const bool readonly)
{
	const struct shmbus_wire *wire = shmbus_port_wire(q->port_id);
	const struct shmbus_shmif *bus = &wire->shmif;
	const uint32_t restart = shmbus_load_acquire(&q->restart);
	struct shmbus_shmif_reader *r = &q->shmif;
	unsigned int fetches = FETCHES;
	uint16_t got = 0;
	uint16_t n;

	if (unlikely(wire->serial != q->serial || bus->map == NULL))
		return 0;
	if (unlikely(restart != q->restart_seen)) {
		shmbus_shmif_reader_go(r, q->mark);
		q->restart_seen = restart;
	}
	while (got < nb_pkts) {
		if (!shmbus_shmif_has_next(r)) {
			if (fetches-- == 0 || shmbus_pace_napping(&q->pace))
				break;
			if (!shmbus_shmif_pending(bus, r)) {
				if (!readonly)
					shmbus_shmif_lock_watch(bus, &r->watch);
				break;
			}
			if ((readonly ? shmbus_shmif_monitor_fetch(bus, r) :
			     shmbus_shmif_fetch(bus, r)) == -EBUSY)
				break;
		}
		if (!deliver(q, bus, &pkts[got], nb_pkts - got, flags, &n)) {
			got += n;
			break;
		}
		got += n;
	}
	shmbus_pace_keep(&q->pace, got, nb_pkts);
	tell(bus, &r->watch, &q->told);
	return got;
}

static __rte_always_inline uint16_t
rx_burst(struct shmbus_rxq *q, struct rte_mbuf **pkts, uint16_t nb_pkts, const bool readonly)
{
	const uint32_t flags = shmbus_load(&q->flags);
	uint16_t got;

	if (likely(!(flags & (SHMBUS_RX_DOWN | SHMBUS_RX_STEER))))
		return rx_pieces(q, pkts, nb_pkts, flags, readonly);
	if ((flags & SHMBUS_RX_DOWN) || !shmbus_steer_enter(q))
		return 0;
	got = rx_pieces(q, pkts, nb_pkts, flags, readonly);
	shmbus_steer_leave(q);
	return got;
}

uint16_t
shmbus_shmif_rx_burst(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	return rx_burst(queue, pkts, nb_pkts, false);
}

uint16_t
shmbus_shmif_rx_burst_readonly(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	return rx_burst(queue, pkts, nb_pkts, true);
}

struct burst {
	uint16_t taken; /* mbufs: frames in the burst, and dropped ones */
	uint16_t dropped;
	uint16_t extra; /* segments beyond one for each mbuf that is taken */
	uint32_t cut_done; /* of the next mbuf, which did not fit with all its segments */
	uint64_t bytes;
	bool chains;
};

/* False if it is no frame for this bus. */
static bool
is_legal(const struct shmbus_txq *q, const struct rte_mbuf *m, uint32_t growth)
{
	return m->pkt_len >= SHMBUS_SHMIF_FRAME_MIN && m->pkt_len <= q->max_len - growth;
}

/* Do here, on the frame as it will be sent, what nobody on such a bus would do for us. */
static bool
finish(const struct shmbus_txq *q, const struct rte_mbuf *m, uint32_t growth, uint8_t *at)
{
	struct shmbus_request req;
	struct rte_mbuf flat = {
		.buf_addr = at,
		.data_len = (uint16_t)(m->pkt_len + growth),
		.pkt_len = m->pkt_len + growth,
		.nb_segs = 1,
	};

	return shmbus_checksum_request(q, m, growth, &req) &&
	       (req.flags == 0 || shmbus_checksum_finish(&flat, &req, req.flags));
}

static inline bool
is_to_cut(uint64_t offloads, const struct rte_mbuf *m)
{
	return (m->ol_flags & RTE_MBUF_F_TX_TCP_SEG) && (offloads & RTE_ETH_TX_OFFLOAD_TCP_TSO);
}

/*
 * Segments of one mbuf, from burst->cut_done on. -ENOSPC: the burst is full,
 * and cut_done says how far it got; -EINVAL: it is not what it says.
 */
static int
add_segments(struct shmbus_txq *q, uint64_t sender, const struct rte_mbuf *m, uint64_t tags,
	     struct burst *burst)
{
	struct shmbus_cut cut = { .done = burst->cut_done };
	struct shmbus_shmif_writer *w = &q->shmif;
	const uint32_t growth = shmbus_vlan_growth(tags);
	uint32_t before, last, len;
	uint8_t *at;

	if (m->pkt_len > q->max_whole || !shmbus_checksum_request(q, m, growth, &cut.req))
		return -EINVAL;
	cut.len = m->pkt_len + growth;
	do {
		before = w->len;
		last = w->last;
		len = cut.req.data_off + shmbus_cut_part(&cut);
		at = shmbus_shmif_add(w, sender, len);
		if (at == NULL) {
			burst->cut_done = cut.done;
			return -ENOSPC;
		}
		if (!shmbus_segment_send(&cut, m, tags, at)) {
			w->len = before;
			w->last = last;
			return -EINVAL;
		}
		burst->extra++;
		burst->bytes += len;
	} while (!shmbus_cut_finished(&cut));
	burst->extra--; /* which the mbuf is counted as */
	return 0;
}

/* As many as a burst takes. offloads: of Tx, those that change frames. */
static __rte_always_inline void
fill_burst(struct shmbus_txq *q, uint64_t sender, struct rte_mbuf **pkts, uint16_t n,
	   const uint64_t offloads, struct burst *burst)
{
	struct shmbus_shmif_writer *w = &q->shmif;
	uint32_t growth = 0;
	uint64_t tags = 0;
	uint32_t len, last;
	struct rte_mbuf *m;
	uint8_t *at;
	uint16_t i;
	int ret;

	shmbus_shmif_begin(w, shmbus_clock_mono_ns());
	*burst = (struct burst){ .cut_done = burst->cut_done };
	for (i = 0; i < n; i++) {
		m = pkts[i];
		burst->chains |= m->nb_segs != 1;
		if (offloads != 0) {
			tags = shmbus_vlan_wanted(offloads, m);
			growth = shmbus_vlan_growth(tags);
			if (is_to_cut(offloads, m)) {
				ret = add_segments(q, sender, m, tags, burst);
				if (ret == -ENOSPC)
					break;
				burst->dropped += ret != 0;
				burst->cut_done = 0;
				continue;
			}
		}
		if (unlikely(!is_legal(q, m, growth))) {
			burst->dropped++;
			continue;
		}
		len = w->len;
		last = w->last;
		at = shmbus_shmif_add(w, sender, m->pkt_len + growth);
		if (at == NULL)
			break;
		if (likely(m->nb_segs == 1)) {
			shmbus_copy_exact(at + growth, rte_pktmbuf_mtod(m, const uint8_t *),
					  m->pkt_len);
		} else if (!shmbus_copy_chain(at + growth, m)) {
			w->len = len;
			w->last = last;
			burst->dropped++;
			continue;
		}
		if (offloads != 0 && tags != 0)
			shmbus_vlan_insert(at, m, tags);
		if (offloads != 0 && (m->ol_flags & SHMBUS_TX_WISHES) && !finish(q, m, growth, at)) {
			w->len = len;
			w->last = last;
			burst->dropped++;
			continue;
		}
		burst->bytes += m->pkt_len + growth;
	}
	burst->taken = i;
}

static __rte_noinline void
fill_burst_offload(struct shmbus_txq *q, uint64_t sender, struct rte_mbuf **pkts, uint16_t n,
		   struct burst *burst)
{
	fill_burst(q, sender, pkts, n, rte_eth_devices[q->port_id].data->dev_conf.txmode.offloads,
		   burst);
}

static inline uint16_t
tx_burst(struct shmbus_txq *q, struct rte_mbuf **pkts, uint16_t nb_pkts, uint32_t flags)
{
	const struct shmbus_wire *wire = shmbus_port_wire(q->port_id);
	const struct shmbus_shmif *bus = &wire->shmif;
	struct burst burst = { .cut_done = 0 };
	uint32_t cut_done = 0; /* of the next mbuf, on the bus already */
	bool chains = false;
	bool wake = false;
	uint16_t done = 0;

	if (unlikely(wire->serial != q->serial || bus->map == NULL))
		return 0;
	while (done < nb_pkts) {
		if (unlikely(flags & SHMBUS_TX_OFFLOADS))
			fill_burst_offload(q, bus->sender, &pkts[done], nb_pkts - done, &burst);
		else
			fill_burst(q, bus->sender, &pkts[done], nb_pkts - done, 0, &burst);
		if (q->shmif.len != 0) {
			if (shmbus_shmif_send(bus, &q->shmif) != 0) {
				/* One that was begun cannot be begun again. */
				if (cut_done != 0) {
					chains = true;
					q->stats.dropped++;
					done++;
				}
				break;
			}
			wake = true;
		}
		done += burst.taken;
		chains |= burst.chains;
		cut_done = burst.cut_done;
		q->stats.packets += (uint16_t)(burst.taken + burst.extra - burst.dropped);
		q->stats.bytes += burst.bytes;
		q->stats.dropped += burst.dropped;
	}
	if (wake && !(flags & SHMBUS_TX_QUIET))
		shmbus_shmif_wake(bus);
	tell(bus, &q->shmif.watch, &q->told);
	shmbus_free_sent(flags, chains, pkts, done);
	return done;
}

static __rte_noinline uint16_t
tx_burst_limited(struct shmbus_txq *q, struct rte_mbuf **pkts, uint16_t nb_pkts, uint32_t flags)
{
	const uint64_t bytes = q->stats.bytes;
	uint16_t sent;

	sent = tx_burst(q, pkts, shmbus_limit_allows(q, pkts, nb_pkts), flags);
	shmbus_limit_pay(q, q->stats.bytes - bytes);
	return sent;
}

uint16_t
shmbus_shmif_tx_burst(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	struct shmbus_txq *q = queue;
	const uint32_t flags = shmbus_load(&q->flags);

	if (unlikely(flags & (SHMBUS_TX_DOWN | SHMBUS_TX_LIMITED)))
		return flags & SHMBUS_TX_DOWN ? 0 : tx_burst_limited(q, pkts, nb_pkts, flags);
	return tx_burst(q, pkts, nb_pkts, flags);
}
