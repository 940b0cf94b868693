/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <rte_byteorder.h>

#include "shmbus_mbuf.h"
#include "shmbus_segment.h"
#include "shmbus_vlan.h"

#define IPV6_LEN 40u

#define TCP_FIN 0x01
#define TCP_PSH 0x08
#define TCP_CWR 0x80

static uint16_t
get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void
put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* The lengths in the IP header are those of the frame. number: of the segment. */
static bool
put_lengths(struct rte_mbuf *m, const struct shmbus_request *req, uint32_t number)
{
	const uint32_t len = m->pkt_len - req->l3_off;
	uint8_t ip[8];

	/* They are there: the request is valid. */
	shmbus_chain_read(m, req->l3_off, ip, sizeof(ip));
	if (len > UINT16_MAX)
		return false;
	if (ip[0] >> 4 == 4) {
		put16(ip + 2, len);
		put16(ip + 4, get16(ip + 4) + number);
	} else if (ip[0] >> 4 == 6 && len >= IPV6_LEN) {
		put16(ip + 4, len - IPV6_LEN);
	} else {
		return false;
	}
	return shmbus_chain_write(m, req->l3_off, ip, sizeof(ip));
}

/* What of a segment's headers differs from the frame's. */
static bool
put_headers(struct rte_mbuf *m, const struct shmbus_cut *cut)
{
	const struct shmbus_request *req = &cut->req;
	const bool last = cut->done + shmbus_cut_part(cut) == cut->len - req->data_off;
	uint8_t tcp[SHMBUS_TCP_MIN];
	uint32_t seq;

	shmbus_chain_read(m, req->l4_off, tcp, sizeof(tcp));
	if ((tcp[12] >> 4) * 4 != req->data_off - req->l4_off)
		return false;
	seq = ((uint32_t)get16(tcp + 4) << 16 | get16(tcp + 6)) + cut->done;
	put16(tcp + 4, seq >> 16);
	put16(tcp + 6, seq);
	if (!last)
		tcp[13] &= (uint8_t)~(TCP_FIN | TCP_PSH);
	if (cut->done != 0)
		tcp[13] &= (uint8_t)~TCP_CWR;
	shmbus_chain_write(m, req->l4_off, tcp, sizeof(tcp));
	return put_lengths(m, req, cut->done / req->segment);
}

bool
shmbus_segment_accept(const struct shmbus_rxq *q, struct rte_mbuf *m,
		      const struct shmbus_request *req)
{
	m->ol_flags |= RTE_MBUF_F_RX_LRO;
	m->tso_segsz = req->segment;
	return put_lengths(m, req, 0) && shmbus_checksum_accept(q, m, req);
}

/* Append bytes to a chain that begins with head, in which all but the last are full. */
static bool
append(struct shmbus_rxq *q, struct rte_mbuf *head, const uint8_t *from, uint32_t len)
{
	struct rte_mbuf *last = rte_pktmbuf_lastseg(head);
	uint32_t part;

	while (len != 0) {
		if (last->data_len == q->room) {
			if (shmbus_fill_stash(q, 1) == 0)
				return false;
			last->next = q->stash[--q->n_stash];
			last = last->next;
			shmbus_init_mbuf(q, last, 0);
			head->nb_segs++;
		}
		part = RTE_MIN(len, (uint32_t)q->room - last->data_len);
		memcpy(rte_pktmbuf_mtod_offset(last, uint8_t *, last->data_len), from, part);
		last->data_len += (uint16_t)part;
		head->pkt_len += part;
		from += part;
		len -= part;
	}
	return true;
}

int
shmbus_segment_receive(struct shmbus_rxq *q, struct shmbus_cut *cut, const uint8_t *frame,
		       struct rte_mbuf **m)
{
	const uint32_t part = shmbus_cut_part(cut);
	const uint32_t head = cut->req.data_off;
	int ret = -ENOMEM;

	if (shmbus_fill_stash(q, 1) == 0)
		return -ENOMEM;
	*m = q->stash[--q->n_stash];
	shmbus_init_mbuf(q, *m, 0);
	if (!append(q, *m, frame, head) || !append(q, *m, frame + head + cut->done, part))
		goto err_put_back;
	ret = -EINVAL;
	if (!put_headers(*m, cut) || !shmbus_checksum_accept(q, *m, &cut->req))
		goto err_put_back;
	cut->done += part;
	return 0;

err_put_back:
	shmbus_put_back(q, m, 1);
	return ret;
}

bool
shmbus_segment_send(struct shmbus_cut *cut, const struct rte_mbuf *m, uint64_t tags, uint8_t *at)
{
	const uint32_t growth = shmbus_vlan_growth(tags);
	const uint32_t head = cut->req.data_off;
	const uint32_t part = shmbus_cut_part(cut);
	struct rte_mbuf flat = {
		.buf_addr = at,
		.data_len = (uint16_t)(head + part),
		.pkt_len = head + part,
		.nb_segs = 1,
	};

	if (!shmbus_chain_read(m, 0, at + growth, head - growth) ||
	    !shmbus_chain_read(m, head - growth + cut->done, at + head, part))
		return false;
	if (growth != 0)
		shmbus_vlan_insert(at, m, tags);
	if (!put_headers(&flat, cut) || !shmbus_checksum_finish(&flat, &cut->req, cut->req.flags))
		return false;
	cut->done += part;
	return true;
}
