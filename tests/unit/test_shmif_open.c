/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* A shmif bus comes into being, is joined, or is refused and left as it was. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "child.h"
#include "shmbus_shmif_open.h"
#include "shmif_side.h"
#include "tmpdir.h"

/* What NetBSD makes of an empty file. */
static const uint8_t new_header[32] = {
	0x54, 0xd0, 0x11, 0xca, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0xe0, 0xff, 0x0f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
};

static void
assert_new(const char *path)
{
	static const uint8_t zero[SHMBUS_SHMIF_SIZE];
	struct snapshot snap;

	snapshot_take(&snap, path);
	assert_int_equal(snap.st.st_size, 1048576);
	assert_memory_equal(snap.bytes, new_header, sizeof(new_header));
	assert_memory_equal(snap.bytes + 32, zero, sizeof(zero) - 32);
	snapshot_free(&snap);
}

static void
test_new(void **state)
{
	char *path = tmpdir_new_path();
	struct side a, b;
	struct stat st;

	(void)state;
	side_join(&a, path, 1);
	assert_true(a.bus.file.created);
	assert_true(a.bus.filled);
	assert_int_equal(a.bus.id, 1);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_blocks * 512 >= 1048576, 1);
	assert_new(path);
	/* The second one changes nothing. */
	side_join(&b, path, 2);
	assert_false(b.bus.file.created);
	assert_false(b.bus.filled);
	assert_int_equal(b.bus.id, 2);
	assert_new(path);
	assert_int_equal(shmbus_shmif_count_peers(&a.bus), 1);
	assert_int_equal(shmbus_shmif_count_peers(&b.bus), 1);
	side_leave(&a);
	assert_int_equal(shmbus_shmif_count_peers(&b.bus), 0);
	/* Its number is free again. */
	side_join(&a, path, 3);
	assert_int_equal(a.bus.id, 1);
	side_leave(&a);
	side_leave(&b);
	assert_new(path);
	assert_int_equal(unlink(path), 0);
	free(path);
}

static void
test_wake_writes_the_version(void **state)
{
	char *path = tmpdir_new_path();
	struct snapshot before, after;
	struct side a;

	(void)state;
	side_join(&a, path, 1);
	snapshot_take(&before, path);
	shmbus_shmif_wake(&a.bus);
	snapshot_take(&after, path);
	before.bytes[4] = 3;
	assert_memory_equal(before.bytes, after.bytes, SHMBUS_SHMIF_SIZE);
	snapshot_free(&before);
	snapshot_free(&after);
	side_leave(&a);
	unlink(path);
	free(path);
}

static void
test_mode(void **state)
{
	char *path = tmpdir_new_path();
	const mode_t mask = umask(077);
	struct shmbus_shmif bus;
	struct stat st;

	(void)state;
	assert_int_equal(shmbus_shmif_open(&bus, path, SHMBUS_FILE_ANY, 0664, 1, NULL), 0);
	umask(mask);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0664);
	shmbus_shmif_close(&bus);
	/* An existing file keeps its own. */
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(shmbus_shmif_open(&bus, path, SHMBUS_FILE_ANY, 0600, 1, NULL), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	shmbus_shmif_close(&bus);
	unlink(path);
	free(path);
}

