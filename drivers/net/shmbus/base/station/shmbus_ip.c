/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <arpa/inet.h>
#include <string.h>

#include "shmbus_ip.h"

bool
shmbus_ip_read(struct shmbus_ip *ip, const uint8_t *at, uint32_t frame_len)
{
	uint32_t total;

	if (frame_len < SHMBUS_IP_MIN)
		return false;
	ip->at = at;
	ip->v6 = at[0] >> 4 == 6;
	if (ip->v6) {
		ip->len = SHMBUS_IPV6_LEN;
		ip->payload = shmbus_ip_get16(at + 4);
		return frame_len >= SHMBUS_IPV6_LEN;
	}
	ip->len = (at[0] & 0xfu) * 4;
	total = shmbus_ip_get16(at + 2);
	ip->payload = total > ip->len ? total - ip->len : 0;
	return at[0] >> 4 == 4 && ip->len >= SHMBUS_IP_MIN && ip->len <= frame_len;
}

bool
shmbus_ip_suits(const struct shmbus_ip *ip, const struct shmbus_request *req)
{
	const uint32_t len = (uint32_t)req->l4_off - req->l3_off;

	/* Behind the fixed header of IPv6 there may be extension headers. */
	if (ip->v6)
		return len >= SHMBUS_IPV6_LEN && !(req->flags & SHMBUS_REQUEST_IP_CKSUM);
	return len == ip->len;
}

uint32_t
shmbus_ip_l4_len(const struct shmbus_ip *ip, uint32_t between, uint8_t l4, const uint8_t *l4_at,
		 uint32_t frame_len)
{
	const uint32_t extensions = between - ip->len;
	const uint32_t min = l4 == SHMBUS_REQUEST_TCP ? SHMBUS_TCP_MIN : SHMBUS_UDP_LEN;
	uint32_t len, udp;

	if (ip->payload < extensions + min)
		return 0;
	len = ip->payload - extensions;
	if (len > frame_len)
		return 0;
	if (l4 == SHMBUS_REQUEST_TCP)
		return len;
	udp = shmbus_ip_get16(l4_at + 4);
	return udp >= SHMBUS_UDP_LEN && udp <= len ? udp : 0;
}

static inline uint64_t
load64(const uint8_t *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

/* Adds with the carry added at the other end. */
static inline uint64_t
add(uint64_t sum, uint64_t word)
{
	sum += word;
	return sum + (sum < word);
}

/* Returns the sum of the fewer than 8 bytes that whole words leave over. */
static inline uint64_t
sum_rest(const uint8_t *at, uint32_t len)
{
	uint32_t four = 0;
	uint16_t two = 0;
	uint16_t one = 0;

	if (len & 4) {
		memcpy(&four, at, sizeof(four));
		at += sizeof(four);
	}
	if (len & 2) {
		memcpy(&two, at, sizeof(two));
		at += sizeof(two);
	}
	if (len & 1)
		memcpy(&one, at, 1);
	return (uint64_t)four + two + one;
}

/*
 * A ones' complement sum may be taken over words of any even size and folded
 * at the end. Four independent sums of 8-byte words are as fast as the vector
 * code that compilers make of a loop over 2-byte words, at any level of
 * optimisation.
 */
uint32_t
shmbus_ip_sum(const void *at, uint32_t len)
{
	uint64_t sums[4] = { 0, 0, 0, 0 };
	const uint8_t *from = at;
	uint64_t sum;

	for (; len >= 32; len -= 32, from += 32) {
		sums[0] = add(sums[0], load64(from));
		sums[1] = add(sums[1], load64(from + 8));
		sums[2] = add(sums[2], load64(from + 16));
		sums[3] = add(sums[3], load64(from + 24));
	}
	for (; len >= 8; len -= 8, from += 8)
		sums[0] = add(sums[0], load64(from));
	sum = add(add(sums[0], sums[1]), add(sums[2], sums[3]));
	sum = add(sum, sum_rest(from, len));
	sum = (sum & UINT32_MAX) + (sum >> 32);
	sum = (sum & UINT32_MAX) + (sum >> 32);
	return shmbus_ip_fold((uint32_t)sum);
}

uint32_t
shmbus_ip_sum_pseudo(const struct shmbus_ip *ip, uint8_t l4, uint32_t len)
{
	const uint32_t addresses = ip->v6 ? shmbus_ip_sum(ip->at + 8, 32) :
				   shmbus_ip_sum(ip->at + 12, 8);

	return shmbus_ip_fold(addresses + htons(l4) + htons((uint16_t)len));
}
