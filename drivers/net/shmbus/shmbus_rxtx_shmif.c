/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Receive from and transmit to a shmif bus.
 *
 * The queue reads and writes the ring in pieces, through its own memory
 * (base/station/shmbus_shmif_rx.h, base/shmif/shmbus_shmif_writer.h). It holds the
 * bus's lock for one copy at a time, which cannot fault, and never while it touches
 * mbufs. A burst ends if it does not get the lock within a bounded time; it never
 * sleeps.
 */

#include "base/shmbus_clock.h"
#include "base/shmbus_copy.h"
#include "shmbus_bursts.h"
#include "shmbus_checksum.h"
#include "shmbus_limit.h"
#include "shmbus_mbuf.h"
#include "shmbus_priv.h"
#include "shmbus_steer.h"
#include "shmbus_vlan.h"

/* The least time between two log lines about broken locks. */
#define LOG_EVERY_NS UINT64_C(1000000000)

static inline uint64_t
broken(const struct shmbus_shmif_lock_wait *w)
{
	return shmbus_counted(&w->broken_ours) + shmbus_counted(&w->broken_foreign);
}

/* Logs broken locks. The rate is limited, as a peer can cause any number of them. */
static __rte_noinline void
tell_broken(const struct shmbus_shmif *bus, const struct shmbus_shmif_lock_wait *now,
	    struct shmbus_shmif_told *told)
{
	const uint64_t ns = shmbus_clock_mono_ns();

	if (told->since_ns != 0 && ns - told->since_ns < LOG_EVERY_NS)
		return;
	SHMBUS_LOG(WARNING, "%s: broke the bus's lock %" PRIu64 " times after a port of this driver "
		   "had died with it, and %" PRIu64 " times after a peer had held it longer than "
		   "lock_break_ms", bus->file.path,
		   shmbus_counted(&now->broken_ours), shmbus_counted(&now->broken_foreign));
	told->since_ns = ns;
	told->broken = broken(now);
}

static inline void
tell(const struct shmbus_shmif *bus, const struct shmbus_shmif_lock_wait *w,
     struct shmbus_shmif_told *told)
{
	if (unlikely(broken(w) != told->broken))
		tell_broken(bus, w, told);
}

/* ---- receive */

/* Copies a frame of the queue's piece into mbufs. Returns false if mbufs are missing. */
static inline bool
copy_frame(struct shmbus_rxq *q, const struct shmbus_shmif_frame *frame, struct rte_mbuf **m)
{
	if (unlikely(shmbus_fill_stash(q, 1) == 0))
		return false;
	*m = q->stash[--q->n_stash];
	if (likely(frame->len <= q->room)) {
		shmbus_init_mbuf(q, *m, frame->len);
		shmbus_copy_exact(rte_pktmbuf_mtod(*m, uint8_t *), frame->data, frame->len);
		return true;
	}
	shmbus_init_mbuf(q, *m, 0);
	if (shmbus_append(q, *m, frame->data, frame->len))
		return true;
	shmbus_put_back(q, m, 1);
	return false;
}

/* Copies up to n frames of the piece into mbufs. Returns false if mbufs are missing. */
static bool
copy_piece(struct shmbus_rxq *q, const struct shmbus_shmif *bus, struct rte_mbuf **pkts,
	   uint16_t n, uint32_t flags, uint16_t *copied)
{
	struct shmbus_shmif_reader *r = &q->shmif.reader;
	struct shmbus_shmif_frame frame;
	uint32_t before;

	*copied = 0;
	while (*copied < n && shmbus_shmif_has_next(r)) {
		before = r->off;
		if (!shmbus_shmif_rx_next(bus, &q->shmif, &frame))
			continue;
		if (unlikely(frame.len > q->max_len ||
			     (frame.len > q->room && !(flags & SHMBUS_RX_SCATTER)))) {
			q->stats.too_long++;
			continue;
		}
		if (unlikely(!copy_frame(q, &frame, &pkts[*copied]))) {
			r->off = before;
			return false;
		}
		++*copied;
	}
	return true;
}

static uint16_t
rx_pieces(struct shmbus_rxq *q, struct rte_mbuf **pkts, uint16_t nb_pkts, uint32_t flags)
{
	/* The time in a record is of the sender's own clock, so it is not passed on. */
	static const struct shmbus_frame unknown;
	const struct shmbus_shmif *bus = &shmbus_port_wire(q->port_id)->shmif;
	unsigned int fetches = SHMBUS_SHMIF_FETCHES;
	uint16_t got = 0;
	bool more = true;
	uint16_t n;

	if (unlikely(shmbus_shmif_rx_restarts(&q->shmif)))
		shmbus_shmif_rx_take_restart(&q->shmif);
	while (more && got < nb_pkts && shmbus_shmif_rx_has_next(bus, &q->shmif, &fetches)) {
		more = copy_piece(q, bus, &pkts[got], nb_pkts - got, flags, &n);
		got += shmbus_frames_sort(q, &pkts[got], n, &unknown, 0, flags);
	}
	shmbus_backoff_note(&q->shmif.backoff, got, nb_pkts);
	tell(bus, &q->shmif.reader.lock_wait, &q->told);
	return got;
}

