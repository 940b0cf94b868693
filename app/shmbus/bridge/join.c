/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#include "background.h"
#include "bridge.h"
#include "join.h"
#include "rights.h"
#include "say.h"
#include "stop.h"

int
bridge_join_begin(struct bridge_join *j, bool background)
{
	*j = (struct bridge_join){ .background = -1 };
	/* Before the station exists: its slot names the process. */
	if (background) {
		j->background = background_begin();
		if (j->background < 0)
			return j->background;
	}
	j->stop = stop_catch();
	if (j->stop < 0)
		return j->stop;
	stop_finish_writes();
	return 0;
}

int
bridge_join_attach(struct bridge_join *j, const char *path, const struct shmbus_conf *conf)
{
	int ret;

	j->path = path;
	j->was_there = access(path, F_OK) == 0;
	ret = shmbus_attach(&j->st, path, conf);
	if (ret != 0)
		return say_library_error(ret);
	/* Both make their descriptors at the first call, which is not possible any more later on. */
	ret = shmbus_fd(j->st);
	if (ret >= 0)
		ret = shmbus_room_fd(j->st);
	if (ret >= 0)
		return 0;
	say_library_error(ret);
	bridge_join_give_up(j);
	return ret;
}

int
bridge_join_ready(struct bridge_join *j, struct bridge_device *dev)
{
	j->dev = dev;
	j->bridge = bridge_new(dev, j->st);
	if (j->bridge == NULL)
		return say_no_memory();
	bridge_catch();
	return 0;
}

enum cmd_status
bridge_join_carry(struct bridge_join *j)
{
	int ret;

	if (say_flush() != 0) {
		bridge_join_give_up(j);
		return CMD_FAILED;
	}
	if (j->background >= 0)
		background_ready(j->background);
	bridge_rights_keep(j->dev->needs, -1);
	ret = bridge_run(j->bridge, j->stop);
	bridge_print(j->bridge);
	bridge_free(j->bridge);
	shmbus_detach(j->st);
	return ret == 0 ? CMD_DONE : CMD_FAILED;
}

void
bridge_join_give_up(struct bridge_join *j)
{
	struct shmbus_self self;

	if (j->bridge != NULL)
		bridge_free(j->bridge);
	shmbus_get_self(j->st, &self);
	shmbus_detach(j->st);
	if ((self.flags & SHMBUS_SELF_CREATED) && !j->was_there)
		shmbus_remove(j->path, NULL);
}
