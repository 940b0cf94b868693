/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <string.h>

#include <rte_byteorder.h>
#include <rte_hash_crc.h>

#include "checker_frame.h"

#define ETHERTYPE 0x88b5
#define ETHERTYPE_ADDRESSED 0x88b6
#define TYPE_OFF 12
#define CRC_OFF 8
#define NUMBERS_OFF 14 /* of a frame with addresses */
#define ADDRESSED_CRC_OFF 20
#define CRC_LEN 4

/* Where a frame's noise begins in here follows from its number, so neighbours differ. */
#define NOISE_STARTS 65536u
static uint8_t noise[NOISE_STARTS + FRAME_MAX];

static bool addressed;
static uint8_t addresses[TYPE_OFF];

void
frame_init(uint64_t seed, const uint8_t *to, const uint8_t *from)
{
	uint64_t word;
	size_t i;

	addressed = to != NULL;
	if (addressed) {
		memcpy(addresses, to, TYPE_OFF / 2);
		memcpy(addresses + TYPE_OFF / 2, from, TYPE_OFF / 2);
	}
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
checksum(const uint8_t *p, uint32_t len, uint32_t crc_off)
{
	const uint32_t end = crc_off + CRC_LEN;

	return crc32c(p + end, len - end, crc32c(p, crc_off, len));
}

static void
put_header(uint8_t *p, uint16_t stream, uint32_t seq)
{
	const rte_be16_t type = rte_cpu_to_be_16(ETHERTYPE);

	p[0] = 0x02;
	p[1] = (uint8_t)(stream >> 8);
	p[2] = (uint8_t)stream;
	p[3] = (uint8_t)(seq >> 24);
	p[4] = (uint8_t)(seq >> 16);
	p[5] = (uint8_t)(seq >> 8);
	p[6] = 0x02;
	p[7] = (uint8_t)seq;
	memcpy(p + TYPE_OFF, &type, sizeof(type));
}

static void
put_addressed_header(uint8_t *p, uint16_t stream, uint32_t seq)
{
	const rte_be16_t type = rte_cpu_to_be_16(ETHERTYPE_ADDRESSED);
	const rte_be16_t number = rte_cpu_to_be_16(stream);
	const rte_be32_t order = rte_cpu_to_be_32(seq);

	memcpy(p, addresses, sizeof(addresses));
	memcpy(p + TYPE_OFF, &type, sizeof(type));
	memcpy(p + NUMBERS_OFF, &number, sizeof(number));
	memcpy(p + NUMBERS_OFF + sizeof(number), &order, sizeof(order));
}

void
frame_build(uint8_t *p, uint32_t len, uint16_t stream, uint32_t seq)
{
	const uint32_t from = (seq * 40503u + stream * 193u) % NOISE_STARTS;
	const uint32_t noise_off = addressed ? FRAME_ADDRESSED_MIN : FRAME_MIN;
	const uint32_t crc_off = addressed ? ADDRESSED_CRC_OFF : CRC_OFF;
	rte_be32_t crc;

	if (addressed)
		put_addressed_header(p, stream, seq);
	else
		put_header(p, stream, seq);
	memcpy(p + noise_off, &noise[from], len - noise_off);
	crc = rte_cpu_to_be_32(checksum(p, len, crc_off));
	memcpy(p + crc_off, &crc, sizeof(crc));
}

static bool
crc_is_right(const uint8_t *p, uint32_t len, uint32_t crc_off)
{
	rte_be32_t crc;

	memcpy(&crc, p + crc_off, sizeof(crc));
	return rte_be_to_cpu_32(crc) == checksum(p, len, crc_off);
}

bool
frame_check(const uint8_t *p, uint32_t len, uint16_t *stream, uint32_t *seq)
{
	rte_be16_t type, number;
	rte_be32_t order;

	if (len < FRAME_MIN || len > FRAME_MAX)
		return false;
	memcpy(&type, p + TYPE_OFF, sizeof(type));
	if (type == rte_cpu_to_be_16(ETHERTYPE_ADDRESSED)) {
		if (len < FRAME_ADDRESSED_MIN || !crc_is_right(p, len, ADDRESSED_CRC_OFF))
			return false;
		memcpy(&number, p + NUMBERS_OFF, sizeof(number));
		memcpy(&order, p + NUMBERS_OFF + sizeof(number), sizeof(order));
		*stream = rte_be_to_cpu_16(number);
		*seq = rte_be_to_cpu_32(order);
		return true;
	}
	if (p[0] != 0x02 || p[6] != 0x02 || type != rte_cpu_to_be_16(ETHERTYPE) ||
	    !crc_is_right(p, len, CRC_OFF))
		return false;
	*stream = (uint16_t)(p[1] << 8 | p[2]);
	*seq = (uint32_t)p[3] << 24 | (uint32_t)p[4] << 16 | (uint32_t)p[5] << 8 | p[7];
	return true;
}
