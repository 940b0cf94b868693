/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* The bus goes away under a port: events, link, and how the port comes back. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "nic.h"

/* Of a port; the driver's thread counts. */
struct events {
	uint16_t port;
	uint32_t lsc, rmv;
	bool stop; /* the port in the callback */
};

static int
on_event(uint16_t port, enum rte_eth_event_type type, void *arg, void *ret)
{
	struct events *e = arg;
	struct rte_eth_link link;

	(void)ret;
	/* As applications do, while the test's thread stops, starts and resets the port. */
	if (type == RTE_ETH_EVENT_INTR_LSC && rte_eth_link_get_nowait(port, &link) == 0)
		__atomic_add_fetch(&e->lsc, 1, __ATOMIC_RELEASE);
	if (type == RTE_ETH_EVENT_INTR_RMV) {
		if (e->stop && rte_eth_dev_stop(port) != 0)
			return -1;
		__atomic_add_fetch(&e->rmv, 1, __ATOMIC_RELEASE);
	}
	return 0;
}

static uint32_t
count(const uint32_t *n)
{
	return __atomic_load_n(n, __ATOMIC_ACQUIRE);
}

static void
watch(struct events *e, uint16_t port)
{
	*e = (struct events){ .port = port };
	assert_int_equal(rte_eth_dev_callback_register(port, RTE_ETH_EVENT_INTR_LSC, on_event, e), 0);
	assert_int_equal(rte_eth_dev_callback_register(port, RTE_ETH_EVENT_INTR_RMV, on_event, e), 0);
}

/* While it is being called it stays registered: what it writes into must not go before. */
static void
unwatch(struct events *e)
{
	eventually(rte_eth_dev_callback_unregister(e->port, RTE_ETH_EVENT_INTR_LSC, on_event, e) !=
		   -EAGAIN);
	eventually(rte_eth_dev_callback_unregister(e->port, RTE_ETH_EVENT_INTR_RMV, on_event, e) !=
		   -EAGAIN);
}

/* Two started ports that want to know, and what they are told. */
struct scene {
	char *path;
	uint16_t a, b;
	struct events ea, eb;
};

static const struct nic_conf wants_events = { .lsc = true, .rmv = true };

static void
set_scene(struct scene *s, const char *args)
{
	s->path = tmpdir_new_path();
	s->a = nic_new(s->path, args);
	s->b = nic_new(s->path, args);
	watch(&s->ea, s->a);
	watch(&s->eb, s->b);
	nic_start(s->a, &wants_events);
	nic_start(s->b, &wants_events);
	nic_exchange(s->a, s->b);
	log_begin();
}

static void
end_scene(struct scene *s)
{
	log_end();
	unwatch(&s->ea);
	unwatch(&s->eb);
	free(s->path);
}

static void
assert_told(const struct events *e)
{
	eventually(count(&e->rmv) == 1 && count(&e->lsc) == 2);
	nic_assert_silent(e->port);
}

/* How often a text is in the log. */
static unsigned int
times(const char *text)
{
	const char *p = log_text();
	unsigned int n = 0;

	for (; (p = strstr(p, text)) != NULL; p++)
		n++;
	return n;
}

/* Several looks later nothing more has come. */
static void
assert_told_once(const struct scene *s)
{
	nic_settle();
	assert_int_equal(count(&s->ea.rmv), 1);
	assert_int_equal(count(&s->eb.rmv), 1);
	assert_int_equal(times("truncated"), 2);
}

