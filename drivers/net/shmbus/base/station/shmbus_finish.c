/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <string.h>

#include "shmbus_finish.h"
#include "shmbus_ip.h"

/* Offsets of the checksums. */
#define IPV4_CKSUM_OFF 10u
#define TCP_CKSUM_OFF 16u
#define UDP_CKSUM_OFF 6u

#define TCP_FIN 0x01u
#define TCP_PSH 0x08u
#define TCP_CWR 0x80u

static void
put_sum(uint8_t *field, uint32_t sum)
{
	const uint16_t value = (uint16_t)sum;

	memcpy(field, &value, sizeof(value));
}

static void
put_ip_checksum(uint8_t *at, uint32_t len)
{
	put_sum(at + IPV4_CKSUM_OFF, 0);
	put_sum(at + IPV4_CKSUM_OFF, ~shmbus_ip_sum(at, len));
}

static uint8_t *
l4_field(uint8_t *frame, const struct shmbus_request *req)
{
	return frame + req->l4_off +
	       (req->l4 == SHMBUS_REQUEST_TCP ? TCP_CKSUM_OFF : UDP_CKSUM_OFF);
}

/* Returns the bytes of header and payload of TCP or UDP; 0: they do not fit the frame. */
static uint32_t
l4_len_of(const uint8_t *frame, uint32_t len, const struct shmbus_request *req,
	  const struct shmbus_ip *ip)
{
	return shmbus_ip_l4_len(ip, (uint32_t)req->l4_off - req->l3_off, req->l4,
				frame + req->l4_off, len - req->l4_off);
}

static bool
put_l4_checksum(uint8_t *frame, uint32_t len, const struct shmbus_request *req,
		const struct shmbus_ip *ip)
{
	const uint32_t l4_len = l4_len_of(frame, len, req, ip);
	uint8_t *field = l4_field(frame, req);
	uint32_t sum;

	if (l4_len == 0)
		return false;
	put_sum(field, 0);
	sum = shmbus_ip_fold(shmbus_ip_sum(frame + req->l4_off, l4_len) +
			     shmbus_ip_sum_pseudo(ip, req->l4, l4_len));
	/* In UDP 0 means that there is no checksum. */
	if (sum == 0xffff && req->l4 == SHMBUS_REQUEST_UDP)
		sum = 0;
	put_sum(field, ~sum);
	return true;
}

bool
shmbus_finish(uint8_t *frame, uint32_t len, const struct shmbus_request *req, uint8_t kinds)
{
	struct shmbus_ip ip;

	kinds &= req->flags;
	if (!shmbus_ip_read(&ip, frame + req->l3_off, len - req->l3_off) ||
	    !shmbus_ip_suits(&ip, req))
		return false;
	if (!ip.v6 && ((kinds & SHMBUS_REQUEST_IP_CKSUM) ||
		       (req->flags & SHMBUS_REQUEST_SEGMENT)))
		put_ip_checksum(frame + req->l3_off, ip.len);
	return !(kinds & SHMBUS_REQUEST_L4_CKSUM) || put_l4_checksum(frame, len, req, &ip);
}

/* Writes the length of the packet, counted from the IP header, into that header. */
static bool
put_length(uint8_t *at, bool v6, uint32_t len)
{
	if (v6)
		len -= SHMBUS_IPV6_LEN;
	if (len > UINT16_MAX)
		return false;
	shmbus_ip_put16(at + (v6 ? 4 : 2), len);
	return true;
}

bool
shmbus_finish_whole(uint8_t *frame, uint32_t len, const struct shmbus_request *req, uint8_t kinds)
{
	struct shmbus_ip ip;

	return shmbus_ip_read(&ip, frame + req->l3_off, len - req->l3_off) &&
	       put_length(frame + req->l3_off, ip.v6, len - req->l3_off) &&
	       shmbus_finish(frame, len, req, kinds);
}