static void
test_empty_file_is_filled(void **state)
{
	char *path = tmpdir_new_path();
	struct side a;
	struct stat st;

	(void)state;
	file_write(path, 0, "", 0);
	assert_int_equal(chmod(path, 0644), 0);
	side_join(&a, path, 1);
	assert_false(a.bus.file.created);
	assert_true(a.bus.filled);
	assert_new(path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	side_leave(&a);
	unlink(path);
	free(path);
}

/* A bus, changed in some way, that must not be joined, nor touched. */
/* Its creator died when it had written the header, or given it its size. */
static void
test_half_made(void **state)
{
	static const off_t sizes[] = { 0, sizeof(new_header), SHMBUS_SHMIF_SIZE };
	struct side a, b;
	unsigned int i;
	char *path;

	(void)state;
	for (i = 0; i < DIM(sizes); i++) {
		path = tmpdir_new_path();
		file_write(path, 0, new_header, sizeof(new_header));
		assert_int_equal(truncate(path, sizes[i]), 0);
		side_join(&a, path, 1);
		assert_new(path);
		side_join(&b, path, 2);
		b.expect_sender = 1;
		side_send_one(&a, 60);
		assert_int_equal(side_receive(&b), 1);
		side_leave(&a);
		side_leave(&b);
		unlink(path);
		free(path);
	}
}

struct refusal {
	const char *what;
	uint64_t size;
	uint32_t magic, version;
	int ret;
	const char *text;
	bool recognised;
};

static void
test_refused(void **state)
{
	static const struct refusal refusals[] = {
		{ "zeros", 1048576, 0, 0, -EMEDIUMTYPE, "not a shmif bus", false },
		{ "one byte", 1, 0x53, 0, -EMEDIUMTYPE, "not a shmif bus", false },
		{ "another format", 1048576, 0x424d4853, 0x0a315355, -EMEDIUMTYPE,
			"0x424d4853", false },
		{ "other byte order", 1048576, 0x54d011ca, 0, -EMEDIUMTYPE, "0x54d011ca", false },
		{ "version 2", 1048576, 0xca11d054, 2, -EPROTO,
			"version 2, which this program only reads", true },
		{ "version 1", 1048576, 0xca11d054, 1, -EPROTO, "version 1", true },
		{ "version 4", 1048576, 0xca11d054, 4, -EPROTO, "version 4", true },
		{ "too short", 1048575, 0xca11d054, 3, -ENODATA, "1048575", true },
		{ "too long", 1048577, 0xca11d054, 3, -ENODATA, "1048577", true },
		{ "a header, and more", 33, 0xca11d054, 0, -ENODATA, "33 bytes", true },
		{ "another header", 32, 0xca11d054, 3, -ENODATA, "32 bytes", true },
		{ "magic alone", 4, 0xca11d054, 0, -ENODATA, "1048576", true },
		{ "three bytes", 3, 0xca11d054, 0, -EMEDIUMTYPE, "not a shmif bus", false },
	};
	struct shmbus_shmif bus;
	struct shmbus_error e;
	struct snapshot snap;
	unsigned int i;
	char *path;
	int ret;

	(void)state;
	for (i = 0; i < DIM(refusals); i++) {
		const struct refusal *r = &refusals[i];

		path = tmpdir_new_path();
		file_write(path, 0, &r->magic, r->size < 4 ? r->size : 4);
		if (r->size >= 8)
			file_write(path, 4, &r->version, 4);
		assert_int_equal(truncate(path, (off_t)r->size), 0);
		snapshot_take(&snap, path);
		ret = shmbus_shmif_open(&bus, path, SHMBUS_FILE_ANY, 0600, 1, &e);
		if (ret != r->ret)
			fail_msg("%s: %d, %s", r->what, ret, ret != 0 ? e.text : "");
		assert_in_text(e.text, r->text);
		assert_in_text(e.text, path);
		if (shmbus_shmif_recognise(path) != r->recognised)
			fail_msg("%s: recognised otherwise", r->what);
		snapshot_assert_same(&snap);
		snapshot_free(&snap);
		unlink(path);
		free(path);
	}
	assert_int_equal(tmpdir_count(), 0);
}

static void
test_not_a_file(void **state)
{
	char *path = tmpdir_new_path();
	char *link = tmpdir_new_path();
	char *dir = tmpdir_new_path();
	char *fifo = tmpdir_new_path();
	struct shmbus_shmif bus;
	struct shmbus_error e;
	struct snapshot snap;
	char *below;

	(void)state;
	assert_int_equal(shmbus_shmif_open(&bus, path, SHMBUS_FILE_ANY, 0, 1, &e), 0);
	shmbus_shmif_close(&bus);
	snapshot_take(&snap, path);
	assert_true(shmbus_shmif_recognise(path));
	assert_int_equal(symlink(path, link), 0);
	assert_int_equal(shmbus_shmif_open(&bus, link, SHMBUS_FILE_ANY, 0, 1, &e), -ELOOP);
	assert_false(shmbus_shmif_recognise(link));
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(shmbus_shmif_open(&bus, dir, SHMBUS_FILE_ANY, 0, 1, &e), -EISDIR);
	assert_false(shmbus_shmif_recognise(dir));
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(shmbus_shmif_open(&bus, fifo, SHMBUS_FILE_ANY, 0, 1, &e), -EMEDIUMTYPE);
	assert_false(shmbus_shmif_recognise(fifo));
	assert_true(asprintf(&below, "%s/none/bus", dir) > 0);
	assert_int_equal(shmbus_shmif_open(&bus, below, SHMBUS_FILE_ANY, 0, 1, &e), -ENOENT);
	assert_false(shmbus_shmif_recognise(below));
	assert_false(shmbus_shmif_recognise(NULL));
	assert_int_equal(shmbus_shmif_open(&bus, "", SHMBUS_FILE_ANY, 0, 1, &e), -EINVAL);
	snapshot_assert_same(&snap);
	snapshot_free(&snap);
	unlink(path);
	unlink(link);
	unlink(fifo);
	rmdir(dir);
	free(path);
	free(link);
	free(dir);
	free(fifo);
	free(below);
}

static int
open_as_nobody(struct child *c, void *arg)
{
	struct shmbus_shmif bus;

	(void)c;
	if (getuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
		return CHILD_SKIP;
	return shmbus_shmif_open(&bus, arg, SHMBUS_FILE_ANY, 0, 1, NULL) == -EACCES ? 0 : 1;
}

static void
test_no_permission(void **state)
{
	char *path = tmpdir_new_path();
	struct shmbus_shmif bus;
	struct snapshot snap;
	struct child c;
	int ret;

	(void)state;
	assert_int_equal(shmbus_shmif_open(&bus, path, SHMBUS_FILE_ANY, 0400, 1, NULL), 0);
	shmbus_shmif_close(&bus);
	snapshot_take(&snap, path);
	child_start(&c, open_as_nobody, path);
	ret = child_wait(&c);
	snapshot_assert_same(&snap);
	snapshot_free(&snap);
	unlink(path);
	free(path);
	if (ret == CHILD_SKIP)
		skip_because("cannot become nobody");
	assert_int_equal(ret, 0);
}

static void
test_255_ports(void **state)
{
	struct shmbus_shmif *bus = calloc(256, sizeof(*bus));
	char *path = tmpdir_new_path();
	struct shmbus_error e;
	struct snapshot snap;
	unsigned int i;

	(void)state;
	assert_non_null(bus);
	for (i = 0; i < 255; i++) {
		assert_int_equal(shmbus_shmif_open(&bus[i], path, SHMBUS_FILE_ANY, 0, i, &e), 0);
		assert_int_equal(bus[i].id, i + 1);
	}
	snapshot_take(&snap, path);
	assert_int_equal(shmbus_shmif_open(&bus[255], path, SHMBUS_FILE_ANY, 0, 1, &e), -EUSERS);
	assert_in_text(e.text, "255");
	snapshot_assert_same(&snap);
	assert_int_equal(shmbus_shmif_count_peers(&bus[7]), 254);
	/* One goes, and the next comes in its place. */
	shmbus_shmif_close(&bus[100]);
	assert_int_equal(shmbus_shmif_open(&bus[100], path, SHMBUS_FILE_ANY, 0, 1, &e), 0);
	assert_int_equal(bus[100].id, 101);
	for (i = 0; i < 255; i++)
		shmbus_shmif_close(&bus[i]);
	snapshot_assert_same(&snap);
	snapshot_free(&snap);
	unlink(path);
	free(path);
	free(bus);
}

/* Another process of the same port: a number of its own, and the same ring. */
static void
test_through_a_descriptor(void **state)
{
	char *path = tmpdir_new_path();
	char *other = tmpdir_new_path();
	struct shmbus_shmif bus;
	struct shmbus_error e;
	struct side a;
	int fd;

	(void)state;
	side_join(&a, path, 1);
	fd = dup(a.bus.file.fd);
	assert_true(fd >= 0);
	assert_int_equal(shmbus_shmif_open_fd(&bus, fd, path, 1, &e), 0);
	assert_int_equal(bus.id, 2);
	assert_int_equal(shmbus_shmif_count_peers(&a.bus), 1);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	shmbus_shmif_header(&bus)->spare = 7;
	assert_int_equal(shmbus_shmif_header(&a.bus)->spare, 7);
	shmbus_shmif_header(&bus)->spare = 0;
	shmbus_shmif_close(&bus);
	/* Not a bus: the descriptor stays the caller's. */
	file_write(other, 0, "no bus at all", 13);
	fd = open(other, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(shmbus_shmif_open_fd(&bus, fd, other, 1, &e), -EMEDIUMTYPE);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	side_leave(&a);
	unlink(path);
	unlink(other);
	free(path);
	free(other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new),
		cmocka_unit_test(test_wake_writes_the_version),
		cmocka_unit_test(test_mode),
		cmocka_unit_test(test_empty_file_is_filled),
		cmocka_unit_test(test_half_made),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_not_a_file),
		cmocka_unit_test(test_no_permission),
		cmocka_unit_test(test_255_ports),
		cmocka_unit_test(test_through_a_descriptor),
	};

	return cmocka_run_group_tests_name("shmif_open", tests, tmpdir_create, tmpdir_remove);
}
