/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <spawn.h>

#include "program.h"

extern char **environ;

int
program_start(pid_t *pid, char *const *args, const struct program_fd *fds, unsigned int n)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	unsigned int i;
	int err;

	err = posix_spawn_file_actions_init(&actions);
	if (err != 0)
		return -err;
	err = posix_spawnattr_init(&attr);
	if (err != 0)
		goto out_actions;
	for (i = 0; err == 0 && i < n; i++)
		err = posix_spawn_file_actions_adddup2(&actions, fds[i].from, fds[i].to);
	if (err == 0)
		err = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP);
	if (err == 0)
		err = posix_spawnp(pid, args[0], &actions, &attr, args, environ);
	posix_spawnattr_destroy(&attr);
out_actions:
	posix_spawn_file_actions_destroy(&actions);
	return -err;
}