bool
shmbus_finish_head(uint8_t *frame, uint32_t len, const struct shmbus_request *req)
{
	const uint8_t kinds = req->flags & SHMBUS_REQUEST_IP_CKSUM;
	const bool segment = req->flags & SHMBUS_REQUEST_SEGMENT;
	struct shmbus_ip ip;
	uint32_t l4_len;

	if (!(segment ? shmbus_finish_whole(frame, len, req, kinds) :
			shmbus_finish(frame, len, req, kinds)))
		return false;
	if (!(req->flags & SHMBUS_REQUEST_L4_CKSUM))
		return true;
	if (!shmbus_ip_read(&ip, frame + req->l3_off, len - req->l3_off))
		return false;
	l4_len = l4_len_of(frame, len, req, &ip);
	if (l4_len == 0)
		return false;
	put_sum(l4_field(frame, req), shmbus_ip_sum_pseudo(&ip, req->l4, l4_len));
	return true;
}

/* from: the header of the packet; to: the same bytes in a segment. */
static void
put_tcp(uint8_t *to, const uint8_t *from, uint32_t done, bool last)
{
	const uint32_t seq = (shmbus_ip_get16(from + 4) << 16 | shmbus_ip_get16(from + 6)) + done;
	uint32_t flags = from[13];

	if (!last)
		flags &= ~(TCP_FIN | TCP_PSH);
	if (done != 0)
		flags &= ~TCP_CWR;
	shmbus_ip_put16(to + 4, seq >> 16);
	shmbus_ip_put16(to + 6, seq);
	to[13] = (uint8_t)flags;
}

static void
put_tcp_checksum(uint8_t *head, const struct shmbus_tso *t, const struct shmbus_ip *ip,
		 const uint8_t *payload, uint32_t part)
{
	const uint32_t l4_len = (uint32_t)t->req.data_off - t->req.l4_off;
	uint8_t *field = head + t->req.l4_off + TCP_CKSUM_OFF;

	put_sum(field, 0);
	/* The header of TCP has an even length. */
	put_sum(field, ~shmbus_ip_fold(shmbus_ip_sum(head + t->req.l4_off, l4_len) +
				       shmbus_ip_sum(payload, part) +
				       shmbus_ip_sum_pseudo(ip, SHMBUS_REQUEST_TCP, l4_len + part)));
}

int
shmbus_tso_head(struct shmbus_tso *t, uint8_t *head, uint32_t room, const uint8_t **payload)
{
	const struct shmbus_request *req = &t->req;
	const uint8_t *from = t->frame + req->l3_off;
	const uint8_t *tcp = t->frame + req->l4_off;
	const uint32_t len = shmbus_tso_len(t);
	const uint32_t part = len - req->data_off;
	uint8_t *to = head + req->l3_off;
	struct shmbus_ip ip;
	bool last;

	if (len == 0)
		return t->done == SHMBUS_TSO_FINISHED ? 0 : -EINVAL;
	if (req->data_off > room)
		return -EMSGSIZE;
	if (!shmbus_ip_read(&ip, from, (uint32_t)req->data_off - req->l3_off) ||
	    !shmbus_ip_suits(&ip, req) ||
	    (tcp[12] >> 4) * 4u != (uint32_t)req->data_off - req->l4_off)
		return -EINVAL;
	memcpy(head, t->frame, req->data_off);
	if (!put_length(to, ip.v6, len - req->l3_off))
		return -EINVAL;
	if (!ip.v6) {
		shmbus_ip_put16(to + 4, shmbus_ip_get16(from + 4) + t->done / req->segment);
		put_ip_checksum(to, ip.len);
	}
	last = t->done + part == t->len - req->data_off;
	put_tcp(head + req->l4_off, tcp, t->done, last);
	*payload = t->frame + req->data_off + t->done;
	if (t->kinds & SHMBUS_REQUEST_L4_CKSUM)
		put_tcp_checksum(head, t, &ip, *payload, part);
	t->done = last ? SHMBUS_TSO_FINISHED : t->done + part;
	return (int)len;
}

int
shmbus_tso_next(struct shmbus_tso *t, uint8_t *dst, uint32_t room)
{
	const uint32_t need = shmbus_tso_len(t);
	const uint8_t *payload;
	int len;

	if (need > room)
		return -EMSGSIZE;
	len = shmbus_tso_head(t, dst, room, &payload);
	if (len > 0)
		memcpy(dst + t->req.data_off, payload, (uint32_t)len - t->req.data_off);
	return len;
}
