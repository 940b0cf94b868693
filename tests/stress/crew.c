/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crew.h"
#include "port.h"
#include "shmbus_clock.h"
#include "steps.h"

/* A machine that stands still stops the controller, too: only so much of a pause counts. */
#define LOOK_MAX (10 * MS)

struct crew crew;

/* What is known of a process besides what the board says. */
static struct {
	uint64_t turns;   /* as seen last */
	uint64_t idle_ns; /* since they changed */
	uint64_t stopped_ns; /* since when it has been stopped */
	unsigned int fds;
	unsigned int maps;
} seen[PLACES];

static void
pause_us(unsigned int us)
{
	usleep(us);
	if (crew.meanwhile != NULL)
		crew.meanwhile();
}

static void
start(struct member *m)
{
	seen[m - board->members].idle_ns = 0;
	shmbus_store(&m->stopped, 0);
	port_start(m, dice_throw(&crew.dice));
}

static void
hangs(const char *what, struct member *m)
{
	board_wrong(WRONG_HANG, "a port %s; it came to %s last, its state is %c", what,
		    step_name(shmbus_load(&m->came_to)), port_state(m->pid));
}

/* Wait until it has come as far as traffic. */
static void
wait_ready(struct member *m, uint64_t before)
{
	const uint64_t since = shmbus_clock_mono_ns();

	while (shmbus_load(&m->ready) == before) {
		if (!crew_is_alive(m) || shmbus_clock_mono_ns() - since > PATIENCE) {
			hangs("does not come", m);
			return;
		}
		pause_us(200);
	}
}

void
crew_start(uint64_t seed)
{
	static const struct deeds steady[STEADY_MAX] = {
		{ .sends = true },
		{ .sends = true, .receives = true, .holds = true, .sleeps = true },
		{ .receives = true, .naps = true },
	};
	struct member *m;
	unsigned int i;

	crew.dice.state = seed;
	for (i = 0; i < MEMBERS; i++) {
		m = &board->members[i];
		if (i == STEADY_MAX)
			shmbus_store(&board->phase, PHASE_RUN);
		if (i >= STEADY_MAX) {
			m->mortal = true;
			crew_restart(m, crew_any_deeds());
			continue;
		}
		m->does = steady[i];
		start(m);
		wait_ready(m, 0);
	}
	crew.restarts = 0;
}

struct deeds
crew_any_deeds(void)
{
	const bool holds = dice_range(&crew.dice, 0, 3) != 0;

	return (struct deeds){
		.sends = dice_range(&crew.dice, 0, 7) != 0,
		.receives = true,
		.holds = holds,
		/* Senders ring only for cursors that are active. */
		.sleeps = holds && dice_range(&crew.dice, 0, 1) != 0,
	};
}

void
crew_restart(struct member *m, struct deeds deeds)
{
	m->does = deeds;
	crew.restarts++;
	start(m);
}

/* How a process ended: well, by our hand, or not as it may. */
static void
bury(struct member *m, int status)
{
	const uint32_t fell = shmbus_load_acquire(&m->fell);

	if (WIFEXITED(status)) {
		if (WEXITSTATUS(status) != 0)
			board_wrong(WRONG_OTHER, "a port ended with status %d", WEXITSTATUS(status));
	} else if (WTERMSIG(status) != SIGKILL) {
		board_wrong(WRONG_OTHER, "a port died by signal %d", WTERMSIG(status));
	} else if (fell != 0) {
		crew.kills++;
		crew.killed_at[fell - 1]++;
	}
}

bool
crew_is_alive(struct member *m)
{
	int status;

	if (m->pid == 0)
		return false;
	if (waitpid(m->pid, &status, WNOHANG | WUNTRACED) == 0)
		return true;
	if (WIFSTOPPED(status)) {
		crew.stops++;
		if (m >= board->members && m < &board->members[PLACES])
			seen[m - board->members].stopped_ns = shmbus_clock_mono_ns();
		shmbus_store(&m->stopped, 1);
		return true;
	}
	bury(m, status);
	m->pid = 0;
	return false;
}

