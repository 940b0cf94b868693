/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Device arguments: what each one does, and what is refused with which words. */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mount.h"
#include "nic.h"

/* What the file says of itself; offsets as in the format's description. */
static uint64_t
header_word(const char *path, off_t off, size_t size)
{
	uint64_t word = 0;
	int fd;

	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &word, size, off), size);
	close(fd);
	return word;
}

static void
assert_geometry(const char *path, uint64_t ports, uint64_t queues, uint64_t lane_size)
{
	assert_int_equal(header_word(path, 12, 4), ports);
	assert_int_equal(header_word(path, 16, 4), queues);
	assert_int_equal(header_word(path, 24, 8), lane_size);
}

static void
test_geometry(void **state)
{
	static const struct {
		const char *args;
		uint64_t ports, queues, lane_size;
	} cases[] = {
		{ "ports=1", 1, 4, 4 << 20 },
		{ "ports=256", 256, 4, 4 << 20 },
		{ "queues=1", 32, 1, 4 << 20 },
		{ "queues=64,ports=64", 64, 64, 4 << 20 },
		{ "lane_size=65536", 32, 4, 65536 },
		{ "lane_size=64K", 32, 4, 65536 },
		{ "lane_size=64k", 32, 4, 65536 },
		{ "lane_size=2M", 32, 4, 2 << 20 },
		{ "lane_size=2m,ports=2", 2, 4, 2 << 20 },
		{ "lane_size=8M,queues=3,ports=7,format=lanes", 7, 3, 8 << 20 },
		{ "format=auto", 32, 4, 4 << 20 },
	};
	unsigned int i;
	uint16_t port;
	char *path;

	(void)state;
	for (i = 0; i < RTE_DIM(cases); i++) {
		path = tmpdir_new_path();
		port = nic_new(path, cases[i].args);
		assert_geometry(path, cases[i].ports, cases[i].queues, cases[i].lane_size);
		nic_remove(port);
		assert_int_equal(unlink(path), 0);
		free(path);
	}
}

static void
test_joins_what_is_there(void **state)
{
	char *path = tmpdir_new_path();
	struct rte_eth_dev_info info;
	uint16_t a, b;

	(void)state;
	a = nic_new(path, "ports=3,queues=2,lane_size=128K");
	b = nic_new(path, NULL);
	assert_int_equal(rte_eth_dev_info_get(b, &info), 0);
	assert_int_equal(info.max_rx_queues, 2);
	nic_remove(b);
	b = nic_new(path, "queues=2,lane_size=131072,ports=3");
	nic_remove(b);
	nic_remove(a);
	/* The file is still there, and its geometry with it. */
	b = nic_new(path, NULL);
	assert_geometry(path, 3, 2, 128 << 10);
	free(path);
}

static void
test_mac(void **state)
{
	char *path = tmpdir_new_path();
	struct rte_ether_addr mac, other;
	uint16_t a, b, c;

	(void)state;
	a = nic_new(path, "mac=02:11:22:33:44:55");
	assert_int_equal(rte_eth_macaddr_get(a, &mac), 0);
	assert_memory_equal(mac.addr_bytes, "\x02\x11\x22\x33\x44\x55", 6);
	/* By default: local, of our own range, and by chance. */
	b = nic_new(path, NULL);
	c = nic_new(path, NULL);
	assert_int_equal(rte_eth_macaddr_get(b, &mac), 0);
	assert_int_equal(rte_eth_macaddr_get(c, &other), 0);
	assert_memory_equal(mac.addr_bytes, "\xb2\xa0", 2);
	assert_memory_equal(other.addr_bytes, "\xb2\xa0", 2);
	assert_false(rte_is_same_ether_addr(&mac, &other));
	free(path);
}

static void
test_mode(void **state)
{
	static const struct {
		const char *args;
		mode_t mode;
	} cases[] = {
		{ NULL, 0600 }, { "mode=0600", 0600 }, { "mode=660", 0660 }, { "mode=0666", 0666 },
		{ "mode=0777", 0777 },
	};
	const mode_t mask = umask(077);
	struct stat st;
	unsigned int i;
	char *path;

	(void)state;
	for (i = 0; i < RTE_DIM(cases); i++) {
		path = tmpdir_new_path();
		nic_new(path, cases[i].args);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, cases[i].mode);
		free(path);
	}
	umask(mask);
}

