/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef TEST_PACKET_H
#define TEST_PACKET_H

/* Makes IP packets without checksums, and verifies the checksums of received packets. */

#include <stdbool.h>
#include <stdint.h>

#include "shmbus.h"

#define PACKET_MAX 65535u
#define PACKET_TCP 6
#define PACKET_UDP 17

struct packet {
	uint8_t bytes[PACKET_MAX];
	uint32_t len;
	bool v6;
	uint8_t l4;
};

/* A frame with so many bytes behind the header of TCP or UDP; wrong sums in all fields. */
void packet_make(struct packet *p, bool v6, uint8_t l4, uint32_t payload);

/* All checksums of it are to be computed. */
struct shmbus_offload packet_offload(const struct packet *p);

/* Are all lengths and checksums right? Fails the test if not. */
void packet_check(const uint8_t *frame, uint32_t len, bool v6, uint8_t l4);

/* Is this the packet, but for its checksums? */
bool packet_same_but_sums(const struct packet *p, const uint8_t *frame);

uint32_t packet_tcp_seq(const uint8_t *frame, bool v6);
uint8_t packet_tcp_flags(const uint8_t *frame, bool v6);
uint32_t packet_ip_id(const uint8_t *frame);

#endif /* TEST_PACKET_H */
