/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* shmbus_complete(): the finisher on a copy of the caller's frame. */

#include <errno.h>
#include <string.h>

#include "shmbus_finish.h"
#include "shmbus_lib.h"

int
shmbus_complete(const void *frame, uint32_t len, const struct shmbus_offload *offload,
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
	if (len == 0 || len > SHMBUS_FRAME_MAX ||
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