static void
truncated(const char *args, off_t size, bool reset)
{
	struct scene s;

	set_scene(&s, args);
	assert_int_equal(truncate(s.path, size), 0);
	assert_told(&s.ea);
	assert_told(&s.eb);
	assert_told_once(&s);
	assert_in_text(log_text(), s.path);
	if (size != 0) {
		/* What is left is no bus; the port cannot know whose it is. */
		assert_int_equal(rte_eth_dev_stop(s.a), 0);
		assert_true(rte_eth_dev_start(s.a) < 0);
		assert_true(rte_eth_dev_start(s.a) < 0);
		assert_true(rte_eth_dev_reset(s.b) < 0);
		assert_false(nic_is_up(s.a));
		assert_int_equal(unlink(s.path), 0);
	} else {
		assert_int_equal(rte_eth_dev_stop(s.a), 0);
	}
	if (reset) {
		assert_int_equal(rte_eth_dev_reset(s.a), 0);
		nic_start(s.a, &wants_events);
	} else {
		assert_int_equal(rte_eth_dev_start(s.a), 0);
	}
	assert_true(nic_is_up(s.a));
	assert_int_equal(rte_eth_dev_reset(s.b), 0);
	nic_start(s.b, &wants_events);
	nic_exchange(s.a, s.b);
	/* It can happen again. */
	assert_int_equal(truncate(s.path, 0), 0);
	eventually(count(&s.ea.rmv) == 2 && count(&s.eb.rmv) == 2);
	nic_assert_silent(s.a);
	end_scene(&s);
}

static void
test_truncated(void **state)
{
	truncated(*state, 0, false);
	truncated(*state, 0, true);
	truncated(*state, 8192, false);
}

/* Cut off just where it is not touched, by an application that asks for the link. */
static void
test_asked_for(void **state)
{
	struct scene s;
	struct stat st;

	set_scene(&s, *state);
	assert_int_equal(stat(s.path, &st), 0);
	assert_int_equal(truncate(s.path, st.st_size - 1), 0);
	assert_told(&s.ea);
	assert_told(&s.eb);
	assert_told_once(&s);
	end_scene(&s);
}

/* An application without events learns of the removal from the link. */
static void
test_no_events(void **state)
{
	char *path = tmpdir_new_path();
	struct events e;
	uint16_t a, b;

	a = nic_new(path, *state);
	b = nic_new(path, *state);
	nic_start(a, NULL);
	nic_start(b, NULL);
	watch(&e, a);
	log_begin();
	assert_int_equal(truncate(path, 0), 0);
	nic_assert_silent(a);
	nic_assert_silent(b);
	log_end();
	nic_settle();
	assert_int_equal(count(&e.rmv) + count(&e.lsc), 0);
	unwatch(&e);
	free(path);
}

static void
test_stop_in_callback(void **state)
{
	struct scene s;

	set_scene(&s, *state);
	s.ea.stop = true;
	assert_int_equal(truncate(s.path, 0), 0);
	eventually(count(&s.ea.rmv) == 1);
	eventually(count(&s.eb.rmv) == 1);
	assert_int_equal(rte_eth_dev_start(s.a), 0);
	assert_true(nic_is_up(s.a));
	end_scene(&s);
}

/* Ports stay on the deleted file; a port that comes, or starts, finds a new one. */
static void
deleted(const char *args, bool reset)
{
	struct scene s;
	uint16_t c;

	set_scene(&s, args);
	assert_int_equal(unlink(s.path), 0);
	eventually(times("deleted") == 2);
	nic_exchange(s.a, s.b);
	assert_true(nic_is_up(s.a));
	c = nic_new(s.path, args);
	nic_start(c, NULL);
	send_frames(s.a, 0, 60, 0, 10);
	expect_none(c, 0);
	expect_frames(s.b, 0, 60, 0, 10);
	if (reset) {
		assert_int_equal(rte_eth_dev_reset(s.a), 0);
		nic_start(s.a, &wants_events);
	} else {
		assert_int_equal(rte_eth_dev_stop(s.a), 0);
		assert_int_equal(rte_eth_dev_start(s.a), 0);
	}
	nic_exchange(s.a, c);
	expect_none(s.b, 0);
	assert_int_equal(xstat_of(s.b, "peers"), 0);
	assert_int_equal(xstat_of(s.a, "peers"), 1);
	assert_int_equal(count(&s.ea.rmv) + count(&s.eb.rmv), 0);
	nic_settle();
	assert_true(times("deleted") + times("another file") <= 4);
	end_scene(&s);
}

