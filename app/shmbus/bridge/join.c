/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#include "background.h"
#include "bridge.h"
#include "join.h"
#include "say.h"
#include "stop.h"
#include "threads.h"

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

/*
 * Makes the descriptors of all queues. Each is made at the first call, which is not possible any
 * more later on.
 */
static int
make_descriptors(struct shmbus_station *first)
{
	struct shmbus_station *st;
	struct shmbus_self self;
	uint32_t queue;
	int ret = 0;

	shmbus_get_self(first, &self);
	for (queue = 0; queue < self.queues && ret >= 0; queue++) {
		ret = shmbus_get_queue(first, queue, &st);
		if (ret == 0)
			ret = shmbus_fd(st);
		if (ret >= 0)
			ret = shmbus_room_fd(st);
	}
	return ret < 0 ? ret : 0;
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
	ret = make_descriptors(j->st);
	if (ret == 0)
		return 0;
	say_library_error(ret);
	bridge_join_give_up(j);
	return ret;
}

/* Makes the bridges of a device, which has as many queues as the station. */
static int
make_bridges(struct bridge_join *j, struct bridge_device *dev)
{
	struct bridge *last = NULL;
	struct shmbus_station *st;
	uint32_t queue;
	int ret;

	for (queue = 0; dev != NULL; dev = dev->next, queue++) {
		ret = shmbus_get_queue(j->st, queue, &st);
		if (ret != 0)
			return say_library_error(ret);
		last = bridge_new(dev, st, last);
		if (last == NULL)
			return say_no_memory();
		if (queue == 0)
			j->bridge = last;
	}
	return 0;
}

int
bridge_join_ready(struct bridge_join *j, struct bridge_device *dev)
{
	int ret;

	j->dev = dev;
	ret = make_bridges(j, dev);
	if (ret != 0)
		return ret;
	bridge_catch();
	return bridge_threads_start(&j->threads, j->bridge, j->stop, dev->needs);
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
	ret = bridge_threads_run(j->threads);
	bridge_threads_end(j->threads);
	bridge_print(j->bridge);
	bridge_free(j->bridge);
	shmbus_detach(j->st);
	return ret == 0 ? CMD_DONE : CMD_FAILED;
}

void
bridge_join_give_up(struct bridge_join *j)
{
	struct shmbus_self self;

	bridge_threads_end(j->threads);
	bridge_free(j->bridge);
	shmbus_get_self(j->st, &self);
	shmbus_detach(j->st);
	if ((self.flags & SHMBUS_SELF_CREATED) && !j->was_there)
		shmbus_remove(j->path, NULL);
}
