/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* What the file's permissions allow a user, and what no user can do by the file's name. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include "check.h"
#include "child.h"
#include "shmbus_bus_open.h"
#include "shmbus_clock.h"
#include "shmbus_status.h"
#include "shmbus_lock.h"
#include "shmbus_shmif_open.h"
#include "shmbus_wake.h"
#include "tmpdir.h"
#include "wire.h"

#define LANE (UINT64_C(1) << 16)
#define NOBODY 65534
#define PATIENCE_NS (UINT64_C(60) * 1000 * 1000 * 1000)
#define FOREVER_MS UINT64_C(4000000000)

/* Opening it, in either format and for whatever purpose, must fail so. */
static void
assert_refused(const char *path, int err, const char *words)
{
	struct shmbus_bus_conf conf = { .path = path };
	struct shmbus_error e = { .text = "" };
	struct shmbus_shmif shmif;
	struct shmbus_bus bus;

	assert_int_equal(shmbus_bus_open(&bus, &conf, &e), err);
	assert_in_text(e.text, path);
	assert_in_text(e.text, words);
	conf.readonly = true;
	assert_int_equal(shmbus_bus_open(&bus, &conf, &e), err);
	assert_in_text(e.text, words);
	assert_int_equal(shmbus_shmif_open(&shmif, path, SHMBUS_FILE_ANY, 0, 1, &e), err);
	assert_in_text(e.text, words);
}

static void
make_fifo(const char *path)
{
	assert_int_equal(mkfifo(path, 0600), 0);
}

static void
make_socket(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	close(fd);
}

static void
make_device(const char *path)
{
	if (mknod(path, S_IFCHR | 0600, makedev(1, 3)) != 0)
		make_fifo(path); /* only root makes devices */
}

/* Opening a FIFO wakes a process at its other end, and opening a device may trigger it. */
static void
test_special_files_are_not_opened(void **state)
{
	static void (*const make[])(const char *path) = { make_fifo, make_socket, make_device };
	struct inotify_event event;
	unsigned int i;
	char *path;
	int fd;

	(void)state;
	for (i = 0; i < DIM(make); i++) {
		path = tmpdir_new_path();
		make[i](path);
		fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
		assert_true(fd >= 0);
		assert_true(inotify_add_watch(fd, path, IN_OPEN | IN_CLOSE) >= 0);
		assert_refused(path, -EMEDIUMTYPE, "not a regular file");
		assert_int_equal(read(fd, &event, sizeof(event)), -1);
		assert_int_equal(errno, EAGAIN);
		close(fd);
		unlink(path);
		free(path);
	}
}

/* What comes in the way between the look at a path and its opening; see __wrap_open64. */
static void (*swap_in)(const char *path);
static const char *swap_path;

int __wrap_open64(const char *path, int flags, mode_t mode);
int __real_open64(const char *path, int flags, mode_t mode);

int
__wrap_open64(const char *path, int flags, mode_t mode)
{
	if (swap_in != NULL && strcmp(path, swap_path) == 0) {
		unlink(path);
		swap_in(path);
		swap_in = NULL;
	}
	return __real_open64(path, flags, mode);
}

static void
make_link(const char *path)
{
	assert_int_equal(symlink("/dev/null", path), 0);
}

static void
test_swapped_before_open(void **state)
{
	static const struct {
		void (*make)(const char *path);
		int err;
	} swaps[] = {
		{ make_fifo, -EMEDIUMTYPE },
		{ make_socket, -EMEDIUMTYPE },
		{ make_link, -ELOOP },
	};
	struct shmbus_bus_conf conf = { .path = NULL };
	struct shmbus_error e;
	struct shmbus_bus bus;
	unsigned int i;
	char *path;
	int ret;

	(void)state;
	for (i = 0; i < 2 * DIM(swaps); i++) {
		path = tmpdir_new_path();
		file_write(path, 0, "", 0);
		conf.path = path;
		conf.readonly = i % 2 != 0;
		swap_path = path;
		swap_in = swaps[i / 2].make;
		ret = shmbus_bus_open(&bus, &conf, &e);
		assert_null(swap_in);
		/* a socket cannot be opened at all */
		assert_true(ret == swaps[i / 2].err || ret == -ENXIO);
		unlink(path);
		free(path);
	}
}

