/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* shmbus_complete(): runs the finisher of the core on a copy of the caller's frame. */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "shmbus_finish.h"
#include "shmbus_lib.h"

int
shmbus_lib_complete(const void *frame, uint32_t len, const struct shmbus_offload *offload,
		    uint32_t *done, void *buf, uint32_t room)
{
	const struct shmbus_request req = shmbus_lib_request(offload);
	struct shmbus_tso tso = {
		.frame = frame,
		.len = len,
		.req = req,
		.kinds = req.flags,
		.done = *done,
	};
	int ret;

	if (*done == SHMBUS_TSO_FINISHED)
		return 0;
	if (len < SHMBUS_FRAME_MIN || len > SHMBUS_FRAME_MAX ||
	    (req.flags != 0 && !shmbus_request_valid(&req, len)))
		return -EINVAL;
	if (req.flags & SHMBUS_REQUEST_SEGMENT) {
		ret = shmbus_tso_next(&tso, buf, room);
		*done = tso.done;
		return ret;
	}
	if (len > room)
		return -EMSGSIZE;
	memcpy(buf, frame, len);
	if (req.flags != 0 && !shmbus_finish(buf, len, &req, req.flags))
		return -EINVAL;
	*done = SHMBUS_TSO_FINISHED;
	return (int)len;
}

#define N_RESERVED (sizeof(((struct shmbus_offload *)NULL)->reserved) / sizeof(uint16_t))

/* Returns the first reserved field that is not 0; N_RESERVED if all are. */
static unsigned int
used_reserved(const struct shmbus_offload *offload)
{
	unsigned int i = 0;

	while (i < N_RESERVED && offload->reserved[i] == 0)
		i++;
	return i;
}

bool
shmbus_lib_offload_is_legal(const struct shmbus_offload *offload, uint32_t len)
{
	const struct shmbus_request req = shmbus_lib_request(offload);

	return used_reserved(offload) == N_RESERVED &&
	       (req.flags == 0 || shmbus_request_valid(&req, len));
}

int
shmbus_lib_refuse_offload(const struct shmbus_offload *offload, uint32_t len)
{
	const unsigned int i = used_reserved(offload);

	if (i != N_RESERVED)
		return shmbus_lib_fail(-EINVAL, "offload.reserved[%u] is not 0; set the whole offload "
				       "to 0 before its fields", i);
	return shmbus_lib_fail(-EINVAL, "the offload (flags 0x%x, l4 %u, l3_off %u, l4_off %u) does not "
			       "match the frame of %" PRIu32 " bytes", offload->flags, offload->l4,
			       offload->l3_off, offload->l4_off, len);
}

int
shmbus_complete(const void *frame, uint32_t len, const struct shmbus_offload *offload,
		uint32_t *done, void *buf, uint32_t room)
{
	int ret;

	if (used_reserved(offload) != N_RESERVED)
		return shmbus_lib_refuse_offload(offload, len);
	ret = shmbus_lib_complete(frame, len, offload, done, buf, room);
	if (ret == -EMSGSIZE)
		return shmbus_lib_fail(ret, "room=%" PRIu32 ": too small for the next frame of a frame "
				       "of %" PRIu32 " bytes", room, len);
	return ret < 0 ? shmbus_lib_refuse_offload(offload, len) : ret;
}
