/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Ports with several queues: how frames are divided, what the queues share, and how they end. */

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "child.h"
#include "segment.h"

#define LANE_SIZE 65536u
#define QUEUES_MAX 4u
#define PER_QUEUE 20u
#define LEN 100u

static struct shmbus_conf
conf_of(uint32_t queues)
{
	return (struct shmbus_conf){
		.ports = 8, .queues = QUEUES_MAX, .lane_size = LANE_SIZE, .port_queues = queues,
		.pause_timeout_ms = PATIENCE_MS,
	};
}

static struct shmbus_station *
attach(const char *path, uint32_t queues, uint32_t flags)
{
	struct shmbus_conf conf = conf_of(queues);
	struct shmbus_station *st;

	conf.flags = flags;
	if (shmbus_attach(&st, path, &conf) != 0)
		fail_msg("%s", shmbus_error_text());
	return st;
}

static struct shmbus_station *
queue_of(struct shmbus_station *st, uint32_t queue)
{
	struct shmbus_station *handle;

	assert_int_equal(shmbus_get_queue(st, queue, &handle), 0);
	return handle;
}

static struct shmbus_self
self_of(const struct shmbus_station *st)
{
	struct shmbus_self self;

	assert_int_equal(shmbus_get_self(st, &self), 0);
	return self;
}

static int
try_send(struct shmbus_station *st, uint64_t seq)
{
	uint8_t bytes[LEN];

	segment_fill(bytes, sizeof(bytes), seq);
	return shmbus_send(st, &(struct shmbus_tx){ .data = bytes, .len = sizeof(bytes) }, 1);
}

/* Receives a frame, whose number it returns. UINT64_MAX: there is none. */
static uint64_t
take(struct shmbus_station *st, struct shmbus_meta *meta)
{
	uint8_t bytes[LEN];
	struct shmbus_rx rx = { .data = bytes, .room = sizeof(bytes) };
	const int n = shmbus_receive(st, &rx, 1);

	assert_in_range(n, 0, 1);
	if (n == 0)
		return UINT64_MAX;
	*meta = rx.meta;
	return segment_number(bytes, rx.len);
}

/* Receives all that a queue has. Returns the number of frames. */
static unsigned int
drain(struct shmbus_station *st)
{
	struct shmbus_meta meta;
	unsigned int n = 0;

	while (take(st, &meta) != UINT64_MAX)
		n++;
	return n;
}

/* Returns the queue of the port at which a frame with this number has arrived; it must be one. */
static uint32_t
arrived_at(struct shmbus_station *st, uint64_t seq)
{
	const uint32_t n = self_of(st).queues;
	uint32_t found = UINT32_MAX;
	struct shmbus_meta meta;
	uint64_t number;
	uint32_t q;

	for (q = 0; q < n; q++) {
		while ((number = take(queue_of(st, q), &meta)) != UINT64_MAX) {
			assert_int_equal(number, seq);
			assert_int_equal(found, UINT32_MAX);
			found = q;
		}
	}
	assert_int_not_equal(found, UINT32_MAX);
	return found;
}

static void
end(char *path)
{
	unlink(path);
	free(path);
}

/* ---- handles and numbers */

