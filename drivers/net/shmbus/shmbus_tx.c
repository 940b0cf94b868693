/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Transmit: mbufs into the queue's lane.
 *
 * A burst becomes one record, or several if it is long, or if a frame in it
 * must be dropped. What the lane has no room for stays with the application,
 * as with a NIC whose ring is full.
 */

#include "base/shmbus_clock.h"
#include "base/shmbus_copy.h"
#include "shmbus_checksum.h"
#include "shmbus_limit.h"
#include "shmbus_mbuf.h"
#include "shmbus_vlan.h"
#include "shmbus_ops.h"

/* Frames in one record at most: the header has room for them before it is known how many fit. */
#define RECORD_FRAMES 64u

/* Bits of shmbus_txq.flags. */
#define NOT_PLAIN (SHMBUS_TX_DOWN | SHMBUS_TX_OFFLOADS | SHMBUS_TX_LIMITED)

enum fill_end {
	FILL_DONE,  /* all frames are in, or this record is long enough */
	FILL_FULL,  /* the lane is full */
	FILL_DROP,  /* the next frame cannot be sent */
};

struct fill {
	uint32_t count;
	uint32_t len;  /* of the record */
	uint64_t bytes; /* of frames */
	bool chains;
	enum fill_end end;
};

static uint32_t
longest(const struct shmbus_txq *q, const struct shmbus_request *req)
{
	return req->flags & SHMBUS_REQUEST_SEGMENT ? q->max_whole : q->max_len;
}

/* Write a record, but do not publish it. offloads: of Tx, those that change frames. */
static __rte_always_inline void
fill_record(const struct shmbus_bus *bus, struct shmbus_txq *q, uint8_t *record, uint32_t data_off,
	    struct rte_mbuf **pkts, uint32_t nb_pkts, const uint64_t offloads, struct fill *fill)
{
	shmbus_a32 *desc = shmbus_burst_desc(record);
	uint32_t off = data_off;
	uint32_t i, len, next;
	uint32_t growth = 0;
	uint64_t tags = 0;
	struct shmbus_request req = { .flags = 0 };
	uint32_t max = q->max_len;
	struct rte_mbuf *m;

	fill->end = FILL_DONE;
	for (i = 0; i < nb_pkts; i++) {
		m = pkts[i];
		len = m->pkt_len;
		if (offloads != 0) {
			tags = shmbus_vlan_wanted(offloads, m);
			growth = shmbus_vlan_growth(tags);
			if (tags != 0 && (len < RTE_ETHER_HDR_LEN || len > SHMBUS_FRAME_MAX))
				len = 0; /* no place for a tag, or a lie: the sum must not wrap */
			else
				len += growth;
			max = q->max_len;
			req.flags = 0;
			if (m->ol_flags & SHMBUS_TX_WISHES)
				max = shmbus_checksum_request(q, m, growth, &req) ?
				      longest(q, &req) : 0; /* cannot be done */
		}
		if (unlikely(len == 0 || len > max)) {
			fill->chains |= m->nb_segs != 1;
			fill->end = FILL_DROP;
			break;
		}
		next = off + (uint32_t)SHMBUS_ALIGN(len);
		if (offloads != 0 && req.flags != 0)
			next = off + shmbus_request_extent(len);
		if (next > q->burst_max && i != 0)
			break;
		if (unlikely(!shmbus_writer_room(bus, &q->writer, next))) {
			fill->end = FILL_FULL;
			break;
		}
		SHMBUS_STEP(writer_copy);
		if (likely(m->nb_segs == 1)) {
			shmbus_copy_exact(record + off + growth,
					  rte_pktmbuf_mtod(m, const uint8_t *), len - growth);
		} else {
			fill->chains = true;
			if (unlikely(!shmbus_copy_chain(record + off + growth, m))) {
				fill->end = FILL_DROP;
				break;
			}
		}
		if (offloads != 0 && tags != 0)
			shmbus_vlan_insert(record + off, m, tags);
		if (offloads != 0 && req.flags != 0) {
			shmbus_request_store(record + next, &req);
			shmbus_store(&desc[i], len | SHMBUS_DESC_REQUEST);
		} else {
			shmbus_store(&desc[i], len);
		}
		fill->bytes += len;
		off = next;
	}
	fill->count = i;
	fill->len = off;
}

