/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "hook.h"
#include "port.h"
#include "shmbus_clock.h"

/* A process that was stopped, or not run, for long did not wait for all of that time. */
#define LOOK_MAX (10 * MS)
#define LONG (2 * SECOND)

enum verdict
holdup_refused(struct holdup *h, struct member *me)
{
	const uint64_t now = shmbus_clock_mono_ns();
	uint64_t passed = h->at != 0 ? now - h->at : 0;

	if (passed > LOOK_MAX)
		passed = LOOK_MAX;
	h->at = now;
	h->waited += passed;
	h->behind += passed;
	if (h->waited > shmbus_load(&me->held_ns))
		shmbus_store(&me->held_ns, h->waited);
	if (h->waited > PATIENCE) {
		h->waited = 0;
		return HOLDUP_HANGS;
	}
	if (h->waited < LONG || h->told)
		return HOLDUP_FINE;
	h->told = true;
	return HOLDUP_LONG;
}

void
holdup_behind(struct holdup *h, struct member *me, uint64_t lock, enum holder holder)
{
	if (h->lock != lock || h->holder != holder)
		h->behind = 0;
	h->lock = lock;
	h->holder = holder;
	if (h->behind > shmbus_load(&me->held_by_ns[holder]))
		shmbus_store(&me->held_by_ns[holder], h->behind);
}

void
holdup_accepted(struct holdup *h)
{
	memset(h, 0, sizeof(*h));
}

unsigned int
port_count_fds(pid_t pid)
{
	struct dirent *entry;
	unsigned int n = 0;
	char name[64];
	DIR *dir;

	snprintf(name, sizeof(name), "/proc/%d/fd", (int)pid);
	dir = opendir(name);
	if (dir == NULL)
		return 0;
	while ((entry = readdir(dir)) != NULL)
		n += entry->d_name[0] != '.';
	closedir(dir);
	return n - (pid == getpid());
}

unsigned int
port_count_maps(pid_t pid, const char *path)
{
	unsigned int n = 0;
	char line[4096];
	char name[64];
	FILE *file;

	snprintf(name, sizeof(name), "/proc/%d/maps", (int)pid);
	file = fopen(name, "re");
	if (file == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL)
		n += strstr(line, path) != NULL;
	fclose(file);
	return n;
}

char
port_state(pid_t pid)
{
	char state = '?';
	char name[64];
	FILE *file;

	snprintf(name, sizeof(name), "/proc/%d/stat", (int)pid);
	file = fopen(name, "re");
	if (file == NULL)
		return state;
	if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = '?';
	fclose(file);
	return state;
}

pid_t
port_fork(void (*body)(void *arg), void *arg)
{
	const pid_t parent = getpid();
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		perror("fork");
		exit(1);
	}
	if (pid != 0)
		return pid;
	/* Nobody is left behind by a controller that dies. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	body(arg);
	_exit(0);
}

struct start {
	struct member *m;
	uint64_t seed;
};

/* One life after the other; a steady one has a single one. */
static void
body(void *arg)
{
	const struct start *start = arg;
	bool (*const live)(struct life *l) = board->format != STRESS_SHMIF ? lanes_live : shmif_live;
	struct member *m = start->m;
	struct life l = { .me = m, .path = board->path, .dice = { .state = start->seed } };
	const unsigned int fds = port_count_fds(getpid());
	unsigned int n;

	hook_set_member(m, start->seed ^ 1);
	do {
		l.turns = m->mortal ? dice_range(&l.dice, 20, 400) : 0;
		if (!live(&l))
			_exit(1);
		n = port_count_fds(getpid());
		if (n != fds)
			board_wrong(WRONG_LEAK, "%u descriptors after a life, %u before", n, fds);
		n = port_count_maps(getpid(), board->path);
		if (n != 0)
			board_wrong(WRONG_LEAK, "%u mappings of the file after a life", n);
	} while (m->mortal && shmbus_load(&board->phase) < PHASE_LEAVE);
}

void
port_start(struct member *m, uint64_t seed)
{
	struct start start = { .m = m, .seed = seed };

	shmbus_store(&m->fell, 0);
	m->pid = port_fork(body, &start);
}
