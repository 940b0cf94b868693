/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "crew.h"
#include "faults.h"
#include "scene.h"
#include "shmbus_clock.h"
#include "shmbus_format.h"
#include "steps.h"

#define TICK_US 300

/* What is going to happen to a member. */
static struct plan {
	enum { PLAN_NONE, PLAN_KILL_AT, PLAN_KILL, PLAN_STOP_AT, PLAN_STOP, PLAN_STOPPED, PLAN_WAIT } what;
	uint64_t until_ns; /* then, or no longer */
} plans[MEMBERS];

static bool
one_of(uint32_t n)
{
	return dice_range(&crew.dice, 1, n) == 1;
}

static uint64_t
some_ms(uint32_t low, uint32_t high)
{
	return dice_range(&crew.dice, low * 1000, high * 1000) * (MS / 1000);
}

/* A step of the format that ports visit by themselves. */
static enum shmbus_step
any_step(enum step_place place, bool store)
{
	enum shmbus_step step;

	do {
		step = dice_range(&crew.dice, 0, SHMBUS_STEP_COUNT - 1);
	} while (!step_is_of(step, board->format) || step_place(step) != place ||
		 (store && step_kind(step) != STEP_STORE));
	return step;
}

/* Mostly the first visits; some steps are visited thousands of times a second. */
static uint32_t
any_visit(void)
{
	return dice_range(&crew.dice, 1, 1u << dice_range(&crew.dice, 0, 9));
}

static uint64_t
stop_time(void)
{
	/* Now and then longer than anybody waits for, unless nobody is to be given up. */
	return one_of(8) && !board->lossless ? board->pause_ns + some_ms(50, 300) : some_ms(1, 40);
}

static void
new_plan(struct member *m, struct plan *plan, uint64_t now)
{
	const uint32_t chance = dice_range(&crew.dice, 0, 99);

	shmbus_store(&m->jitter, one_of(4) ? dice_range(&crew.dice, 5, 500) : 0);
	if (m->mortal && chance < 60) {
		order_give(m, FAULT_KILL, any_step(PLACE_TRAFFIC, !one_of(8)), any_visit());
		*plan = (struct plan){ PLAN_KILL_AT, now + some_ms(100, 300) };
	} else if (m->mortal && chance < 75) {
		*plan = (struct plan){ PLAN_KILL, now + some_ms(0, 30) };
	} else if (chance < 83) {
		order_give(m, FAULT_STOP, any_step(PLACE_TRAFFIC, false), any_visit());
		*plan = (struct plan){ PLAN_STOP_AT, now + some_ms(20, 100) };
	} else if (chance < 88) {
		*plan = (struct plan){ PLAN_STOP, now + some_ms(0, 30) };
	} else {
		order_give(m, FAULT_DELAY, any_step(PLACE_TRAFFIC, false), any_visit());
		*plan = (struct plan){ PLAN_WAIT, now + some_ms(5, 50) };
	}
}

/*
 * Nobody is stopped for longer than was meant, whatever the controller waits
 * for. That somebody is stopped the kernel says: who was told to stop himself
 * may do so much later, whatever is planned for him by then.
 */
static void
look_after_stopped(void)
{
	const uint64_t now = shmbus_clock_mono_ns();
	struct member *m;
	unsigned int i;

	for (i = 0; i < MEMBERS; i++) {
		m = &board->members[i];
		if (!crew_is_alive(m) || shmbus_load(&m->stopped) == 0)
			continue;
		if (plans[i].what != PLAN_STOPPED) {
			plans[i] = (struct plan){ PLAN_STOPPED, now + stop_time() };
		} else if ((int64_t)(now - plans[i].until_ns) >= 0) {
			crew_go_on(m);
			plans[i].what = PLAN_NONE;
		}
	}
}

/* The time of a plan has come, or it has been done. */
static void
follow(struct member *m, struct plan *plan, uint64_t now)
{
	const bool over = (int64_t)(now - plan->until_ns) >= 0;

	switch (plan->what) {
	case PLAN_NONE:
		new_plan(m, plan, now);
		break;
	case PLAN_KILL_AT:
	case PLAN_KILL:
		if (over)
			crew_kill(m); /* the step was not come to: here and now, then */
		break;
	case PLAN_STOP_AT:
		if (over) {
			order_give(m, FAULT_NONE, 0, 0);
			*plan = (struct plan){ PLAN_WAIT, now + MS };
		}
		break;
	case PLAN_STOP:
		if (over && kill(m->pid, SIGSTOP) == 0)
			plan->until_ns = now + SECOND; /* look_after_stopped sees it sooner */
		break;
	case PLAN_STOPPED: /* look_after_stopped */
		break;
	case PLAN_WAIT:
		/* It may have come to the step just before it was told not to stop there. */
		if (over)
			*plan = (struct plan){ PLAN_NONE, 0 };
		break;
	}
}

