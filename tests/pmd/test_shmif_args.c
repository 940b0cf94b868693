/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Which format a port gets, which it is refused, and which device arguments go with it. */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "nic.h"

#define SHMIF_MAGIC UINT32_C(0xca11d054)
#define SHMIF_SIZE 1048576

static uint32_t
magic_of(const char *path)
{
	uint32_t magic = 0;
	int fd;

	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &magic, sizeof(magic), 0), sizeof(magic));
	close(fd);
	return magic;
}

static uint64_t
size_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return (uint64_t)st.st_size;
}

/* By what only ports on such a bus say of themselves. */
static bool
is_shmif(uint16_t port)
{
	struct rte_eth_dev_info info;

	assert_int_equal(rte_eth_dev_info_get(port, &info), 0);
	return info.max_rx_pktlen == 1514;
}

static void
make_file(const char *path, const void *bytes, size_t len, uint64_t size)
{
	int fd;

	fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	assert_int_equal(pwrite(fd, bytes, len, 0), len);
	close(fd);
}

/* No port, these words in the log, and a file that nobody has touched, or none. */
static void
assert_refused(const char *path, const char *args, const char *word, const char *other)
{
	const bool there = access(path, F_OK) == 0;
	struct snapshot snap;
	uint16_t port;

	if (there)
		snapshot_take(&snap, path);
	log_begin();
	if (nic_probe(&port, path, args) == 0)
		fail_msg("%s: not refused", args);
	assert_in_text(log_text(), path);
	assert_in_text(log_text(), word);
	assert_in_text(log_text(), other);
	log_end();
	if (there) {
		snapshot_assert_same(&snap);
		snapshot_free(&snap);
	} else {
		assert_int_equal(access(path, F_OK), -1);
	}
}

static void
exchange_some(uint16_t a, uint16_t b)
{
	send_frames(a, 0, 60, 1, 10);
	expect_frames(b, 0, 60, 1, 10);
	send_frames(b, 0, 60, 2, 10);
	expect_frames(a, 0, 60, 2, 10);
}

/* auto is what the file is, and lanes if there is none. */
static void
test_auto(void **state)
{
	char *path = tmpdir_new_path();
	uint16_t a, b, c;

	(void)state;
	a = nic_new(path, "format=shmif");
	assert_true(is_shmif(a));
	assert_int_equal(magic_of(path), SHMIF_MAGIC);
	assert_int_equal(size_of(path), SHMIF_SIZE);
	b = nic_new(path, "format=auto");
	assert_true(is_shmif(b));
	c = nic_new(path, NULL);
	assert_true(is_shmif(c));
	nic_start(a, NULL);
	nic_start(b, NULL);
	exchange_some(a, b);
	free(path);

	path = tmpdir_new_path();
	a = nic_new(path, "format=auto");
	assert_false(is_shmif(a));
	assert_memory_equal(&(uint32_t){ magic_of(path) }, "SHMB", 4);
	b = nic_new(path, "format=lanes");
	assert_false(is_shmif(b));
	nic_start(a, NULL);
	nic_start(b, NULL);
	exchange_some(a, b);
	free(path);
}

/* An empty file becomes what is asked for. */
static void
test_empty_file(void **state)
{
	char *path = tmpdir_new_path();
	uint16_t port;

	(void)state;
	make_file(path, "", 0, 0);
	port = nic_new(path, "format=shmif");
	assert_true(is_shmif(port));
	assert_int_equal(magic_of(path), SHMIF_MAGIC);
	free(path);
	path = tmpdir_new_path();
	make_file(path, "", 0, 0);
	port = nic_new(path, "format=auto");
	assert_false(is_shmif(port));
	free(path);
}

static void
test_contradictions(void **state)
{
	static const uint32_t old[] = { SHMIF_MAGIC, 2 };
	static const uint32_t new[] = { SHMIF_MAGIC, 4 };
	char *shmif = tmpdir_new_path();
	char *lanes = tmpdir_new_path();
	char *path;
	uint16_t a;

	(void)state;
	a = nic_new(shmif, "format=shmif");
	nic_start(a, NULL);
	send_frames(a, 0, 60, 0, 5);
	assert_refused(shmif, "format=lanes", "not a shmbus bus", "");
	a = nic_new(lanes, "ports=2,queues=1,lane_size=64K");
	nic_start(a, NULL);
	assert_refused(lanes, "format=shmif", "not a shmif bus", "name another file");
	free(lanes);
	free(shmif);

	/* Nearly a bus; auto takes it for one, and then it is no better. */
	path = tmpdir_new_path();
	make_file(path, old, sizeof(old), SHMIF_SIZE);
	assert_refused(path, "format=shmif", "version 2", "readonly=1");
	assert_refused(path, "format=auto", "version 2", "readonly=1");
	free(path);
	path = tmpdir_new_path();
	make_file(path, new, sizeof(new), SHMIF_SIZE);
	assert_refused(path, NULL, "version 4", "version 3");
	free(path);
	path = tmpdir_new_path();
	make_file(path, old, 4, SHMIF_SIZE / 2);
	assert_refused(path, "format=shmif", "524288", "1048576");
	assert_refused(path, "format=auto", "524288", "1048576");
	free(path);
	path = tmpdir_new_path();
	make_file(path, "something else", 14, SHMIF_SIZE);
	assert_refused(path, "format=shmif", "not a shmif bus", "0x656d6f73");
	free(path);
	path = tmpdir_new_path();
	make_file(path, "", 0, SHMIF_SIZE); /* zeros are no bus of anybody's */
	assert_refused(path, "format=shmif", "not a shmif bus", "0x00000000");
	free(path);
	assert_refused("/nonexistent/bus", "format=shmif", "its directory does not exist", "");
}

