/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Preloaded into a process: its monotonic clocks are ahead by the seconds in the file
 * $SHMBUS_TEST_CLOCK, a number of 64 bits, which a test may raise while the process runs.
 */

#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t id, struct timespec *ts);

static int (*real)(clockid_t id, struct timespec *ts);
static _Atomic(int64_t) *ahead;

__attribute__((constructor)) static void
begin(void)
{
	const char *path = getenv("SHMBUS_TEST_CLOCK");
	int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *map = MAP_FAILED;

	*(void **)(&real) = dlsym(RTLD_NEXT, "clock_gettime");
	if (fd >= 0) {
		map = mmap(NULL, sizeof(*ahead), PROT_READ, MAP_SHARED, fd, 0);
		close(fd);
	}
	if (map == MAP_FAILED)
		abort();
	ahead = map;
}

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	int ret;

	/* Before the constructor: of another library. */
	if (real == NULL)
		*(void **)(&real) = dlsym(RTLD_NEXT, "clock_gettime");
	ret = real(id, ts);
	if (ret == 0 && ahead != NULL && (id == CLOCK_MONOTONIC || id == CLOCK_MONOTONIC_COARSE))
		ts->tv_sec += atomic_load_explicit(ahead, memory_order_relaxed);
	return ret;
}
