/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "tmpdir.h"

static char folder[4096];
static pid_t owner;

static const char *
base(void)
{
	const char *dir = getenv("SHMBUS_TEST_DIR");

	if (dir != NULL)
		return dir;
	if (access("/dev/shm", W_OK | X_OK) == 0)
		return "/dev/shm";
	dir = getenv("TMPDIR");
	return dir != NULL ? dir : "/tmp";
}

int
tmpdir_create(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "%s/shmbus-test-XXXXXX", base());
	if (mkdtemp(folder) == NULL) {
		perror(folder);
		return -1;
	}
	/* Some tests go on as nobody. */
	if (chmod(folder, 0755) != 0)
		return -1;
	owner = getpid();
	return 0;
}

int
tmpdir_remove(void **state)
{
	char path[sizeof(folder) + NAME_MAX + 2];
	struct dirent *entry;
	DIR *dir;

	(void)state;
	if (getpid() != owner)
		return 0;
	dir = opendir(folder);
	if (dir == NULL)
		return -1;
	while ((entry = readdir(dir)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (unlink(path) != 0)
			rmdir(path);
	}
	closedir(dir);
	return rmdir(folder);
}

const char *
tmpdir(void)
{
	return folder;
}

char *
tmpdir_new_path(void)
{
	static unsigned int n;
	char *path;

	if (asprintf(&path, "%s/bus%u", folder, n++) < 0)
		abort();
	return path;
}

unsigned int
tmpdir_count(void)
{
	struct dirent *entry;
	unsigned int n = 0;
	DIR *dir;

	dir = opendir(folder);
	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL)
		n += entry->d_name[0] != '.';
	closedir(dir);
	return n;
}

static uint8_t *
read_all(const char *path, size_t size)
{
	uint8_t *bytes = malloc(size + 1);
	size_t done = 0;
	ssize_t n = 1;
	int fd;

	assert_non_null(bytes);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	while (done < size && n > 0) {
		n = read(fd, bytes + done, size - done);
		if (n > 0)
			done += (size_t)n;
	}
	close(fd);
	assert_int_equal(done, size);
	return bytes;
}

void
snapshot_take(struct snapshot *snap, const char *path)
{
	snap->path = strdup(path);
	assert_non_null(snap->path);
	assert_int_equal(stat(path, &snap->st), 0);
	snap->bytes = read_all(path, (size_t)snap->st.st_size);
}

void
snapshot_assert_same(const struct snapshot *snap)
{
	struct snapshot now;

	snapshot_take(&now, snap->path);
	assert_int_equal(now.st.st_size, snap->st.st_size);
	assert_int_equal(now.st.st_mode, snap->st.st_mode);
	assert_int_equal(now.st.st_ino, snap->st.st_ino);
	assert_int_equal(now.st.st_nlink, snap->st.st_nlink);
	assert_memory_equal(now.bytes, snap->bytes, (size_t)snap->st.st_size);
	snapshot_free(&now);
}

void
snapshot_free(struct snapshot *snap)
{
	free(snap->bytes);
	free(snap->path);
}

void
file_write(const char *path, uint64_t off, const void *bytes, size_t len)
{
	int fd;

	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, len, (off_t)off), len);
	close(fd);
}