static void
test_unlink(void **state)
{
	char *path = tmpdir_new_path();
	uint16_t a, b;

	(void)state;
	a = nic_new(path, "unlink=on");
	b = nic_new(path, "unlink=on");
	nic_remove(a);
	assert_int_equal(access(path, F_OK), 0);
	nic_remove(b);
	assert_int_equal(access(path, F_OK), -1);
	/* Only the one that was asked to does it. */
	a = nic_new(path, "unlink=off");
	b = nic_new(path, "unlink=1");
	nic_remove(b);
	nic_remove(a);
	assert_int_equal(access(path, F_OK), 0);
	a = nic_new(path, "unlink=0");
	nic_remove(a);
	assert_int_equal(access(path, F_OK), 0);
	free(path);
}

/* Accepted; what they do is tested elsewhere. */
static void
test_accepted(void **state)
{
	static const char *const cases[] = {
		"pause=on", "pause=off", "pause=1", "pause=0", "pause_timeout_ms=0",
		"pause_timeout_ms=4294967295", "carrier=bus", "carrier=peer", "numa=auto", "numa=none",
		"numa=0", "numa=7", "format=lanes,mac=b2:a0:00:00:00:01,pause=off,unlink=on,mode=0640",
	};
	struct pair p;
	unsigned int i;

	(void)state;
	for (i = 0; i < RTE_DIM(cases); i++) {
		pair_start(&p, cases[i], NULL);
		send_frames(p.a, 0, 60, 0, 10);
		expect_frames(p.b, 0, 60, 0, 10);
		nic_remove(p.a);
		nic_remove(p.b);
	}
}

static void
assert_refused(const char *args, const char *key, const char *words)
{
	const unsigned int files = tmpdir_count();
	char *path = tmpdir_new_path();
	uint16_t port;

	log_begin();
	if (nic_probe(&port, path, args) == 0)
		fail_msg("%s: not refused", args);
	assert_in_text(log_text(), key);
	assert_in_text(log_text(), words);
	log_end();
	assert_int_equal(tmpdir_count(), files);
	free(path);
}

static void
test_values(void **state)
{
	static const struct {
		const char *key;
		const char *bad[12];
		const char *words;
	} cases[] = {
		{ "ports", { "0", "-1", "x", "1x", "", "4294967296", "99999999999999999999", "0x10", "1.5",
			     " 1", "1 " }, "a number of slots" },
		{ "queues", { "0", "-1", "x", "1x", "", "4294967297", "+1" }, "a number of queues" },
		{ "lane_size", { "0", "-1", "x", "1T", "1MB", "K", "", "64 ", "0K", "99999999999999999999",
				 "18446744073709551615G" }, "a power of two in bytes" },
		{ "mode", { "0", "8", "0400", "0200", "1777", "rw", "", "0x180", "-600", "01000" },
		  "octal permission bits" },
		{ "mac", { "x", "", "1:2:3", "01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00",
			   "02:00:00:00:00:0g", "02:00:00:00:00:01:02" }, "a unicast address" },
		{ "pause", { "yes", "2", "ON", "" }, "on or off" },
		{ "unlink", { "yes", "2", "" }, "on or off" },
		{ "pause_timeout_ms", { "-1", "1s", "", "4294967296" }, "a number of milliseconds" },
		{ "carrier", { "", "up", "BUS" }, "bus or peer" },
		{ "numa", { "", "x", "-1", "-2", "100000" }, "auto, none or the number of a node" },
		{ "format", { "", "shmem", "LANES" }, "auto, lanes or shmif" },
		{ "wake", { "", "on", "sometimes" }, "always or never" },
		{ "ptypes", { "on", "never", "", "Always" }, "asked or always" },
		{ "lock_break_ms", { "-1", "1s", "", "4294967296" }, "a number of milliseconds" },
	};
	char args[256], key[128];
	unsigned int i, k;

	(void)state;
	for (i = 0; i < RTE_DIM(cases); i++) {
		for (k = 0; k < RTE_DIM(cases[i].bad) && cases[i].bad[k] != NULL; k++) {
			snprintf(args, sizeof(args), "%s=%s", cases[i].key, cases[i].bad[k]);
			snprintf(key, sizeof(key), "%s=%s: not understood", cases[i].key, cases[i].bad[k]);
			assert_refused(args, key, cases[i].words);
		}
	}
}

