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

uint32_t
shmbus_ip_sum(const void *at, uint32_t len)
{
	const uint8_t *bytes = at;
	uint64_t sum = 0;
	uint16_t word = 0;
	uint32_t i;

	for (i = 0; i + 1 < len; i += 2) {
		memcpy(&word, bytes + i, 2);
		sum += word;
	}
	word = 0;
	memcpy(&word, bytes + i, len & 1);
	sum += word;
	return shmbus_ip_fold((uint32_t)(sum >> 16) + (sum & 0xffff));
}

uint32_t
shmbus_ip_sum_pseudo(const struct shmbus_ip *ip, uint8_t l4, uint32_t len)
{
	const uint32_t addresses = ip->v6 ? shmbus_ip_sum(ip->at + 8, 32) :
				   shmbus_ip_sum(ip->at + 12, 8);

	return shmbus_ip_fold(addresses + htons(l4) + htons((uint16_t)len));
}