void
crew_go_on(struct member *m)
{
	const uint64_t since = seen[m - board->members].stopped_ns;
	const uint64_t now = shmbus_clock_mono_ns();

	if (shmbus_load(&m->stopped) != 0 && now - since > crew.longest_stop_ns)
		crew.longest_stop_ns = now - since;
	/* Both before it can fall again. */
	shmbus_store(&m->fell, 0);
	shmbus_store(&m->stopped, 0);
	if (m->pid != 0)
		kill(m->pid, SIGCONT);
}

bool
crew_wait(struct member *m)
{
	uint64_t since = shmbus_clock_mono_ns();

	while (crew_is_alive(m)) {
		if (shmbus_clock_mono_ns() - since > SECOND && port_state(m->pid) == 'D')
			since = shmbus_clock_mono_ns();
		if (shmbus_clock_mono_ns() - since > 2 * PATIENCE) {
			hangs("does not end", m);
			kill(m->pid, SIGKILL);
			waitpid(m->pid, NULL, 0);
			m->pid = 0;
			return false;
		}
		pause_us(200);
	}
	return true;
}

void
crew_wait_pid(pid_t pid)
{
	struct member m = { .pid = pid };

	crew_wait(&m);
}

void
crew_kill(struct member *m)
{
	if (m->pid == 0)
		return;
	kill(m->pid, SIGKILL);
	kill(m->pid, SIGCONT);
	if (crew_wait(m) && shmbus_load(&m->fell) == 0)
		crew.kills_outside++;
}

void
crew_watch(void)
{
	static uint64_t at;
	const uint64_t now = shmbus_clock_mono_ns();
	const uint64_t passed = now - at < LOOK_MAX ? now - at : LOOK_MAX;
	uint64_t turns;
	unsigned int i;

	at = now;
	for (i = 0; i < MEMBERS; i++) {
		turns = shmbus_load(&board->members[i].turns);
		seen[i].idle_ns = turns == seen[i].turns ? seen[i].idle_ns + passed : 0;
		seen[i].turns = turns;
		if (seen[i].idle_ns > SECOND && port_state(board->members[i].pid) == 'D')
			seen[i].idle_ns = 0; /* membarrier(2) and inotify can take that long */
		if (seen[i].idle_ns > PATIENCE) {
			hangs("does not get on", &board->members[i]);
			seen[i].idle_ns = 0;
		}
	}
}

void
crew_look_for_leaks(void)
{
	unsigned int i, fds, maps;
	struct stat st;

	for (i = 0; i < STEADY_MAX; i++) {
		fds = port_count_fds(board->members[i].pid);
		maps = port_count_maps(board->members[i].pid, board->path);
		if (seen[i].fds != 0 && (fds > seen[i].fds || maps > seen[i].maps))
			board_wrong(WRONG_LEAK, "a process had %u descriptors and %u mappings, and has"
				    " %u and %u now", seen[i].fds, seen[i].maps, fds, maps);
		seen[i].fds = fds;
		seen[i].maps = maps;
	}
	if (stat(board->path, &st) != 0)
		board_wrong(WRONG_OTHER, "the bus is gone");
	else if ((uint64_t)st.st_blocks * 512 > (uint64_t)st.st_size + 65536)
		board_wrong(WRONG_LEAK, "the file takes %llu bytes, its size is %llu",
			    (unsigned long long)st.st_blocks * 512, (unsigned long long)st.st_size);
}

static void
set_phase(enum phase phase)
{
	shmbus_store_release(&board->phase, phase);
}

void
crew_end(void)
{
	const uint64_t since = shmbus_clock_mono_ns();
	struct member *m;
	unsigned int i;

	for (i = 0; i < MEMBERS; i++) {
		m = &board->members[i];
		order_give(m, FAULT_NONE, 0, 0);
		if (crew_is_alive(m))
			crew_go_on(m);
	}
	set_phase(PHASE_LEAVE);
	for (i = STEADY_MAX; i < MEMBERS; i++)
		crew_wait(&board->members[i]);
	set_phase(PHASE_QUIET);
	for (i = 0; i < STEADY_MAX; i++) {
		m = &board->members[i];
		while (shmbus_load(&m->quiet) == 0) {
			if (!crew_is_alive(m) || shmbus_clock_mono_ns() - since > 2 * PATIENCE) {
				hangs("does not cease to send", m);
				break;
			}
			pause_us(200);
		}
	}
	set_phase(PHASE_DRAIN);
	for (i = 0; i < STEADY_MAX; i++)
		crew_wait(&board->members[i]);
}
