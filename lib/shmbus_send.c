/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Sending, for both formats. */

#include <errno.h>
#include <inttypes.h>
#include <limits.h>

#include "shmbus_clock.h"
#include "shmbus_lib.h"

/* Time between two checks of the sending side that the bus is still there. */
#define LOOK_NS (UINT64_C(100) * 1000 * 1000)

bool
shmbus_lib_sends_astray(struct shmbus_station *st, uint64_t now_ns)
{
	if (now_ns - st->looked_ns < LOOK_NS)
		return false;
	if (shmbus_lib_lost(st->bus)) /* looked_ns stays: the next call checks again */
		return true;
	st->looked_ns = now_ns;
	return false;
}

int
shmbus_lib_may_send(const struct shmbus_station *st)
{
	if (!st->monitor)
		return 0;
	return shmbus_lib_fail(-EROFS, "path=%s: a monitor cannot send; use shmbus_attach",
			       shmbus_lib_path(st->bus));
}

int
shmbus_lib_refuse(const struct shmbus_station *st, uint32_t len, uint32_t flags)
{
	if (flags != 0)
		return shmbus_lib_fail(-EINVAL, "path=%s: the flags of a frame are 0x%" PRIx32
				       "; no flag is known, so they must be 0",
				       shmbus_lib_path(st->bus), flags);
	return shmbus_lib_fail(-EMSGSIZE, "path=%s: a frame of %" PRIu32
			       " bytes; from %u to %" PRIu32 " are possible",
			       shmbus_lib_path(st->bus), len, SHMBUS_FRAME_MIN, st->frame_max);
}

/* Sends frames that are legal. */
static int
send_legal(struct shmbus_station *st, const struct shmbus_tx *frames,
	   const struct shmbus_offload *offloads, unsigned int n)
{
	unsigned int sent;
	int ret;

	sent = st->ops->send(st, frames, offloads, n);
	if (sent != 0)
		st->room_since_ns = 0;
	/* Frames that were written to a lost bus reach nobody: they were not sent. */
	ret = shmbus_lib_gone(st->bus);
	return ret != 0 ? ret : (int)sent;
}

/* Returns whether a frame can be sent. offload: NULL if it is final. */
static bool
can_send(const struct shmbus_station *st, const struct shmbus_tx *frame,
	 const struct shmbus_offload *offload)
{
	return shmbus_lib_is_legal(st, frame->len, frame->flags) &&
	       (offload == NULL || (shmbus_lib_offload_is_legal(offload, frame->len) &&
				    (offload->flags == 0 || shmbus_lib_is_lanes(st->bus))));
}

/* Writes the reason why it cannot. Returns its error. */
static int
refuse(const struct shmbus_station *st, const struct shmbus_tx *frame,
       const struct shmbus_offload *offload)
{
	if (!shmbus_lib_is_legal(st, frame->len, frame->flags))
		return shmbus_lib_refuse(st, frame->len, frame->flags);
	if (!shmbus_lib_offload_is_legal(offload, frame->len))
		return shmbus_lib_refuse_offload(offload, frame->len);
	return shmbus_lib_fail(-ENOTSUP, "path=%s: the format shmif carries final frames only; have "
			       "the work done by shmbus_complete()", shmbus_lib_path(st->bus));
}

/* offloads: NULL if all frames are final. */
static int
send_burst(struct shmbus_station *st, const struct shmbus_tx *frames,
	   const struct shmbus_offload *offloads, unsigned int n)
{
	unsigned int legal;
	int ret;

	ret = shmbus_lib_may_send(st);
	if (ret != 0)
		return ret;
	st->reserved.n = 0;
	if (n > INT_MAX)
		n = INT_MAX;
	for (legal = 0; legal < n; legal++)
		if (!can_send(st, &frames[legal], offloads != NULL ? &offloads[legal] : NULL))
			break;
	if (legal == 0 && n != 0)
		return refuse(st, frames, offloads);
	return send_legal(st, frames, offloads, legal);
}

int
shmbus_send(struct shmbus_station *st, const struct shmbus_tx *frames, unsigned int n)
{
	return send_burst(st, frames, NULL, n);
}

int
shmbus_send_offload(struct shmbus_station *st, const struct shmbus_tx *frames,
		    const struct shmbus_offload *offloads, unsigned int n)
{
	return send_burst(st, frames, offloads, n);
}

int
shmbus_send_all(struct shmbus_station *st, const struct shmbus_tx *frames, unsigned int n,
		int timeout_ms)
{
	const uint64_t begin = shmbus_clock_mono_ns();
	const uint64_t limit = shmbus_lib_limit_ns(timeout_ms);
	unsigned int sent = 0;
	int ret;

	if (n > INT_MAX)
		n = INT_MAX;
	for (;;) {
		ret = shmbus_send(st, frames + sent, n - sent);
		if (ret < 0)
			return sent != 0 ? (int)sent : ret;
		sent += (unsigned int)ret;
		if (sent == n)
			return (int)sent;
		if (ret != 0)
			continue;
		ret = shmbus_lib_wait_room(st, begin, limit);
		if (ret < 0)
			return sent != 0 ? (int)sent : ret;
		if (ret == 0)
			return (int)sent;
	}
}
