/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * The NUMA node of a port on machines of several shapes. The driver is in the program, and
 * the linker puts the functions __wrap_...() in the place of those that know the machine.
 */

#include <stdarg.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include <rte_dev.h>
#include <rte_lcore.h>

#include "nic.h"

#define ANY SOCKET_ID_ANY

static struct {
	int sockets[3]; /* nodes that EAL knows; ANY ends them */
	int thread;     /* node of the thread, as EAL has it */
	int cpu;        /* node of the processor, as the kernel has it */
} machine;

unsigned int __wrap_rte_socket_count(void);
int __wrap_rte_socket_id_by_idx(unsigned int i);
unsigned int __wrap_rte_socket_id(void);
long __wrap_syscall(long number, ...);
long __real_syscall(long number, ...);

unsigned int
__wrap_rte_socket_count(void)
{
	unsigned int n = 0;

	while (n < RTE_DIM(machine.sockets) && machine.sockets[n] != ANY)
		n++;
	return n;
}

int
__wrap_rte_socket_id_by_idx(unsigned int i)
{
	return i < __wrap_rte_socket_count() ? machine.sockets[i] : ANY;
}

unsigned int
__wrap_rte_socket_id(void)
{
	return (unsigned int)machine.thread;
}

long
__wrap_syscall(long number, ...)
{
	long a, b, c;
	va_list ap;

	/* All of the driver's have three arguments. */
	va_start(ap, number);
	a = va_arg(ap, long);
	b = va_arg(ap, long);
	c = va_arg(ap, long);
	va_end(ap);
	if (number != SYS_getcpu)
		return __real_syscall(number, a, b, c);
	*(unsigned int *)(uintptr_t)b = (unsigned int)machine.cpu;
	return 0;
}

/* The node that applications get for the port, by each of the ways to ask. */
static void
assert_node(const char *args, int node)
{
	char *path = tmpdir_new_path();
	struct rte_eth_dev_info info;
	const uint16_t id = nic_new(path, args);

	if (rte_eth_dev_socket_id(id) != node)
		fail_msg("%s: node %d instead of %d", args, rte_eth_dev_socket_id(id), node);
	assert_int_equal(rte_eth_dev_info_get(id, &info), 0);
	assert_int_equal(rte_dev_numa_node(info.device), node);
	nic_start(id, NULL);
	nic_remove(id);
	free(path);
}

#define MACHINE(socket, ...) \
	do { \
		const int known[] = { __VA_ARGS__, ANY, ANY }; \
		memcpy(machine.sockets, known, sizeof(machine.sockets)); \
		machine.thread = (socket); \
		machine.cpu = 0; \
	} while (0)

static void
test_one_node(void **state)
{
	static const char *const args[] = {
		"format=lanes", "format=shmif", "numa=auto", "numa=none", "numa=0", "numa=7",
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < RTE_DIM(args); i++) {
		MACHINE(0, 0);
		assert_node(args[i], 0);
		/* The thread may run anywhere, or is not EAL's. */
		MACHINE(ANY, 0);
		assert_node(args[i], 0);
	}
}

static void
test_two_nodes(void **state)
{
	(void)state;
	MACHINE(1, 0, 1);
	assert_node("format=lanes", 1);
	assert_node("format=shmif", 1);
	assert_node("numa=none", 1);
	assert_node("numa=0", 0);
	assert_node("numa=1", 1);
	MACHINE(0, 0, 1);
	assert_node("numa=1", 1);
	assert_node("numa=none", 0);
	MACHINE(ANY, 0, 1);
	machine.cpu = 1;
	assert_node("format=lanes", 1);
	assert_node("format=shmif", 1);
	assert_node("numa=0", 0);
}

/* A node without processors has memory for lanes, but none that EAL gives to an application. */
static void
test_unknown_node(void **state)
{
	(void)state;
	MACHINE(2, 0, 2);
	assert_node("numa=1", 2);
	MACHINE(ANY, 2);
	machine.cpu = 1;
	assert_node("format=lanes", 2);
	assert_node("numa=1", 2);
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_one_node),
		T(test_two_nodes),
		T(test_unknown_node),
	};

	nic_plugin = NULL;
	return cmocka_run_group_tests_name("pmd_node", tests, eal_start, eal_stop);
}