static void
test_deleted(void **state)
{
	deleted(*state, false);
	deleted(*state, true);
}

/* Alone, and nothing there: it makes the file again, as it made the first. */
static void
test_deleted_alone(void **state)
{
	char *path = tmpdir_new_path();
	struct stat st;
	uint16_t a;

	a = nic_new(path, nic_is_lanes(*state) ? "ports=4,queues=2,lane_size=64K,mode=0640" :
		    "format=shmif,mode=0640");
	nic_start(a, NULL);
	log_begin();
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rte_eth_dev_stop(a), 0);
	assert_int_equal(rte_eth_dev_start(a), 0);
	log_end();
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_true(nic_is_up(a));
	free(path);
}

/* By a bus of another shape: as far as the queues fit. */
static void
test_replaced(void **state)
{
	struct nic_conf four = { .n_rxq = 4, .n_txq = 4 };
	uint16_t a, b, i;
	char *path;

	(void)state;
	path = tmpdir_new_path();
	a = nic_new(path, NULL);
	nic_start(a, &four);
	log_begin();
	for (i = 0; i < 3; i++) {
		static const char *const shapes[] = {
			"ports=2,queues=8,lane_size=64K", "ports=64,queues=4,lane_size=1M",
			"ports=3,queues=2,lane_size=128K"
		};

		assert_int_equal(unlink(path), 0);
		b = nic_new(path, shapes[i]);
		nic_start(b, NULL);
		assert_int_equal(rte_eth_dev_stop(a), 0);
		if (i == 2) {
			/* Not with that many. */
			assert_int_equal(rte_eth_dev_start(a), -ENOSPC);
			assert_in_text(log_text(), "queues=2");
			assert_int_equal(rte_eth_dev_reset(a), 0);
			nic_start(a, NULL);
			nic_exchange(b, a);
		} else {
			assert_int_equal(rte_eth_dev_start(a), 0);
			send_frames(a, 3, 100, 1, 10);
			expect_frames(b, 0, 100, 1, 10);
			send_frames(b, 0, 100, 2, 10);
			/* By its slot, which is the first. */
			expect_frames(a, 0, 100, 2, 10);
		}
		assert_int_equal(stats_of(a).imissed + stats_of(a).ierrors, 0);
		nic_remove(b);
	}
	log_end();
	free(path);
}

/* The bytes of a bus file, however many there are. */
static uint8_t *
content(const char *path, size_t *size)
{
	const int fd = open(path, O_RDONLY);
	struct stat st;
	uint8_t *bytes;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	*size = (size_t)st.st_size;
	bytes = malloc(*size);
	assert_non_null(bytes);
	assert_int_equal(pread(fd, bytes, *size, 0), *size);
	close(fd);
	return bytes;
}

/* No byte of the file is another one than before. */
static void
assert_same(const char *path, const uint8_t *before, size_t size)
{
	size_t now_size, i;
	uint8_t *now = content(path, &now_size);

	assert_int_equal(now_size, size);
	for (i = 0; i < size && now[i] == before[i]; i++)
		;
	free(now);
	if (i != size)
		fail_msg("byte %zu has been written", i);
}

#define OLDS 6

/*
 * A bus of large tables is emptied, and made a smaller one. The old ports have
 * places in the middle: the new ones find theirs free.
 */
static void
made_anew(char *path, uint16_t *olds, uint16_t *b, uint16_t *c)
{
	struct nic_conf conf = { .rxq = true };
	unsigned int i;

	for (i = 0; i < OLDS; i++)
		olds[i] = nic_new(path, i == 0 ? "ports=64,queues=8,lane_size=64K" : "unlink=on");
	for (i = 0; i < OLDS - 3; i++)
		nic_remove(olds[i]);
	nic_start(olds[OLDS - 1], &conf);
	nic_start(olds[OLDS - 2], &conf);
	log_begin();
	assert_int_equal(truncate(path, 0), 0);
	*b = nic_new(path, "ports=4,queues=2,lane_size=512K");
	*c = nic_new(path, "ports=4,queues=2,lane_size=512K");
	nic_start(*b, NULL);
	nic_start(*c, NULL);
	send_frames(*b, 0, 1514, 1, 200);
}

