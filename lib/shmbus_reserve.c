/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Sending in place: the caller writes its frames where the bus has them.
 *
 * On lanes the places are in the station's lane, above tail: no reader looks there, and
 * commit publishes them. On shmif they are in memory of the station, and commit copies them
 * into the ring, as send does.
 *
 * A reservation is one record. The library keeps the places and their lengths itself: commit
 * takes nothing but the final lengths from the caller's structs.
 */

#include <errno.h>
#include <inttypes.h>

#include "shmbus_lib.h"

int
shmbus_reserve(struct shmbus_station *st, struct shmbus_place *places, unsigned int n)
{
	struct shmbus_lib_reserved *reserved = &st->reserved;
	unsigned int legal, i;
	int ret;

	ret = shmbus_lib_may_send(st);
	if (ret != 0)
		return ret;
	reserved->n = 0;
	n = shmbus_lib_min(n, SHMBUS_RESERVE_MAX);
	for (legal = 0; legal < n; legal++) {
		reserved->len[legal] = places[legal].len;
		if (!shmbus_lib_is_legal(st, reserved->len[legal], places[legal].flags))
			break;
	}
	if (legal == 0 && n != 0)
		return shmbus_lib_refuse(st, places[0].len, places[0].flags);
	ret = shmbus_lib_gone(st->bus);
	if (ret != 0 || n == 0)
		return ret;
	reserved->n = st->ops->reserve(st, legal);
	for (i = 0; i < reserved->n; i++)
		places[i].data = reserved->at[i];
	return (int)reserved->n;
}

/* Checks a frame that is to be committed to a reserved place. Returns 0 or -errno. */
static int
check_length(const struct shmbus_station *st, const struct shmbus_place *place, unsigned int i)
{
	if (!shmbus_lib_is_legal(st, place->len, place->flags))
		return shmbus_lib_refuse(st, place->len, place->flags);
	if (place->len <= st->reserved.len[i])
		return 0;
	return shmbus_lib_fail(-EMSGSIZE, "path=%s: frame %u has %" PRIu32 " bytes, more than the %"
			       PRIu32 " that were reserved for it", shmbus_lib_path(st->bus), i,
			       place->len, st->reserved.len[i]);
}

int
shmbus_commit(struct shmbus_station *st, const struct shmbus_place *places, unsigned int n)
{
	struct shmbus_lib_reserved *reserved = &st->reserved;
	unsigned int i, sent;
	int ret;

	if (n > reserved->n)
		return shmbus_lib_fail(-EINVAL, "path=%s: cannot commit %u frames: %u are reserved",
				       shmbus_lib_path(st->bus), n, reserved->n);
	for (i = 0; i < n; i++) {
		ret = check_length(st, &places[i], i);
		if (ret != 0)
			return ret;
	}
	sent = n == 0 ? 0 : st->ops->commit(st, places, n);
	ret = shmbus_lib_gone(st->bus);
	if (sent == n || ret != 0)
		reserved->n = 0;
	if (sent != 0)
		st->room_since_ns = 0;
	return ret != 0 ? ret : (int)sent;
}
