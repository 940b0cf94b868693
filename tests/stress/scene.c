/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "crew.h"
#include "hook.h"
#include "port.h"
#include "scene.h"
#include "shmbus_clock.h"
#include "shmbus_shmif_open.h"
#include "shmbus_shmif_writer.h"
#include "steps.h"

/* ---- what all have in common */

const char *
scene_path(void)
{
	static char path[sizeof(board->path) + 8];

	snprintf(path, sizeof(path), "%s.scene", board->path);
	return path;
}

struct start {
	struct member *m;
	void (*body)(void *arg);
	void *arg;
};

static void
run_body(void *arg)
{
	struct start *start = arg;

	hook_set_member(start->m, 1);
	start->body(start->arg);
}

void
scene_start(struct member *m, void (*body)(void *arg), void *arg, enum shmbus_step step,
	    uint32_t visit)
{
	struct start start = { .m = m, .body = body, .arg = arg };

	m->mortal = true;
	shmbus_store(&m->fell, 0);
	order_give(m, visit != 0 ? FAULT_KILL : FAULT_NONE, step, visit);
	m->pid = port_fork(run_body, &start);
}

static void
probe(void *arg)
{
	if (board->format != STRESS_SHMIF)
		lanes_probe(arg, board->seed);
	else
		shmif_probe(arg, board->seed);
}

void
scene_probe(const char *path)
{
	crew_wait_pid(port_fork(probe, (void *)(uintptr_t)path));
}

bool
scene_end(struct member *m, enum shmbus_step step)
{
	const char *path = scene_path();
	const uint64_t wrongs = board_wrongs();
	bool died;

	crew_wait(m);
	died = shmbus_load(&m->fell) == step + 1;
	scene_probe(path);
	if (board_wrongs() != wrongs)
		fprintf(stderr, "stress: that was after a death at %s\n", step_name(step));
	unlink(path);
	crew.scenes++;
	return died;
}

/* ---- beginning and end of a bus */

static void
live_once(void *arg)
{
	struct life l = *(const struct life *)arg;

	if (board->format != STRESS_SHMIF ? !lanes_live(&l) : !shmif_live(&l))
		_exit(1);
}

bool
scene_genesis(enum shmbus_step step, uint32_t visit, bool rival)
{
	struct member *const m = &board->members[MEMBERS];
	struct life l = { .path = scene_path(), .unlinks = true, .turns = 10 };
	unsigned int i;

	unlink(l.path);
	for (i = 0; i < 1u + rival; i++) {
		l.me = &m[i];
		l.dice.state = dice_throw(&crew.dice);
		m[i].does = (struct deeds){ .sends = true, .receives = true, .holds = true };
		scene_start(&m[i], live_once, &l, step, i == 0 ? visit : 0);
	}
	if (rival)
		crew_wait(&m[1]);
	return scene_end(m, step);
}

/* ---- heirs */

/* Where the first one dies, so that the next one comes to the step. */
static enum shmbus_step
first_death(enum shmbus_step step)
{
	switch (step) {
	case SHMBUS_STEP_shmif_redo_last:
	case SHMBUS_STEP_shmif_redo_gen:
		return SHMBUS_STEP_shmif_wrap_last;
	case SHMBUS_STEP_shmif_inherit:
		return SHMBUS_STEP_shmif_lock;
	default:
		return SHMBUS_STEP_shmif_copy;
	}
}

static void
die_sending(void *arg)
{
	struct life l = { .me = &board->members[MEMBERS], .path = arg, .dice = { .state = 1 } };

	shmif_live(&l); /* for ever */
}

/* Come, wait for the first one's death, and get a frame sent. */
static void
inherit(void *arg)
{
	static uint8_t bytes[SHMBUS_SHMIF_BURST];
	struct shmbus_shmif_writer w = { .bytes = bytes };
	struct shmbus_shmif bus;
	struct shmbus_error e;

	if (shmbus_shmif_open(&bus, arg, SHMBUS_FILE_ANY, 0, 1, &e) != 0)
		_exit(1);
	if (shmbus_load(&board->scene) == 0)
		shmbus_store(&board->scene, 1);
	while (shmbus_load(&board->scene) != 2)
		usleep(200);
	shmbus_shmif_begin(&w, 0);
	shmbus_shmif_add(&w, 1, 60);
	while (shmbus_shmif_send(&bus, &w) == -EBUSY)
		sched_yield();
	shmbus_shmif_close(&bus);
}

bool
scene_heir(enum shmbus_step step)
{
	struct member *const m = &board->members[MEMBERS];
	void *path = (void *)(uintptr_t)scene_path();
	const bool comes_later = step == SHMBUS_STEP_shmif_inherit;

	unlink(path);
	m[0].does = (struct deeds){ .sends = true };
	shmbus_store(&board->scene, 0);
	if (!comes_later) {
		scene_start(&m[1], inherit, path, step, 1);
		while (shmbus_load(&board->scene) == 0 && crew_is_alive(&m[1]))
			usleep(200);
	}
	scene_start(&m[0], die_sending, path, first_death(step), 1);
	crew_wait(&m[0]);
	shmbus_store(&board->scene, 2);
	if (comes_later)
		scene_start(&m[1], inherit, path, step, 1);
	return scene_end(&m[1], step);
}
