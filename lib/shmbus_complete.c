/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Doing what a sender has left to its receivers: checksums of IPv4, TCP and
 * UDP, and cutting up TCP packets. What it is to be done on is the caller's
 * own copy, so that what was checked is what is used.
 */

#include <errno.h>
#include <string.h>

#include "shmbus_lib.h"

#define IPV4_MIN 20u
#define IPV6_LEN 40u

/* Where the checksums stand. */
#define IPV4_CKSUM_OFF 10u
#define TCP_CKSUM_OFF 16u
#define UDP_CKSUM_OFF 6u

#define TCP_FIN 0x01u
#define TCP_PSH 0x08u
#define TCP_CWR 0x80u

/* *done of a frame of which nothing is left */
#define FINISHED UINT32_MAX

/* A frame that is being finished, and what is known of it. */
struct packet {
	uint8_t *bytes;
	uint32_t len;
	bool v6;
	uint32_t ip_len;  /* of the IPv4 header with its options, or of the fixed one of IPv6 */
	uint32_t payload; /* bytes behind that, as it says */
};

static uint32_t
get16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

static void
put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* The ones' complement sum of 16-bit words, the last of which may be half of one. */
static uint64_t
sum_bytes(const uint8_t *at, uint32_t len)
{
	uint64_t sum = 0;
	uint32_t i;

	for (i = 0; i + 1 < len; i += 2)
		sum += get16(at + i);
	if (i != len)
		sum += (uint32_t)at[i] << 8;
	return sum;
}

static uint32_t
fold(uint64_t sum)
{
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint32_t)sum;
}

/* False: what stands there is not the IP header that the request tells of. */
static bool
read_ip(struct packet *p, const struct shmbus_request *req)
{
	const uint32_t between = (uint32_t)req->l4_off - req->l3_off;
	const uint8_t *ip = p->bytes + req->l3_off;
	uint32_t total;

	p->v6 = ip[0] >> 4 == 6;
	if (p->v6) {
		p->ip_len = IPV6_LEN;
		p->payload = get16(ip + 4);
		return between >= IPV6_LEN && !(req->flags & SHMBUS_REQUEST_IP_CKSUM);
	}
	p->ip_len = (ip[0] & 0xfu) * 4;
	total = get16(ip + 2);
	p->payload = total > p->ip_len ? total - p->ip_len : 0;
	return ip[0] >> 4 == 4 && p->ip_len >= IPV4_MIN && p->ip_len == between;
}

/*
 * The bytes that the checksum of TCP or UDP covers: not what pads the frame,
 * nor what IP has behind a datagram. 0: the lengths make no sense.
 */
static uint32_t
l4_extent(const struct packet *p, const struct shmbus_request *req)
{
	const uint32_t extensions = (uint32_t)req->l4_off - req->l3_off - p->ip_len;
	const uint32_t min = req->l4 == SHMBUS_REQUEST_TCP ? SHMBUS_TCP_MIN : SHMBUS_UDP_LEN;
	uint32_t len, udp;

	if (p->payload < extensions + min)
		return 0;
	len = p->payload - extensions;
	if (len > p->len - req->l4_off)
		return 0;
	if (req->l4 == SHMBUS_REQUEST_TCP)
		return len;
	udp = get16(p->bytes + req->l4_off + 4);
	return udp >= SHMBUS_UDP_LEN && udp <= len ? udp : 0;
}

static bool
put_l4_checksum(const struct packet *p, const struct shmbus_request *req)
{
	const uint8_t *ip = p->bytes + req->l3_off;
	const bool tcp = req->l4 == SHMBUS_REQUEST_TCP;
	uint8_t *field = p->bytes + req->l4_off + (tcp ? TCP_CKSUM_OFF : UDP_CKSUM_OFF);
	const uint32_t len = l4_extent(p, req);
	uint64_t sum;

	if (len == 0)
		return false;
	put16(field, 0);
	sum = sum_bytes(p->bytes + req->l4_off, len) + req->l4 + len;
	sum += p->v6 ? sum_bytes(ip + 8, 32) : sum_bytes(ip + 12, 8);
	sum = ~fold(sum) & 0xffff;
	/* In UDP 0 says that there is no checksum. */
	if (sum == 0 && !tcp)
		sum = 0xffff;
	put16(field, (uint32_t)sum);
	return true;
}

