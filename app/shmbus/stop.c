/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "say.h"
#include "stop.h"

static atomic_bool wanted; /* a signal handler sets it in any thread */
static int event = -1;
static void (*call)(void);

void
stop_now(void)
{
	const uint64_t one = 1;

	atomic_store(&wanted, true);
	if (write(event, &one, sizeof(one)) < 0) {
		/* The flag is set; no more can be done in a signal handler. */
	}
}

static void
on_signal(int signal)
{
	const int saved = errno;

	(void)signal;
	atomic_store(&wanted, true);
	if (call != NULL)
		call();
	stop_now();
	errno = saved;
}

int
stop_catch(void)
{
	/* No SA_RESTART: a signal ends a system call that waits. */
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };
	int ret;

	sigfillset(&action.sa_mask);
	event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (event >= 0 && sigaction(SIGINT, &action, NULL) == 0 &&
	    sigaction(SIGTERM, &action, NULL) == 0)
		return event;
	ret = -errno;
	say("cannot catch signals: %s", strerror(-ret));
	return ret;
}

void
stop_call(void (*undo)(void))
{
	call = undo;
}

void
stop_finish_writes(void)
{
	const int signals[] = { SIGINT, SIGTERM };
	struct sigaction action;
	unsigned int i;

	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		if (sigaction(signals[i], NULL, &action) != 0)
			continue;
		action.sa_flags |= SA_RESTART;
		sigaction(signals[i], &action, NULL);
	}
}

bool
stop_wanted(void)
{
	return atomic_load(&wanted);
}
