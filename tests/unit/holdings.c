/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "check.h"
#include "holdings.h"
#include "tmpdir.h"

static unsigned int
count_fds(void)
{
	unsigned int n = 0;
	DIR *dir;

	dir = opendir("/proc/self/fd");
	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

void
holdings_count(struct holdings *h)
{
	char line[4096 + 256];
	unsigned long from, to;
	char prot[5];
	FILE *f;

	memset(h, 0, sizeof(*h));
	h->fds = count_fds();
	f = fopen("/proc/self/maps", "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (strstr(line, tmpdir()) != NULL)
			h->mapped++;
		else if (sscanf(line, "%lx-%lx %4s", &from, &to, prot) == 3 &&
			 strcmp(prot, "---p") == 0)
			h->reserved += to - from;
	}
	fclose(f);
}

void
holdings_assert_same(const struct holdings *before, const char *what)
{
	struct holdings now;

	holdings_count(&now);
	if (now.fds != before->fds || now.mapped != before->mapped ||
	    now.reserved > before->reserved) /* less: a sanitizer uses what it had reserved */
		fail_msg("%s: %u descriptors, %u mappings, %llu bytes reserved; before %u, %u, %llu",
			 what, now.fds, now.mapped, (unsigned long long)now.reserved, before->fds,
			 before->mapped, (unsigned long long)before->reserved);
}

bool
holdings_locked(const char *path)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET }; /* to the very end */
	int fd;

	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return false;
	assert_int_equal(fcntl(fd, F_OFD_GETLK, &lock), 0);
	close(fd);
	return lock.l_type != F_UNLCK;
}
