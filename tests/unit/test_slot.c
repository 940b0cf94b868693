/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Slots: owners, living and dead ports, and successors of dead ports. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check.h"
#include "child.h"
#include "shmbus_bus_open.h"
#include "shmbus_shmif_open.h"
#include "shmbus_wake.h"
#include "station.h"
#include "tmpdir.h"

#define LANE (UINT64_C(1) << 16)

static char *path;

static int
setup(void **state)
{
	(void)state;
	path = tmpdir_new_path();
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	unlink(path);
	free(path);
	return 0;
}

static void
test_entry(void **state)
{
	const struct shmbus_port_conf conf = {
		.mac = { 0xb2, 0xa0, 1, 2, 3, 4 }, .name = "a port", .numa_node = -1,
	};
	const uint8_t other_mac[6] = { 2, 0, 0, 0, 0, 9 };
	struct shmbus_peer peer;
	struct station a, b;
	uint32_t roster;

	(void)state;
	station_join(&a, path, 4, 2, LANE);
	station_join(&b, path, 4, 2, LANE);
	assert_int_equal(a.port.slot, 0);
	assert_int_equal(b.port.slot, 1);
	assert_true(shmbus_port_peer(&a.bus, 1, &peer));
	assert_int_equal(peer.state, SHMBUS_PORT_ATTACHED);
	assert_int_equal(peer.pid, getpid());
	assert_int_equal(peer.incarnation, 1);
	assert_int_equal(peer.n_txq, 0);
	assert_int_equal(peer.n_rxq, 0);
	assert_memory_equal(peer.mac, conf.mac, 6);
	assert_string_equal(peer.name, "station");

	roster = shmbus_load(&shmbus_bus_roster(&a.bus)[1]);
	shmbus_port_set_mac(&b.port, other_mac);
	shmbus_port_set_queues(&b.port, 2, 1);
	shmbus_port_set_state(&b.port, SHMBUS_PORT_ATTACHED | SHMBUS_PORT_STARTED);
	assert_int_equal(shmbus_load(&shmbus_bus_roster(&a.bus)[1]), roster + 3);
	assert_true(shmbus_port_peer(&a.bus, 1, &peer));
	assert_memory_equal(peer.mac, other_mac, 6);
	assert_int_equal(peer.n_txq, 2);
	assert_int_equal(peer.n_rxq, 1);
	assert_int_equal(peer.state, SHMBUS_PORT_ATTACHED | SHMBUS_PORT_STARTED);

	station_leave(&b, false);
	assert_false(shmbus_port_peer(&a.bus, 1, &peer));
	/* Its frames are still there, and so is its name. */
	assert_true(shmbus_port_owner(&a.bus, 1, &peer));
	assert_int_equal(peer.state, 0);
	assert_string_equal(peer.name, "station");
	assert_memory_equal(peer.mac, other_mac, 6);
	assert_false(shmbus_port_owner(&a.bus, 2, &peer));
	station_leave(&a, false);
}

/* An entry is a stranger's word. */
static void
test_lies(void **state)
{
	struct shmbus_port_entry *entry;
	struct shmbus_peer peer;
	struct station a;

	(void)state;
	station_join(&a, path, 4, 2, LANE);
	entry = shmbus_bus_port(&a.bus, 3);
	memset(entry, 0xff, sizeof(*entry));
	assert_true(shmbus_port_peer(&a.bus, 3, &peer));
	assert_int_equal(peer.n_txq, 2);
	assert_int_equal(peer.n_rxq, 2);
	assert_int_equal(strlen(peer.name), 63);
	/* The entry says that a port is there, but no process holds the lock. */
	assert_false(shmbus_port_alive(&a.bus, 3));
	assert_int_equal(shmbus_port_count_peers(&a.port), 0);
	station_leave(&a, false);
}

static void
test_alive(void **state)
{
	struct station a, b;

	(void)state;
	station_join(&a, path, 4, 1, LANE);
	assert_false(shmbus_port_alive(&a.bus, 0)); /* nobody else's */
	assert_false(shmbus_port_alive(&a.bus, 1));
	assert_int_equal(shmbus_port_count_peers(&a.port), 0);
	station_join(&b, path, 4, 1, LANE);
	assert_true(shmbus_port_alive(&a.bus, 1));
	assert_true(shmbus_port_alive(&b.bus, 0));
	assert_int_equal(shmbus_port_count_peers(&a.port), 1);
	assert_int_equal(shmbus_port_count_peers(&b.port), 1);
	station_die(&b);
	assert_false(shmbus_port_alive(&a.bus, 1));
	assert_int_equal(shmbus_port_count_peers(&a.port), 0);
	station_leave(&a, false);
}

