/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Which memory is asked for from which NUMA node. The machine seems to have two
 * nodes, so the calls can be watched anywhere; what the kernel makes of them is
 * seen for node 0, which there always is.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <shmbus.h>

#include "check.h"
#include "tmpdir.h"

#define LANE 65536u

struct call {
	size_t len;
	int node;
};

static struct call calls[8];
static unsigned int n_calls;

static long answer; /* of the kernel */

int __wrap_numa_max_node(void);
int
__wrap_numa_max_node(void)
{
	return 1;
}

int __wrap_numa_available(void);
int
__wrap_numa_available(void)
{
	return 0;
}

long __real_mbind(void *addr, unsigned long len, int mode, const unsigned long *mask,
		  unsigned long max, unsigned int flags);
long __wrap_mbind(void *addr, unsigned long len, int mode, const unsigned long *mask,
		  unsigned long max, unsigned int flags);
long
__wrap_mbind(void *addr, unsigned long len, int mode, const unsigned long *mask, unsigned long max,
	     unsigned int flags)
{
	assert_in_range(n_calls, 0, DIM(calls) - 1);
	assert_true(mask[0] == 1 || mask[0] == 2);
	calls[n_calls++] = (struct call){ .len = len, .node = mask[0] == 2 };
	answer = mask[0] == 1 ? __real_mbind(addr, len, mode, mask, max, flags) : 0;
	return answer;
}

static void
expect_calls(unsigned int n, const struct call *expected)
{
	unsigned int i;

	assert_int_equal(n_calls, n);
	for (i = 0; i < n; i++) {
		assert_int_equal(calls[i].len, expected[i].len);
		assert_int_equal(calls[i].node, expected[i].node);
	}
	n_calls = 0;
}

static struct shmbus_conf
conf_of(uint32_t numa)
{
	return (struct shmbus_conf){ .ports = 2, .queues = 1, .lane_size = LANE, .numa = numa };
}

static uint64_t
file_size(const char *path)
{
	struct shmbus_info info;
	struct shmbus *bus;

	assert_int_equal(shmbus_open(&bus, path, NULL), 0);
	assert_int_equal(shmbus_get_info(bus, &info), 0);
	shmbus_close(bus);
	return info.file_size;
}

static void
attach(const char *path, uint32_t numa)
{
	const struct shmbus_conf conf = conf_of(numa);
	struct shmbus_station *st;

	if (shmbus_attach(&st, path, &conf) != 0)
		fail_msg("%s", shmbus_error_text());
	shmbus_detach(st);
}

/* Of a bus that is made, all that nobody else will say something about. */
static void
test_create(void **state)
{
	struct shmbus_conf conf = conf_of(SHMBUS_NUMA_NODE(1));
	char *path = tmpdir_new_path();

	(void)state;
	assert_int_equal(shmbus_create(path, &conf), 0);
	expect_calls(1, &(struct call){ .len = file_size(path), .node = 1 });
	free(path);
}

/* Of a bus that is there, the one lane that the port writes. */
static void
test_attach(void **state)
{
	const struct shmbus_conf conf = conf_of(0);
	char *path = tmpdir_new_path();

	(void)state;
	assert_int_equal(shmbus_create(path, &conf), 0);
	attach(path, 0);
	expect_calls(0, NULL);
	attach(path, SHMBUS_NUMA_NODE(1));
	expect_calls(1, &(struct call){ .len = LANE, .node = 1 });
	attach(path, SHMBUS_NUMA_NODE(0));
	expect_calls(1, &(struct call){ .len = LANE, .node = 0 });
	free(path);
}

static void
test_attach_creates(void **state)
{
	char *path = tmpdir_new_path();

	(void)state;
	attach(path, SHMBUS_NUMA_NODE(1));
	expect_calls(2, (const struct call[]){ { file_size(path), 1 }, { LANE, 1 } });
	free(path);
}

static void
test_no_such_node(void **state)
{
	char *path = tmpdir_new_path();

	(void)state;
	attach(path, SHMBUS_NUMA_NODE(2));
	attach(path, SHMBUS_NUMA_NODE(1023));
	expect_calls(0, NULL);
	free(path);
}

/* Do all mappings of the file in this process have that policy? */
static bool
all_have(const char *path, const char *policy)
{
	bool found = false, all = true;
	char line[8192];
	FILE *f;

	f = fopen("/proc/self/numa_maps", "r");
	if (f == NULL)
		skip_because("no /proc/self/numa_maps");
	while (fgets(line, sizeof(line), f) != NULL) {
		if (strstr(line, path) == NULL)
			continue;
		found = true;
		all &= strstr(line, policy) != NULL;
	}
	fclose(f);
	assert_true(found);
	return all;
}

/* The node stays with the file, for ports that attach after its creator. */
static void
test_in_the_kernel(void **state)
{
	const struct shmbus_conf conf = conf_of(SHMBUS_NUMA_NODE(0));
	const struct shmbus_conf none = conf_of(0);
	char *path = tmpdir_new_path();
	char *other = tmpdir_new_path();
	struct shmbus *bus;

	(void)state;
	assert_int_equal(shmbus_create(path, &conf), 0);
	assert_int_equal(n_calls, 1);
	n_calls = 0;
	if (answer != 0)
		skip_because("mbind: %s", strerror(errno));
	assert_int_equal(shmbus_create(other, &none), 0);
	assert_int_equal(shmbus_open(&bus, path, NULL), 0);
	assert_true(all_have(path, " prefer"));
	shmbus_close(bus);
	assert_int_equal(shmbus_open(&bus, other, NULL), 0);
	assert_true(all_have(other, " default"));
	shmbus_close(bus);
	free(path);
	free(other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_create),
		cmocka_unit_test(test_attach),
		cmocka_unit_test(test_attach_creates),
		cmocka_unit_test(test_no_such_node),
		cmocka_unit_test(test_in_the_kernel),
	};

	return cmocka_run_group_tests_name("library_numa", tests, tmpdir_create, tmpdir_remove);
}
