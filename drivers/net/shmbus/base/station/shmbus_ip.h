/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_IP_H
#define SHMBUS_IP_H

/*
 * IP headers, and the checksums of IP, TCP and UDP, over bytes of any
 * alignment.
 *
 * Theory of operation
 *
 * The headers come from other processes. The caller passes a copy of them and
 * the real number of bytes in the frame. No function reads beyond that number,
 * whatever the headers contain.
 *
 * A sum is the ones' complement sum of 16-bit words, as they lie in memory,
 * folded to 16 bits. In a ones' complement sum the order of bytes does not
 * matter as long as it is the same everywhere (RFC 1071). So a sum is computed
 * in the byte order of the processor and stored with memcpy. The sum of bytes
 * that include their correct checksum is 0xffff.
 */

#include <stdbool.h>
#include <stdint.h>

#include "shmbus_request.h"

/* The fixed header of IPv6. */
#define SHMBUS_IPV6_LEN 40u

struct shmbus_ip {
	const uint8_t *at;
	bool v6;
	uint32_t len;     /* of the IPv4 header with options, or of the fixed IPv6 header */
	uint32_t payload; /* bytes behind the header, as the header states */
};

/*
 * Reads an IP header. frame_len counts the bytes of the frame from the header
 * on. The first SHMBUS_IPV6_LEN of these, or all if there are fewer, lie at at
 * and stay there while ip is used. Returns false if there is no IP header, or
 * if the header is longer than the frame.
 */
bool shmbus_ip_read(struct shmbus_ip *ip, const uint8_t *at, uint32_t frame_len);

/* Returns whether the header matches a valid request. */
bool shmbus_ip_suits(const struct shmbus_ip *ip, const struct shmbus_request *req);

/*
 * Returns the number of bytes that the checksum of TCP or UDP covers, without
 * padding and without bytes behind the datagram; 0 if the lengths are
 * inconsistent.
 *
 * between: bytes from the IP header to the header at l4_at, at least ip->len.
 * frame_len counts the bytes of the frame from there on; the first
 * SHMBUS_UDP_LEN of these lie at l4_at if there are as many.
 */
uint32_t shmbus_ip_l4_len(const struct shmbus_ip *ip, uint32_t between, uint8_t l4,
			  const uint8_t *l4_at, uint32_t frame_len);

/* Returns the sum of len bytes; an odd last one counts as the first half of a word. */
uint32_t shmbus_ip_sum(const void *at, uint32_t len);

/* Returns the sum of the pseudo header of TCP or UDP. The header at ip->at is complete. */
uint32_t shmbus_ip_sum_pseudo(const struct shmbus_ip *ip, uint8_t l4, uint32_t len);

/* Folds a sum of sums. */
static inline uint32_t
shmbus_ip_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

/* Adds the sum of the bytes that follow the first `before` ones; their number may be odd. */
static inline uint32_t
shmbus_ip_sum_append(uint32_t sum, uint32_t before, uint32_t next)
{
	/* At an odd distance the halves of each word are swapped. */
	if (before & 1)
		next = (next & 0xff) << 8 | next >> 8;
	return shmbus_ip_fold(sum + next);
}

static inline uint32_t
shmbus_ip_get16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

static inline void
shmbus_ip_put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

#endif /* SHMBUS_IP_H */
