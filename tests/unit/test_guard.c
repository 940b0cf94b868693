/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * SIGBUS: zeros and a flag where it is about a bus, and for all else the
 * handler that was there before, or comes after. What ends or changes a
 * process happens in one of its own.
 */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "mount.h"
#include "shmbus_bus_open.h"
#include "shmbus_shmif_open.h"
#include "shmbus_shmif_reader.h"
#include "shmbus_shmif_writer.h"
#include "station.h"
#include "tmpdir.h"

#define LANE 65536

static sigjmp_buf back;
static volatile sig_atomic_t calls;
static void *volatile fault_at;
static struct sigaction below; /* what the application found before its own */

/* Run body in a process and say how it ended. */
static int
run(void (*body)(const char *path))
{
	char *path = tmpdir_new_path();
	int status = 0;
	pid_t pid;

	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		setenv("CMOCKA_TEST_ABORT", "1", 1);
		alarm(60);
		body(path);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	unlink(path);
	free(path);
	return status;
}

static void
assert_fine(int status)
{
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("the process ended with 0x%x", (unsigned int)status);
}

static void
assert_killed(int status)
{
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGBUS)
		fail_msg("the process ended with 0x%x, not by SIGBUS", (unsigned int)status);
}

/* A mapping that belongs to no bus and has no memory behind it. */
static volatile char *
foreign(void)
{
	char *path = tmpdir_new_path();
	void *p;
	int fd;

	fd = open(path, O_RDWR | O_CREAT, 0600);
	assert_true(fd >= 0);
	unlink(path);
	free(path);
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(p != MAP_FAILED);
	close(fd);
	return p;
}

static void
on_info(int sig, siginfo_t *info, void *context)
{
	(void)context;
	fault_at = sig == SIGBUS ? info->si_addr : NULL;
	calls++;
	siglongjmp(back, 1);
}

static void
on_plain(int sig)
{
	(void)sig;
	calls++;
	siglongjmp(back, 1);
}

static void
on_info_and_return(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)info;
	(void)context;
	calls++;
}

static void
on_info_and_on(int sig, siginfo_t *info, void *context)
{
	calls++;
	below.sa_sigaction(sig, info, context);
}

/* As EAL's handler for hot-unplug does. */
static void
on_info_and_on_with_little(int sig, siginfo_t *info, void *context)
{
	(void)info;
	(void)context;
	below.sa_handler(sig);
}

static void
handle(void (*by)(int sig, siginfo_t *info, void *context), int flags)
{
	const struct sigaction a = { .sa_sigaction = by, .sa_flags = SA_SIGINFO | flags };

	assert_int_equal(sigaction(SIGBUS, &a, &below), 0);
}

static void
handle_plain(void (*by)(int sig))
{
	const struct sigaction a = { .sa_handler = by };

	assert_int_equal(sigaction(SIGBUS, &a, &below), 0);
}

static void
assert_handled_by(const void *by)
{
	struct sigaction now;

	assert_int_equal(sigaction(SIGBUS, NULL, &now), 0);
	assert_ptr_equal((const void *)(uintptr_t)now.sa_sigaction, by);
}

#define assert_caught(address) \
	do { \
		volatile char *const caught_at = (address); \
		const int caught_before = calls; \
		if (sigsetjmp(back, 1) == 0) { \
			(void)*caught_at; \
			fail_msg("no fault"); \
		} \
		assert_int_equal(calls, caught_before + 1); \
	} while (0)

/* A station whose file has been cut off, and which is none the worse. */
static void
lose(struct station *st)
{
	assert_false(shmbus_guard_struck(st->bus.guard));
	assert_int_equal(truncate(st->bus.file.path, 0), 0);
	assert_int_equal(shmbus_load(&shmbus_bus_port(&st->bus, 0)->state), 0);
	assert_true(shmbus_guard_struck(st->bus.guard));
}

