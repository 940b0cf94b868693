/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_HEADERS_H
#define SHMBUS_HEADERS_H

/* The headers of a frame: their offsets and types. */

#include <rte_mbuf.h>

struct shmbus_headers {
	const uint8_t *bytes; /* of the first segment */
	uint32_t len;
	uint32_t ptype; /* RTE_PTYPE_, of the outer layers */
	uint32_t l3_off;
	uint32_t l4_off;
	uint8_t n_vlan; /* tags: 0x8100, 0x88a8, 0x9100, at most SHMBUS_VLANS */
};

#define SHMBUS_VLANS 2

/*
 * Parses the headers. The first segment holds the Ethernet header with its tags, in memory
 * that no other process writes.
 */
void shmbus_headers_parse(struct shmbus_headers *h, const struct rte_mbuf *m);

#endif /* SHMBUS_HEADERS_H */