/* What a port does whose bus has become another one under it. */
static void
test_made_anew(void **state)
{
	struct rte_ether_addr mac = { .addr_bytes = { 2, 0, 0, 0, 0, 1 } };
	uint16_t olds[OLDS], b, c;
	uint16_t old;
	uint8_t *before;
	size_t size;
	char *path;

	(void)state;
	path = tmpdir_new_path();
	made_anew(path, olds, &b, &c);
	old = olds[OLDS - 1];
	before = content(path, &size);
	assert_int_equal(rte_eth_dev_default_mac_addr_set(old, &mac), 0);
	assert_int_equal(rte_eth_dev_rx_intr_enable(old, 0), 0);
	assert_int_equal(rte_eth_dev_rx_intr_disable(old, 0), 0);
	assert_int_equal(rte_eth_dev_set_link_down(old), 0);
	assert_int_equal(rte_eth_dev_set_link_up(old), 0);
	assert_same(path, before, size);
	assert_int_equal(rte_eth_dev_rx_queue_stop(old, 0), 0);
	assert_int_equal(rte_eth_dev_rx_queue_start(old, 0), -EIO);
	assert_int_equal(rte_eth_dev_tx_queue_stop(old, 0), 0);
	assert_int_equal(rte_eth_dev_tx_queue_start(old, 0), -EIO);
	assert_in_text(log_text(), "made anew");
	assert_same(path, before, size);
	assert_int_equal(rte_eth_dev_stop(old), 0);
	assert_same(path, before, size);
	assert_int_equal(rte_eth_tx_queue_setup(old, 0, 0, 0, NULL), -EIO);
	assert_same(path, before, size);
	/* A port that was never started leaves. */
	nic_remove(olds[OLDS - 3]);
	assert_same(path, before, size);
	/* Back on it, by both ways, as any other port. */
	assert_int_equal(rte_eth_dev_reset(old), 0);
	assert_int_equal(rte_eth_dev_stop(olds[OLDS - 2]), 0);
	assert_int_equal(rte_eth_dev_start(olds[OLDS - 2]), 0);
	expect_frames(c, 0, 1514, 1, 200);
	assert_int_equal(stats_of(c).imissed + stats_of(c).ierrors, 0);
	nic_start(old, NULL);
	nic_exchange(b, old);
	free(before);
	free(path);
}

/* A last port with unlink=on does not remove a new bus in place of its own. */
static void
test_made_anew_unlink(void **state)
{
	const bool lanes = nic_is_lanes(*state);
	const char *old = lanes ? "ports=2,queues=1,lane_size=64K,unlink=on" : "format=shmif,unlink=on";
	const char *new = lanes ? "ports=8,queues=1,lane_size=64K" : "ports=8,queues=1,lane_size=128K";
	char *path = tmpdir_new_path();
	uint16_t a, b, c, d;

	a = nic_new(path, old);
	b = nic_new(path, old);
	log_begin();
	assert_int_equal(truncate(path, 0), 0);
	c = nic_new(path, new);
	d = nic_new(path, new);
	nic_remove(a);
	nic_remove(b);
	assert_int_equal(access(path, F_OK), 0);
	nic_start(c, NULL);
	nic_start(d, NULL);
	nic_exchange(c, d);
	log_end();
	free(path);
}

static void
punch(const char *path, off_t off, off_t len)
{
	const int fd = open(path, O_RDWR);

	assert_true(fd >= 0);
	assert_int_equal(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off, len), 0);
	close(fd);
}

/* One is restarted, and makes a bus; the other one is reset. */
static void
come_back(struct scene *s)
{
	assert_int_equal(rte_eth_dev_start(s->a), 0);
	assert_int_equal(rte_eth_dev_reset(s->b), 0);
	nic_start(s->b, &wants_events);
	nic_exchange(s->a, s->b);
}

