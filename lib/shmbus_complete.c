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
	const struct shmbus_request req = {
		.flags = offload->flags,
		.l4 = offload->l4,
		.l3_off = offload->l3_off,
		.l4_off = offload->l4_off,
		.data_off = offload->data_off,
		.segment = offload->segment,
	};
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

int
shmbus_complete(const void *frame, uint32_t len, const struct shmbus_offload *offload,
		uint32_t *done, void *buf, uint32_t room)
{
	unsigned int i;
	int ret;

	for (i = 0; i < sizeof(offload->reserved) / sizeof(offload->reserved[0]); i++)
		if (offload->reserved[i] != 0)
			return shmbus_lib_fail(-EINVAL, "offload.reserved[%u] is not 0; set the whole "
					       "offload to 0 before its fields", i);
	ret = shmbus_lib_complete(frame, len, offload, done, buf, room);
	if (ret == -EMSGSIZE)
		shmbus_lib_fail(ret, "room=%" PRIu32 ": too small for the next frame of a frame of "
				"%" PRIu32 " bytes", room, len);
	else if (ret < 0)
		shmbus_lib_fail(ret, "the offload (flags 0x%x, l4 %u, l3_off %u, l4_off %u) does not "
				"match the frame of %" PRIu32 " bytes", offload->flags, offload->l4,
				offload->l3_off, offload->l4_off, len);
	return ret;
}
