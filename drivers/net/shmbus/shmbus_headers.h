/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_HEADERS_H
#define SHMBUS_HEADERS_H

/* What the first bytes of a frame say: where its headers begin, and of what kind they are. */

#include <stdint.h>

struct shmbus_headers {
	const uint8_t *bytes; /* a copy of our own */
	uint32_t len;
	uint32_t ptype; /* RTE_PTYPE_, of the outer layers */
	uint32_t l3_off;
	uint32_t l4_off;
	uint8_t n_vlan; /* tags, at most SHMBUS_VLANS are looked for */
};

#define SHMBUS_VLANS 2

void shmbus_headers_parse(struct shmbus_headers *h, const uint8_t *bytes, uint32_t len);

#endif /* SHMBUS_HEADERS_H */
