/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef TEST_FAULT_H
#define TEST_FAULT_H

/*
 * System calls and allocations that fail when they are told to, those of the
 * thread that tells them. The program is linked with --wrap for each of them
 * (meson.build has the list).
 */

#include <stdbool.h>

/* The nth of the calls from now on fails, the first is 1; 0: none. */
void fault_arm(unsigned int n);
/* From now on none. The name of what failed, or NULL if it did not come to it. */
const char *fault_disarm(void);
/* The errno that it failed with. */
int fault_errno(void);

/* For what stands before a call: is it this call's turn to fail? Then errno is set. */
bool fault_is_due(const char *name, int err);

#endif /* TEST_FAULT_H */
