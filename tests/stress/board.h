/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef STRESS_BOARD_H
#define STRESS_BOARD_H

/*
 * What the processes of a run share: orders from the controller, and what each
 * has counted. In memory of their own, so nothing of it is a bus's.
 *
 * Members are places for port processes. The steady ones live from beginning
 * to end, and must see every frame or a count of it; the mortal ones are
 * killed, again and again. Everybody may be stopped and delayed.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "shmbus_atomic.h"
#include "shmbus_step.h"

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)
/* For what takes a moment, unless it hangs. A busy machine keeps a process waiting for long, too. */
#define PATIENCE (60 * SECOND)

/* As many as a bus has slots: a dead port's slot must be free for its successor. */
#define STEADY_MAX 3
#define MORTAL_MAX 3
#define MEMBERS (STEADY_MAX + MORTAL_MAX)
/* And for processes on other buses than the run's, one scene at a time. */
#define EXTRAS 2
#define PLACES (MEMBERS + EXTRAS)

#define STREAMS_MAX (UINT64_C(1) << 20)
#define LANES_MAX 64

/* STRESS_SWITCH: lanes whose frames are directed, version 2 of the format. */
enum stress_format { STRESS_LANES, STRESS_SWITCH, STRESS_SHMIF };

/* The phase of the run, which all processes follow. */
enum phase {
	PHASE_COME,  /* the steady ports come; no port sends yet */
	PHASE_RUN,
	PHASE_LEAVE, /* mortal ones leave and end */
	PHASE_QUIET, /* no port sends any more */
	PHASE_DRAIN, /* receivers read what is there, account for it, and end */
};

/* What happens at a step: an order, in one word so that it is given at once. */
enum fault { FAULT_NONE, FAULT_KILL, FAULT_STOP, FAULT_DELAY };

struct order {
	enum fault fault;
	enum shmbus_step step;
	uint32_t visit; /* at which visit of the step from now on; from 1 */
};

/* What has become of the port that has the lock of a shmif bus. */
enum holder { HOLDER_RUNS, HOLDER_STOPPED, HOLDER_DEAD, HOLDERS };

/* What must not happen; all of these are 0 at the end of a good run. */
enum wrong {
	WRONG_TORN,
	WRONG_DUPLICATED,
	WRONG_MISORDERED,
	WRONG_UNACCOUNTED,
	WRONG_OVERWRITTEN, /* a frame that a reader held was lost, and nobody was given up */
	WRONG_LOST_WAKEUP,
	WRONG_LEAK,        /* descriptors, mappings or blocks of the file became more */
	WRONG_HANG,
	WRONG_UNREACHED,   /* a step that no port reached to be killed; no overrun, no take-over */
	WRONG_OTHER,       /* what should have gone well did not */
	WRONG_COUNT
};

/* One sender's frames, as long as it lives. */
struct stream {
	shmbus_a64 base;      /* number of its first frame */
	shmbus_a64 attempted; /* number of the first frame that it has not tried to publish */
	shmbus_a64 published; /* and of the first that it does not know to be published */
	/* 0: of nobody; else the key of stream_new() plus 1 */
	shmbus_a64 key;
};

/* What a port does, from its coming to its leaving. */
struct deeds {
	bool sends;
	bool receives;
	bool holds;  /* its readers' cursors are active */
	bool sleeps; /* it sleeps when there is nothing to read */
	bool naps;   /* now and then it does not read for a moment */
};

struct member {
	/* Written by the controller: */
	pid_t pid; /* 0: not running */
	bool mortal;
	struct deeds does; /* who is there already does not look again */
	shmbus_a64 order;
	shmbus_a32 stopped; /* the kernel says so */
	shmbus_a32 jitter; /* one of so many steps yields or naps; 0: none */
	/* Written by the process that has the place: */
	shmbus_a64 turns;    /* it goes on */
	shmbus_a64 ready;    /* lives that came as far as traffic */
	shmbus_a32 fell;     /* step + 1 at which it killed or stopped itself */
	shmbus_a32 came_to;  /* the step that it visited last */
	shmbus_a64 visits[SHMBUS_STEP_COUNT];
	shmbus_a64 delays;
	shmbus_a64 lives;
	shmbus_a64 took_over;
	shmbus_a64 slot_waits; /* times that a dead port's slot was not free yet */
	shmbus_a64 sent;     /* frames */
	shmbus_a64 checked;  /* frames received and compared, byte by byte */
	shmbus_a64 missed;   /* frames counted as missed; on shmif an estimate */
	shmbus_a64 overruns;
	shmbus_a64 sleeps_slept;
	shmbus_a64 rung;     /* of these, ended by the bell */
	shmbus_a64 room_rung; /* sleeps for room that a ring ended */
	shmbus_a64 room_late; /* and those that none ended, and there was room */
	shmbus_a64 late;     /* of these, ended with something to read from one that died */
	shmbus_a64 held_ns;  /* the longest time that a burst had to wait */
	shmbus_a64 held_by_ns[HOLDERS]; /* and of that for one lock, of a port in this state */
	shmbus_a32 number;   /* that it has on a shmif bus */
	shmbus_a64 given_up; /* readers given up as too slow */
	shmbus_a32 quiet;    /* has seen that nobody is to send any more */
};

struct board {
	char path[256];
	enum stress_format format;
	uint64_t seed;
	uint64_t pause_ns; /* pause_timeout_ms, of the ports */
	uint64_t lane_size;
	bool lossless; /* all senders wait, and for longer than any reader stands still */
	uint64_t started_ns;
	bool loud; /* every fault is told of, on stderr */
	shmbus_a32 phase;
	shmbus_a32 scene; /* what the processes of a scene wait for has happened */
	shmbus_a64 wrong[WRONG_COUNT];
	shmbus_a32 told; /* texts written for people so far */
	struct member members[PLACES];
	/* Lanes whose readers may lose what they hold: their sender was told not to wait,
	 * gave somebody up, or is one that dies before it says so.
	 */
	shmbus_a8 lossy[LANES_MAX];
	shmbus_a8 steady[LANES_MAX]; /* lanes whose sender lives to the end */
	shmbus_a64 n_streams;
	struct stream streams[STREAMS_MAX];
};

extern struct board *board;

void board_create(enum stress_format format, const char *path, uint64_t seed, uint64_t lane_size,
		  bool lossless);
void board_destroy(void);

/* Count what must not happen, and say the first few times what it was. */
void board_wrong(enum wrong what, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Tell people, who may want to know why. */
void board_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *board_wrong_name(enum wrong what);
/* How often something went wrong, all in all. */
uint64_t board_wrongs(void);

uint64_t board_sum(size_t offset);
/* Sum of a counter over all members. */
#define BOARD_SUM(field) board_sum(offsetof(struct member, field))
/* The largest of them. */
uint64_t board_max(size_t offset);
#define BOARD_MAX(field) board_max(offsetof(struct member, field))

void order_give(struct member *m, enum fault fault, enum shmbus_step step, uint32_t visit);
struct order order_read(uint64_t word);

#endif /* STRESS_BOARD_H */
