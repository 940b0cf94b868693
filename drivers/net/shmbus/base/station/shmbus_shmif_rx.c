/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <time.h>

#include "shmbus_status.h"
#include "shmbus_shmif_rx.h"

void
shmbus_shmif_rx_init(struct shmbus_shmif_rx *rx, void *memory)
{
	rx->reader.bytes = memory;
}

/*
 * Begins without the lock. If there is no moment to look at the bus, a monitor
 * begins with the newest frame, or later with the oldest.
 */
static int
start_monitor(const struct shmbus_shmif *bus, struct shmbus_shmif_reader *r, bool oldest,
	      unsigned int wait_ms)
{
	const struct timespec nap = { .tv_nsec = 1000 * 1000 };
	unsigned int i = 0;
	int ret;

	while ((ret = shmbus_shmif_monitor_start(bus, r, oldest)) == -EBUSY && i++ < wait_ms)
		nanosleep(&nap, NULL);
	return ret;
}

void
shmbus_shmif_rx_start(const struct shmbus_shmif *bus, struct shmbus_shmif_rx *rx,
		      const struct shmbus_shmif_rx_conf *conf, unsigned int wait_ms)
{
	rx->conf = *conf;
	rx->restart_seen = shmbus_load(&rx->restart);
	rx->reader.lock_wait.break_ns = conf->lock_break_ns;
	rx->start_later = false;
	shmbus_backoff_start(&rx->backoff, conf->backoff_ticks);
	if (conf->monitor)
		rx->start_later = start_monitor(bus, &rx->reader, conf->oldest, wait_ms) == -EBUSY &&
				  conf->oldest;
	else
		shmbus_shmif_reader_start(bus, &rx->reader, wait_ms);
}

void
shmbus_shmif_rx_stop(struct shmbus_shmif_rx *rx)
{
	rx->reader.off = rx->reader.len;
}

void
shmbus_shmif_rx_prepare_restart(const struct shmbus_shmif *bus, struct shmbus_shmif_rx *rx,
				unsigned int wait_ms)
{
	struct shmbus_shmif_reader r = { .lock_wait = { .break_ns = rx->conf.lock_break_ns } };

	if (rx->conf.monitor)
		start_monitor(bus, &r, false, wait_ms);
	else
		shmbus_shmif_reader_start(bus, &r, wait_ms);
	rx->restart_at = r.pos;
	/* R1 (shmif_rx_restart): with R2 */
	shmbus_store_release(&rx->restart, shmbus_load(&rx->restart) + 1);
}

static int
fetch(const struct shmbus_shmif *bus, struct shmbus_shmif_rx *rx)
{
	if (rx->conf.monitor)
		return shmbus_shmif_monitor_fetch(bus, &rx->reader);
	return shmbus_shmif_fetch(bus, &rx->reader);
}

bool
shmbus_shmif_rx_fetch(const struct shmbus_shmif *bus, struct shmbus_shmif_rx *rx,
		      unsigned int *fetches)
{
	struct shmbus_shmif_reader *r = &rx->reader;

	if (rx->start_later)
		rx->start_later = start_monitor(bus, r, true, 0) == -EBUSY;
	if (rx->start_later)
		return false;
	while (!shmbus_shmif_has_next(r)) {
		if (*fetches == 0 || shmbus_backoff_waits(&rx->backoff))
			return false;
		--*fetches;
		if (!shmbus_shmif_pending(bus, r)) {
			/* Other ports may be waiting for a lock whose holder has died. */
			if (!rx->conf.monitor && !shmbus_status_is_lost_shmif(bus))
				shmbus_shmif_lock_recover(bus, &r->lock_wait);
			return false;
		}
		if (fetch(bus, rx) == -EBUSY)
			return false;
	}
	return true;
}

uint64_t
shmbus_shmif_rx_waiting(const struct shmbus_shmif *bus, const struct shmbus_shmif_rx *rx)
{
	return shmbus_shmif_reader_fetched(&rx->reader) + shmbus_shmif_pending(bus, &rx->reader);
}

bool
shmbus_shmif_rx_pending(const struct shmbus_shmif *bus, const struct shmbus_shmif_rx *rx)
{
	return shmbus_shmif_has_next(&rx->reader) || shmbus_shmif_pending(bus, &rx->reader);
}