uint16_t
shmbus_rx_shmif_burst(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	struct shmbus_rxq *q = queue;
	/* R3 (rxq_flags): pairs with R4 */
	const uint32_t flags = shmbus_load_acquire(&q->flags);
	uint16_t got;

	if (likely(!(flags & (SHMBUS_RX_DOWN | SHMBUS_RX_STEER))))
		return rx_pieces(q, pkts, nb_pkts, flags);
	if ((flags & SHMBUS_RX_DOWN) || !shmbus_steer_enter(q))
		return 0;
	got = rx_pieces(q, pkts, nb_pkts, flags);
	shmbus_steer_leave(q);
	return got;
}

/* ---- transmit */

/* The burst that is being built in the queue's memory. */
struct burst {
	uint16_t taken; /* mbufs: in the burst, dropped, or being segmented */
	uint16_t dropped[SHMBUS_DROPS];
	uint16_t frames;
	uint64_t bytes;
	bool chains;
	struct shmbus_tso tso; /* len 0: no packet is being segmented */
};

/* The length of the burst before a frame, to remove a frame that cannot be sent. */
struct place {
	uint32_t len;
	uint32_t last;
};

static inline struct place
place_of(const struct shmbus_shmif_writer *w)
{
	return (struct place){ .len = w->len, .last = w->last };
}

static inline void
go_back(struct shmbus_shmif_writer *w, struct place place)
{
	w->len = place.len;
	w->last = place.last;
}

static inline bool
is_legal(const struct shmbus_txq *q, const struct rte_mbuf *m, uint32_t growth)
{
	return m->pkt_len >= SHMBUS_FRAME_MIN && m->pkt_len <= q->max_len - growth;
}

/* Carries out the mbuf's request on the frame, as a shmif bus carries no requests. */
static bool
finish(const struct shmbus_txq *q, const struct rte_mbuf *m, uint32_t growth, uint8_t *at)
{
	struct shmbus_request req;

	return shmbus_checksum_request(q, m, growth, &req) &&
	       (req.flags == 0 || shmbus_finish(at, m->pkt_len + growth, &req, req.flags));
}

/* Copies a TCP packet with its tags into the queue's memory. Returns false if it is not valid. */
static bool
begin_segments(struct shmbus_txq *q, const struct rte_mbuf *m, uint64_t tags, struct shmbus_tso *tso)
{
	const uint32_t growth = shmbus_vlan_growth(tags);
	struct shmbus_request req;

	if (m->pkt_len > q->max_whole - growth || m->pkt_len < SHMBUS_FRAME_MIN ||
	    !shmbus_checksum_request(q, m, growth, &req) ||
	    !shmbus_copy_chain(q->flat + growth, m))
		return false;
	if (growth != 0)
		shmbus_vlan_insert(q->flat, m, tags);
	*tso = (struct shmbus_tso){
		.frame = q->flat,
		.len = m->pkt_len + growth,
		.req = req,
		.kinds = req.flags,
	};
	return true;
}

/*
 * Adds segments until the packet has no more, or until the burst is full: returns false then.
 * Drops a packet that is not valid.
 */
static bool
add_segments(struct shmbus_txq *q, uint64_t sender, struct burst *burst)
{
	struct shmbus_tso *tso = &burst->tso;
	struct place place;
	uint32_t len;
	uint8_t *at;

	while ((len = shmbus_tso_len(tso)) != 0) {
		place = place_of(&q->shmif);
		at = shmbus_shmif_add(&q->shmif, sender, len);
		if (at == NULL)
			return false;
		if (shmbus_tso_next(tso, at, len) != (int)len) {
			go_back(&q->shmif, place);
			burst->dropped[SHMBUS_DROP_OFFLOAD]++;
			break;
		}
		burst->frames++;
		burst->bytes += len;
	}
	tso->len = 0;
	return true;
}

/* Adds one mbuf. Returns false if the burst is full; the mbuf is not taken then. */
static __rte_always_inline bool
add_frame(struct shmbus_txq *q, uint64_t sender, const struct rte_mbuf *m, const uint64_t offloads,
	  struct burst *burst)
{
	const struct place place = place_of(&q->shmif);
	uint32_t growth = 0;
	uint64_t tags = 0;
	uint8_t *at;
	bool good;

