/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef TEST_PACKET_H
#define TEST_PACKET_H

/*
 * TCP and UDP packets, byte by byte, with checksums added up by plain code:
 * what the driver's are compared with.
 */

#include "nic.h"

#define PACKET_TCP 6
#define PACKET_UDP 17

struct packet_conf {
	unsigned int vlans;
	uint16_t tpids[2]; /* types of the tags; 0: the innermost 0x8100, another 0x88a8 */
	bool v6;
	unsigned int options; /* IPv4: words; IPv6: headers of 8 bytes between IP and TCP */
	uint8_t l4;
	unsigned int tcp_options; /* words */
	uint32_t payload;
	uint32_t padding; /* behind the IP packet */
	uint32_t seq;     /* in the addresses and the content */
};

struct packet {
	struct packet_conf conf;
	uint32_t l3, l4, data; /* where they begin */
	uint32_t len;
	uint8_t bytes[UINT16_MAX + 1];
};

/* All checksums are right. */
void packet_make(struct packet *p, const struct packet_conf *conf);
/* Fill in the checksums of a packet that was changed. */
void packet_sum_ip(struct packet *p);
void packet_sum_l4(struct packet *p);
/* Where they stand. */
uint32_t packet_ip_field(const struct packet *p);
uint32_t packet_l4_field(const struct packet *p);

uint16_t packet_get16(const uint8_t *bytes);
void packet_put16(uint8_t *bytes, uint16_t value);
uint32_t packet_get32(const uint8_t *bytes);
void packet_put32(uint8_t *bytes, uint32_t value);

/* An mbuf, in segments of at most seg bytes if given, with lengths and offload flags. */
struct rte_mbuf *packet_mbuf(const struct packet *p, uint32_t seg, uint64_t ol_flags);
/* The flags that ask for all checksums of it. */
uint64_t packet_wishes(const struct packet *p);
/* Is it a proper mbuf with these bytes? */
void packet_assert(const struct rte_mbuf *m, const uint8_t *bytes, uint32_t len);

#endif /* TEST_PACKET_H */