static void
touch_all(struct station *st)
{
	const struct shmbus_geometry *geo = &st->bus.geo;
	uint8_t *lane = shmbus_bus_lane_data(&st->bus, 0);
	uint64_t i;

	assert_int_equal(shmbus_bus_map_lane(&st->bus, 0, SHMBUS_LANE_WRITE), 0);
	for (i = 0; i < geo->data_off; i += 512)
		*(volatile uint8_t *)(st->bus.control + i) += 1;
	for (i = 0; i < 2 * geo->lane_size; i += 512) {
		assert_int_equal(*(volatile uint8_t *)(lane + i), 0);
		*(volatile uint8_t *)(lane + i) = 1;
	}
}

static void
body_truncated(const char *path)
{
	struct station st;

	handle_plain(SIG_DFL);
	station_join(&st, path, 4, 2, LANE);
	lose(&st);
	touch_all(&st);
	/* A lane that is mapped only now. */
	assert_int_equal(shmbus_bus_map_lane(&st.bus, 7, SHMBUS_LANE_READ), 0);
	assert_int_equal(*shmbus_bus_lane_data(&st.bus, 7), 0);
	station_die(&st);
}

static void
test_truncated(void **state)
{
	(void)state;
	assert_fine(run(body_truncated));
}

/* What is mapped for reading only: zeros that cannot be written. */
static void
body_readonly(const char *path)
{
	const struct shmbus_bus_conf conf = { .path = path, .readonly = true };
	struct shmbus_error e;
	struct shmbus_bus eye;
	struct station st;

	station_join(&st, path, 4, 2, LANE);
	assert_int_equal(shmbus_bus_open(&eye, &conf, &e), 0);
	shmbus_file_unlock(&eye.file);
	assert_int_equal(shmbus_bus_map_lane(&eye, 0, SHMBUS_LANE_READ), 0);
	lose(&st);
	assert_false(shmbus_guard_struck(eye.guard));
	assert_int_equal(*shmbus_bus_lane_data(&eye, 0), 0);
	assert_int_equal(shmbus_load(&shmbus_bus_port(&eye, 0)->state), 0);
	assert_true(shmbus_guard_struck(eye.guard));
	shmbus_bus_close(&eye);
	station_die(&st);
}

static void
test_readonly(void **state)
{
	(void)state;
	assert_fine(run(body_readonly));
}

static void
body_shmif(const char *path)
{
	static uint8_t out[SHMBUS_SHMIF_BURST], in[SHMBUS_SHMIF_PIECE];
	struct shmbus_shmif_reader r = { .bytes = in };
	struct shmbus_shmif_writer w = { .bytes = out };
	struct shmbus_shmif bus;
	struct shmbus_error e;
	uint8_t *frame;
	unsigned int i;

	assert_int_equal(shmbus_shmif_open(&bus, path, SHMBUS_FILE_ANY, 0600, 1, &e), 0);
	shmbus_shmif_reader_start(&bus, &r, 100);
	shmbus_shmif_begin(&w, 0);
	for (i = 0; i < 20; i++) {
		frame = shmbus_shmif_add(&w, 1, 1000);
		assert_non_null(frame);
		memset(frame, 0xff, 1000);
	}
	assert_int_equal(shmbus_shmif_send(&bus, &w), 0);
	/* The header and the first frames are still there, the rest is zeros: nothing is taken. */
	assert_int_equal(truncate(path, 8192), 0);
	assert_true(shmbus_shmif_pending(&bus, &r));
	assert_int_equal(shmbus_shmif_fetch(&bus, &r), -EILSEQ);
	assert_false(shmbus_shmif_has_next(&r));
	assert_true(shmbus_guard_struck(bus.guard));
	for (i = 0; i < 100; i++) {
		(void)shmbus_shmif_send(&bus, &w);
		(void)shmbus_shmif_fetch(&bus, &r);
		assert_false(shmbus_shmif_has_next(&r));
	}
	shmbus_shmif_close(&bus);
}

static void
test_shmif(void **state)
{
	(void)state;
	assert_fine(run(body_shmif));
}

