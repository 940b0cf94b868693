/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>

#include "shmbus_shmif_writer.h"

int
shmbus_shmif_send(const struct shmbus_shmif *bus, struct shmbus_shmif_writer *w)
{
	struct shmbus_shmif_state s;
	int ret;

	if (w->len == 0)
		return 0;
	if (!shmbus_shmif_lock(bus, &w->lock_wait))
		return -EBUSY;
	ret = shmbus_shmif_load(bus, &s);
	if (ret != 0) {
		shmbus_shmif_unlock(bus, &w->lock_wait, 0);
		shmbus_count(&w->corrupt, 1);
		return ret;
	}
	if (shmbus_shmif_append(bus, &s, w->bytes, w->len, w->last) != 0)
		shmbus_count(&w->corrupt, 1);
	shmbus_shmif_publish(bus, &s);
	shmbus_shmif_unlock(bus, &w->lock_wait, s.end);
	return 0;
}
