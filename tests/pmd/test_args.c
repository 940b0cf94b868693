/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Device arguments: the effect of each, the format of the bus, and the messages for invalid ones. */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mount.h"
#include "nic.h"

#define SHMIF_MAGIC UINT32_C(0xca11d054)
#define SHMIF_SIZE 1048576
#define SMALL "ports=2,queues=1,lane_size=64K"

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

/* Arguments of a test: the format, and these. */
static uint16_t
new_with(const char *path, const char *format, const char *args)
{
	char text[256];

	snprintf(text, sizeof(text), "%s%s%s", format, args != NULL ? "," : "", args != NULL ? args : "");
	return nic_new(path, text);
}

static void
test_mac(void **state)
{
	char *path = tmpdir_new_path();
	struct rte_ether_addr mac, other;
	uint16_t a, b, c;

	a = new_with(path, *state, "mac=02:11:22:33:44:55");
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

	for (i = 0; i < RTE_DIM(cases); i++) {
		path = tmpdir_new_path();
		new_with(path, *state, cases[i].args);
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

	a = new_with(path, *state, "unlink=on");
	b = new_with(path, *state, "unlink=on");
	nic_remove(a);
	assert_int_equal(access(path, F_OK), 0);
	nic_remove(b);
	assert_int_equal(access(path, F_OK), -1);
	/* Only the one that was asked to does it. */
	a = new_with(path, *state, "unlink=off");
	b = nic_new(path, "unlink=1");
	nic_remove(b);
	nic_remove(a);
	assert_int_equal(access(path, F_OK), 0);
	a = nic_new(path, "unlink=0");
	nic_remove(a);
	assert_int_equal(access(path, F_OK), 0);
	a = nic_new(path, "unlink=on");
	nic_remove(a);
	assert_int_equal(access(path, F_OK), -1);
	free(path);
}

/* Accepted; what they do is tested elsewhere. */
static void
test_accepted(void **state)
{
	static const char *const cases[][16] = { {
		"pause=on", "pause=off", "pause=1", "pause=0", "pause_timeout_ms=0",
		"pause_timeout_ms=4294967295", "carrier=bus", "carrier=peer", "numa=auto", "numa=none",
		"numa=0", "numa=7", "mac=b2:a0:00:00:00:01,pause=off,unlink=on,mode=0640",
	}, {
		"wake=always", "wake=never", "lock_break_ms=0", "lock_break_ms=4294967295",
		"mac=b2:a0:00:00:00:01,wake=never,lock_break_ms=0,unlink=on,mode=0640",
	} };
	const char *const *args = cases[!nic_is_lanes(*state)];
	char *path;
	uint16_t a, b;

	for (; *args != NULL; args++) {
		path = tmpdir_new_path();
		a = new_with(path, *state, *args);
		b = new_with(path, *state, *args);
		nic_start(a, NULL);
		nic_start(b, NULL);
		nic_exchange(a, b);
		nic_remove(a);
		nic_remove(b);
		free(path);
	}
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

/* auto is what the file is, and lanes if there is none. */
static void
test_auto(void **state)
{
	char *path = tmpdir_new_path();
	struct stat st;
	uint16_t a, b, c;

	(void)state;
	a = nic_new(path, "format=shmif");
	assert_true(is_shmif(a));
	assert_int_equal(header_word(path, 0, 4), SHMIF_MAGIC);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, SHMIF_SIZE);
	b = nic_new(path, "format=auto");
	assert_true(is_shmif(b));
	c = nic_new(path, NULL);
	assert_true(is_shmif(c));
	nic_start(a, NULL);
	nic_start(b, NULL);
	nic_exchange(a, b);
	free(path);

	path = tmpdir_new_path();
	a = nic_new(path, "format=auto");
	assert_false(is_shmif(a));
	assert_memory_equal(&(uint64_t){ header_word(path, 0, 4) }, "SHMB", 4);
	b = nic_new(path, "format=lanes");
	assert_false(is_shmif(b));
	nic_start(a, NULL);
	nic_start(b, NULL);
	nic_exchange(a, b);
	free(path);
}

/* An empty file becomes a bus of the requested format. */
static void
test_empty_file(void **state)
{
	char *path = tmpdir_new_path();
	uint16_t port;

	(void)state;
	make_file(path, "", 0, 0);
	port = nic_new(path, "format=shmif");
	assert_true(is_shmif(port));
	assert_int_equal(header_word(path, 0, 4), SHMIF_MAGIC);
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
	nic_assert_refused(shmif, "format=lanes", shmif, "not a shmbus bus");
	a = nic_new(lanes, SMALL);
	nic_start(a, NULL);
	nic_assert_refused(lanes, "format=shmif", lanes, "not a shmif bus", "name another file");
	free(lanes);
	free(shmif);

	/* Nearly a bus; auto takes it for one, and then it is no better. */
	path = tmpdir_new_path();
	make_file(path, old, sizeof(old), SHMIF_SIZE);
	nic_assert_refused(path, "format=shmif", path, "version 2", "readonly=1");
	nic_assert_refused(path, "format=auto", path, "version 2", "readonly=1");
	free(path);
	path = tmpdir_new_path();
	make_file(path, new, sizeof(new), SHMIF_SIZE);
	nic_assert_refused(path, NULL, path, "version 4", "version 3");
	free(path);
	path = tmpdir_new_path();
	make_file(path, old, 4, SHMIF_SIZE / 2);
	nic_assert_refused(path, "format=shmif", path, "524288", "1048576");
	nic_assert_refused(path, "format=auto", path, "524288", "1048576");
	free(path);
	path = tmpdir_new_path();
	make_file(path, "something else", 14, SHMIF_SIZE);
	nic_assert_refused(path, "format=shmif", path, "not a shmif bus", "0x656d6f73");
	free(path);
	path = tmpdir_new_path();
	make_file(path, "", 0, SHMIF_SIZE); /* zeros are no bus of anybody's */
	nic_assert_refused(path, "format=shmif", path, "not a shmif bus", "0x00000000");
	free(path);
	nic_assert_refused("/nonexistent/bus", "format=shmif", "/nonexistent/bus",
			   "its directory does not exist");
}

static const char *const lanes_only[] = {
	"ports=32", "queues=4", "lane_size=4M", "pause=on", "pause_timeout_ms=1000", "carrier=bus",
	"numa=none",
};
static const char *const shmif_only[] = { "wake=always", "lock_break_ms=5000" };

/* Arguments of the other format are refused, also with their default values. */
static void
refuse_each(const char *path, const char *format, const char *const *args, unsigned int n,
	    const char *words)
{
	char text[128], key[64];
	unsigned int i;

	for (i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "%s,%s", format, args[i]);
		snprintf(key, sizeof(key), ": %.*s=", (int)strcspn(args[i], "="), args[i]);
		nic_assert_refused(path, text, path, key, words);
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
	port = nic_new(path, "format=lanes," SMALL);
	refuse_each(path, "format=auto", shmif_only, RTE_DIM(shmif_only), "a lanes bus");
	nic_remove(port);
	assert_int_equal(unlink(path), 0);
	nic_new(path, "format=lanes");
	for (i = 0; i < RTE_DIM(lanes_only); i++)
		nic_remove(nic_new(path, lanes_only[i]));
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
	char *path = tmpdir_new_path();
	char args[256], key[128];
	unsigned int i, k;

	(void)state;
	for (i = 0; i < RTE_DIM(cases); i++) {
		for (k = 0; k < RTE_DIM(cases[i].bad) && cases[i].bad[k] != NULL; k++) {
			snprintf(args, sizeof(args), "%s=%s", cases[i].key, cases[i].bad[k]);
			snprintf(key, sizeof(key), "%s=%s: not understood", cases[i].key, cases[i].bad[k]);
			nic_assert_refused(path, args, key, cases[i].words);
		}
	}
	free(path);
}

/* Understood, but not possible; unknown; given twice. */
static void
test_impossible(void **state)
{
	static const char *const cases[][3] = {
		{ "ports=257", "ports=257", "1 to 256 are possible" },
		{ "queues=65", "queues=65", "1 to 64 are possible" },
		{ "ports=256,queues=64", "ports=256", "queues=64" },
		{ "lane_size=1000000", "lane_size=1000000", "not a power of two" },
		{ "lane_size=32K", "lane_size=32768", "not a power of two from 65536" },
		{ "lane_size=2G", "lane_size=2147483648", "to 1073741824" },
		{ "colour=red", "colour=red", "no such device argument" },
		{ "Ports=3", "Ports=3", "no such device argument" },
		{ "path=x", "path=x", "given twice" },
		{ "ports=3,ports=3", "ports=3", "given twice" },
		{ "pause=on,mode=0600,pause=off", "pause=off", "given twice" },
		{ "pause", "pause=", "on or off" },
	};
	char *path = tmpdir_new_path();
	unsigned int i;

	(void)state;
	for (i = 0; i < RTE_DIM(cases); i++)
		nic_assert_refused(path, cases[i][0], cases[i][1], cases[i][2]);
	free(path);
}

static void
test_path(void **state)
{
	static char args[6000];
	uint16_t port;

	(void)state;
	log_begin();
	assert_true(nic_probe_args(&port, "path=") != 0);
	assert_in_text(log_text(), "path= is empty (a shell variable that is not set?): give the path of a bus file");
	memset(args, 'p', sizeof(args) - 1);
	memcpy(args, "path=/", 6);
	assert_true(nic_probe_args(&port, args) != 0);
	/* Newer EALs refuse arguments of this length themselves. */
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
	uint16_t a;

	(void)state;
	a = nic_new(path, "ports=1,queues=2,lane_size=64K");
	nic_assert_refused(path, "ports=2", "ports=2 contradicts");
	nic_assert_refused(path, "queues=1", "queues=1 contradicts");
	nic_assert_refused(path, "lane_size=1M", "lane_size=1048576 contradicts");
	nic_assert_refused(path, NULL, "no free slot");
	nic_assert_refused(tmpdir(), NULL, "a directory");
	nic_assert_refused("/nonexistent/bus", NULL, "path=/nonexistent/bus");
	nic_remove(a);
	file_write(path, 0, "something else", 14);
	nic_assert_refused(path, NULL, "not a shmbus bus file");
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
		BOTH_FORMATS(test_mac),
		BOTH_FORMATS(test_mode),
		BOTH_FORMATS(test_unlink),
		BOTH_FORMATS(test_accepted),
		T(test_auto),
		T(test_empty_file),
		T(test_contradictions),
		T(test_keys),
		T(test_many_come_and_go),
		T(test_values),
		T(test_impossible),
		T(test_path),
		T(test_bus_errors),
		T(test_hugetlbfs),
	};

	return cmocka_run_group_tests_name("pmd_args", tests, eal_start, eal_stop);
}
