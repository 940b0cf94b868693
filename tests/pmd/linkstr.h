/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef TEST_LINKSTR_H
#define TEST_LINKSTR_H

/* The functions of rte_pmd_shmbus.h, as an application that loads the plugin by -d finds them. */

#include <stddef.h>
#include <stdint.h>

extern int (*linkstr_set)(uint16_t port, const char *path);
extern int (*linkstr_get)(uint16_t port, char *path, size_t size);
extern int (*linkstr_unset)(uint16_t port);

/* Group setup of cmocka: eal_start(), and these functions of the plugin. */
int linkstr_start(void **state);

void assert_linkstr(uint16_t port, const char *path);

#endif /* TEST_LINKSTR_H */