	if (offloads != 0) {
		tags = shmbus_vlan_wanted(offloads, m);
		growth = shmbus_vlan_growth(tags);
	}
	if (unlikely(!is_legal(q, m, growth))) {
		burst->dropped[shmbus_drop_reason(q, m, offloads)]++;
		return true;
	}
	at = shmbus_shmif_add(&q->shmif, sender, m->pkt_len + growth);
	if (at == NULL)
		return false;
	good = true;
	if (likely(m->nb_segs == 1))
		shmbus_copy_exact(at + growth, rte_pktmbuf_mtod(m, const uint8_t *), m->pkt_len);
	else
		good = shmbus_copy_chain(at + growth, m);
	if (offloads != 0 && tags != 0 && good)
		shmbus_vlan_insert(at, m, tags);
	if (unlikely(!good)) {
		go_back(&q->shmif, place);
		burst->dropped[shmbus_drop_reason(q, m, offloads)]++;
		return true;
	}
	if (offloads != 0 && (m->ol_flags & SHMBUS_TX_WISHES) && !finish(q, m, growth, at)) {
		go_back(&q->shmif, place);
		burst->dropped[SHMBUS_DROP_OFFLOAD]++;
		return true;
	}
	burst->frames++;
	burst->bytes += m->pkt_len + growth;
	return true;
}

/*
 * Adds the other segments of the packet that is being segmented, then mbufs, until the burst
 * is full. offloads: the Tx offloads that change frames.
 */
static __rte_always_inline void
fill_burst(struct shmbus_txq *q, uint64_t sender, struct rte_mbuf **pkts, uint16_t n,
	   const uint64_t offloads, struct burst *burst)
{
	struct rte_mbuf *m;

	for (;; burst->taken++) {
		if (offloads != 0 && burst->tso.len != 0 && !add_segments(q, sender, burst))
			return;
		if (burst->taken == n)
			return;
		m = pkts[burst->taken];
		burst->chains |= m->nb_segs != 1;
		if (offloads == 0 || !(m->ol_flags & RTE_MBUF_F_TX_TCP_SEG) ||
		    !(offloads & RTE_ETH_TX_OFFLOAD_TCP_TSO)) {
			if (!add_frame(q, sender, m, offloads, burst))
				return;
		} else if (!begin_segments(q, m, shmbus_vlan_wanted(offloads, m), &burst->tso)) {
			burst->dropped[shmbus_drop_reason(q, m, offloads)]++;
		}
	}
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
	const struct shmbus_shmif *bus = &shmbus_port_wire(q->port_id)->shmif;
	struct burst burst = { .tso.len = 0 };
	bool chains = false;
	bool begun = false; /* some segments of a packet are on the bus */
	bool wake = false;
	uint16_t done = 0;
	unsigned int i;

	while (done < nb_pkts || burst.tso.len != 0) {
		burst = (struct burst){ .tso = burst.tso };
		shmbus_shmif_begin(&q->shmif, shmbus_clock_mono_ns());
		if (unlikely(flags & SHMBUS_TX_OFFLOADS))
			fill_burst_offload(q, bus->sender, &pkts[done], nb_pkts - done, &burst);
		else
			fill_burst(q, bus->sender, &pkts[done], nb_pkts - done, 0, &burst);
		chains |= burst.chains;
		if (q->shmif.len != 0 && shmbus_shmif_send(bus, &q->shmif) != 0) {
			/* Its first segments are on the bus, so the rest of the packet is lost. */
			q->stats.dropped[SHMBUS_DROP_CUT] += begun;
			break;
		}
		wake |= q->shmif.len != 0;
		begun = burst.tso.len != 0;
		done += burst.taken;
		q->stats.packets += burst.frames;
		q->stats.bytes += burst.bytes;
		for (i = 0; i < SHMBUS_DROPS; i++)
			q->stats.dropped[i] += burst.dropped[i];
	}
	if (wake && !(flags & SHMBUS_TX_QUIET))
		shmbus_shmif_wake(bus);
	tell(bus, &q->shmif.lock_wait, &q->told);
	shmbus_free_sent(flags, chains, pkts, done);
	return done;
}

uint16_t
shmbus_tx_shmif_burst(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	struct shmbus_txq *q = queue;
	const uint32_t flags = shmbus_load(&q->flags);

	if (unlikely(flags & SHMBUS_TX_DOWN))
		return 0;
	if (unlikely(flags & SHMBUS_TX_LIMITED))
		return shmbus_limit_burst(q, pkts, nb_pkts, flags, tx_burst);
	return tx_burst(q, pkts, nb_pkts, flags);
}
