/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef STRESS_CREW_H
#define STRESS_CREW_H

/*
 * The processes, as the controller has them: started, watched, killed, stopped
 * and buried. What it did to whom is counted here.
 */

#include "board.h"
#include "frame.h"

struct crew {
	struct dice dice;
	uint64_t kills;         /* at a step */
	uint64_t kills_outside; /* at any instant */
	uint64_t stops;
	uint64_t longest_stop_ns;
	uint64_t restarts;
	uint64_t scenes;        /* of other buses than the run's */
	uint64_t killed_at[SHMBUS_STEP_COUNT];
	/* What is not to wait while the controller waits for the end of a process; may be NULL. */
	void (*meanwhile)(void);
};

extern struct crew crew;

/* Fill the places: the steady ones come, then the traffic begins, then the mortal ones come. */
void crew_start(uint64_t seed);
/* Start a mortal one in its place, to do this, or anything. */
void crew_restart(struct member *m, struct deeds deeds);
struct deeds crew_any_deeds(void);
/* Is the process of a place still there? If it has ended, how it did is counted. */
bool crew_is_alive(struct member *m);
/* It may have been stopped, which crew_is_alive finds out: it goes on. */
void crew_go_on(struct member *m);
/* Wait for it to end. False: it did not, which is a hang, and it was killed for it. */
bool crew_wait(struct member *m);
/* The same for a process without a place on the board. */
void crew_wait_pid(pid_t pid);
void crew_kill(struct member *m);
/* A member gets on all the time, unless it is stopped: called often, it sees to that. */
void crew_watch(void);
/* Traffic ends: the mortal leave, the steady account for what they have got. */
void crew_end(void);
/* Compare what long-lived processes have open with what they had at the last call. */
void crew_look_for_leaks(void);

#endif /* STRESS_CREW_H */
