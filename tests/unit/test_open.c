/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * What cannot be opened: one line that names file, key and value, and the
 * file is as it was before, or is not there, as before.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "check.h"
#include "child.h"
#include "shmbus_bus_open.h"
#include "station.h"
#include "tmpdir.h"

#define LANE (UINT64_C(1) << 16)

/* Joining must fail so, with these words, and must not have changed a thing. */
static void
assert_refused_conf(const struct shmbus_bus_conf *conf, int err, const char *words)
{
	const unsigned int files = tmpdir_count();
	struct shmbus_error e = { .text = "" };
	struct station st;

	assert_int_equal(station_try(&st, conf, &e), err);
	assert_in_text(e.text, "path=");
	assert_in_text(e.text, words);
	assert_null(strchr(e.text, '\n'));
	assert_int_equal(st.bus.file.fd, -1);
	assert_int_equal(tmpdir_count(), files);
}

static void
assert_refused(const char *path, int err, const char *words)
{
	const struct shmbus_bus_conf conf = { .path = path };

	assert_refused_conf(&conf, err, words);
}

static void
assert_file_refused(const struct shmbus_bus_conf *conf, int err, const char *words)
{
	struct snapshot snap;

	snapshot_take(&snap, conf->path);
	assert_refused_conf(conf, err, words);
	snapshot_assert_same(&snap);
	snapshot_free(&snap);
}

/* A new small bus that nobody is on. */
static char *
new_bus(void)
{
	char *path = tmpdir_new_path();
	struct station st;

	station_join(&st, path, 2, 1, LANE);
	station_leave(&st, false);
	return path;
}

static void
finish(char *path)
{
	unlink(path);
	free(path);
}

static void
test_not_a_bus(void **state)
{
	static const size_t sizes[] = { 1, 7, 8, 9, 255, 256, 4096, 100000 };
	static char text[100000];
	struct shmbus_bus_conf conf = { .path = NULL };
	unsigned int i;
	char *path;

	(void)state;
	memset(text, 'x', sizeof(text));
	for (i = 0; i < DIM(sizes); i++) {
		path = tmpdir_new_path();
		file_write(path, 0, text, sizes[i]);
		conf.path = path;
		assert_file_refused(&conf, -EMEDIUMTYPE, "not a shmbus bus file");
		finish(path);
	}
}

static void
test_zeros_are_not_a_bus(void **state)
{
	char *path = tmpdir_new_path();
	const struct shmbus_bus_conf conf = { .path = path };
	struct stat st;

	(void)state;
	file_write(path, 65535, "", 1);
	/* A page of zeros is a bus half made only where the file cannot be written. */
	assert_int_equal(stat(path, &st), 0);
	assert_file_refused(&conf, -EMEDIUMTYPE, "not a shmbus bus file");
	finish(path);
}

static void
test_wrong_version(void **state)
{
	static const uint32_t versions[] = { 0, 3, UINT32_MAX };
	static const uint32_t two = 2;
	static const uint32_t ways[] = { 1, 3, UINT32_MAX };
	char *path = new_bus();
	const struct shmbus_bus_conf conf = { .path = path };
	char text[64];
	unsigned int i;

	(void)state;
	for (i = 0; i < DIM(versions); i++) {
		file_write(path, offsetof(struct shmbus_header, version), &versions[i], 4);
		snprintf(text, sizeof(text), "version %u", versions[i]);
		assert_file_refused(&conf, -EPROTO, text);
	}
	/* Version 2, but with a way to deliver that no program knows yet, or none any more. */
	file_write(path, offsetof(struct shmbus_header, version), &two, 4);
	for (i = 0; i < DIM(ways); i++) {
		file_write(path, offsetof(struct shmbus_header, deliver), &ways[i], 4);
		snprintf(text, sizeof(text), "a way %u that this program does not know", ways[i]);
		assert_file_refused(&conf, -EPROTO, text);
	}
	finish(path);
}

