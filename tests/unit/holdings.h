/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef TEST_HOLDINGS_H
#define TEST_HOLDINGS_H

/*
 * What this process holds that a bus could have left behind: descriptors,
 * mappings, locks.
 */

#include <stdbool.h>
#include <stdint.h>

struct holdings {
	unsigned int fds;
	unsigned int mapped;   /* mappings of files in the test's folder */
	uint64_t reserved;     /* bytes of address space that nothing may be done with */
};

void holdings_count(struct holdings *h);
/* No more than before, or the test fails and says after what that was. */
void holdings_assert_same(const struct holdings *before, const char *what);

/* Does any open file description but the one made for the test hold a lock on the file? */
bool holdings_locked(const char *path);

#endif /* TEST_HOLDINGS_H */
