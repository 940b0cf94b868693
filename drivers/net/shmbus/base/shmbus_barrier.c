/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "shmbus_atomic.h"
#include "shmbus_barrier.h"

/* Instead of membarrier(2): longer than any store takes to be seen. */
#define SETTLE_NS (10 * 1000 * 1000)

void
shmbus_barrier_everywhere(void)
{
	const struct timespec settle = { .tv_nsec = SETTLE_NS };

	shmbus_fence_full();
	/* Not an expedited command: this one reaches all processes, also those that have not
	 * registered.
	 */
	if (syscall(__NR_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) != 0)
		nanosleep(&settle, NULL);
}
