/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Numbers of ports, waking, and closing. The locks that prove that ports live
 * lie far beyond the end of the file.
 */

#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shmbus_lock.h"
#include "shmbus_shmif_bus.h"
#include "shmbus_step.h"

#define NUMBER_LOCK_OFF (INT64_C(1) << 40)

int
shmbus_shmif_number_try(const struct shmbus_shmif *bus, uint32_t id)
{
	return shmbus_lock_try(bus->file.fd, NUMBER_LOCK_OFF + id);
}

void
shmbus_shmif_number_drop(const struct shmbus_shmif *bus, uint32_t id)
{
	SHMBUS_STEP(shmif_number_drop);
	shmbus_lock_drop(bus->file.fd, NUMBER_LOCK_OFF + id);
}

bool
shmbus_shmif_number_alive(const struct shmbus_shmif *bus, uint32_t id)
{
	return id != bus->id && shmbus_lock_held_by_other(bus->file.fd, NUMBER_LOCK_OFF + id);
}

uint32_t
shmbus_shmif_count_peers(const struct shmbus_shmif *bus)
{
	uint32_t id, n = 0;

	for (id = 1; id <= SHMBUS_SHMIF_IDS; id++)
		n += shmbus_shmif_number_alive(bus, id);
	return n;
}

void
shmbus_shmif_wake(const struct shmbus_shmif *bus)
{
	const uint32_t version = SHMBUS_SHMIF_VERSION;
	ssize_t n;

	SHMBUS_STEP(shmif_wake);
	/* If the write fails a port sleeps on; there is no caller that could act upon it. */
	n = pwrite(bus->file.fd, &version, sizeof(version),
		   offsetof(struct shmbus_shmif_header, version));
	(void)n;
}

void
shmbus_shmif_close(struct shmbus_shmif *bus)
{
	shmbus_guard_end(bus->guard);
	bus->guard = NULL;
	if (bus->map != NULL)
		munmap(bus->map, SHMBUS_SHMIF_SIZE);
	bus->map = NULL;
	shmbus_file_close(&bus->file);
}