static void
test_truncated(void **state)
{
	char *path = new_bus();
	const struct shmbus_bus_conf conf = { .path = path };
	struct stat st;
	off_t size;

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	for (size = st.st_size - 1; size >= 8; size = size > 70000 ? size - 66661 : size / 2) {
		assert_int_equal(truncate(path, size), 0);
		assert_file_refused(&conf, -ENODATA, "truncated");
	}
	finish(path);
}

static void
test_damaged_header(void **state)
{
	const uint64_t nonsense = UINT64_C(0xdeadbeefdeadbeef);
	size_t off;
	char *path;

	(void)state;
	for (off = offsetof(struct shmbus_header, lane_size);
	     off <= offsetof(struct shmbus_header, file_size); off += 8) {
		path = new_bus();
		file_write(path, off, &nonsense, sizeof(nonsense));
		assert_file_refused(&(struct shmbus_bus_conf){ .path = path }, -EMEDIUMTYPE,
				    "the header is damaged");
		finish(path);
	}
}

static const struct shmbus_bus_conf contradictions[] = {
	{ .ports = 3 }, { .ports = 100000 /* which no bus can have */ },
	{ .ports = 2, .queues = 2 }, { .ports = 2, .queues = 1, .lane_size = LANE * 2 },
};
static const char * const contradiction_words[] = {
	"ports=3 contradicts", "ports=100000 contradicts", "queues=2 contradicts",
	"lane_size=131072 contradicts",
};

/* Each contradiction is refused, for the reason that the text also gives. */
static void
assert_kept(struct shmbus_bus_conf base, const char *reason)
{
	struct shmbus_bus_conf conf;
	unsigned int i;

	for (i = 0; i < DIM(contradictions); i++) {
		conf = contradictions[i];
		conf.path = base.path;
		conf.want = base.want;
		conf.readonly = base.readonly;
		assert_file_refused(&conf, -EEXIST, contradiction_words[i]);
		assert_file_refused(&conf, -EEXIST, reason);
	}
}

/* A bus that has carried a frame, on any of its lanes, and one with a living port. */
static void
test_contradiction(void **state)
{
	char *path = new_bus();
	struct transmitter tx;
	struct station first, st;

	(void)state;
	assert_kept((struct shmbus_bus_conf){ .path = path, .readonly = true }, "no port is alive on it");
	assert_kept((struct shmbus_bus_conf){ .path = path, .want = SHMBUS_FILE_OLD },
		    "no port is alive on it");
	station_join(&first, path, 0, 0, 0);
	assert_kept((struct shmbus_bus_conf){ .path = path }, "1 port is alive on it");
	station_join(&st, path, 0, 0, 0);
	assert_kept((struct shmbus_bus_conf){ .path = path }, "2 ports are alive on it");
	station_leave(&first, false);
	assert_kept((struct shmbus_bus_conf){ .path = path }, "1 port is alive on it");
	/* The last lane, of a port that has died. */
	transmitter_start(&tx, &st, 0, false, 0);
	assert_true(transmitter_send_one(&tx, 60));
	transmitter_stop(&tx);
	station_die(&st);
	assert_kept((struct shmbus_bus_conf){ .path = path },
		    "it has carried frames: remove it if they are not wanted any more");
	finish(path);
}

/* In a process of another user, who may write the file. */
static int
replace_as_nobody(struct child *c, void *arg)
{
	const struct shmbus_bus_conf conf = { .path = arg, .queues = 3 };
	struct shmbus_error e = { .text = "" };
	struct station st;

	(void)c;
	if (geteuid() != 0 || setgid(65534) != 0 || setuid(65534) != 0)
		return CHILD_SKIP;
	if (station_try(&st, &conf, &e) != -EEXIST)
		return 1;
	return strstr(e.text, "its owner may remove it") != NULL ? 0 : 2;
}