static bool
put_checksums(const struct packet *p, const struct shmbus_request *req)
{
	uint8_t *ip = p->bytes + req->l3_off;

	if (req->flags & SHMBUS_REQUEST_IP_CKSUM) {
		put16(ip + IPV4_CKSUM_OFF, 0);
		put16(ip + IPV4_CKSUM_OFF, ~fold(sum_bytes(ip, p->ip_len)));
	}
	return !(req->flags & SHMBUS_REQUEST_L4_CKSUM) || put_l4_checksum(p, req);
}

/* The lengths in the IP header become those of the frame. number: of the segment. */
static bool
put_lengths(struct packet *p, const struct shmbus_request *req, uint32_t number)
{
	const uint32_t len = p->len - req->l3_off;
	uint8_t *ip = p->bytes + req->l3_off;

	if (len > UINT16_MAX)
		return false;
	p->payload = len - p->ip_len;
	if (p->v6) {
		put16(ip + 4, p->payload);
	} else {
		put16(ip + 2, len);
		put16(ip + 4, get16(ip + 4) + number);
	}
	return true;
}

static void
put_tcp(struct packet *p, const struct shmbus_request *req, uint32_t done, bool last)
{
	uint8_t *tcp = p->bytes + req->l4_off;
	const uint32_t seq = (get16(tcp + 4) << 16 | get16(tcp + 6)) + done;

	put16(tcp + 4, seq >> 16);
	put16(tcp + 6, seq);
	if (!last)
		tcp[13] &= (uint8_t)~(TCP_FIN | TCP_PSH);
	if (done != 0)
		tcp[13] &= (uint8_t)~TCP_CWR;
}

static int
next_segment(const uint8_t *frame, uint32_t len, struct shmbus_request *req, uint32_t *done,
	     uint8_t *buf, uint32_t room)
{
	const uint32_t all = len - req->data_off;
	struct packet p = { .bytes = buf };
	uint32_t part;
	bool last;

	if (*done > all)
		return -EINVAL;
	part = shmbus_lib_min(req->segment, all - *done);
	last = *done + part == all;
	p.len = req->data_off + part;
	if (p.len > room)
		return -EMSGSIZE;
	memcpy(buf, frame, req->data_off);
	memcpy(buf + req->data_off, frame + req->data_off + *done, part);
	if (!read_ip(&p, req) ||
	    (uint32_t)(buf[req->l4_off + 12] >> 4) * 4 + req->l4_off != req->data_off)
		return -EINVAL;
	if (!p.v6) /* its length changes, whatever was asked for */
		req->flags |= SHMBUS_REQUEST_IP_CKSUM;
	put_tcp(&p, req, *done, last);
	if (!put_lengths(&p, req, *done / req->segment) || !put_checksums(&p, req))
		return -EINVAL;
	*done = last ? FINISHED : *done + part;
	return (int)p.len;
}

int
shmbus_complete(const void *frame, uint32_t len, const struct shmbus_offload *offload,
		uint32_t *done, void *buf, uint32_t room)
{
	struct shmbus_request req = {
		.flags = offload->flags,
		.l4 = offload->l4,
		.l3_off = offload->l3_off,
		.l4_off = offload->l4_off,
		.data_off = offload->data_off,
		.segment = offload->segment,
	};
	struct packet p = { .bytes = buf, .len = len };

	if (*done == FINISHED)
		return 0;
	if (len == 0 || len > SHMBUS_FRAME_MAX ||
	    (req.flags != 0 && !shmbus_request_valid(&req, len)))
		return -EINVAL;
	if (req.flags & SHMBUS_REQUEST_SEGMENT)
		return next_segment(frame, len, &req, done, buf, room);
	if (len > room)
		return -EMSGSIZE;
	memcpy(buf, frame, len);
	if (req.flags != 0 && (!read_ip(&p, &req) || !put_checksums(&p, &req)))
		return -EINVAL;
	*done = FINISHED;
	return (int)len;
}