/* There is memory, so no signal reports the hole: but the header of the bus is gone. */
static void
test_punched_header(void **state)
{
	struct scene s;

	set_scene(&s, *state);
	punch(s.path, 0, 65536);
	assert_told(&s.ea);
	assert_told(&s.eb);
	assert_int_equal(times("hole"), 2);
	/* It says what to do, and that helps. */
	assert_int_equal(rte_eth_dev_stop(s.a), 0);
	assert_true(rte_eth_dev_start(s.a) < 0);
	assert_in_text(log_text(), "create the bus anew");
	assert_int_equal(unlink(s.path), 0);
	come_back(&s);
	end_scene(&s);
}

/* A hole in the tables behind the header: still a bus, but without ports. */
static void
test_punched_tables(void **state)
{
	struct scene s;

	set_scene(&s, *state);
	punch(s.path, 4096, 131072);
	assert_told(&s.ea);
	assert_told(&s.eb);
	assert_int_equal(times("hole"), 2);
	assert_int_equal(rte_eth_dev_stop(s.a), 0);
	come_back(&s);
	end_scene(&s);
}

/* Changes that do not affect a port that has the file open. */
static void
test_harmless(void **state)
{
	struct scene s;
	struct stat st;

	set_scene(&s, *state);
	assert_int_equal(stat(s.path, &st), 0);
	assert_int_equal(truncate(s.path, st.st_size + 4096), 0);
	assert_int_equal(chmod(s.path, 0), 0);
	nic_settle();
	nic_exchange(s.a, s.b);
	assert_int_equal(rte_eth_dev_stop(s.a), 0);
	assert_int_equal(rte_eth_dev_start(s.a), 0);
	nic_exchange(s.a, s.b);
	assert_int_equal(count(&s.ea.rmv) + count(&s.eb.rmv), 0);
	assert_int_equal(times("path="), 0);
	end_scene(&s);
}

static void
test_readonly(void **state)
{
	const struct nic_conf conf = { .lsc = true, .rmv = true, .readonly = true };
	struct scene s;
	struct events e;
	uint16_t eye;

	set_scene(&s, *state);
	eye = nic_new(s.path, "readonly=on");
	watch(&e, eye);
	nic_start(eye, &conf);
	nic_exchange(s.a, s.b);
	drain(eye, 0);
	assert_int_equal(truncate(s.path, 0), 0);
	eventually(count(&e.rmv) == 1 && count(&e.lsc) == 2);
	assert_false(nic_is_up(eye));
	expect_none(eye, 0);
	assert_int_equal(rte_eth_dev_stop(eye), 0);
	/* It makes none. */
	assert_int_equal(rte_eth_dev_start(eye), -ENODATA);
	assert_int_equal(unlink(s.path), 0);
	assert_int_equal(rte_eth_dev_start(eye), -ENOENT);
	assert_int_equal(rte_eth_dev_stop(s.a), 0);
	assert_int_equal(rte_eth_dev_start(s.a), 0);
	assert_int_equal(rte_eth_dev_start(eye), 0);
	send_frames(s.a, 0, 100, 5, 10);
	expect_frames(eye, 0, 100, 5, 10);
	unwatch(&e);
	end_scene(&s);
}

/* As after the probe, but for what ethdev keeps itself. */
static void
test_reset(void **state)
{
	struct rte_flow_error error;
	struct rte_ether_addr before, after;
	struct pair p;
	int i;

	pair_start(&p, *state, NULL);
	assert_int_equal(rte_eth_macaddr_get(p.a, &before), 0);
	for (i = 0; i < 3; i++) {
		nic_exchange(p.a, p.b);
		assert_int_equal(rte_eth_dev_set_link_down(p.a), 0);
		assert_int_equal(rte_eth_dev_reset(p.a), 0);
		assert_int_equal(rte_eth_dev_start(p.a), -EINVAL);
		/* On the bus, as if just come. */
		assert_int_equal(xstat_of(p.b, "peers"), 1);
		nic_setup(p.a, NULL);
		assert_int_equal(rte_eth_dev_start(p.a), 0);
		assert_true(nic_is_up(p.a));
	}
	assert_int_equal(rte_eth_macaddr_get(p.a, &after), 0);
	assert_true(rte_is_same_ether_addr(&before, &after));
	assert_int_equal(stats_of(p.a).ipackets, 30);
	/* Isolated: nothing would be received. */
	assert_int_equal(rte_eth_dev_stop(p.a), 0);
	assert_int_equal(rte_flow_isolate(p.a, 1, &error), 0);
	assert_int_equal(rte_eth_dev_reset(p.a), 0);
	nic_start(p.a, NULL);
	nic_exchange(p.a, p.b);
}