/* Each of the three bits is needed, others do not matter, and a dead owner's bits do not count. */
static void
test_partner(void **state)
{
	const uint32_t all = SHMBUS_PORT_ATTACHED | SHMBUS_PORT_STARTED | SHMBUS_PORT_LINK_UP;
	struct station a, b, c;
	uint32_t bits;

	(void)state;
	station_join(&a, path, 4, 1, LANE);
	assert_false(shmbus_port_has_partner(&a.port));
	shmbus_port_set_state(&a.port, all); /* its own state is not another's */
	assert_false(shmbus_port_has_partner(&a.port));
	station_join(&b, path, 4, 1, LANE);
	station_join(&c, path, 4, 1, LANE);
	for (bits = 0; bits < 64; bits++) {
		shmbus_port_set_state(&c.port, bits);
		assert_int_equal(shmbus_port_has_partner(&a.port), (bits & all) == all);
	}
	shmbus_port_set_state(&c.port, UINT32_MAX);
	assert_true(shmbus_port_has_partner(&a.port));
	assert_true(shmbus_port_has_partner(&b.port));
	station_die(&c);
	assert_false(shmbus_port_has_partner(&a.port));
	assert_true(shmbus_port_has_partner(&b.port));
	station_leave(&b, false);
	station_leave(&a, false);
}

static int
stay(struct child *c, void *arg)
{
	const struct shmbus_bus_conf conf = { .path = arg };
	struct station st;
	uint64_t go;

	if (station_try(&st, &conf, NULL) != 0)
		return 1;
	station_announce(&st, 1, 1);
	child_tell(c, st.port.slot);
	child_hear(c, &go);
	return 0;
}

static void
test_take_over_after_kill(void **state)
{
	struct shmbus_cursor *cursor;
	struct shmbus_peer peer;
	struct station a, b;
	struct child c;
	unsigned int i;

	(void)state;
	station_join(&a, path, 3, 1, LANE);
	assert_false(a.port.took_over);
	for (i = 1; i <= 20; i++) {
		child_start(&c, stay, path);
		assert_int_equal(child_answer(&c), 1);
		assert_true(shmbus_port_alive(&a.bus, 1));
		child_kill(&c);
		assert_false(shmbus_port_alive(&a.bus, 1));
		assert_int_equal(shmbus_port_count_peers(&a.port), 0);
		/* What it said of itself stays until there is a next one. */
		assert_true(shmbus_port_peer(&a.bus, 1, &peer));
		assert_int_equal(peer.incarnation, i * 2 - 1);
		cursor = shmbus_bus_cursor(&a.bus, 1, 0, 0);
		shmbus_store(&cursor->state, SHMBUS_CURSOR_ACTIVE);

		station_join(&b, path, 3, 1, LANE);
		assert_int_equal(b.port.slot, 1);
		assert_true(b.port.took_over);
		assert_true(shmbus_port_peer(&a.bus, 1, &peer));
		assert_int_equal(peer.incarnation, i * 2);
		assert_int_equal(peer.state, SHMBUS_PORT_ATTACHED);
		assert_int_equal(peer.n_rxq, 0);
		/* No writer waits for the dead port's cursors. */
		assert_int_equal(shmbus_load(&cursor->state), 0);
		if (i & 1)
			station_leave(&b, false);
		else
			station_die(&b);
	}
	station_leave(&a, false);
}

static void
assert_zeros(shmbus_a64 *words, size_t size)
{
	size_t i;

	for (i = 0; i < size / sizeof(*words); i++)
		assert_int_equal(shmbus_load(&words[i]), 0);
}

/* The owner of slot 1 left nonsense everywhere; the next owner clears its own, and no other. */
static void
test_reserved(void **state)
{
	uint8_t nonsense[13 * sizeof(struct shmbus_cursor)];
	struct shmbus_port_entry *entry;
	struct shmbus_lane_entry *lane;
	struct shmbus_cursor *cursor;
	struct station a, b;
	unsigned int i;

	(void)state;
	memset(nonsense, 0x5a, sizeof(nonsense));
	station_join(&a, path, 3, 2, LANE);
	entry = shmbus_bus_port(&a.bus, 1);
	lane = shmbus_bus_lane(&a.bus, 2);
	cursor = shmbus_bus_cursor(&a.bus, 1, 0, 0);
	memcpy(entry, nonsense, 2 * sizeof(*entry));
	memcpy(lane, nonsense, 3 * sizeof(*lane));
	memcpy(cursor, nonsense, sizeof(nonsense));
	station_join(&b, path, 3, 2, LANE);
	assert_int_equal(b.port.slot, 1);
	assert_zeros(entry->reserved0, sizeof(entry->reserved0));
	assert_zeros(entry->reserved1, sizeof(entry->reserved1));
	for (i = 0; i < 2; i++) {
		assert_zeros(lane[i].reserved0, sizeof(lane[i].reserved0));
		assert_zeros(lane[i].reserved1, sizeof(lane[i].reserved1));
	}
	for (i = 0; i < 12; i++) {
		assert_int_equal(shmbus_load(&cursor[i].state), 0);
		assert_int_equal(shmbus_load(&cursor[i].reserved0), 0);
		assert_zeros(cursor[i].reserved1, sizeof(cursor[i].reserved1));
	}
	assert_memory_equal(&entry[1], nonsense, sizeof(*entry));
	assert_memory_equal(&lane[2], nonsense, sizeof(*lane));
	assert_memory_equal(&cursor[12], nonsense, sizeof(*cursor));
	station_leave(&b, false);
	station_leave(&a, false);
}