static void
test_handles(void **state)
{
	char *path = tmpdir_new_path();
	struct shmbus_station *one, *many, *handle;
	struct shmbus_peer_info peers[2];
	uint32_t q;

	(void)state;
	one = attach(path, 0, 0);
	assert_int_equal(self_of(one).queue, 0);
	assert_int_equal(self_of(one).queues, 1);
	assert_ptr_equal(queue_of(one, 0), one);
	assert_int_equal(shmbus_get_queue(one, 1, &handle), -EINVAL);
	assert_null(handle);
	assert_in_text(shmbus_error_text(), "queue=1: this station has 1 queue,");

	many = attach(path, 3, 0);
	assert_ptr_equal(queue_of(many, 0), many);
	for (q = 0; q < 3; q++) {
		handle = queue_of(many, q);
		assert_int_equal(self_of(handle).queue, q);
		assert_int_equal(self_of(handle).queues, 3);
		assert_int_equal(self_of(handle).slot, 1);
		assert_ptr_equal(shmbus_station_bus(handle), shmbus_station_bus(many));
		assert_ptr_equal(queue_of(handle, 0), many);
	}
	assert_int_equal(shmbus_get_queue(handle, 3, &handle), -EINVAL);
	assert_in_text(shmbus_error_text(), "queue=3: this station has 3 queues");
	assert_int_equal(shmbus_get_peers(shmbus_station_bus(one), peers, 2), 2);
	assert_int_equal(peers[0].tx_queues + peers[0].rx_queues, 2);
	assert_int_equal(peers[1].tx_queues, 3);
	assert_int_equal(peers[1].rx_queues, 3);
	/* The handle of any queue ends the port. */
	shmbus_detach(queue_of(many, 2));
	assert_int_equal(shmbus_get_peers(shmbus_station_bus(one), peers, 2), 1);
	many = attach(path, 2, SHMBUS_SEND_ONLY);
	assert_int_equal(shmbus_get_peers(shmbus_station_bus(one), peers, 2), 2);
	assert_int_equal(peers[1].tx_queues, 2);
	assert_int_equal(peers[1].rx_queues, 0);
	shmbus_detach(many);
	shmbus_detach(one);
	end(path);
}

static void
assert_refused(int (*begin)(struct shmbus_station **, const char *, const struct shmbus_conf *),
	       const char *path, const struct shmbus_conf *conf, int err, const char *text)
{
	struct shmbus_station *st;

	assert_int_equal(begin(&st, path, conf), err);
	assert_null(st);
	assert_in_text(shmbus_error_text(), text);
	assert_in_text(shmbus_error_text(), path);
}

static void
test_wrong_numbers(void **state)
{
	struct shmbus_conf conf = { .port_queues = 65 };
	char *path = tmpdir_new_path();
	struct shmbus_station *st;

	(void)state;
	assert_refused(shmbus_attach, path, &conf, -EINVAL, "port_queues=65: must be from 1 to 64");
	conf = (struct shmbus_conf){ .queues = 2, .port_queues = 3 };
	assert_refused(shmbus_attach, path, &conf, -EINVAL, "port_queues=3: must be 2 at most");
	conf = (struct shmbus_conf){ .port_queues = 2, .reserved1 = 1 };
	assert_refused(shmbus_attach, path, &conf, -EINVAL, "conf.reserved1 is not 0");
	conf = (struct shmbus_conf){ .port_queues = 2, .format = SHMBUS_FORMAT_SHMIF };
	assert_refused(shmbus_attach, path, &conf, -EINVAL, "a port with 2 queues cannot be on a shmif bus");
	assert_int_not_equal(access(path, F_OK), 0);

	st = attach(path, 1, 0);
	conf = (struct shmbus_conf){ .port_queues = QUEUES_MAX + 1 };
	assert_refused(shmbus_attach, path, &conf, -EEXIST,
		       "a port with 5 queues contradicts the existing bus, which has queues=4");
	conf.port_queues = 2;
	assert_refused(shmbus_monitor, path, &conf, -EINVAL, "port_queues=2: a monitor has one queue");
	shmbus_detach(st);
	unlink(path);

	conf = (struct shmbus_conf){ .port_queues = 1, .format = SHMBUS_FORMAT_SHMIF };
	assert_int_equal(shmbus_attach(&st, path, &conf), 0);
	conf = (struct shmbus_conf){ .port_queues = 2 };
	assert_refused(shmbus_attach, path, &conf, -EINVAL, "shmif");
	shmbus_detach(st);
	end(path);
}