/* The first use by this process: map the lane that the primary prepared. */
static bool
map_own_lane(struct shmbus_bus *bus, const struct shmbus_txq *q)
{
	return shmbus_bus_map_lane(bus, q->writer.lane, SHMBUS_LANE_WRITE) == 0;
}

static __rte_always_inline uint16_t
tx_burst(struct shmbus_txq *q, struct rte_mbuf **pkts, uint16_t nb_pkts, const uint32_t flags,
	 const uint64_t offloads)
{
	struct shmbus_bus *bus = shmbus_port_bus(q->port_id);
	struct fill fill = { .chains = false };
	uint16_t sent = 0;
	uint16_t drops = 0;
	uint32_t data_off, n;
	uint64_t now;
	uint8_t *record;

	if (unlikely(shmbus_load(&bus->lane_prot[q->writer.lane]) != SHMBUS_LANE_WRITE) &&
	    !map_own_lane(bus, q))
		return 0;
	now = shmbus_clock_real_ns();
	do {
		n = RTE_MIN((uint32_t)nb_pkts - sent, RECORD_FRAMES);
		data_off = shmbus_burst_data_off(n);
		record = shmbus_writer_record(bus, &q->writer);
		fill.bytes = 0;
		/* The header of a record lies in what must not be overwritten yet, too. */
		if (unlikely(!shmbus_writer_room(bus, &q->writer, data_off)))
			break;
		fill_record(bus, q, record, data_off, &pkts[sent], n, offloads, &fill);
		if (likely(fill.count != 0)) {
			shmbus_writer_publish(bus, &q->writer, record, fill.count, data_off, fill.len,
					      fill.bytes, now);
			q->stats.bytes += fill.bytes;
			sent += fill.count;
		}
		if (unlikely(fill.end == FILL_DROP)) {
			drops++;
			sent++; /* taken, but not sent */
		}
	} while (fill.end != FILL_FULL && sent < nb_pkts);
	shmbus_waker_published(bus, &q->waker);
	q->stats.packets += (uint16_t)(sent - drops);
	q->stats.dropped += drops;
	shmbus_free_sent(flags, fill.chains, pkts, sent);
	return sent;
}

/* The same with what the plain path does not ask for. */
static __rte_noinline uint16_t
tx_burst_offload(struct shmbus_txq *q, struct rte_mbuf **pkts, uint16_t nb_pkts, uint32_t flags)
{
	return tx_burst(q, pkts, nb_pkts, flags,
			rte_eth_devices[q->port_id].data->dev_conf.txmode.offloads);
}

static __rte_noinline uint16_t
tx_burst_limited(struct shmbus_txq *q, struct rte_mbuf **pkts, uint16_t nb_pkts, uint32_t flags)
{
	const uint64_t bytes = q->stats.bytes;
	uint16_t sent;

	nb_pkts = shmbus_limit_allows(q, pkts, nb_pkts);
	if (nb_pkts == 0)
		return 0;
	sent = tx_burst_offload(q, pkts, nb_pkts, flags);
	shmbus_limit_pay(q, q->stats.bytes - bytes);
	return sent;
}

uint16_t
shmbus_tx_burst(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	struct shmbus_txq *q = queue;
	const uint32_t flags = shmbus_load(&q->flags);

	if (unlikely(nb_pkts == 0 || (flags & NOT_PLAIN))) {
		if (nb_pkts == 0 || (flags & SHMBUS_TX_DOWN))
			return 0;
		if (flags & SHMBUS_TX_LIMITED)
			return tx_burst_limited(q, pkts, nb_pkts, flags);
		return tx_burst_offload(q, pkts, nb_pkts, flags);
	}
	return tx_burst(q, pkts, nb_pkts, flags, 0);
}
