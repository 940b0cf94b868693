/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef SHMBUS_FINISH_H
#define SHMBUS_FINISH_H

/*
 * The finisher: does the work that senders leave to receivers, which is the
 * checksums of IPv4, TCP and UDP and the segmentation of TCP packets.
 *
 * Theory of operation
 *
 * The finisher works on flat bytes that belong to the caller. The caller
 * copies a frame out of the bus and then finishes the copy, so the bytes that
 * the finisher checks are the bytes that the application gets. A request
 * (shmbus_request.h) has passed shmbus_request_valid() with the length of the
 * frame. The finisher checks every length in the frame itself against that
 * length.
 *
 * A packet that is to be segmented does not change while its segments are made
 * from it, over as many calls as the caller likes. Each segment gets the
 * packet's headers. Lengths, IPv4 identification, TCP sequence number and TCP
 * flags differ: only the last segment has FIN and PSH, only the first has CWR.
 * A packet without payload is one segment. The finisher reads nothing back
 * from a segment, so a segment may lie in memory that others can write.
 *
 * kinds names the work of a request that is to be done
 * (SHMBUS_REQUEST_IP_CKSUM and SHMBUS_REQUEST_L4_CKSUM). A receiver that passes
 * frames on with offloads leaves out the checksums of TCP and UDP. The IPv4
 * header checksum of a request with SHMBUS_REQUEST_SEGMENT is always computed,
 * since the length in the header changes.
 */

#include <stdbool.h>
#include <stdint.h>

#include "shmbus_request.h"

/* Writes the checksums into a frame. Returns false if the frame does not match its request. */
bool shmbus_finish(uint8_t *frame, uint32_t len, const struct shmbus_request *req, uint8_t kinds);

/*
 * As shmbus_finish(), for a packet that is delivered whole although its
 * request has SHMBUS_REQUEST_SEGMENT: writes the real length into the IP
 * header first. Also returns false if the packet is too long for that field.
 */
bool shmbus_finish_whole(uint8_t *frame, uint32_t len, const struct shmbus_request *req,
			 uint8_t kinds);

/*
 * Prepares a frame for somebody who will do the rest: the kernel, or a virtual machine. Writes the
 * real length into the IP header of a packet that is to be segmented, the checksum of an IPv4
 * header if it is missing, and the sum of the pseudo header into the checksum of TCP or UDP. Returns
 * as shmbus_finish_whole().
 */
bool shmbus_finish_head(uint8_t *frame, uint32_t len, const struct shmbus_request *req);

/* tso.done after the last segment */
#define SHMBUS_TSO_FINISHED UINT32_MAX

/* A packet that is being segmented. */
struct shmbus_tso {
	const uint8_t *frame; /* must not change before the last segment is made */
	uint32_t len;
	struct shmbus_request req; /* valid, with SHMBUS_REQUEST_SEGMENT */
	uint8_t kinds;
	uint32_t done; /* payload bytes in segments so far, 0 at first */
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
 * Writes the headers of the next segment, t->req.data_off bytes, and returns
 * the place of its payload in t->frame. The TCP checksum covers both, so the
 * caller may copy the payload to any place. Returns the length of the segment
 * with its headers; 0 if there are no more segments; -EMSGSIZE if room is less
 * than the headers; -EINVAL if the packet does not match its request. After an
 * error t is unchanged.
 */
int shmbus_tso_head(struct shmbus_tso *t, uint8_t *head, uint32_t room, const uint8_t **payload);

/* Writes the next segment, headers and payload. room is for both. Returns as shmbus_tso_head(). */
int shmbus_tso_next(struct shmbus_tso *t, uint8_t *dst, uint32_t room);

#endif /* SHMBUS_FINISH_H */