/* A new bus, and one that nobody has used yet, get the queues that the port needs. */
static void
test_new_bus(void **state)
{
	static const struct {
		uint32_t port_queues, queues;
	} cases[] = { { 2, 4 }, { 6, 6 }, { 3, 6 }, { 64, 64 } };
	char *path = tmpdir_new_path();
	struct shmbus_info info;
	struct shmbus_station *st;
	unsigned int i;

	(void)state;
	for (i = 0; i < DIM(cases); i++) {
		const struct shmbus_conf conf = {
			.lane_size = LANE_SIZE, .port_queues = cases[i].port_queues,
		};

		if (shmbus_attach(&st, path, &conf) != 0)
			fail_msg("%s", shmbus_error_text());
		assert_int_equal(shmbus_get_info(shmbus_station_bus(st), &info), 0);
		assert_int_equal(info.queues, cases[i].queues);
		shmbus_detach(st);
	}
	end(path);
}

/* ---- frames */

/* Sends through all queues of a sender, and returns the queues of st that have got something. */
static uint32_t
send_through_all(struct shmbus_station *from, struct shmbus_station *st, uint64_t *seq)
{
	const struct shmbus_self sender = self_of(from);
	uint32_t used = 0, q, first;
	struct shmbus_meta meta;
	unsigned int i;

	for (q = 0; q < sender.queues; q++) {
		assert_int_equal(try_send(queue_of(from, q), *seq), 1);
		first = arrived_at(st, (*seq)++);
		used |= 1u << first;
		/* All that follow come there, too, in their order. */
		for (i = 0; i < PER_QUEUE; i++)
			assert_int_equal(try_send(queue_of(from, q), *seq + i), 1);
		for (i = 0; i < PER_QUEUE; i++) {
			assert_int_equal(take(queue_of(st, first), &meta), (*seq)++);
			assert_int_equal(meta.slot, sender.slot);
			assert_int_equal(meta.queue, q);
			assert_int_equal(meta.seq, i + 1);
			assert_int_equal(meta.missed, 0);
		}
	}
	return used;
}

static void
test_each_frame_reaches_one_queue(void **state)
{
	struct shmbus_station *a, *b;
	uint32_t n, m, used;
	uint64_t seq = 0;
	char *path;

	(void)state;
	for (n = 1; n <= QUEUES_MAX; n++) {
		for (m = 1; m <= QUEUES_MAX; m++) {
			path = tmpdir_new_path();
			a = attach(path, n, 0);
			b = attach(path, m, 0);
			used = send_through_all(a, b, &seq);
			/* Each queue reads some lanes if there are enough. */
			assert_int_equal(__builtin_popcount(used), n < m ? n : m);
			used = send_through_all(b, a, &seq);
			assert_int_equal(__builtin_popcount(used), n < m ? n : m);
			assert_int_equal(segment_stats(a).tx_frames, n * (PER_QUEUE + 1));
			assert_int_equal(segment_stats(queue_of(b, m - 1)).rx_frames, n * (PER_QUEUE + 1));
			assert_int_equal(segment_stats(b).rx_bytes, n * (PER_QUEUE + 1) * LEN);
			assert_int_equal(segment_stats(b).rx_missed, 0);
			shmbus_detach(a);
			shmbus_detach(b);
			end(path);
		}
	}
}

/* All but two ports have got the frames of these two. */
static void
drain_others(struct shmbus_station *const *st, uint32_t n, uint32_t i, uint32_t j)
{
	unsigned int got;
	uint32_t k, q;

	for (k = 0; k < n; k++) {
		for (q = 0, got = 0; k != i && k != j && q < self_of(st[k]).queues; q++)
			got += drain(queue_of(st[k], q));
		assert_true(k == i || k == j || got == 2);
	}
}

/* What a queue answers with goes back to where the question came from, whatever the slots are. */
static void
test_answers_come_back(void **state)
{
	struct shmbus_station *st[QUEUES_MAX + 1];
	char *path = tmpdir_new_path();
	uint32_t n, i, j, q, at;
	uint64_t seq = 0;

	(void)state;
	for (n = 2; n <= QUEUES_MAX; n++) {
		for (i = 0; i < DIM(st); i++)
			st[i] = attach(path, n, 0);
		for (i = 0; i < DIM(st); i++) {
			for (j = 0; j < DIM(st); j++) {
				for (q = 0; q < n && i != j; q++) {
					assert_int_equal(try_send(queue_of(st[i], q), seq), 1);
					at = arrived_at(st[j], seq++);
					assert_int_equal(try_send(queue_of(st[j], at), seq), 1);
					assert_int_equal(arrived_at(st[i], seq++), q);
					drain_others(st, DIM(st), i, j);
				}
			}
		}
		for (i = 0; i < DIM(st); i++)
			shmbus_detach(st[i]);
	}
	end(path);
}

