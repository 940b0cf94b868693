/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "mount.h"
#include "tmpdir.h"

static char folder[4200];

const char *
mount_own(const char *type, const char *options, const char **why)
{
	*why = "no rights to mount a filesystem";
	if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return NULL;
	snprintf(folder, sizeof(folder), "%s/own", tmpdir());
	if (mkdir(folder, 0700) != 0)
		return NULL;
	if (mount("none", folder, type, 0, options) != 0) {
		*why = "mounting is refused";
		rmdir(folder);
		return NULL;
	}
	return folder;
}

const char *
mount_huge(unsigned int pages, size_t *page_size, const char **why)
{
	char options[96];
	struct statfs fs;
	int ret;

	if (getenv("SHMBUS_EMULATED") != NULL) {
		*why = "an emulator does not tell of huge pages as the kernel does";
		return NULL;
	}
	if (mount_own("hugetlbfs", "", why) == NULL)
		return NULL;
	ret = statfs(folder, &fs);
	mount_end();
	if (ret != 0)
		return NULL;
	*page_size = (size_t)fs.f_bsize;
	snprintf(options, sizeof(options), "size=%zu,min_size=%zu", pages * *page_size,
		 pages * *page_size);
	if (mount_own("hugetlbfs", options, why) != NULL)
		return folder;
	*why = "no huge pages";
	return NULL;
}

void
mount_end(void)
{
	umount2(folder, MNT_DETACH);
	rmdir(folder);
}