/* 0600 and nothing else, unless it was asked for by name. */
static void
test_mode_of_a_new_file(void **state)
{
	static const mode_t masks[] = { 0, 022, 077, 0777 };
	struct shmbus_shmif shmif;
	struct station st;
	struct stat file;
	unsigned int i;
	mode_t before;
	char *path;

	(void)state;
	for (i = 0; i < 2 * DIM(masks); i++) {
		path = tmpdir_new_path();
		before = umask(masks[i / 2]);
		if (i % 2 == 0)
			assert_int_equal(shmbus_shmif_open(&shmif, path, SHMBUS_FILE_ANY, 0, 1, NULL), 0);
		else
			assert_int_equal(station_try(&st, &(struct shmbus_bus_conf){
					.path = path, .lane_size = LANE }, NULL), 0);
		umask(before);
		assert_int_equal(stat(path, &file), 0);
		assert_int_equal(file.st_mode, S_IFREG | 0600);
		if (i % 2 == 0)
			shmbus_shmif_close(&shmif);
		else
			station_leave(&st, false);
		unlink(path);
		free(path);
	}
}

static bool
become_nobody(void)
{
	if (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)
		return false;
	/* Else its own /proc/self would be closed to it. */
	prctl(PR_SET_DUMPABLE, 1);
	return true;
}

/* Run body in a process of a user who is neither root nor the file's owner. */
static void
as_nobody(int (*body)(struct child *c, void *arg), void *arg)
{
	struct child c;
	int ret;

	if (geteuid() != 0)
		skip_because("only root can become another user");
	child_start(&c, body, arg);
	ret = child_wait(&c);
	if (ret == CHILD_SKIP)
		skip_because("this process cannot become another user");
	assert_int_equal(ret, 0);
}

static int
be_told_why(struct child *c, void *arg)
{
	char *path = arg, *absent;
	char who[64];

	(void)c;
	if (!become_nobody())
		return CHILD_SKIP;
	assert_refused(path, -EACCES, "no permission to open it for reading");
	assert_refused(path, -EACCES, "belongs to user 0");
	assert_refused(path, -EACCES, "mode 0600");
	snprintf(who, sizeof(who), "this process runs as user %u", geteuid());
	assert_refused(path, -EACCES, who);
	assert_refused(path, -EACCES, "mode=06");
	absent = tmpdir_new_path();
	assert_int_equal(shmbus_bus_open(&(struct shmbus_bus){ .control = NULL },
			&(struct shmbus_bus_conf){ .path = absent }, NULL), -EACCES);
	free(absent);
	return 0;
}

/* A stranger can neither read it nor do anything else to it. */
static void
test_stranger(void **state)
{
	char *path = tmpdir_new_path();
	struct snapshot snap;
	struct station st;

	(void)state;
	station_join(&st, path, 2, 1, LANE);
	snapshot_take(&snap, path);
	as_nobody(be_told_why, path);
	snapshot_assert_same(&snap);
	snapshot_free(&snap);
	station_leave(&st, true);
	free(path);
}

static int
reach_into_a_closed_folder(struct child *c, void *arg)
{
	(void)c;
	if (!become_nobody())
		return CHILD_SKIP;
	assert_refused(arg, -EACCES, "may not search a directory above it");
	return 0;
}

static void
test_closed_folder(void **state)
{
	char *dir = tmpdir_new_path();
	char *path;

	(void)state;
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_true(asprintf(&path, "%s/bus", dir) > 0);
	as_nobody(reach_into_a_closed_folder, path);
	rmdir(dir);
	free(path);
	free(dir);
}