/* Understood, but not possible. */
static void
test_ranges(void **state)
{
	(void)state;
	assert_refused("ports=257", "ports=257", "1 to 256 are possible");
	assert_refused("queues=65", "queues=65", "1 to 64 are possible");
	assert_refused("ports=256,queues=64", "ports=256", "queues=64");
	assert_refused("lane_size=1000000", "lane_size=1000000", "not a power of two");
	assert_refused("lane_size=32K", "lane_size=32768", "not a power of two from 65536");
	assert_refused("lane_size=2G", "lane_size=2147483648", "to 1073741824");
}

static void
test_unknown_and_twice(void **state)
{
	(void)state;
	assert_refused("colour=red", "colour=red", "no such device argument");
	assert_refused("Ports=3", "Ports=3", "no such device argument");
	assert_refused("path=x", "path=x", "given twice");
	assert_refused("ports=3,ports=3", "ports=3", "given twice");
	assert_refused("pause=on,mode=0600,pause=off", "pause=off", "given twice");
	assert_refused("pause", "pause=", "on or off");
}

static void
test_path(void **state)
{
	static char args[6000];
	uint16_t port;

	(void)state;
	log_begin();
	assert_true(nic_probe_args(&port, "path=") != 0);
	assert_in_text(log_text(), "path=: only a port with format=shmif can be without a bus");
	memset(args, 'p', sizeof(args) - 1);
	memcpy(args, "path=/", 6);
	assert_true(nic_probe_args(&port, args) != 0);
	/* Newer EALs refuse by themselves what is as long as that. */
	if (strstr(log_text(), "devargs truncated") == NULL) {
		assert_in_text(log_text(), "path=/ppp");
		assert_in_text(log_text(), "of less than 4096 bytes");
	}
	log_end();
}

/* All that the bus core refuses gets through to the log and fails the probe. */
static void
test_bus_errors(void **state)
{
	char *path = tmpdir_new_path();
	uint16_t a, port;

	(void)state;
	a = nic_new(path, "ports=1,queues=2,lane_size=64K");
	log_begin();
	assert_true(nic_probe(&port, path, "ports=2") != 0);
	assert_in_text(log_text(), "ports=2 contradicts");
	assert_true(nic_probe(&port, path, "queues=1") != 0);
	assert_in_text(log_text(), "queues=1 contradicts");
	assert_true(nic_probe(&port, path, "lane_size=1M") != 0);
	assert_in_text(log_text(), "lane_size=1048576 contradicts");
	assert_true(nic_probe(&port, path, NULL) != 0);
	assert_in_text(log_text(), "no free slot");
	assert_true(nic_probe(&port, tmpdir(), NULL) != 0);
	assert_in_text(log_text(), "a directory");
	assert_true(nic_probe(&port, "/nonexistent/bus", NULL) != 0);
	assert_in_text(log_text(), "path=/nonexistent/bus");
	log_end();
	nic_remove(a);
	file_write(path, 0, "something else", 14);
	log_begin();
	assert_true(nic_probe(&port, path, NULL) != 0);
	assert_in_text(log_text(), "not a shmbus bus file");
	log_end();
	free(path);
}

static void
test_hugetlbfs(void **state)
{
	const char *dir, *why;
	size_t page_size;
	char path[4300];
	uint16_t a, b;

	(void)state;
	dir = mount_huge(6, &page_size, &why);
	if (dir == NULL)
		skip_because("%s", why);
	snprintf(path, sizeof(path), "%s/bus", dir);
	a = nic_new(path, "ports=2,queues=1,unlink=on");
	b = nic_new(path, NULL);
	nic_start(a, NULL);
	nic_start(b, NULL);
	send_frames(a, 0, 1000, 0, 1000);
	expect_frames(b, 0, 1000, 0, 1000);
	send_frames(b, 0, 1000, 0, 1000);
	expect_frames(a, 0, 1000, 0, 1000);
	nic_remove(b);
	nic_remove(a);
	assert_int_equal(access(path, F_OK), -1);
	mount_end();
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_geometry),
		T(test_joins_what_is_there),
		T(test_mac),
		T(test_mode),
		T(test_unlink),
		T(test_accepted),
		T(test_values),
		T(test_ranges),
		T(test_unknown_and_twice),
		T(test_path),
		T(test_bus_errors),
		T(test_hugetlbfs),
	};

	return cmocka_run_group_tests_name("pmd_args", tests, eal_start, eal_stop);
}
