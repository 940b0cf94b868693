/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_FINISH_H
#define SHMBUS_FINISH_H

/*
 * The finisher: does what senders leave to their receivers, which are the
 * checksums of IPv4, TCP and UDP and the segmentation of TCP packets.
 *
 * Theory of operation
 *
 * The finisher works on flat bytes that belong to the caller: a frame is
 * copied out of the bus first and then finished, so the bytes that were
 * checked are the bytes that are used. A request (shmbus_request.h) has passed
 * shmbus_request_valid() with the length of the frame; all that the frame
 * itself says is held against that length here.
 *
 * A packet to be segmented stays as it is while its segments are made from it,
 * over as many calls as the caller likes. Each segment gets the headers of the
 * packet, in which lengths, IPv4 identification, TCP sequence number and TCP
 * flags differ: FIN and PSH are for the last segment, CWR is for the first. A
 * packet without payload is one segment. Nothing is decided on bytes that are
 * read back from a segment, so it may be made in memory that others can write.
 *
 * kinds says what of a request is to be done (SHMBUS_REQUEST_IP_CKSUM and
 * SHMBUS_REQUEST_L4_CKSUM). A receiver with checksum offload leaves the
 * checksums of TCP and UDP out. The checksum of an IPv4 header whose request
 * has SHMBUS_REQUEST_SEGMENT is always computed, since the length in the header
 * changes.
 */

#include <stdbool.h>
#include <stdint.h>

#include "shmbus_request.h"

/* Puts the checksums into a frame. Returns false if the frame is not what its request says. */
bool shmbus_finish(uint8_t *frame, uint32_t len, const struct shmbus_request *req, uint8_t kinds);

/*
 * The same for a packet that is delivered whole though its request has
 * SHMBUS_REQUEST_SEGMENT: the lengths in the IP header become those of the
 * frame first. Returns false also if the packet is too long for these fields.
 */
bool shmbus_finish_whole(uint8_t *frame, uint32_t len, const struct shmbus_request *req,
			 uint8_t kinds);

/* tso.done after the last segment */
#define SHMBUS_TSO_FINISHED UINT32_MAX

/* A packet that is being segmented. */
struct shmbus_tso {
	const uint8_t *frame; /* does not change until the last segment is made */
	uint32_t len;
	struct shmbus_request req; /* valid, with SHMBUS_REQUEST_SEGMENT */
	uint8_t kinds;
	uint32_t done; /* payload that is in segments already, 0 at first */
};

/* Returns the length of the next segment with its headers, 0 if there is none. */
static inline uint32_t
shmbus_tso_len(const struct shmbus_tso *t)
{
	const uint32_t all = t->len - t->req.data_off;
	uint32_t left;

	if (t->done > all)
		return 0;
	left = all - t->done;
	return t->req.data_off + (left < t->req.segment ? left : t->req.segment);
}

/*
 * Makes the headers of the next segment, t->req.data_off bytes, and says where
 * in t->frame its payload lies. The checksum of TCP covers both, so the caller
 * may copy the payload to wherever it likes. Returns the length of the segment
 * with its headers; 0 if there are no more; -EMSGSIZE if room is less than the
 * headers; -EINVAL if the packet is not what its request says. After an error
 * t is as before.
 */
int shmbus_tso_head(struct shmbus_tso *t, uint8_t *head, uint32_t room, const uint8_t **payload);

/* Makes the next segment whole. Returns as shmbus_tso_head() does; room is for all of it. */
int shmbus_tso_next(struct shmbus_tso *t, uint8_t *dst, uint32_t room);

#endif /* SHMBUS_FINISH_H */