static void
test_stopped_is_alive(void **state)
{
	struct station a;
	struct child c;

	(void)state;
	station_join(&a, path, 3, 1, LANE);
	child_start(&c, stay, path);
	child_answer(&c);
	kill(c.pid, SIGSTOP);
	assert_true(shmbus_port_alive(&a.bus, 1));
	kill(c.pid, SIGCONT);
	child_tell(&c, 0);
	assert_int_equal(child_wait(&c), 0);
	assert_false(shmbus_port_alive(&a.bus, 1));
	station_leave(&a, false);
}

/* The lock belongs to the open file: a copy of the descriptor keeps it. */
static void
test_shared_descriptor(void **state)
{
	struct shmbus_bus second;
	struct shmbus_error e;
	struct station a, b;
	int fd;

	(void)state;
	station_join(&a, path, 3, 1, LANE);
	station_join(&b, path, 3, 1, LANE);
	fd = dup(b.bus.file.fd);
	assert_int_equal(shmbus_bus_open_fd(&second, fd, path, &e), 0);
	station_die(&b);
	assert_true(shmbus_port_alive(&a.bus, 1));
	assert_int_equal(second.geo.ports, 3);
	assert_memory_equal(second.id, a.bus.id, sizeof(a.bus.id));
	shmbus_bus_close(&second);
	assert_false(shmbus_port_alive(&a.bus, 1));
	station_leave(&a, false);
}

static void
test_descriptor_of_no_bus(void **state)
{
	struct shmbus_bus bus;
	struct shmbus_error e;
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	assert_int_equal(shmbus_bus_open_fd(&bus, p[0], path, &e), -EMEDIUMTYPE);
	/* It is still ours. */
	assert_int_equal(close(p[0]), 0);
	assert_int_equal(close(p[1]), 0);
}

static void
test_unlink(void **state)
{
	struct station a, b;

	(void)state;
	station_join(&a, path, 3, 1, LANE);
	station_join(&b, path, 3, 1, LANE);
	station_leave(&a, true);
	assert_int_equal(access(path, F_OK), 0); /* b is still there */
	station_leave(&b, true);
	assert_int_equal(access(path, F_OK), -1);

	/* A dead one does not count. */
	station_join(&a, path, 3, 1, LANE);
	station_join(&b, path, 3, 1, LANE);
	station_die(&b);
	station_leave(&a, true);
	assert_int_equal(access(path, F_OK), -1);
}

/* A name that leads to another file by now is not ours to remove. */
static void
test_unlink_spares_strangers(void **state)
{
	struct station a, b;

	(void)state;
	station_join(&a, path, 3, 1, LANE);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(shmbus_file_unlink(&a.bus.file), -ENOENT);
	station_join(&b, path, 3, 1, LANE);
	assert_int_equal(b.port.slot, 0); /* another bus */
	assert_int_equal(shmbus_file_unlink(&a.bus.file), -ENOENT);
	station_leave(&a, true);
	assert_int_equal(access(path, F_OK), 0);
	station_leave(&b, true);
	assert_int_equal(access(path, F_OK), -1);
}

/* Those of inotify, also if they come later, have lower ones: a dead process's locks go first. */
static void
test_number_of_descriptor(void **state)
{
	struct shmbus_shmif shmif, again;
	struct station st;
	int fd, in;

	(void)state;
	station_join(&st, path, 3, 1, LANE);
	in = shmbus_notify_open(st.bus.file.fd);
	assert_true(in >= 0);
	assert_true(in < st.bus.file.fd);
	assert_int_equal(fcntl(st.bus.file.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	close(in);
	station_leave(&st, true);

	assert_int_equal(shmbus_shmif_open(&shmif, path, SHMBUS_FILE_ANY, 0, 1, NULL), 0);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(shmbus_shmif_open_fd(&again, fd, path, 2, NULL), 0);
	in = shmbus_notify_open(again.file.fd);
	assert_true(in >= 0);
	assert_true(in < shmif.file.fd);
	assert_true(in < again.file.fd);
	assert_int_equal(fcntl(again.file.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	close(in);
	shmbus_shmif_close(&again);
	shmbus_shmif_close(&shmif);
}

/* A process may have fewer than that. */
static void
test_few_descriptors(void **state)
{
	struct rlimit before, few;
	struct station st;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = 256;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	station_join(&st, path, 3, 1, LANE);
	assert_true(st.bus.file.fd < 256);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	station_leave(&st, true);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_entry, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_alive, setup, teardown),
		cmocka_unit_test_setup_teardown(test_partner, setup, teardown),
		cmocka_unit_test_setup_teardown(test_take_over_after_kill, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reserved, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stopped_is_alive, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shared_descriptor, setup, teardown),
		cmocka_unit_test_setup_teardown(test_descriptor_of_no_bus, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unlink, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unlink_spares_strangers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_number_of_descriptor, setup, teardown),
		cmocka_unit_test_setup_teardown(test_few_descriptors, setup, teardown),
	};

	return cmocka_run_group_tests_name("slot", tests, tmpdir_create, tmpdir_remove);
}
