/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* A liar on a bus of NetBSD's format, where all ports share header, lock and records. */

#include <stdio.h>
#include <string.h>

#include "liar.h"
#include "shmbus_shmif_open.h"
#include "shmbus_shmif_ring.h"

static struct shmbus_shmif bus;

static bool
start(struct liar *l)
{
	struct shmbus_error e;

	if (!l->any) {
		fprintf(stderr, "liar: nothing on a shmif bus is one port's own: any\n");
		return false;
	}
	if (shmbus_shmif_open(&bus, l->path, SHMBUS_FILE_ANY, 0, 1, &e) != 0) {
		fprintf(stderr, "liar: %s\n", e.text);
		return false;
	}
	return true;
}

static void
lie(struct liar *l)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(&bus);
	uint32_t at;

	switch (liar_below(l, 8)) {
	case 0: /* gen, first, last: with these wrong nothing moves, and nothing is tried */
		if (liar_wants(l, "header") && liar_below(l, 64) == 0)
			liar_lie(l, bus.map + 8 + 4 * liar_below(l, 4), 4, 64);
		break;
	case 1:
		if (liar_wants(l, "lock"))
			liar_lie(l, bus.map + 24 + 4 * liar_below(l, 2), 4, 1);
		break;
	case 2: /* sane once more */
		if (liar_wants(l, "header")) {
			shmbus_store(&h->first, 0);
			shmbus_store(&h->last, 0);
			shmbus_store(&h->gen, liar_below(l, 1000));
			memset(shmbus_shmif_data(&bus), 0, 4);
		}
		break;
	case 3: /* where others look */
		at = shmbus_load(&h->last) % (SHMBUS_SHMIF_DATA - 8);
		if (liar_wants(l, "record"))
			liar_lie(l, shmbus_shmif_data(&bus) + at, 4, 64);
		break;
	case 4: /* free once more */
		if (liar_wants(l, "lock")) {
			shmbus_store(&h->lock, 0);
			shmbus_store(&h->spare, 0);
		}
		break;
	default:
		if (liar_wants(l, "record"))
			liar_lie(l, shmbus_shmif_data(&bus) +
				 liar_below(l, SHMBUS_SHMIF_DATA - 8), 4, 64);
		break;
	}
}

static void
stop(struct liar *l)
{
	(void)l;
	/* The lock and the ring stay as they are. */
	shmbus_shmif_close(&bus);
}

const struct liar_kind liar_shmif = { .start = start, .lie = lie, .stop = stop };