static const char *const lanes_only[] = {
	"ports=32", "queues=4", "lane_size=4M", "pause=on", "pause_timeout_ms=1000", "carrier=bus",
	"numa=none",
};
static const char *const shmif_only[] = { "wake=always", "lock_break_ms=5000" };

/* Arguments of the other format are refused, also where they say what is so by default. */
static void
refuse_each(const char *path, const char *format, const char *const *args, unsigned int n,
	    const char *words)
{
	char text[128], key[64];
	unsigned int i;

	for (i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "%s,%s", format, args[i]);
		snprintf(key, sizeof(key), ": %.*s=", (int)strcspn(args[i], "="), args[i]);
		assert_refused(path, text, key, words);
	}
}

static void
test_keys(void **state)
{
	char *path = tmpdir_new_path();
	char text[128];
	uint16_t port;
	unsigned int i;

	(void)state;
	refuse_each(path, "format=shmif", lanes_only, RTE_DIM(lanes_only), "a shmif bus");
	refuse_each(path, "format=lanes", shmif_only, RTE_DIM(shmif_only), "a lanes bus");
	refuse_each(path, "format=auto", shmif_only, RTE_DIM(shmif_only), "a lanes bus");
	/* By what the file is. */
	port = nic_new(path, "format=shmif");
	refuse_each(path, "format=auto", lanes_only, RTE_DIM(lanes_only), "a shmif bus");
	for (i = 0; i < RTE_DIM(shmif_only); i++) {
		snprintf(text, sizeof(text), "format=auto,%s", shmif_only[i]);
		nic_remove(nic_new(path, text));
	}
	nic_remove(port);
	assert_int_equal(unlink(path), 0);
	port = nic_new(path, "format=lanes");
	refuse_each(path, "format=auto", shmif_only, RTE_DIM(shmif_only), "a lanes bus");
	for (i = 0; i < RTE_DIM(lanes_only); i++)
		nic_remove(nic_new(path, lanes_only[i]));
	free(path);
}

/* Those that go with both. */
static void
test_common_keys(void **state)
{
	char *path = tmpdir_new_path();
	const mode_t mask = umask(077);
	struct rte_ether_addr mac;
	struct stat st;
	uint16_t a, b;

	(void)state;
	a = nic_new(path, "format=shmif,mode=0660,mac=02:11:22:33:44:55,unlink=on,wake=never,"
		    "lock_break_ms=0");
	umask(mask);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	assert_int_equal(rte_eth_macaddr_get(a, &mac), 0);
	assert_memory_equal(mac.addr_bytes, "\x02\x11\x22\x33\x44\x55", 6);
	b = nic_new(path, "wake=always,lock_break_ms=4294967295");
	nic_start(a, NULL);
	nic_start(b, NULL);
	exchange_some(a, b);
	free(path);
	path = tmpdir_new_path();
	nic_new(path, "format=shmif");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	free(path);
}

static void
test_unlink(void **state)
{
	char *path = tmpdir_new_path();
	uint16_t a, b;

	(void)state;
	a = nic_new(path, "format=shmif,unlink=on");
	b = nic_new(path, "format=shmif,unlink=on");
	nic_remove(a);
	assert_int_equal(access(path, F_OK), 0); /* b is there */
	nic_remove(b);
	assert_int_equal(access(path, F_OK), -1);
	/* Only the one that was asked to does it. */
	a = nic_new(path, "format=shmif");
	b = nic_new(path, "unlink=on");
	nic_remove(b);
	nic_remove(a);
	assert_int_equal(access(path, F_OK), 0);
	a = nic_new(path, "unlink=on");
	nic_remove(a);
	assert_int_equal(access(path, F_OK), -1);
	free(path);
}

/* Ports that fail to come leave neither a file nor a place on the bus. */
static void
test_many_come_and_go(void **state)
{
	char *path = tmpdir_new_path();
	uint16_t a, b, port;
	unsigned int i;

	(void)state;
	a = nic_new(path, "format=shmif");
	for (i = 0; i < 300; i++) { /* more often than there are places */
		b = nic_new(path, "format=shmif");
		assert_int_equal(xstat_of(a, "peers"), 1);
		nic_remove(b);
		log_begin();
		assert_true(nic_probe(&port, path, "format=shmif,ports=2") != 0);
		log_end();
		assert_int_equal(xstat_of(a, "peers"), 0);
	}
	free(path);
}

#define T(name) cmocka_unit_test_teardown(name, nic_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_auto),
		T(test_empty_file),
		T(test_contradictions),
		T(test_keys),
		T(test_common_keys),
		T(test_unlink),
		T(test_many_come_and_go),
	};

	return cmocka_run_group_tests_name("pmd_shmif_args", tests, eal_start, eal_stop);
}