static void
test_contradiction_for_others(void **state)
{
	char *path = new_bus();
	struct snapshot snap;
	struct child c;
	int ret;

	(void)state;
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(chmod(tmpdir(), 0755), 0);
	snapshot_take(&snap, path);
	child_start(&c, replace_as_nobody, path);
	ret = child_wait(&c);
	if (ret == CHILD_SKIP)
		skip_because("this process cannot become another user");
	assert_int_equal(ret, 0);
	snapshot_assert_same(&snap);
	snapshot_free(&snap);
	finish(path);
}

static void
test_out_of_range(void **state)
{
	char *path = tmpdir_new_path();
	struct shmbus_bus_conf conf = { .path = path, .ports = 257 };

	(void)state;
	assert_refused_conf(&conf, -EINVAL, "ports=257");
	conf = (struct shmbus_bus_conf){ .path = path, .queues = 65 };
	assert_refused_conf(&conf, -EINVAL, "queues=65");
	conf = (struct shmbus_bus_conf){ .path = path, .lane_size = 100000 };
	assert_refused_conf(&conf, -EINVAL, "lane_size=100000");
	/* An empty file that was there is still there, and empty. */
	file_write(path, 0, "", 0);
	assert_file_refused(&conf, -EINVAL, "lane_size=100000");
	finish(path);
}

static void
test_no_free_slot(void **state)
{
	char *path = tmpdir_new_path();
	struct station a, b;

	(void)state;
	station_join(&a, path, 2, 1, LANE);
	station_join(&b, path, 2, 1, LANE);
	assert_file_refused(&(struct shmbus_bus_conf){ .path = path }, -EUSERS, "ports=2");
	station_leave(&a, false);
	station_join(&a, path, 0, 0, 0);
	assert_int_equal(a.port.slot, 0);
	station_leave(&a, false);
	station_leave(&b, false);
	finish(path);
}

/* In a process without root's rights. */
static int
join_as_nobody(struct child *c, void *arg)
{
	const struct shmbus_bus_conf conf = { .path = arg };
	struct shmbus_error e = { .text = "" };
	struct station st;
	int ret;

	(void)c;
	if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
		return CHILD_SKIP;
	ret = station_try(&st, &conf, &e);
	if (ret != -EACCES && ret != -EPERM)
		return 1;
	return strstr(e.text, "no permission") != NULL && strstr(e.text, arg) != NULL ? 0 : 2;
}

static void
assert_nobody_refused(char *path)
{
	const unsigned int files = tmpdir_count();
	struct child c;
	int ret;

	child_start(&c, join_as_nobody, path);
	ret = child_wait(&c);
	if (ret == CHILD_SKIP)
		skip_because("this process cannot become another user");
	assert_int_equal(ret, 0);
	assert_int_equal(tmpdir_count(), files);
}

static void
test_no_permission_for_the_file(void **state)
{
	char *path = new_bus();
	struct snapshot snap;

	(void)state;
	assert_int_equal(chmod(path, geteuid() == 0 ? 0600 : 0400), 0);
	snapshot_take(&snap, path);
	assert_nobody_refused(path);
	snapshot_assert_same(&snap);
	snapshot_free(&snap);
	finish(path);
}

/* A user who may read but not write the file can open a monitor only. */
static int
look_on_as_nobody(struct child *c, void *arg)
{
	const struct shmbus_bus_conf conf = { .path = arg, .readonly = true };
	struct shmbus_error e = { .text = "" };
	struct shmbus_reader r;
	struct shmbus_bus bus;
	const uint8_t *frame;
	struct shmbus_walk walk;
	uint64_t number;
	uint8_t bytes[60];

	if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
		return CHILD_SKIP;
	if (open(arg, O_RDWR) >= 0)
		return 1;
	if (shmbus_bus_open(&bus, &conf, &e) != 0)
		return 2;
	shmbus_file_unlock(&bus.file);
	if (shmbus_bus_map_lane(&bus, 0, SHMBUS_LANE_WRITE) != -EACCES ||
	    shmbus_bus_map_lane(&bus, 0, SHMBUS_LANE_READ) != 0)
		return 3;
	shmbus_reader_start(&bus, &r, 0);
	child_tell(c, 0);
	if (!child_hear(c, &number) || shmbus_reader_peek(&bus, &r) != 1)
		return 4;
	shmbus_reader_walk(&bus, &r, &walk);
	if (shmbus_reader_next(&r, &walk, &frame) != sizeof(bytes))
		return 5;
	memcpy(bytes, frame, sizeof(bytes));
	if (!shmbus_reader_commit(&bus, &r, &walk) || !frame_is(bytes, sizeof(bytes), 0))
		return 6;
	shmbus_bus_close(&bus);
	return 0;
}