/* Senders with one queue each are spread. */
static void
test_many_senders(void **state)
{
	struct shmbus_station *senders[QUEUES_MAX], *st;
	char *path = tmpdir_new_path();
	uint32_t i, used = 0;

	(void)state;
	st = attach(path, QUEUES_MAX, 0);
	for (i = 0; i < QUEUES_MAX; i++) {
		senders[i] = attach(path, 1, SHMBUS_SEND_ONLY);
		assert_int_equal(try_send(senders[i], i), 1);
		used |= 1u << arrived_at(st, i);
	}
	assert_int_equal(used, (1u << QUEUES_MAX) - 1);
	for (i = 0; i < QUEUES_MAX; i++)
		shmbus_detach(senders[i]);
	shmbus_detach(st);
	end(path);
}

/* In place on both sides, and with work left. */
static void
test_all_functions(void **state)
{
	char *path = tmpdir_new_path();
	struct shmbus_station *a = attach(path, 2, 0), *b = attach(path, 2, 0);
	struct shmbus_offload offload = { .flags = 0 };
	struct shmbus_place places[2] = { { .len = LEN }, { .len = LEN } };
	struct shmbus_view views[2];
	struct shmbus_station *to;
	uint8_t bytes[LEN];
	struct shmbus_rx rx = { .data = bytes, .room = sizeof(bytes) };
	uint32_t at;

	(void)state;
	assert_int_equal(try_send(queue_of(a, 1), 1), 1);
	at = arrived_at(b, 1);
	to = queue_of(b, at);
	assert_int_equal(shmbus_reserve(queue_of(a, 1), places, 2), 2);
	/* A reservation of one queue does not end because another one sends. */
	assert_int_equal(try_send(a, 7), 1);
	assert_int_equal(arrived_at(b, 7), !at);
	segment_fill(places[0].data, LEN, 2);
	segment_fill(places[1].data, LEN, 3);
	assert_int_equal(shmbus_commit(queue_of(a, 1), places, 2), 2);
	assert_int_equal(shmbus_peek(queue_of(b, !at), views, 2), 0);
	assert_int_equal(shmbus_peek(to, views, 2), 2);
	assert_int_equal(segment_number(views[1].data, views[1].len), 3);
	assert_int_equal(shmbus_release(to, 1), 1);
	assert_int_equal(shmbus_receive_offload(to, &rx, &offload, 1), 1);
	assert_int_equal(segment_number(bytes, rx.len), 3);
	assert_int_equal(shmbus_wait_room(queue_of(a, 1), 0), 1);
	shmbus_detach(a);
	shmbus_detach(b);
	end(path);
}

/* A queue that nobody reads holds back the queue whose frames it gets, and no other. */
static void
test_idle_queue(void **state)
{
	char *path = tmpdir_new_path();
	struct shmbus_station *a = attach(path, 2, 0), *b = attach(path, 2, 0);
	struct shmbus_meta meta;
	uint64_t seq;
	uint32_t at;

	(void)state;
	assert_int_equal(try_send(a, 0), 1);
	at = arrived_at(b, 0);
	for (seq = 1; try_send(queue_of(a, 1), seq) == 1; seq++)
		assert_true(seq < LANE_SIZE);
	for (seq = 0; seq < LANE_SIZE / LEN * 3; seq++) {
		assert_int_equal(try_send(a, seq), 1);
		assert_int_equal(take(queue_of(b, at), &meta), seq);
	}
	assert_true(segment_stats(a).tx_pauses > 0);
	assert_int_equal(segment_stats(a).pause_timeouts, 0);
	/* The held back one sleeps until that queue is read. */
	assert_int_equal(shmbus_wait_room(queue_of(a, 1), 1), 0);
	drain(queue_of(b, !at));
	assert_int_equal(shmbus_wait_room(queue_of(a, 1), PATIENCE_MS), 1);
	shmbus_detach(a);
	shmbus_detach(b);
	end(path);
}

