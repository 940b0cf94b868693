/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include "shmbus_lanes_tx.h"

static size_t
size_of_cursors(const struct shmbus_geometry *geo)
{
	return SHMBUS_ALIGN(geo->ports * geo->queues * sizeof(struct shmbus_stall));
}

static size_t
size_of_sleepers(const struct shmbus_geometry *geo)
{
	return SHMBUS_ALIGN(geo->ports * sizeof(struct shmbus_sleeper));
}

size_t
shmbus_lanes_tx_size(const struct shmbus_geometry *geo)
{
	return size_of_cursors(geo) + size_of_sleepers(geo) + shmbus_director_size(geo);
}

void
shmbus_lanes_tx_init(struct shmbus_lanes_tx *tx, const struct shmbus_geometry *geo, void *memory)
{
	uint8_t *p = memory;

	tx->burst_max = shmbus_burst_max(geo);
	tx->writer.stalls = memory;
	p += size_of_cursors(geo);
	tx->waker.sleepers = (struct shmbus_sleeper *)(void *)p;
	p += size_of_sleepers(geo);
	shmbus_director_init(&tx->director, geo, p);
}

void
shmbus_lanes_tx_count(const struct shmbus_lanes_tx *tx, struct shmbus_lanes_tx_counts *counts)
{
	counts->pauses += tx->past.pauses + shmbus_counted(&tx->writer.pauses);
	counts->timeouts += tx->past.timeouts + shmbus_counted(&tx->writer.timeouts);
	counts->dead += tx->past.dead + shmbus_counted(&tx->writer.dead);
	counts->deadlocks += tx->past.deadlocks + shmbus_counted(&tx->writer.deadlocks);
}

void
shmbus_lanes_tx_start(const struct shmbus_bus *bus, struct shmbus_lanes_tx *tx, uint32_t slot,
		      uint32_t queue, const struct shmbus_pollers *pollers, bool pause,
		      uint64_t pause_timeout_ns)
{
	struct shmbus_lanes_tx_counts sum = { .pauses = 0 };

	shmbus_lanes_tx_count(tx, &sum);
	tx->past = sum;
	shmbus_writer_start(bus, &tx->writer, slot, queue, tx->writer.stalls, pause,
			    pause_timeout_ns);
	tx->writer.pollers = pollers;
	shmbus_director_start(&tx->director, slot, tx->writer.tail);
	tx->asked = tx->writer.tail;
	shmbus_waker_start(bus, &tx->waker, tx->writer.lane, tx->waker.sleepers);
}