static void
test_read_permission_only(void **state)
{
	char *path = tmpdir_new_path();
	struct transmitter tx;
	struct station st;
	struct child c;
	uint64_t number;
	int ret;

	(void)state;
	station_join(&st, path, 2, 1, LANE);
	transmitter_start(&tx, &st, 0, false, 0);
	assert_int_equal(chmod(path, geteuid() == 0 ? 0604 : 0400), 0);
	assert_int_equal(chmod(tmpdir(), 0755), 0);
	child_start(&c, look_on_as_nobody, path);
	if (child_hear(&c, &number)) {
		assert_true(transmitter_send_one(&tx, 60));
		child_tell(&c, 0);
	}
	ret = child_wait(&c);
	if (ret == CHILD_SKIP)
		skip_because("this process cannot become another user");
	assert_int_equal(ret, 0);
	transmitter_stop(&tx);
	station_leave(&st, false);
	finish(path);
}

/* One that may not even read it, and buses that are none yet. */
static void
test_readonly_refused(void **state)
{
	const uint64_t creating = SHMBUS_MAGIC_CREATING;
	char *path = tmpdir_new_path();
	const struct shmbus_bus_conf conf = { .path = path, .readonly = true };
	struct shmbus_error e;
	struct shmbus_bus bus;

	(void)state;
	assert_int_equal(shmbus_bus_open(&bus, &conf, &e), -ENOENT);
	assert_in_text(e.text, path);
	assert_int_equal(tmpdir_count(), 0);
	file_write(path, 0, "", 0);
	assert_int_equal(shmbus_bus_open(&bus, &conf, &e), -ENODATA);
	file_write(path, 0, &creating, sizeof(creating));
	assert_int_equal(shmbus_bus_open(&bus, &conf, &e), -ENODATA);
	assert_in_text(e.text, "no bus yet");
	finish(path);
}

/* Only one that is there; or only one that is not. */
static void
test_want(void **state)
{
	char *path = tmpdir_new_path();
	struct shmbus_bus_conf conf = {
		.path = path, .want = SHMBUS_FILE_OLD,
		/* small: the snapshots are of all of it */
		.ports = 2, .queues = 1, .lane_size = SHMBUS_LANE_SIZE_MIN,
	};
	struct snapshot snap;
	struct shmbus_error e;
	struct shmbus_bus bus;

	(void)state;
	assert_int_equal(shmbus_bus_open(&bus, &conf, &e), -ENOENT);
	assert_in_text(e.text, path);
	assert_in_text(e.text, "create the bus first");
	assert_int_equal(tmpdir_count(), 0);
	conf.want = SHMBUS_FILE_NEW;
	assert_int_equal(shmbus_bus_open(&bus, &conf, &e), 0);
	assert_true(bus.filled);
	shmbus_bus_close(&bus);
	snapshot_take(&snap, path);
	assert_int_equal(shmbus_bus_open(&bus, &conf, &e), -EEXIST);
	assert_in_text(e.text, "there is such a file already");
	snapshot_assert_same(&snap);
	snapshot_free(&snap);
	conf.want = SHMBUS_FILE_OLD;
	assert_int_equal(shmbus_bus_open(&bus, &conf, &e), 0);
	assert_false(bus.filled);
	shmbus_bus_close(&bus);
	/* An empty file is one that is there. */
	file_write(path, 0, "", 0);
	assert_int_equal(truncate(path, 0), 0);
	conf.want = SHMBUS_FILE_NEW;
	assert_int_equal(shmbus_bus_open(&bus, &conf, &e), -EEXIST);
	finish(path);
}

