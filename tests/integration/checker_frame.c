/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <string.h>

#include <rte_byteorder.h>
#include <rte_hash_crc.h>

#include "checker_frame.h"

#define ETHERTYPE 0x88b5
#define CRC_OFF 8
#define CRC_END 12

/* Where a frame's noise begins in here follows from its number, so neighbours differ. */
#define NOISE_STARTS 65536u
static uint8_t noise[NOISE_STARTS + FRAME_MAX];

void
frame_init(uint64_t seed)
{
	uint64_t word;
	size_t i;

	for (i = 0; i + sizeof(word) <= sizeof(noise); i += sizeof(word)) {
		word = chance(&seed);
		memcpy(&noise[i], &word, sizeof(word));
	}
}

/* rte_hash_crc(), which reads words from where words must not lie. */
static uint32_t
crc32c(const uint8_t *p, uint32_t len, uint32_t crc)
{
	uint64_t word;

	for (; len >= sizeof(word); p += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		crc = rte_hash_crc_8byte(word, crc);
	}
	for (; len != 0; p++, len--)
		crc = rte_hash_crc_1byte(*p, crc);
	return crc;
}

static uint32_t
checksum(const uint8_t *p, uint32_t len)
{
	return crc32c(p + CRC_END, len - CRC_END, crc32c(p, CRC_OFF, len));
}

void
frame_build(uint8_t *p, uint32_t len, uint16_t stream, uint32_t seq)
{
	const uint32_t from = (seq * 40503u + stream * 193u) % NOISE_STARTS;
	const rte_be16_t type = rte_cpu_to_be_16(ETHERTYPE);
	rte_be32_t crc;

	p[0] = 0x02;
	p[1] = (uint8_t)(stream >> 8);
	p[2] = (uint8_t)stream;
	p[3] = (uint8_t)(seq >> 24);
	p[4] = (uint8_t)(seq >> 16);
	p[5] = (uint8_t)(seq >> 8);
	p[6] = 0x02;
	p[7] = (uint8_t)seq;
	memcpy(p + CRC_END, &type, sizeof(type));
	memcpy(p + FRAME_MIN, &noise[from], len - FRAME_MIN);
	crc = rte_cpu_to_be_32(checksum(p, len));
	memcpy(p + CRC_OFF, &crc, sizeof(crc));
}

bool
frame_check(const uint8_t *p, uint32_t len, uint16_t *stream, uint32_t *seq)
{
	rte_be16_t type;
	rte_be32_t crc;

	if (len < FRAME_MIN || len > FRAME_MAX)
		return false;
	memcpy(&type, p + CRC_END, sizeof(type));
	memcpy(&crc, p + CRC_OFF, sizeof(crc));
	if (p[0] != 0x02 || p[6] != 0x02 || type != rte_cpu_to_be_16(ETHERTYPE) ||
	    rte_be_to_cpu_32(crc) != checksum(p, len))
		return false;
	*stream = (uint16_t)(p[1] << 8 | p[2]);
	*seq = (uint32_t)p[3] << 24 | (uint32_t)p[4] << 16 | (uint32_t)p[5] << 8 | p[7];
	return true;
}
