/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "input.h"

void
input_broken(const char *condition, const char *file, int line)
{
	fprintf(stderr, "%s:%d: broken: %s\n", file, line, condition);
	abort();
}

const char *
input_path(const char *what)
{
	static char path[PATH_MAX];
	const char *dir = getenv("SHMBUS_TEST_DIR");

	snprintf(path, sizeof(path), "%s/shmbus-fuzz-%d%s", dir != NULL ? dir : "/dev/shm",
		 (int)getpid(), what);
	return path;
}
