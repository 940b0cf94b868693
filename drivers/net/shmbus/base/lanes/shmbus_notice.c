/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include "shmbus_notice.h"

static void
store(const struct shmbus_bus *bus, uint32_t slot, uint32_t lane, uint64_t word)
{
	/* D3 (writer_store_notice): a reader that sees it sees the tail before it. D1, the store of
	 * the next tail, comes after it.
	 */
	shmbus_step_store_release(writer_store_notice, &shmbus_bus_notice(bus, slot, lane)->word,
				  word);
}

/* Stores the notices of all slots, with the count of quarters alone for those without a frame. */
static void
store_quarter(const struct shmbus_bus *bus, uint32_t lane, const struct shmbus_addressees *to,
	      uint64_t end, uint64_t quarters)
{
	uint64_t word;
	uint32_t slot, i;

	for (slot = 0; slot < bus->geo.ports; slot++) {
		/* A stranger may have written another value: a lie as good as any of the sender's. */
		word = shmbus_load(&shmbus_bus_notice(bus, slot, lane)->word);
		store(bus, slot, lane, (word & ~(uint64_t)SHMBUS_NOTICE_QUARTERS) | quarters);
	}
	for (i = 0; i < to->n; i++)
		store(bus, to->slots[i], lane, end | quarters);
}

void
shmbus_notice_store(const struct shmbus_bus *bus, uint32_t lane,
		    const struct shmbus_addressees *to, uint64_t from, uint64_t tail)
{
	const uint64_t quarter = shmbus_notice_quarter(&bus->geo, tail);
	const uint64_t quarters = quarter & SHMBUS_NOTICE_QUARTERS;
	uint32_t i;

	if (to->all)
		for (i = 0; i < bus->geo.ports; i++)
			store(bus, i, lane, tail | quarters);
	else if (quarter != shmbus_notice_quarter(&bus->geo, from))
		store_quarter(bus, lane, to, tail, quarters);
	else
		for (i = 0; i < to->n; i++)
			store(bus, to->slots[i], lane, tail | quarters);
}