/* Two ports of a user's whose file is closed to all, him included, while they are on it. */
static int
go_on_without_permission(struct child *c, void *arg)
{
	char *path = arg;
	struct shmbus_error why;
	struct pollfd p = { .events = POLLIN };
	struct station a, b;
	struct transmitter tx;
	struct receiver rx;

	(void)c;
	if (!become_nobody())
		return CHILD_SKIP;
	station_join(&a, path, 4, 2, LANE);
	station_join(&b, path, 4, 2, LANE);
	station_announce(&a, 1, 0);
	station_announce(&b, 0, 1);
	memset(&rx, 0, sizeof(rx));
	receiver_start(&rx, &b, 0, station_lane(&a, 0), true);
	transmitter_start(&tx, &a, 0, true, FOREVER_MS);
	p.fd = shmbus_notify_open(b.bus.file.fd);
	assert_true(p.fd >= 0);

	assert_int_equal(chmod(path, 0), 0);
	assert_refused(path, -EACCES, "with mode 00");
	assert_int_equal(shmbus_status_of_port(&a.bus, a.port.slot, &why), SHMBUS_STATUS_INTACT);
	transmitter_send_many(&tx, 40, 1000);
	assert_int_equal(receiver_drain(&rx), 40);
	assert_int_equal(shmbus_port_prepare_lane(&a.port, 1), 0);
	assert_true(shmbus_port_alive(&a.bus, b.port.slot));
	assert_int_equal(shmbus_wake_ring(&a.bus), 0);
	assert_int_equal(poll(&p, 1, 0), 1);
	/* To begin to watch is to look at the file once more. */
	assert_int_equal(shmbus_notify_open(b.bus.file.fd), -EACCES);
	close(p.fd);
	transmitter_stop(&tx);
	receiver_stop(&rx);
	station_leave(&b, true);
	assert_int_equal(access(path, F_OK), 0);
	station_leave(&a, true);
	assert_int_equal(access(path, F_OK), -1);
	return 0;
}

static void
test_closed_in_use(void **state)
{
	char *dir = tmpdir_new_path();
	char *path;

	(void)state;
	assert_int_equal(mkdir(dir, 0755), 0);
	assert_true(asprintf(&path, "%s/bus", dir) > 0);
	if (geteuid() == 0)
		assert_int_equal(chown(dir, NOBODY, NOBODY), 0);
	as_nobody(go_on_without_permission, path);
	rmdir(dir);
	free(path);
	free(dir);
}

/* The mapping at this address can be read, and no more. */
static bool
is_mapped_readonly(const void *at)
{
	FILE *f = fopen("/proc/self/maps", "r");
	unsigned long from, to;
	char line[8192], rights[8];
	bool found = false;

	if (f == NULL)
		return false;
	while (!found && fgets(line, sizeof(line), f) != NULL)
		found = sscanf(line, "%lx-%lx %7s", &from, &to, rights) == 3 &&
			(unsigned long)at >= from && (unsigned long)at < to;
	fclose(f);
	return found && strcmp(rights, "r--s") == 0;
}

/*
 * A process that may only read the file cannot write through its descriptor or
 * mapping, cannot make them writable, and cannot take an owner's lock.
 */
