/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Theory of operation
 *
 *   first thread                               each other thread
 *   start: locks begin, makes the others       waits for begin
 *   run, or end: unlocks begin
 *                                              end: returns
 *                                              run: gives up its capabilities
 *   gate                                       gate
 *   gives up its capabilities, and for all
 *   threads the system calls
 *   gate                                       gate
 *   carries frames                             carries frames
 *
 * Capabilities belong to a thread, a filter of system calls can be put upon all threads. The
 * threads exist before anybody is told that the device is ready: a thread that cannot be made
 * is an error in time, and the filter allows no new ones.
 *
 * The first thread alone gets the signals.
 */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bridge.h"
#include "rights.h"
#include "say.h"
#include "stop.h"
#include "threads.h"

struct carrier {
	pthread_t thread;
	struct bridge *bridge;
	struct bridge_threads *all;
	int ret; /* of bridge_run() */
};

struct bridge_threads {
	struct bridge *first;
	int stop;
	unsigned int needs;
	pthread_mutex_t begin;
	bool waiting;  /* begin is locked; of the first thread */
	bool given_up; /* set while begin is locked */
	pthread_barrier_t gate;
	unsigned int n;
	struct carrier others[];
};

static void *
carry(void *arg)
{
	struct carrier *c = arg;
	struct bridge_threads *all = c->all;

	pthread_mutex_lock(&all->begin);
	pthread_mutex_unlock(&all->begin);
	if (all->given_up)
		return NULL;
	bridge_rights_keep_thread(all->needs);
	pthread_barrier_wait(&all->gate);
	pthread_barrier_wait(&all->gate);
	c->ret = bridge_run(c->bridge, all->stop);
	stop_now();
	return NULL;
}

static unsigned int
count_others(const struct bridge *first)
{
	const struct bridge *b = first;
	unsigned int n = 0;

	while ((b = bridge_next(b)) != NULL)
		n++;
	return n;
}

/* Makes the threads, with signals of other processes blocked. Returns 0 or -errno. */
static int
make_threads(struct bridge_threads *t)
{
	struct bridge *b = t->first;
	sigset_t foreign, before;
	struct carrier *c;
	int ret = 0;

	sigfillset(&foreign);
	/* A thread raises these itself. The guard of the bus handles SIGBUS in every thread. */
	sigdelset(&foreign, SIGBUS);
	sigdelset(&foreign, SIGSEGV);
	sigdelset(&foreign, SIGILL);
	sigdelset(&foreign, SIGFPE);
	pthread_sigmask(SIG_SETMASK, &foreign, &before);
	while (ret == 0 && (b = bridge_next(b)) != NULL) {
		c = &t->others[t->n];
		c->bridge = b;
		c->all = t;
		ret = pthread_create(&c->thread, NULL, carry, c);
		t->n += ret == 0;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -ret;
}

int
bridge_threads_start(struct bridge_threads **threads, struct bridge *first, int stop,
		     unsigned int needs)
{
	const unsigned int n = count_others(first);
	struct bridge_threads *t;
	int ret;

	*threads = NULL;
	t = calloc(1, sizeof(*t) + n * sizeof(t->others[0]));
	if (t == NULL)
		return say_no_memory();
	t->first = first;
	t->stop = stop;
	t->needs = needs;
	pthread_mutex_init(&t->begin, NULL);
	pthread_barrier_init(&t->gate, NULL, n + 1);
	pthread_mutex_lock(&t->begin);
	t->waiting = true;
	ret = make_threads(t);
	if (ret != 0) {
		say("cannot make a thread for each of %u queues: %s", n + 1, strerror(-ret));
		bridge_threads_end(t);
		return ret;
	}
	*threads = t;
	return 0;
}

static void
join(struct bridge_threads *t)
{
	unsigned int i;

	for (i = 0; i < t->n; i++)
		pthread_join(t->others[i].thread, NULL);
}

int
bridge_threads_run(struct bridge_threads *t)
{
	unsigned int i;
	int ret;

	t->waiting = false;
	pthread_mutex_unlock(&t->begin);
	pthread_barrier_wait(&t->gate);
	bridge_rights_keep(t->needs, -1);
	pthread_barrier_wait(&t->gate);
	ret = bridge_run(t->first, t->stop);
	if (t->n != 0)
		stop_now();
	join(t);
	for (i = 0; i < t->n && ret == 0; i++)
		ret = t->others[i].ret;
	return ret;
}

void
bridge_threads_end(struct bridge_threads *t)
{
	if (t == NULL)
		return;
	if (t->waiting) {
		t->given_up = true;
		pthread_mutex_unlock(&t->begin);
		join(t);
	}
	pthread_barrier_destroy(&t->gate);
	pthread_mutex_destroy(&t->begin);
	free(t);
}
