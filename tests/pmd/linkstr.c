/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <assert.h>
#include <dlfcn.h>

#include <rte_pmd_shmbus.h>

#include "linkstr.h"
#include "nic.h"

int (*linkstr_set)(uint16_t port, const char *path);
int (*linkstr_get)(uint16_t port, char *path, size_t size);
int (*linkstr_unset)(uint16_t port);

/* They are as the header declares them. */
static_assert(_Generic(&rte_pmd_shmbus_linkstr_set, int (*)(uint16_t, const char *): 1, default: 0),
	      "set");
static_assert(_Generic(&rte_pmd_shmbus_linkstr_get, int (*)(uint16_t, char *, size_t): 1,
	      default: 0), "get");
static_assert(_Generic(&rte_pmd_shmbus_linkstr_unset, int (*)(uint16_t): 1, default: 0), "unset");

int
linkstr_start(void **state)
{
	const int ret = eal_start(state);
	void *plugin;

	if (ret != 0)
		return ret;
	plugin = dlopen(PLUGIN, RTLD_NOW | RTLD_NOLOAD);
	if (plugin == NULL)
		return -1;
	*(void **)&linkstr_set = dlsym(plugin, "rte_pmd_shmbus_linkstr_set");
	*(void **)&linkstr_get = dlsym(plugin, "rte_pmd_shmbus_linkstr_get");
	*(void **)&linkstr_unset = dlsym(plugin, "rte_pmd_shmbus_linkstr_unset");
	return linkstr_set == NULL || linkstr_get == NULL || linkstr_unset == NULL ? -1 : 0;
}

void
assert_linkstr(uint16_t port, const char *path)
{
	char text[4096] = "?";

	assert_int_equal(linkstr_get(port, text, sizeof(text)), 0);
	assert_string_equal(text, path);
}
