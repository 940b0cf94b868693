/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef STRESS_PORT_H
#define STRESS_PORT_H

/*
 * A port process: it comes, sends, receives and leaves, as the driver does it,
 * and checks everything. One life after the other, if it is let.
 */

#include "board.h"
#include "frame.h"

/* How one life is to be. */
struct life {
	struct member *me;
	struct dice dice;
	const char *path;
	bool unlinks;        /* who leaves last removes the file */
	uint64_t break_ns;   /* shmif: after which a foreign lock is broken */
	uint64_t turns;      /* before it leaves; 0: when it is told to */
};

/* From coming to leaving. False: it could not come, which has been said. */
bool lanes_live(struct life *l);
bool shmif_live(struct life *l);

/* Is the bus as good as new? Two ports come, exchange frames, and leave; the file is removed. */
void lanes_probe(const char *path, uint64_t seed);
void shmif_probe(const char *path, uint64_t seed);

/* The longest time that a burst had to wait; stopped processes do not wait. */
struct holdup {
	uint64_t at;
	uint64_t waited;
	uint64_t lock;        /* that it waits for, as it was last */
	enum holder holder;
	uint64_t behind;      /* time for that lock, of that holder */
	bool told;
};

enum verdict { HOLDUP_FINE, HOLDUP_LONG, HOLDUP_HANGS };

/* HOLDUP_LONG once in a wait that is worth a word, HOLDUP_HANGS if it is too long. */
enum verdict holdup_refused(struct holdup *h, struct member *me);
/* After that, if there is a lock: a number for this holding of it, and what has become of its holder. */
void holdup_behind(struct holdup *h, struct member *me, uint64_t lock, enum holder holder);
void holdup_accepted(struct holdup *h);

/* Start a process in a place on the board; it lives until it is told to end, or is killed. */
void port_start(struct member *m, uint64_t seed);

/* Run a body in a process of its own. */
pid_t port_fork(void (*body)(void *arg), void *arg);

/* The state of a process, as ps(1) shows it; 'D': the kernel does not let go of it. */
char port_state(pid_t pid);

/* Descriptors, and mappings of a file, that a process has. */
unsigned int port_count_fds(pid_t pid);
unsigned int port_count_maps(pid_t pid, const char *path);

#endif /* STRESS_PORT_H */
