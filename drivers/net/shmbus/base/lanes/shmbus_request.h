/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_REQUEST_H
#define SHMBUS_REQUEST_H

/*
 * A request travels with a frame: it names what the sender has left to the
 * receiver (shmbus_format.h).
 *
 * In the file a request is two words. The receiver reads each word once, and
 * trusts neither before shmbus_request_valid().
 */

#include <stdbool.h>
#include <string.h>

#include "shmbus_format.h"
#include "shmbus_step.h"

/* A TCP header has 20 to 60 bytes, a UDP header 8, an IP header at least 20. */
#define SHMBUS_IP_MIN 20
#define SHMBUS_TCP_MIN 20
#define SHMBUS_TCP_MAX 60
#define SHMBUS_UDP_LEN 8

/* Returns the bytes that a frame with a request takes in a record, in whole lines. */
static inline uint32_t
shmbus_request_extent(uint32_t len)
{
	return (uint32_t)SHMBUS_ALIGN(len + sizeof(struct shmbus_request));
}

/* Returns the place of a request: the end of the frame's last line. */
static inline shmbus_a64 *
shmbus_request_words(uint8_t *end)
{
	return (shmbus_a64 *)(void *)(end - sizeof(struct shmbus_request));
}

static inline void
shmbus_request_store(uint8_t *end, const struct shmbus_request *req)
{
	shmbus_a64 *to = shmbus_request_words(end);
	uint64_t words[2];

	memcpy(words, req, sizeof(words));
	shmbus_step_store(writer_copy, &to[0], words[0]);
	shmbus_step_store(writer_copy, &to[1], words[1]);
}

static inline void
shmbus_request_load(uint8_t *end, struct shmbus_request *req)
{
	shmbus_a64 *from = shmbus_request_words(end);
	const uint64_t words[2] = { shmbus_load(&from[0]), shmbus_load(&from[1]) };

	memcpy(req, words, sizeof(words));
}

/*
 * Returns whether a frame of len bytes may have this request. Does not look at
 * the frame's bytes.
 */
static inline bool
shmbus_request_valid(const struct shmbus_request *req, uint32_t len)
{
	const bool l4 = req->flags & SHMBUS_REQUEST_L4_CKSUM;
	const bool segment = req->flags & SHMBUS_REQUEST_SEGMENT;
	const uint32_t l4_off = req->l4_off;
	const uint32_t data_off = req->data_off;
	uint32_t l4_len = 0;

	if (req->flags == 0 || (req->flags & ~SHMBUS_REQUEST_FLAGS) != 0 ||
	    req->reserved[0] != 0 || req->reserved[1] != 0 || req->reserved[2] != 0)
		return false;
	if (l4_off < SHMBUS_IP_MIN || req->l3_off > l4_off - SHMBUS_IP_MIN)
		return false;
	if (l4 && req->l4 == SHMBUS_REQUEST_TCP)
		l4_len = SHMBUS_TCP_MIN;
	else if (l4 && req->l4 == SHMBUS_REQUEST_UDP)
		l4_len = SHMBUS_UDP_LEN;
	else if (l4 || req->l4 != 0)
		return false;
	if (l4_off > len || l4_len > len - l4_off)
		return false;
	if (!segment)
		return req->segment == 0 && data_off == 0;
	return req->l4 == SHMBUS_REQUEST_TCP && req->segment != 0 && data_off <= len &&
	       data_off >= l4_off + SHMBUS_TCP_MIN && data_off <= l4_off + SHMBUS_TCP_MAX;
}

#endif /* SHMBUS_REQUEST_H */