/* ---- sleep */

static void
test_descriptors(void **state)
{
	char *path = tmpdir_new_path();
	struct shmbus_station *a = attach(path, 2, 0), *b = attach(path, 2, 0);
	struct pollfd on[2];
	struct shmbus_meta meta;
	uint32_t q, at, turn;

	(void)state;
	for (q = 0; q < 2; q++) {
		on[q] = (struct pollfd){ .fd = shmbus_fd(queue_of(b, q)), .events = POLLIN };
		assert_true(on[q].fd >= 0);
		assert_true(shmbus_room_fd(queue_of(b, q)) >= 0);
	}
	assert_int_not_equal(on[0].fd, on[1].fd);
	for (turn = 0; turn < 50; turn++) {
		for (q = 0; q < 2; q++)
			assert_int_equal(shmbus_arm(queue_of(b, q)), 0);
		assert_int_equal(try_send(queue_of(a, turn % 2), turn), 1);
		at = (turn + 1) % 2; /* of two neighbours */
		assert_int_equal(poll(&on[at], 1, PATIENCE_MS), 1);
		for (q = 0; q < 2; q++)
			shmbus_disarm(queue_of(b, q));
		/* The other one has nothing, and could sleep on. */
		assert_int_equal(shmbus_arm(queue_of(b, !at)), 0);
		shmbus_disarm(queue_of(b, !at));
		assert_int_equal(shmbus_wait(queue_of(b, at), PATIENCE_MS), 1);
		assert_int_equal(take(queue_of(b, at), &meta), turn);
	}
	assert_int_equal(shmbus_wait(queue_of(b, 1), 1), 0);
	shmbus_detach(a);
	shmbus_detach(b);
	end(path);
}

/* ---- ends */

static int
attach_and_die(struct child *c, void *arg)
{
	struct shmbus_station *st = attach(arg, 3, 0);
	uint32_t q;

	for (q = 0; q < 3; q++)
		if (try_send(queue_of(st, q), q) != 1 || shmbus_arm(queue_of(st, q)) != 0)
			return 1;
	child_tell(c, 1);
	pause();
	return 1;
}

/* Nobody waits for the queues of a dead port, and the next owner of its slot has its own number. */
static void
test_death(void **state)
{
	char *path = tmpdir_new_path();
	struct shmbus_station *st = attach(path, 2, 0), *next;
	struct shmbus_peer_info peers[2];
	struct child c;
	uint64_t seq;
	uint32_t q;

	(void)state;
	child_start(&c, attach_and_die, path);
	child_answer(&c);
	child_kill(&c);
	for (q = 0; q < 2; q++) {
		assert_true(drain(queue_of(st, q)) > 0);
		for (seq = 0; seq < LANE_SIZE / LEN * 3; seq++)
			while (try_send(queue_of(st, q), seq) == 0)
				assert_int_equal(shmbus_wait_room(queue_of(st, q), PATIENCE_MS), 1);
	}
	assert_true(segment_stats(st).pause_dead > 0);
	assert_int_equal(segment_stats(st).pause_timeouts, 0);
	assert_int_equal(segment_stats(st).rx_frames, 3);
	next = attach(path, 1, 0);
	assert_true(self_of(next).flags & SHMBUS_SELF_TOOK_OVER);
	assert_int_equal(shmbus_get_peers(shmbus_station_bus(st), peers, 2), 2);
	assert_int_equal(peers[1].tx_queues, 1);
	for (q = 0; q < 2; q++) {
		assert_int_equal(try_send(queue_of(st, q), q), 1);
		assert_int_equal(arrived_at(next, q), 0);
	}
	shmbus_detach(next);
	shmbus_detach(st);
	end(path);
}

