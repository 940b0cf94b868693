/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "shmif_pair.h"
#include "tmpdir.h"

void
pair_start(struct pair *p)
{
	p->path = tmpdir_new_path();
	side_join(&p->tx, p->path, 1);
	side_join(&p->rx, p->path, 2);
	p->rx.expect_sender = 1;
}

void
pair_stop(struct pair *p)
{
	side_leave(&p->tx);
	side_leave(&p->rx);
	unlink(p->path);
	free(p->path);
}

int
pair_setup(void **state)
{
	struct pair *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	pair_start(p);
	*state = p;
	return 0;
}

int
pair_teardown(void **state)
{
	pair_stop(*state);
	free(*state);
	return 0;
}
