/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * The same questions to net_ring, net_tap, net_memif, net_null and net_shmbus, as generic code
 * asks them. A row has the answer of each driver. Where another driver answers differently the
 * row says why net_shmbus answers as it does; a row without such a text needs equal answers.
 *
 * The answers of the other drivers are those of DPDK 22.11.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_dev.h>
#include <rte_version.h>

#include "nic.h"
#include "questions.h"

enum device { RING, TAP, MEMIF, NUL, SHMBUS, DEVICES };

struct row {
	const char *name;
	question ask;
	enum question_state state;
	const char *answers[DEVICES]; /* NULL: not asked, for the reason that the text gives */
	const char *why;
};

#define ALL(all) { all, all, all, all, all }
#define OWN(others, own) { others, others, others, others, own }
#define NOT_THERE "-ENOTSUP"
#define MORE "The others do not have this."

static const struct row rows[] = {
#include "others_rows.h"
};

/* ---- the devices */

static const char *const names[DEVICES] = {
	[RING] = "net_ring_other", [TAP] = "net_tap_other", [MEMIF] = "net_memif_other",
	[NUL] = "net_null_other", [SHMBUS] = "net_shmbus_other",
};

static char *path;

static void
args_of(enum device d, char *args, size_t size)
{
	switch (d) {
	case TAP:
		snprintf(args, size, "iface=shmbusq%u", (unsigned int)getpid() % 10000000);
		break;
	case MEMIF:
		snprintf(args, size, "role=server,socket=%s.sock,socket-abstract=no", path);
		break;
	case SHMBUS:
		snprintf(args, size, "path=%s,unlink=on", path);
		break;
	default:
		args[0] = '\0';
		break;
	}
}

static int
add_device(enum device d, uint16_t *port)
{
	char args[512];
	int ret;

	args_of(d, args, sizeof(args));
	ret = rte_eal_hotplug_add("vdev", names[d], args);
	return ret != 0 ? ret : rte_eth_dev_get_port_by_name(names[d], port);
}

static void
remove_device(enum device d)
{
	uint16_t port;

	if (rte_eth_dev_get_port_by_name(names[d], &port) != 0)
		return;
	rte_eth_dev_stop(port);
	rte_eal_hotplug_remove("vdev", names[d]);
}

/* Why the device cannot be asked; NULL: it can. */
static const char *reason[DEVICES];

static int
start(void **state)
{
	enum device d;
	uint16_t port;

	if (eal_start(state) != 0)
		return -1;
	path = tmpdir_new_path();
	log_begin();
	for (d = 0; d < DEVICES; d++) {
		if (d == TAP && access("/dev/net/tun", R_OK | W_OK) != 0)
			reason[d] = "no access to /dev/net/tun";
		else if (add_device(d, &port) != 0)
			reason[d] = d == TAP ? "no permission to make an interface" :
				    "this DPDK does not have the driver";
		else
			remove_device(d);
	}
	log_end();
	return 0;
}

static int
stop(void **state)
{
	free(path);
	/* net_memif leaves interrupts behind, which EAL's thread would look for in memory that
	 * rte_eal_cleanup() has unmapped.
	 */
	return eal_abandon(state);
}

/* ---- the tests */

static bool
is_as_expected(const struct row *row, enum device d)
{
	char answer[ANSWER_LEN] = "";
	uint16_t port;
	int ret;

	ret = add_device(d, &port);
	if (ret != 0)
		fail_msg("%s: %d", names[d], ret);
	ret = question_prepare(port, row->state);
	if (ret != 0)
		fail_msg("%s: not in the state for the question: %d", names[d], ret);
	row->ask(port, answer);
	remove_device(d);
	if (strcmp(answer, row->answers[d]) == 0)
		return true;
	print_error("# %s, %s: \"%s\" instead of \"%s\"\n", row->name, names[d], answer,
		    row->answers[d]);
	return false;
}

/* Every difference has a reason, and a reason has a difference. */
static void
assert_explained(const struct row *row)
{
	const char *own = row->answers[SHMBUS];
	bool differs = false;
	enum device d;

	for (d = 0; d < DEVICES; d++)
		differs |= row->answers[d] == NULL || strcmp(row->answers[d], own) != 0;
	if (differs != (row->why != NULL))
		fail_msg("%s: %s", row->name, differs ? "a difference without a reason" :
			 "a reason without a difference");
}

static void
test_row(void **state)
{
	const struct row *row = *state;
	bool good = true;
	enum device d;

	assert_explained(row);
	log_begin();
	for (d = 0; d < DEVICES; d++) {
		if (row->answers[d] == NULL || reason[d] != NULL)
			continue;
		if (d != SHMBUS && (RTE_VERSION < RTE_VERSION_NUM(22, 11, 0, 0) ||
				    RTE_VERSION >= RTE_VERSION_NUM(23, 0, 0, 0)))
			continue;
		good = is_as_expected(row, d) && good;
	}
	log_end();
	assert_true(good);
}

static void
test_device(void **state)
{
	const enum device d = *(const enum device *)*state;

	if (reason[d] != NULL)
		skip_because("%s: %s", names[d], reason[d]);
}

static int
teardown(void **state)
{
	enum device d;

	for (d = 0; d < DEVICES; d++)
		remove_device(d);
	return nic_teardown(state);
}

int
main(void)
{
	static struct CMUnitTest tests[DEVICES + RTE_DIM(rows)];
	static enum device devices[DEVICES];
	unsigned int i, n = 0;

	for (i = 0; i < DEVICES; i++) {
		devices[i] = i;
		tests[n++] = (struct CMUnitTest){ names[i], test_device, NULL, NULL, &devices[i] };
	}
	for (i = 0; i < RTE_DIM(rows); i++)
		tests[n++] = (struct CMUnitTest){
			rows[i].name, test_row, NULL, teardown, (void *)(uintptr_t)&rows[i],
		};
	return _cmocka_run_group_tests("pmd_others", tests, n, start, stop);
}
