/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * What a port does about damage, or about NetBSD being faster, it must be able
 * to die over, too. The one who is to die does the damage itself, as a
 * stranger would: before, or just when it has come to a step.
 */

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "hook.h"
#include "port.h"
#include "scene.h"
#include "shmbus_bus_open.h"
#include "shmbus_port.h"
#include "shmbus_shmif_open.h"
#include "shmbus_shmif_writer.h"
#include "shmbus_writer.h"
#include "stream.h"

#define DATA SHMBUS_SHMIF_DATA
#define RECORD ((uint32_t)sizeof(struct shmbus_shmif_record))

static void
store_len(const struct shmbus_shmif *bus, uint32_t off, uint32_t len)
{
	memcpy(shmbus_shmif_data(bus) + off, &len, sizeof(len));
}

static struct shmbus_shmif_header *
taken_by_netbsd(const struct shmbus_shmif *bus)
{
	struct shmbus_shmif_header *h = shmbus_shmif_header(bus);

	shmbus_store(&h->lock, 1);
	return h;
}

/* A NetBSD kernel died: last is where the new record will be, which is begun. */
static void
half_written(void *arg)
{
	const struct shmbus_shmif *bus = arg;
	struct shmbus_shmif_header *h = taken_by_netbsd(bus);
	uint32_t len;

	memcpy(&len, shmbus_shmif_data(bus) + shmbus_load(&h->last), sizeof(len));
	shmbus_store(&h->last, shmbus_load(&h->last) + RECORD + len);
	store_len(bus, shmbus_load(&h->last), 100);
}

/* So near the end of the data that gen may have been raised, or not. */
static void
at_the_end(void *arg)
{
	const struct shmbus_shmif *bus = arg;
	struct shmbus_shmif_header *h = taken_by_netbsd(bus);

	store_len(bus, DATA - 200, 50);
	store_len(bus, DATA - 126, 30);
	shmbus_store(&h->first, DATA - 200);
	shmbus_store(&h->last, DATA - 126);
	shmbus_store(&h->gen, 5);
}

static void
astray(void *arg)
{
	const struct shmbus_shmif *bus = arg;
	struct shmbus_shmif_header *h = taken_by_netbsd(bus);

	shmbus_store(&h->first, 1000);
	shmbus_store(&h->last, 1000);
	store_len(bus, 1000, 0xffffffff);
}

/* The oldest record is in the way of the next one, and has no length. */
static void
full_and_broken(void *arg)
{
	const struct shmbus_shmif *bus = arg;
	struct shmbus_shmif_header *h = shmbus_shmif_header(bus);
	uint32_t len;

	memcpy(&len, shmbus_shmif_data(bus) + shmbus_load(&h->last), sizeof(len));
	shmbus_store(&h->first, shmbus_load(&h->last) + RECORD + len + 10);
	store_len(bus, shmbus_load(&h->first), 0xffffffff);
	shmbus_store(&h->gen, 1);
}

/* Just then the stranger puts it right. What a death leaves later is told in tests/unit. */
static void
be_whole(void *arg)
{
	const struct shmbus_shmif *bus = arg;
	struct shmbus_shmif_header *h = shmbus_shmif_header(bus);

	shmbus_store(&h->first, DATA);
	shmbus_store(&h->gen, 0);
}

static void
nonsense(void *arg)
{
	shmbus_store(&shmbus_shmif_header(arg)->spare, 0x4700);
}

/* A port died just when it had taken the lock, or NetBSD was faster. */
static void
of_the_dead(void *arg)
{
	shmbus_store(&taken_by_netbsd(arg)->spare, 200);
}

static void
nothing(void *arg)
{
	(void)arg;
}

/* Just then: NetBSD lets go, or is faster. */
static void
let_go(void *arg)
{
	shmbus_store(&shmbus_shmif_header(arg)->lock, 0);
}

static void
be_faster(void *arg)
{
	shmbus_store(&shmbus_shmif_header(arg)->lock, 1);
}