/* On no bus, and not lost. */
static void
test_reset_without_bus(void **state)
{
	uint16_t a;

	a = nic_new("", *state);
	nic_start(a, NULL);
	assert_int_equal(rte_eth_dev_reset(a), 0);
	nic_start(a, NULL);
	nic_assert_silent(a);
}

/* All that can be asked of a port whose bus is gone, and that has not found another. */
static void
test_everything_while_gone(void **state)
{
	struct rte_ether_addr mac = { .addr_bytes = { 2, 0, 0, 0, 0, 1 } };
	struct rte_eth_dev_info info;
	struct rte_dev_reg_info regs;
	struct rte_eth_conf conf;
	struct scene s;
	FILE *null;

	set_scene(&s, *state);
	assert_int_equal(truncate(s.path, 1000), 0);
	assert_told(&s.ea);
	assert_int_equal(rte_eth_dev_stop(s.a), 0);
	assert_true(rte_eth_dev_start(s.a) < 0);
	assert_int_equal(rte_eth_dev_info_get(s.a, &info), 0);
	assert_int_equal(rte_eth_dev_default_mac_addr_set(s.a, &mac), 0);
	assert_int_equal(rte_eth_dev_set_link_down(s.a), 0);
	assert_int_equal(rte_eth_dev_set_link_up(s.a), 0);
	assert_int_equal(rte_eth_dev_set_mtu(s.a, 1000), 0);
	assert_int_equal(rte_eth_promiscuous_disable(s.a), 0);
	assert_int_equal(stats_of(s.a).ipackets, 10);
	assert_int_equal(xstat_of(s.a, "peers"), 0);
	memset(&regs, 0, sizeof(regs));
	assert_int_equal(rte_eth_dev_get_reg_info(s.a, &regs), 0);
	null = fopen("/dev/null", "w");
	assert_non_null(null);
	assert_int_equal(rte_eth_dev_priv_dump(s.a, null), 0);
	fclose(null);
	memset(&conf, 0, sizeof(conf));
	assert_true(rte_eth_dev_configure(s.a, 1, 1, &conf) < 0);
	assert_false(nic_is_up(s.a));
	/* Until the file is away. */
	assert_int_equal(unlink(s.path), 0);
	nic_start(s.a, NULL);
	assert_int_equal(rte_eth_dev_stop(s.b), 0);
	nic_start(s.b, NULL);
	nic_exchange(s.a, s.b);
	end_scene(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH_FORMATS(test_truncated),
		BOTH_FORMATS(test_asked_for),
		BOTH_FORMATS(test_no_events),
		BOTH_FORMATS(test_stop_in_callback),
		BOTH_FORMATS(test_deleted),
		BOTH_FORMATS(test_deleted_alone),
		LANES_ONLY(test_replaced),
		LANES_ONLY(test_made_anew),
		BOTH_FORMATS(test_made_anew_unlink),
		BOTH_FORMATS(test_punched_header),
		LANES_ONLY(test_punched_tables),
		BOTH_FORMATS(test_harmless),
		BOTH_FORMATS(test_readonly),
		BOTH_FORMATS(test_reset),
		SHMIF_ONLY(test_reset_without_bus),
		BOTH_FORMATS(test_everything_while_gone),
	};

	return cmocka_run_group_tests_name("pmd_removal", tests, eal_start, eal_stop);
}
