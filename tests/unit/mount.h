/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef TEST_MOUNT_H
#define TEST_MOUNT_H

#include <stddef.h>

/*
 * A filesystem of our own below the test's folder, in a mount namespace of our
 * own; gone with the process at the latest. Gives its folder, or NULL and *why
 * if it may not be. One at a time.
 */
const char *mount_own(const char *type, const char *options, const char **why);
/* The same with so many huge pages, which are ours until mount_end. */
const char *mount_huge(unsigned int pages, size_t *page_size, const char **why);
void mount_end(void);

#endif /* TEST_MOUNT_H */