static void
tick(uint64_t now)
{
	struct member *m;
	unsigned int i;

	look_after_stopped();
	for (i = 0; i < MEMBERS; i++) {
		m = &board->members[i];
		if (!crew_is_alive(m)) {
			plans[i].what = PLAN_NONE;
			if (!m->mortal) {
				board_wrong(WRONG_OTHER, "a steady port has ended");
				continue;
			}
			order_give(m, FAULT_NONE, 0, 0);
			crew_restart(m, crew_any_deeds());
		}
		follow(m, &plans[i], now);
	}
	crew_watch();
}

static void
show_progress(uint64_t passed_ns)
{
	fprintf(stderr, "\r%4" PRIu64 " s: %" PRIu64 " frames checked, %" PRIu64 " kills, %" PRIu64
		" stops, %" PRIu64 " wrong ", passed_ns / SECOND, BOARD_SUM(checked),
		crew.kills + crew.kills_outside, crew.stops, board_wrongs());
}

/*
 * Overruns and take-overs are what a run checks: without them its result means
 * little. Only a shmif ring and the smallest lane overrun a reader that
 * rests for a moment.
 */
static bool
has_met_all(void)
{
	const bool small = board->format == STRESS_SHMIF || board->lane_size == SHMBUS_LANE_SIZE_MIN;

	return (!small || BOARD_SUM(overruns) != 0) && BOARD_SUM(took_over) != 0;
}

void
faults_run(uint64_t ns, bool show)
{
	const uint64_t start = shmbus_clock_mono_ns();
	uint64_t now, shown = start, looked = start;
	unsigned int i;

	crew.meanwhile = look_after_stopped;
	while ((now = shmbus_clock_mono_ns()) - start < ns ||
	       (!has_met_all() && now - start < ns + PATIENCE)) {
		tick(now);
		if (one_of(400))
			scene_genesis(any_step(PLACE_GENESIS, true), 1, one_of(2));
		if (show && now - shown > SECOND) {
			show_progress(now - start);
			shown = now;
		}
		if (now - looked > 5 * SECOND) {
			crew_look_for_leaks();
			looked = now;
		}
		usleep(TICK_US);
	}
	if (!has_met_all())
		board_wrong(WRONG_UNREACHED, "no reader was overrun, or no dead port's remains were found");
	for (i = 0; i < MEMBERS; i++)
		order_give(&board->members[i], FAULT_NONE, 0, 0);
	if (show)
		fputc('\n', stderr);
}

/* ---- every step in turn */

/* Kill a mortal one when it next comes to the step. */
static bool
kill_in_traffic(enum shmbus_step step)
{
	static const struct deeds all = {
		.sends = true, .receives = true, .holds = true, .sleeps = true,
	};
	static unsigned int turn;
	struct member *const m = &board->members[STEADY_MAX + turn++ % MORTAL_MAX];
	const uint64_t since = shmbus_clock_mono_ns();
	const uint64_t before = crew.killed_at[step];

	order_give(m, FAULT_KILL, step, dice_range(&crew.dice, 1, 3));
	while (crew.killed_at[step] == before) {
		if (!crew_is_alive(m) && crew.killed_at[step] == before)
			crew_restart(m, all);
		if (shmbus_clock_mono_ns() - since > PATIENCE) {
			order_give(m, FAULT_NONE, 0, 0);
			return false;
		}
		crew_watch();
		usleep(TICK_US);
	}
	order_give(m, FAULT_NONE, 0, 0);
	crew_restart(m, all);
	return true;
}

static bool
kill_at(enum shmbus_step step)
{
	switch (step_place(step)) {
	case PLACE_TRAFFIC:
		return kill_in_traffic(step);
	case PLACE_GENESIS:
		return scene_genesis(step, 1, false);
	case PLACE_HEIR:
		return scene_heir(step);
	case PLACE_FORGED:
		return scene_forged(step);
	case PLACE_DRIVER:
		break;
	}
	return true;
}

void
faults_walk(bool show)
{
	enum shmbus_step step;

	for (step = 0; step < SHMBUS_STEP_COUNT; step++) {
		if (!step_is_of(step, board->format) || step_kind(step) == STEP_LOOK)
			continue;
		if (show)
			fprintf(stderr, "\r%-30s", step_name(step));
		if (!kill_at(step))
			board_wrong(WRONG_UNREACHED, "nobody came to die at %s", step_name(step));
	}
	if (show)
		fputc('\n', stderr);
}