/* The tables are there, of the frames nothing but zeros: they must not be taken for frames. */
static void
body_no_zeros_for_frames(const char *path)
{
	const uint32_t lens[3] = { 1000, 2000, 3000 };
	struct transmitter tx;
	struct station a, b;
	struct receiver rx;

	station_join(&a, path, 4, 2, LANE);
	station_join(&b, path, 0, 0, 0);
	station_announce(&b, 0, 1);
	receiver_start(&rx, &b, 0, station_lane(&a, 0), true);
	transmitter_start(&tx, &a, 0, true, 1000);
	assert_true(transmitter_send(&tx, lens, 3));
	assert_int_equal(receiver_receive(&rx, 1), 1);
	assert_int_equal(truncate(path, (off_t)a.bus.geo.data_off), 0);
	assert_int_equal(receiver_receive(&rx, 2), 0);
	assert_int_equal(rx.frames, 1);
	assert_int_equal(rx.refused, 1);
	assert_true(shmbus_guard_struck(b.bus.guard));
	assert_int_equal(receiver_drain(&rx), 0);
}

static void
test_no_zeros_for_frames(void **state)
{
	(void)state;
	assert_fine(run(body_no_zeros_for_frames));
}

static void
body_foreign_default(const char *path)
{
	struct station st;

	handle_plain(SIG_DFL);
	station_join(&st, path, 4, 2, LANE);
	lose(&st);
	(void)*foreign();
}

static void
body_foreign_ignored(const char *path)
{
	struct station st;

	handle_plain(SIG_IGN);
	station_join(&st, path, 4, 2, LANE);
	lose(&st);
	/* It can be ignored if it is sent, and not if there is no other way on. */
	kill(getpid(), SIGBUS);
	raise(SIGBUS);
	(void)*foreign();
}

static void
body_sent_default(const char *path)
{
	struct station st;

	handle_plain(SIG_DFL);
	station_join(&st, path, 4, 2, LANE);
	kill(getpid(), SIGBUS);
	pause();
}

/* One that wants to be called once only, and returns: the second time it dies. */
static void
body_once(const char *path)
{
	struct station st;

	handle(on_info_and_return, (int)SA_RESETHAND);
	station_join(&st, path, 4, 2, LANE);
	(void)*foreign();
}

static void
body_called_with_little(const char *path)
{
	struct station st;

	handle_plain(SIG_DFL);
	station_join(&st, path, 4, 2, LANE);
	handle(on_info_and_on_with_little, 0);
	(void)*foreign();
}

static void
test_death(void **state)
{
	(void)state;
	assert_killed(run(body_foreign_default));
	assert_killed(run(body_foreign_ignored));
	assert_killed(run(body_sent_default));
	assert_killed(run(body_once));
	assert_killed(run(body_called_with_little));
}

static void
body_handler_before(const char *path)
{
	volatile char *other = foreign();
	struct station st;

	handle(on_info, 0);
	station_join(&st, path, 4, 2, LANE);
	assert_caught(other + 17);
	assert_ptr_equal(fault_at, other + 17);
	lose(&st);
	assert_int_equal(calls, 1);
	assert_caught(other);
	station_die(&st);
	/* As it was. */
	assert_handled_by((const void *)(uintptr_t)on_info);
	assert_caught(other);
}

static void
body_plain_before(const char *path)
{
	struct station st;

	handle_plain(on_plain);
	station_join(&st, path, 4, 2, LANE);
	assert_caught(foreign());
	lose(&st);
	assert_int_equal(calls, 1);
	station_die(&st);
	assert_handled_by((const void *)(uintptr_t)on_plain);
}

static void
test_handler_before(void **state)
{
	(void)state;
	assert_fine(run(body_handler_before));
	assert_fine(run(body_plain_before));
}