static const struct forgery {
	enum shmbus_step step;
	void (*damage)(void *bus);
	enum shmbus_step when; /* and then, at this step */
	void (*then)(void *bus);
} forgeries[] = {
	{ SHMBUS_STEP_shmif_drop_claim, nothing, SHMBUS_STEP_shmif_lock, be_faster },
	{ SHMBUS_STEP_shmif_take_nonsense, nonsense, 0, NULL },
	{ SHMBUS_STEP_shmif_watch, half_written, 0, NULL },
	{ SHMBUS_STEP_shmif_take_watched, of_the_dead, 0, NULL },
	{ SHMBUS_STEP_shmif_break_sign, half_written, 0, NULL },
	{ SHMBUS_STEP_shmif_break_late, half_written, SHMBUS_STEP_shmif_break_sign, let_go },
	{ SHMBUS_STEP_shmif_broken, half_written, 0, NULL },
	{ SHMBUS_STEP_shmif_blank, half_written, 0, NULL },
	{ SHMBUS_STEP_shmif_repair_last, half_written, 0, NULL },
	{ SHMBUS_STEP_shmif_repair_gen, at_the_end, 0, NULL },
	{ SHMBUS_STEP_shmif_anew_begin, astray, 0, NULL },
	{ SHMBUS_STEP_shmif_anew_record, astray, 0, NULL },
	{ SHMBUS_STEP_shmif_anew_gen, astray, 0, NULL },
	{ SHMBUS_STEP_shmif_anew_first, astray, 0, NULL },
	{ SHMBUS_STEP_shmif_anew_last, astray, 0, NULL },
	{ SHMBUS_STEP_shmif_ask_repair, full_and_broken, SHMBUS_STEP_shmif_ask_repair, be_whole },
};

/* Send until it dies, or has got over it. */
static void
die_shmif(void *arg)
{
	static uint8_t bytes[SHMBUS_SHMIF_BURST];
	const struct forgery *f = arg;
	struct shmbus_shmif_writer w = { .bytes = bytes };
	struct shmbus_shmif bus;
	struct shmbus_error e;
	unsigned int i;
	uint8_t *frame;

	if (shmbus_shmif_open(&bus, scene_path(), SHMBUS_FILE_ANY, 0, 1, &e) != 0)
		_exit(1);
	/* Not by this stalls, which must not know where a record ended. */
	for (i = 0; i < 10; i++) {
		shmbus_shmif_begin(&w, 0);
		frame = shmbus_shmif_add(&w, 1, 60);
		memset(frame, 0, 60);
		shmbus_shmif_send(&bus, &w);
	}
	w.lock_wait = (struct shmbus_shmif_lock_wait){ .break_ns = 20 * MS };
	f->damage(&bus);
	if (f->then != NULL)
		hook_call_at(f->when, f->then, &bus);
	while (shmbus_shmif_send(&bus, &w) == -EBUSY)
		sched_yield();
	shmbus_shmif_close(&bus);
}

/* A port in a slot whose last owner died, used interrupts, and left a head that cannot be. */
static void
die_lanes(void *arg)
{
	const struct shmbus_bus_conf conf = { .path = scene_path(), .ports = MEMBERS, .queues = 2,
					      .lane_size = SHMBUS_LANE_SIZE_MIN };
	const struct shmbus_port_conf port_conf = { .name = "forged", .numa_node = -1 };
	static struct shmbus_stall stalls[2 * MEMBERS];
	struct shmbus_writer w;
	struct shmbus_port port;
	struct shmbus_bus bus;
	struct shmbus_error e;

	(void)arg;
	if (shmbus_bus_open(&bus, &conf, &e) != 0)
		_exit(1);
	shmbus_store(&shmbus_bus_port(&bus, 0)->state, SHMBUS_PORT_ATTACHED | SHMBUS_PORT_RX_INTR);
	if (shmbus_port_attach(&port, &bus, &port_conf, &e) != 0)
		_exit(1);
	shmbus_file_unlock(&bus.file);
	shmbus_store(&shmbus_bus_lane(&bus, 2 * port.slot)->head, 1);
	shmbus_writer_start(&bus, &w, port.slot, 0, stalls, true, board->pause_ns);
	shmbus_port_detach(&port);
	shmbus_bus_close(&bus);
}

bool
scene_forged(enum shmbus_step step)
{
	struct member *const m = &board->members[MEMBERS];
	unsigned int i;

	unlink(scene_path());
	if (board->format != STRESS_SHMIF) {
		scene_start(m, die_lanes, NULL, step, 1);
		return scene_end(m, step);
	}
	for (i = 0; i < sizeof(forgeries) / sizeof(forgeries[0]); i++) {
		if (forgeries[i].step != step)
			continue;
		scene_start(m, die_shmif, (void *)(uintptr_t)&forgeries[i], step, 1);
		return scene_end(m, step);
	}
	return false;
}