static int
only_read(struct child *c, void *arg)
{
	const struct shmbus_bus_conf conf = { .path = arg, .readonly = true };
	struct shmbus_bus bus;
	uint32_t slot;
	off_t off;

	(void)c;
	if (!become_nobody())
		return CHILD_SKIP;
	assert_int_equal(shmbus_bus_open(&bus, &conf, NULL), 0);
	shmbus_file_unlock(&bus.file);
	assert_int_equal(fcntl(bus.file.fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_int_equal(shmbus_bus_map_lane(&bus, 0, SHMBUS_LANE_READ), 0);
	assert_int_equal(shmbus_bus_map_lane(&bus, 0, SHMBUS_LANE_WRITE), -EACCES);
	assert_true(is_mapped_readonly(bus.control));
	assert_true(is_mapped_readonly(shmbus_bus_lane_data(&bus, 0)));
	assert_true(is_mapped_readonly(shmbus_bus_lane_data(&bus, 0) + bus.geo.lane_size));
	assert_int_equal(mprotect(bus.control, bus.geo.data_off, PROT_READ | PROT_WRITE), -1);
	assert_int_equal(errno, EACCES);
	assert_int_equal(mprotect(shmbus_bus_lane_data(&bus, 0), bus.geo.lane_size,
				  PROT_READ | PROT_WRITE), -1);
	assert_int_equal(errno, EACCES);
	assert_int_equal(ftruncate(bus.file.fd, 0), -1);
	assert_int_equal(fchmod(bus.file.fd, 0666), -1);
	for (slot = 0; slot < bus.geo.ports; slot++) {
		off = (uint8_t *)shmbus_bus_port(&bus, slot) - bus.control;
		assert_int_equal(shmbus_lock_try(bus.file.fd, off), -EBADF);
	}
	assert_int_equal(shmbus_lock_try(bus.file.fd, 0), -EBADF);
	assert_true(shmbus_port_alive(&bus, 0));
	assert_false(shmbus_port_alive(&bus, 1));
	shmbus_bus_close(&bus);
	return 0;
}

static void
test_reader_cannot_write(void **state)
{
	char *path = tmpdir_new_path();
	struct snapshot snap;
	struct station st;

	(void)state;
	station_join(&st, path, 2, 1, LANE);
	assert_int_equal(chmod(path, 0604), 0);
	snapshot_take(&snap, path);
	as_nobody(only_read, path);
	snapshot_assert_same(&snap);
	snapshot_free(&snap);
	station_leave(&st, true);
	free(path);
}

/*
 * Shared locks need permission to read only, and keep others from getting a
 * lock of an owner's. They do not make a dead port look alive: nobody waits
 * for its cursors.
 */
static void
test_reader_locks_everything(void **state)
{
	struct wire *w = *state;
	uint32_t slot;
	uint64_t start;
	int fd;

	wire_start(w, LANE, true, FOREVER_MS);
	while (transmitter_send_one(&w->tx, 1000))
		;
	station_die(&w->b);
	fd = open(w->path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	for (slot = 0; slot < w->a.bus.geo.ports; slot++)
		shmbus_lock_try_shared(fd, (uint8_t *)shmbus_bus_port(&w->a.bus, slot) -
					   w->a.bus.control);
	assert_true(shmbus_lock_held_by_other(fd, (uint8_t *)shmbus_bus_port(&w->a.bus,
					      w->a.port.slot) - w->a.bus.control));
	assert_false(shmbus_port_alive(&w->a.bus, w->b.port.slot));
	start = shmbus_clock_mono_ns();
	while (!transmitter_send_one(&w->tx, 1000))
		assert_true(shmbus_clock_mono_ns() - start < PATIENCE_NS);
	assert_int_equal(w->tx.w.dead, 1);
	assert_int_equal(w->tx.w.timeouts, 0);
	close(fd);
	w->rx.cursor = NULL; /* gone with its mapping */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_special_files_are_not_opened),
		cmocka_unit_test(test_swapped_before_open),
		cmocka_unit_test(test_mode_of_a_new_file),
		cmocka_unit_test(test_stranger),
		cmocka_unit_test(test_closed_folder),
		cmocka_unit_test(test_closed_in_use),
		cmocka_unit_test(test_reader_cannot_write),
		cmocka_unit_test_setup_teardown(test_reader_locks_everything, wire_setup,
						wire_teardown),
	};

	return cmocka_run_group_tests_name("access", tests, tmpdir_create, tmpdir_remove);
}