static void
test_no_permission_for_the_folder(void **state)
{
	char *path = tmpdir_new_path();

	(void)state;
	if (geteuid() != 0)
		assert_int_equal(chmod(tmpdir(), 0500), 0);
	assert_nobody_refused(path);
	assert_int_equal(chmod(tmpdir(), 0755), 0);
	free(path);
}

static void
test_folder(void **state)
{
	char *path = tmpdir_new_path();

	(void)state;
	assert_int_equal(mkdir(path, 0700), 0);
	assert_refused(path, -EISDIR, "a directory");
	rmdir(path);
	free(path);
}

static void
test_symlink(void **state)
{
	char *path = new_bus();
	char *link = tmpdir_new_path();
	char *nothing = tmpdir_new_path();
	struct snapshot snap;

	(void)state;
	assert_int_equal(symlink(path, link), 0);
	snapshot_take(&snap, path);
	assert_refused(link, -ELOOP, "symbolic link");
	snapshot_assert_same(&snap);
	snapshot_free(&snap);
	unlink(link);
	/* One that leads nowhere does not create what it leads to. */
	assert_int_equal(symlink(nothing, link), 0);
	assert_refused(link, -ELOOP, "symbolic link");
	finish(link);
	finish(path);
	free(nothing);
}

static void
test_no_regular_file(void **state)
{
	char *path = tmpdir_new_path();
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd;

	(void)state;
	assert_refused("/dev/null", -EMEDIUMTYPE, "not a regular file");
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_refused(path, -EMEDIUMTYPE, "not a regular file");
	unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_refused(path, -EMEDIUMTYPE, "not a regular file");
	close(fd);
	finish(path);
}

static void
test_paths(void **state)
{
	static char path[10000];
	size_t i;

	(void)state;
	assert_refused("", -EINVAL, "path=");
	assert_refused(NULL, -EINVAL, "path=");
	assert_refused("/nonexistent/folder/bus", -ENOENT, "/nonexistent/folder/bus");
	assert_refused("/dev/null/bus", -ENOTDIR, "/dev/null/bus");
	for (i = 0; i < sizeof(path) - 1; i++)
		path[i] = i % 200 == 0 ? '/' : 'p';
	assert_refused(path, -ENAMETOOLONG, "9999 bytes, at most 4095");
	path[4096] = '\0';
	assert_refused(path, -ENAMETOOLONG, "4096 bytes, at most 4095");
	path[4095] = '\0';
	assert_refused(path, -ENOENT, "directory does not exist");
	memset(path + 1, 'p', 300);
	path[301] = '\0';
	assert_refused(path, -ENAMETOOLONG, "too long");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_not_a_bus),
		cmocka_unit_test(test_zeros_are_not_a_bus),
		cmocka_unit_test(test_wrong_version),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_damaged_header),
		cmocka_unit_test(test_contradiction),
		cmocka_unit_test(test_contradiction_for_others),
		cmocka_unit_test(test_out_of_range),
		cmocka_unit_test(test_no_free_slot),
		cmocka_unit_test(test_no_permission_for_the_file),
		cmocka_unit_test(test_no_permission_for_the_folder),
		cmocka_unit_test(test_read_permission_only),
		cmocka_unit_test(test_readonly_refused),
		cmocka_unit_test(test_want),
		cmocka_unit_test(test_folder),
		cmocka_unit_test(test_symlink),
		cmocka_unit_test(test_no_regular_file),
		cmocka_unit_test(test_paths),
	};

	return cmocka_run_group_tests_name("open", tests, tmpdir_create, tmpdir_remove);
}
