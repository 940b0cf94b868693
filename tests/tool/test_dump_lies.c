/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * dump with a library that lies. A frame may be longer than its room, or shorter than a
 * header: dump uses no bytes but those that were received. A lane may have more frames than
 * ever come, while another one goes on for ever: dump ends. The linker puts the functions
 * __wrap_...() in the library's place.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <shmbus.h>

#include "check.h"
#include "dump.h"

#define LEN 100
#define OVER 5000
#define SHORT 7

int __real_shmbus_receive(struct shmbus_station *st, struct shmbus_rx *frames, unsigned int n);
int __wrap_shmbus_receive(struct shmbus_station *st, struct shmbus_rx *frames, unsigned int n);

int __real_shmbus_get_lanes(struct shmbus *bus, struct shmbus_lane_info *lanes, unsigned int n);
int __wrap_shmbus_get_lanes(struct shmbus *bus, struct shmbus_lane_info *lanes, unsigned int n);

static enum { TOO_LONG, TOO_SHORT, NEVER_SENT } lie;

/* Another slot's frame, which is not in the snapshot, whenever there is nothing else. */
static int
endless(struct shmbus_rx *rx)
{
	static uint64_t seq;

	memset(rx->data, 0, LEN);
	rx->len = LEN;
	rx->meta = (struct shmbus_meta){ .slot = 1, .seq = seq++ };
	return 1;
}

int
__wrap_shmbus_get_lanes(struct shmbus *bus, struct shmbus_lane_info *lanes, unsigned int n)
{
	const int got = __real_shmbus_get_lanes(bus, lanes, n);

	if (lie == NEVER_SENT && got > 0 && n > 0)
		lanes[0].frames += UINT64_C(1) << 40;
	return got;
}

int
__wrap_shmbus_receive(struct shmbus_station *st, struct shmbus_rx *frames, unsigned int n)
{
	const int got = __real_shmbus_receive(st, frames, n);
	int i;

	if (lie == NEVER_SENT)
		return got != 0 ? got : endless(&frames[0]);
	for (i = 0; i < got; i++)
		frames[i].len = lie == TOO_LONG ? frames[i].room + OVER : SHORT;
	return got;
}

struct place {
	char dir[64];
	char bus[128];
	char out[128];
	uint32_t frame_max;
};

static int
setup(void **state)
{
	static struct place p;
	uint8_t bytes[LEN];
	const struct shmbus_tx tx = { .data = bytes, .len = LEN };
	struct shmbus_station *st;
	struct shmbus_self self;

	snprintf(p.dir, sizeof(p.dir), "%s/shmbus-test-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(p.dir));
	snprintf(p.bus, sizeof(p.bus), "%s/bus", p.dir);
	snprintf(p.out, sizeof(p.out), "%s/out", p.dir);
	memset(bytes, 0xaa, sizeof(bytes));
	assert_int_equal(shmbus_attach(&st, p.bus, NULL), 0);
	assert_int_equal(shmbus_get_self(st, &self), 0);
	p.frame_max = self.frame_max;
	assert_int_equal(shmbus_send_all(st, &tx, 1, -1), 1);
	shmbus_detach(st);
	*state = &p;
	return 0;
}

static int
teardown(void **state)
{
	const struct place *p = *state;

	unlink(p->bus);
	unlink(p->out);
	return rmdir(p->dir);
}

/* Dumps the bus into the file. Returns the number of bytes there, which are in content. */
static size_t
dump_to(const struct place *p, enum dump_format format, char *filter_text, uint8_t *content,
	size_t size)
{
	const struct dump_conf conf = {
		.recorder = { .file = p->out, .snaplen = 262144 },
		.format = format,
	};
	struct filter filter;
	FILE *f;

	assert_int_equal(filter_compile(&filter, filter_text != NULL, &filter_text), 0);
	assert_int_equal(dump(p->bus, &conf, &filter), 0);
	filter_free(&filter);
	f = fopen(p->out, "rb");
	assert_non_null(f);
	size = fread(content, 1, size, f);
	assert_true(feof(f));
	fclose(f);
	return size;
}

static uint32_t
word(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static void
test_longer_than_its_room(void **state)
{
	const struct place *p = *state;
	char filter[64], no_filter[64];
	uint8_t *content = malloc(1 << 20);
	const uint8_t *block;

	assert_non_null(content);
	lie = TOO_LONG;
	/* The file's header is 24 bytes, the frame's is 16: two words of time, two lengths. */
	assert_int_equal(dump_to(p, DUMP_PCAP, NULL, content, 1 << 20), 24 + 16 + p->frame_max);
	assert_int_equal(word(content + 24 + 8), p->frame_max);
	assert_int_equal(word(content + 24 + 12), p->frame_max + OVER);
	/* The block of a packet: type, length, interface, two words of time, two lengths. */
	dump_to(p, DUMP_PCAPNG, NULL, content, 1 << 20);
	for (block = content; word(block) != 6; block += word(block + 4))
		assert_true(block - content < 4096);
	assert_int_equal(word(block + 20), p->frame_max);
	assert_int_equal(word(block + 24), p->frame_max + OVER);
	/* A filter sees the length of the frame, and no byte behind the room. */
	snprintf(filter, sizeof(filter), "greater %u", p->frame_max + OVER);
	snprintf(no_filter, sizeof(no_filter), "ether[%u] >= 0", p->frame_max);
	assert_int_equal(dump_to(p, DUMP_PCAP, filter, content, 1 << 20), 24 + 16 + p->frame_max);
	assert_int_equal(dump_to(p, DUMP_PCAP, no_filter, content, 1 << 20), 24);
	free(content);
}

static void
test_shorter_than_a_header(void **state)
{
	const struct place *p = *state;
	const struct dump_conf conf = { .no_tcpdump = true, .recorder.snaplen = 262144 };
	const struct filter all = { .all = true };
	char line[256] = "";
	int saved;
	FILE *f;

	lie = TOO_SHORT;
	fflush(stdout);
	saved = dup(STDOUT_FILENO);
	assert_non_null(freopen(p->out, "w", stdout));
	assert_int_equal(dump(p->bus, &conf, &all), 0);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	f = fopen(p->out, "r");
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	fclose(f);
	assert_in_text(line, "aa:00:00:00:00:00 > aa:aa:aa:aa:aa:aa, ethertype 0x0000, length 7\n");
}

/* The frame that was sent is captured, and dump ends although the bus is never empty. */
static void
test_frames_never_sent(void **state)
{
	uint8_t content[4096];

	lie = NEVER_SENT;
	assert_int_equal(dump_to(*state, DUMP_PCAP, NULL, content, sizeof(content)), 24 + 16 + LEN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_longer_than_its_room, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shorter_than_a_header, setup, teardown),
		cmocka_unit_test_setup_teardown(test_frames_never_sent, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
