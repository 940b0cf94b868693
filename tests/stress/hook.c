/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#include "frame.h"
#include "hook.h"

static struct member *me;
static struct dice dice;
static uint64_t seen; /* the order as it was given */
static struct order order;

static enum shmbus_step call_step;
static void (*call_fn)(void *arg);
static void *call_arg;

void
hook_set_member(struct member *m, uint64_t seed)
{
	me = m;
	dice.state = seed;
	seen = 0;
	order.fault = FAULT_NONE;
	call_fn = NULL;
}

void
hook_call_at(enum shmbus_step step, void (*call)(void *arg), void *arg)
{
	call_step = step;
	call_fn = call;
	call_arg = arg;
}

static void
nap_us(uint32_t us)
{
	const struct timespec nap = { .tv_nsec = (long)us * 1000 };

	nanosleep(&nap, NULL);
}

static void
obey(void)
{
	const enum fault fault = order.fault;

	order.fault = FAULT_NONE;
	if (fault == FAULT_DELAY) {
		shmbus_store(&me->delays, shmbus_load(&me->delays) + 1);
		nap_us(dice_range(&dice, 10, 3000));
		return;
	}
	shmbus_store_release(&me->fell, (uint32_t)order.step + 1);
	/* The signal arrives before kill(2) returns: it is the only thread's own. */
	kill(getpid(), fault == FAULT_KILL ? SIGKILL : SIGSTOP);
}

static void
jitter(uint32_t one_of)
{
	if (dice_range(&dice, 1, one_of) != 1)
		return;
	shmbus_store(&me->delays, shmbus_load(&me->delays) + 1);
	if (dice_range(&dice, 0, 3) != 0)
		sched_yield();
	else
		nap_us(dice_range(&dice, 1, 200));
}

void
shmbus_step(enum shmbus_step step)
{
	void (*const call)(void *arg) = call_fn;
	uint64_t word;
	uint32_t n;

	if (call != NULL && step == call_step) {
		call_fn = NULL;
		call(call_arg);
	}
	if (me == NULL)
		return;
	shmbus_store(&me->came_to, (uint32_t)step);
	shmbus_store(&me->visits[step], shmbus_load(&me->visits[step]) + 1);
	word = shmbus_load(&me->order);
	if (word != seen) {
		seen = word;
		order = order_read(word);
	}
	if (order.fault != FAULT_NONE && order.step == step && --order.visit == 0)
		obey();
	n = shmbus_load(&me->jitter);
	if (n != 0)
		jitter(n);
}