/* The application's handler, which calls ours for faults that are not its own. */
static void
body_handler_after(const char *path)
{
	volatile char *other = foreign();
	struct station st, again;

	handle(on_info, 0);
	station_join(&st, path, 4, 2, LANE);
	handle(on_info_and_on, 0);
	lose(&st);
	assert_int_equal(calls, 1);
	/* Two of them, and then the one that was there first. */
	if (sigsetjmp(back, 1) == 0)
		(void)*other;
	assert_int_equal(calls, 3);
	assert_ptr_equal(fault_at, other);
	/* It is the application's business, also when the last bus goes and another comes. */
	shmbus_guard_renew();
	assert_handled_by((const void *)(uintptr_t)on_info_and_on);
	station_die(&st);
	assert_handled_by((const void *)(uintptr_t)on_info_and_on);
	unlink(path);
	station_join(&again, path, 4, 2, LANE);
	assert_handled_by((const void *)(uintptr_t)on_info_and_on);
	lose(&again);
	assert_int_equal(calls, 4);
	station_die(&again);
	/* And we still give way when it takes its own away again. */
	assert_int_equal(sigaction(SIGBUS, &below, NULL), 0);
	assert_caught(other);
	unlink(path);
	station_join(&again, path, 4, 2, LANE);
	lose(&again);
	station_die(&again);
	assert_handled_by((const void *)(uintptr_t)on_info);
}

/* A handler that does not call ours is the application's decision; no handler is not. */
static void
body_replaced(const char *path)
{
	struct sigaction first;
	struct station st;

	handle(on_info, 0);
	assert_int_equal(sigaction(SIGBUS, NULL, &first), 0);
	station_join(&st, path, 4, 2, LANE);
	handle_plain(on_plain);
	shmbus_guard_renew();
	assert_handled_by((const void *)(uintptr_t)on_plain);
	assert_int_equal(sigaction(SIGBUS, &first, NULL), 0);
	shmbus_guard_renew();
	lose(&st);
	assert_int_equal(calls, 0);
	assert_caught(foreign());
	handle_plain(SIG_DFL);
	shmbus_guard_renew();
	touch_all(&st);
	station_die(&st);
	assert_handled_by((const void *)(uintptr_t)SIG_DFL);
}

static void
test_handler_after(void **state)
{
	(void)state;
	assert_fine(run(body_handler_after));
	assert_fine(run(body_replaced));
}

/* Several buses: each has its own flag, and the handler stays for the last. */
static void
body_several(const char *path)
{
	char *other = tmpdir_new_path();
	struct station a, b, c;

	handle_plain(SIG_DFL);
	station_join(&a, path, 4, 2, LANE);
	station_join(&b, path, 0, 0, 0);
	station_join(&c, other, 4, 2, LANE);
	unlink(other);
	free(other);
	lose(&a);
	assert_false(shmbus_guard_struck(b.bus.guard));
	assert_false(shmbus_guard_struck(c.bus.guard));
	station_die(&a);
	station_die(&c);
	touch_all(&b);
	assert_true(shmbus_guard_struck(b.bus.guard));
	station_die(&b);
	assert_handled_by((const void *)(uintptr_t)SIG_DFL);
}

static void
test_several(void **state)
{
	(void)state;
	assert_fine(run(body_several));
}

struct traffic {
	struct station st;
	shmbus_a32 stop;
	shmbus_a64 frames;
};

static void *
send_on(void *arg)
{
	struct traffic *t = arg;
	struct transmitter tx;
	uint32_t i;

	transmitter_start(&tx, &t->st, 0, false, 1000);
	for (i = 0; !shmbus_load(&t->stop); i++)
		if (transmitter_send_one(&tx, 60 + i % 1500))
			shmbus_add(&t->frames, 1);
	transmitter_stop(&tx);
	return NULL;
}

static void *
receive_on(void *arg)
{
	struct traffic *t = arg;
	struct receiver rx;

	receiver_start(&rx, &t->st, 0, 0, false);
	while (!shmbus_load(&t->stop)) {
		receiver_receive(&rx, 32);
		shmbus_store(&t->frames, rx.frames);
	}
	receiver_stop(&rx);
	return NULL;
}

static void
wait_more(shmbus_a64 *count)
{
	const uint64_t before = shmbus_load(count);
	unsigned int i;

	for (i = 0; i < 10000 && shmbus_load(count) < before + 100; i++)
		usleep(1000);
	assert_true(i < 10000);
}