static int
forget(struct child *c, void *arg)
{
	struct shmbus_station **st = arg;

	shmbus_forget(queue_of(*st, 1));
	child_tell(c, 1);
	return 0;
}

static void
test_fork(void **state)
{
	char *path = tmpdir_new_path();
	struct shmbus_station *a = attach(path, 2, 0), *b = attach(path, 2, 0);
	struct child c;

	(void)state;
	child_start(&c, forget, &a);
	child_answer(&c);
	assert_int_equal(child_wait(&c), 0);
	assert_int_equal(try_send(queue_of(a, 1), 5), 1);
	arrived_at(b, 5);
	shmbus_detach(a);
	shmbus_detach(b);
	end(path);
}

static void
test_bus_is_gone(void **state)
{
	char *path = tmpdir_new_path();
	struct shmbus_station *st = attach(path, 3, 0);
	struct shmbus_meta meta;
	uint32_t q;

	(void)state;
	assert_int_equal(take(st, &meta), UINT64_MAX);
	assert_int_equal(truncate(path, 0), 0);
	for (q = 0; q < 3; q++)
		assert_int_equal(shmbus_wait(queue_of(st, q), PATIENCE_MS), -ENODEV);
	for (q = 0; q < 3; q++)
		assert_int_equal(try_send(queue_of(st, q), 0), -ENODEV);
	shmbus_detach(st);
	end(path);
}

/* On a switch what one queue has learned, all know. */
static void
test_switch(void **state)
{
	char *path = tmpdir_new_path();
	struct shmbus_conf conf = conf_of(2);
	struct shmbus_station *st[3];
	struct shmbus_meta meta;
	uint8_t bytes[60] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 99 };
	const struct shmbus_tx tx = { .data = bytes, .len = sizeof(bytes) };
	uint32_t i;

	(void)state;
	conf.deliver = SHMBUS_DELIVERY_SWITCH;
	for (i = 0; i < 3; i++)
		assert_int_equal(shmbus_attach(&st[i], path, &conf), 0);
	/* With the first frame a port gets to know the others, and forgets what it had learned. */
	assert_int_equal(try_send(st[0], 0), 1);
	arrived_at(st[1], 0);
	arrived_at(st[2], 0);
	/* Behind st[1] is an address that no port has. */
	assert_int_equal(shmbus_send(st[1], &tx, 1), 1);
	for (i = 0; i < 2; i++) {
		struct shmbus_rx rx = { .data = (uint8_t[60]){ 0 }, .room = 60 };

		shmbus_receive(queue_of(st[0], i), &rx, 1);
		shmbus_receive(queue_of(st[2], i), &rx, 1);
	}
	memcpy(bytes, bytes + 6, 6);
	bytes[11] = 98;
	for (i = 0; i < 2; i++)
		assert_int_equal(shmbus_send(queue_of(st[0], i), &tx, 1), 1);
	for (i = 0; i < 2; i++) {
		struct shmbus_rx rx = { .data = (uint8_t[60]){ 0 }, .room = 60 };

		assert_int_equal(shmbus_receive(queue_of(st[1], i), &rx, 1), 1);
		assert_int_equal(take(queue_of(st[2], i), &meta), UINT64_MAX);
	}
	/* The two that were for everybody. */
	assert_int_equal(segment_stats(st[2]).rx_frames, 2);
	for (i = 0; i < 3; i++)
		shmbus_detach(st[i]);
	end(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_handles),
		cmocka_unit_test(test_wrong_numbers),
		cmocka_unit_test(test_new_bus),
		cmocka_unit_test(test_each_frame_reaches_one_queue),
		cmocka_unit_test(test_answers_come_back),
		cmocka_unit_test(test_many_senders),
		cmocka_unit_test(test_all_functions),
		cmocka_unit_test(test_idle_queue),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_death),
		cmocka_unit_test(test_fork),
		cmocka_unit_test(test_bus_is_gone),
		cmocka_unit_test(test_switch),
	};

	return cmocka_run_group_tests_name("library_queues", tests, tmpdir_create, tmpdir_remove);
}
