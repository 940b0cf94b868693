/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include "shmbus_shmif_spare.h"
#include "shmbus_step.h"

void
shmbus_shmif_ask_repair(const struct shmbus_shmif *bus)
{
	shmbus_step_store_release(shmif_ask_repair, &shmbus_shmif_header(bus)->spare,
				  shmbus_shmif_spare_repair(bus));
}

void
shmbus_shmif_intent(const struct shmbus_shmif *bus, uint64_t gen, uint32_t last)
{
	/* gen is the new value; the present one is one less. */
	shmbus_step_store_release(shmif_intent, &shmbus_shmif_header(bus)->spare,
				  SHMBUS_SPARE_INTENT | SHMBUS_SPARE_HELD |
				  (uint32_t)((gen - 1) & 1) << SHMBUS_SPARE_GEN_SHIFT |
				  last << SHMBUS_SPARE_LAST_SHIFT | bus->id);
}

void
shmbus_shmif_intent_done(const struct shmbus_shmif *bus)
{
	shmbus_step_store_release(shmif_intent_done, &shmbus_shmif_header(bus)->spare,
				  bus->id | SHMBUS_SPARE_HELD);
}