/* In the middle of it, each time elsewhere; and two threads of one process may meet in the handler. */
static void
body_traffic(const char *path)
{
	static const off_t sizes[] = { 0, 4096, 1 << 20, 1 << 24 };
	static struct traffic a, b, c;
	pthread_t writer, reader, third;
	unsigned int i;

	for (i = 0; i < 6; i++) {
		memset(&a, 0, sizeof(a));
		memset(&b, 0, sizeof(b));
		memset(&c, 0, sizeof(c));
		station_join(&a.st, path, 4, 2, LANE);
		station_join(&b.st, path, 0, 0, 0);
		c.st = b.st;
		pthread_create(&writer, NULL, send_on, &a);
		pthread_create(&reader, NULL, receive_on, &b);
		pthread_create(&third, NULL, receive_on, &c);
		wait_more(&a.frames);
		wait_more(&b.frames);
		assert_int_equal(truncate(path, DIM(sizes) == i % 5 ?
				 (off_t)a.st.bus.geo.data_off + 4096 * i : sizes[i % DIM(sizes)]), 0);
		usleep(3000);
		shmbus_store(&a.stop, 1);
		shmbus_store(&b.stop, 1);
		shmbus_store(&c.stop, 1);
		pthread_join(writer, NULL);
		pthread_join(reader, NULL);
		pthread_join(third, NULL);
		station_die(&a.st);
		station_die(&b.st);
		unlink(path);
	}
}

static void
test_traffic(void **state)
{
	(void)state;
	assert_fine(run(body_traffic));
}

/* A hole in a file, and no memory for it any more. */
static void
test_hole(void **state)
{
	static uint8_t filler[4096];
	char path[4300], rest[4300];
	const char *dir, *why;
	struct station st;
	uint8_t *lane;
	ssize_t n;
	int fd;

	(void)state;
	dir = mount_own("tmpfs", "size=2M", &why);
	if (dir == NULL)
		skip_because("%s", why);
	snprintf(path, sizeof(path), "%s/bus", dir);
	snprintf(rest, sizeof(rest), "%s/rest", dir);
	station_join(&st, path, 2, 1, LANE);
	lane = shmbus_bus_lane_data(&st.bus, 0);
	lane[8192] = 1;
	lane[100] = 2;
	assert_int_equal(fallocate(st.bus.file.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				   (off_t)st.bus.geo.data_off + 8192, 4096), 0);
	fd = open(rest, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	do {
		n = write(fd, filler, sizeof(filler));
	} while (n > 0);
	close(fd);
	assert_int_equal(*(volatile uint8_t *)(lane + 8192), 0);
	assert_true(shmbus_guard_struck(st.bus.guard));
	lane[8192] = 3;
	/* The page alone. */
	assert_int_equal(lane[100], 2);
	station_die(&st);
	unlink(rest);
	unlink(path);
	mount_end();
}

/* Huge pages: so large must zeros be. */
static void
test_huge(void **state)
{
	const char *dir, *why;
	char path[4300];
	struct station st;
	size_t page;

	(void)state;
	dir = mount_huge(6, &page, &why);
	if (dir == NULL)
		skip_because("%s", why);
	snprintf(path, sizeof(path), "%s/bus", dir);
	station_join(&st, path, 2, 1, 0);
	assert_int_equal(st.bus.file.page_size, page);
	lose(&st);
	touch_all(&st);
	station_die(&st);
	unlink(path);
	mount_end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_readonly),
		cmocka_unit_test(test_shmif),
		cmocka_unit_test(test_no_zeros_for_frames),
		cmocka_unit_test(test_death),
		cmocka_unit_test(test_handler_before),
		cmocka_unit_test(test_handler_after),
		cmocka_unit_test(test_several),
		cmocka_unit_test(test_traffic),
		cmocka_unit_test(test_hole),
		cmocka_unit_test(test_huge),
	};

	return cmocka_run_group_tests_name("guard", tests, tmpdir_create, tmpdir_remove);
}
