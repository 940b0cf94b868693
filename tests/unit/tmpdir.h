/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef TEST_TMPDIR_H
#define TEST_TMPDIR_H

/*
 * A folder of the test program's own, below $SHMBUS_TEST_DIR, else /dev/shm,
 * else $TMPDIR, else /tmp; removed with all in it when the program ends.
 */

#include <stdbool.h>
#include <sys/stat.h>

/* Group setup and teardown of cmocka. */
int tmpdir_create(void **state);
int tmpdir_remove(void **state);

const char *tmpdir(void);

/* The path of a file in it that is not there yet; the text is the caller's to free. */
char *tmpdir_new_path(void);

/* Files in it. */
unsigned int tmpdir_count(void);

/* All attributes of a file, to find out later whether any process touched it. */
struct snapshot {
	char *path;
	uint8_t *bytes;
	struct stat st;
};

void snapshot_take(struct snapshot *snap, const char *path);
void snapshot_assert_same(const struct snapshot *snap);
void snapshot_free(struct snapshot *snap);

void file_write(const char *path, uint64_t off, const void *bytes, size_t len);

#endif /* TEST_TMPDIR_H */
