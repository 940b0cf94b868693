/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* The numbers of a bus: defaults, ranges, and a header that is not to be trusted. */

#include <errno.h>

#include "check.h"
#include "shmbus_geometry.h"

#define PAGE 4096

static int
make_any(struct shmbus_geometry *geo, uint32_t ports, uint32_t queues, uint64_t lane_size,
	 enum shmbus_deliver deliver, struct shmbus_error *e)
{
	const struct shmbus_bus_conf conf = {
		.path = "/some/bus", .ports = ports, .queues = queues, .lane_size = lane_size,
		.deliver = deliver,
	};

	return shmbus_geometry_new(geo, &conf, PAGE, e);
}

static int
make(struct shmbus_geometry *geo, uint32_t ports, uint32_t queues, uint64_t lane_size,
     struct shmbus_error *e)
{
	return make_any(geo, ports, queues, lane_size, SHMBUS_DELIVER_HUB, e);
}

static void
test_defaults(void **state)
{
	struct shmbus_geometry geo;
	struct shmbus_error e;

	(void)state;
	assert_int_equal(make(&geo, 0, 0, 0, &e), 0);
	assert_int_equal(geo.ports, 32);
	assert_int_equal(geo.queues, 4);
	assert_int_equal(geo.lanes, 128);
	assert_int_equal(geo.lane_size, SHMBUS_LANE_SIZE_DEFAULT);
	assert_int_equal(geo.file_size, geo.data_off + 128 * SHMBUS_LANE_SIZE_DEFAULT);
}

/* No table may lie in another one, and each begins on a page. */
static void
assert_layout(const struct shmbus_geometry *geo)
{
	const uint64_t lanes = (uint64_t)geo->ports * geo->queues;

	assert_int_equal(geo->lanes, lanes);
	assert_true(geo->roster_off >= sizeof(struct shmbus_header));
	assert_true(geo->port_off >= geo->roster_off + geo->ports * sizeof(uint32_t));
	assert_true(geo->lane_off >= geo->port_off + geo->ports * sizeof(struct shmbus_port_entry));
	assert_true(geo->notice_off >= geo->lane_off + lanes * sizeof(struct shmbus_lane_entry));
	assert_true(geo->cursor_off >= geo->notice_off + (geo->directs ? geo->ports * lanes : 0) *
		    sizeof(struct shmbus_notice));
	/* The offset of each word below the cursors fits 32 bits. */
	assert_true(geo->cursor_off <= UINT32_MAX);
	assert_int_equal(UINT64_C(4) << geo->quarter_shift, geo->lane_size);
	assert_true(geo->data_off >= geo->cursor_off + lanes * lanes * sizeof(struct shmbus_cursor));
	assert_int_equal(geo->file_size, geo->data_off + lanes * geo->lane_size);
	assert_int_equal(geo->roster_off % PAGE, 0);
	assert_int_equal(geo->port_off % PAGE, 0);
	assert_int_equal(geo->lane_off % PAGE, 0);
	assert_int_equal(geo->notice_off % PAGE, 0);
	assert_int_equal(geo->cursor_off % PAGE, 0);
	assert_int_equal(geo->data_off % SHMBUS_DATA_ALIGN, 0);
}

static void
test_layout(void **state)
{
	static const uint32_t ports[] = { 1, 2, 3, 31, 64, 255, 256 };
	static const uint32_t queues[] = { 1, 2, 5, 16, 63, 64 };
	struct shmbus_geometry geo;
	unsigned int i, k, shift;

	(void)state;
	for (i = 0; i < DIM(ports); i++) {
		for (k = 0; k < DIM(queues); k++) {
			if (ports[i] * queues[k] > SHMBUS_LANES_MAX)
				continue;
			for (shift = 16; shift <= 30; shift++) {
				assert_int_equal(make(&geo, ports[i], queues[k],
						      UINT64_C(1) << shift, NULL), 0);
				assert_layout(&geo);
				assert_int_equal(make_any(&geo, ports[i], queues[k],
							  UINT64_C(1) << shift,
							  SHMBUS_DELIVER_SWITCH, NULL), 0);
				assert_layout(&geo);
			}
		}
	}
}

static void
assert_refused(uint32_t ports, uint32_t queues, uint64_t lane_size, const char *what)
{
	struct shmbus_geometry geo;
	struct shmbus_error e;

	assert_int_equal(make(&geo, ports, queues, lane_size, &e), -EINVAL);
	assert_in_text(e.text, "path=/some/bus");
	assert_in_text(e.text, what);
}

static void
test_out_of_range(void **state)
{
	(void)state;
	assert_refused(257, 0, 0, "ports=257");
	assert_refused(UINT32_MAX, 0, 0, "ports=4294967295");
	assert_refused(0, 65, 0, "queues=65");
	assert_refused(0, UINT32_MAX, 0, "queues=4294967295");
	assert_refused(256, 17, 0, "ports=256 times queues=17");
	assert_refused(65, 64, 0, "ports=65 times queues=64");
	assert_refused(0, 0, 1, "lane_size=1");
	assert_refused(0, 0, 32768, "lane_size=32768");
	assert_refused(0, 0, 65535, "lane_size=65535");
	assert_refused(0, 0, 65537, "lane_size=65537");
	assert_refused(0, 0, 3 << 20, "lane_size=3145728");
	assert_refused(0, 0, UINT64_C(1) << 31, "lane_size=2147483648");
	assert_refused(0, 0, UINT64_MAX, "lane_size=18446744073709551615");
}

static void
test_huge_pages(void **state)
{
	const struct shmbus_bus_conf none = { .path = "/some/bus" };
	const struct shmbus_bus_conf less = { .path = "/some/bus", .lane_size = 1 << 20 };
	const size_t huge = 16 << 20;
	struct shmbus_geometry geo;
	struct shmbus_error e;

	(void)state;
	assert_int_equal(shmbus_geometry_new(&geo, &none, huge, &e), 0);
	assert_int_equal(geo.lane_size, huge);
	assert_int_equal(geo.data_off % huge, 0);
	assert_int_equal(geo.file_size % huge, 0);
	assert_int_equal(shmbus_geometry_new(&geo, &less, huge, &e), -EINVAL);
	assert_in_text(e.text, "lane_size=1048576");
	assert_in_text(e.text, "16777216");
}

/* A header as a creator would write it. */
static struct shmbus_header
header_of(const struct shmbus_geometry *geo)
{
	struct shmbus_header header = {
		.version = geo->version,
		.deliver = geo->directs ? 2 : 0,
		.notice_off = geo->directs ? geo->notice_off : 0,
		.ports = geo->ports,
		.queues = geo->queues,
		.lane_size = geo->lane_size,
		.roster_off = geo->roster_off,
		.port_off = geo->port_off,
		.lane_off = geo->lane_off,
		.cursor_off = geo->cursor_off,
		.data_off = geo->data_off,
		.file_size = geo->file_size,
	};

	shmbus_store(&header.magic, SHMBUS_MAGIC);
	return header;
}

static void
test_read_back(void **state)
{
	const struct shmbus_bus_conf any = { .path = "/some/bus" };
	struct shmbus_geometry geo, read;
	struct shmbus_header header;
	struct shmbus_error e;

	(void)state;
	assert_int_equal(make(&geo, 5, 3, 1 << 17, &e), 0);
	header = header_of(&geo);
	assert_int_equal(shmbus_geometry_read(&read, &header, geo.file_size, any.path, PAGE, &e), 0);
	assert_memory_equal(&read, &geo, sizeof(geo));
	/* A longer file does no harm. */
	assert_int_equal(shmbus_geometry_read(&read, &header, geo.file_size + 1, any.path, PAGE, &e), 0);
	/* Lanes that begin later: made where pages are larger. */
	header.data_off += 2 << 20;
	header.file_size += 2 << 20;
	assert_int_equal(shmbus_geometry_read(&read, &header, header.file_size, any.path, PAGE, &e), 0);
	assert_int_equal(read.data_off, geo.data_off + (2 << 20));
}

/* Each word of the header, changed in each bit, is noticed. */
static void
test_damaged(void **state)
{
	static const size_t words[] = {
		offsetof(struct shmbus_header, lane_size), offsetof(struct shmbus_header, roster_off),
		offsetof(struct shmbus_header, port_off), offsetof(struct shmbus_header, lane_off),
		offsetof(struct shmbus_header, cursor_off), offsetof(struct shmbus_header, data_off),
		offsetof(struct shmbus_header, file_size),
		offsetof(struct shmbus_header, ports) /* and queues */,
	};
	const struct shmbus_bus_conf any = { .path = "/some/bus" };
	struct shmbus_geometry geo, read;
	struct shmbus_header header;
	struct shmbus_error e;
	unsigned int i, bit;
	uint64_t word;

	(void)state;
	assert_int_equal(make(&geo, 5, 3, 1 << 17, &e), 0);
	/* ports lies at 12: the word of 12 to 19 is ports and queues. */
	for (i = 0; i < DIM(words); i++) {
		for (bit = 0; bit < 64; bit++) {
			header = header_of(&geo);
			memcpy(&word, (char *)&header + words[i], sizeof(word));
			word ^= UINT64_C(1) << bit;
			memcpy((char *)&header + words[i], &word, sizeof(word));
			assert_int_equal(shmbus_geometry_read(&read, &header, UINT64_MAX / 2, any.path,
							      PAGE, &e), -EMEDIUMTYPE);
			assert_in_text(e.text, "damaged");
		}
	}
}

/* The same of the one word that only a switch has. */
static void
test_damaged_switch(void **state)
{
	const struct shmbus_bus_conf any = { .path = "/some/bus" };
	struct shmbus_geometry geo, read;
	struct shmbus_header header;
	struct shmbus_error e;
	unsigned int bit;

	(void)state;
	assert_int_equal(make_any(&geo, 5, 3, 1 << 17, SHMBUS_DELIVER_SWITCH, &e), 0);
	header = header_of(&geo);
	assert_int_equal(shmbus_geometry_read(&read, &header, geo.file_size, any.path, PAGE, &e), 0);
	assert_memory_equal(&read, &geo, sizeof(geo));
	for (bit = 0; bit < 64; bit++) {
		header.notice_off = geo.notice_off ^ UINT64_C(1) << bit;
		assert_int_equal(shmbus_geometry_read(&read, &header, geo.file_size, any.path, PAGE,
						      &e), -EMEDIUMTYPE);
		assert_in_text(e.text, "damaged");
	}
}

static void
test_pages_that_do_not_fit(void **state)
{
	const struct shmbus_bus_conf any = { .path = "/some/bus" };
	struct shmbus_geometry geo, read;
	struct shmbus_header header;
	struct shmbus_error e;

	(void)state;
	assert_int_equal(make(&geo, 5, 3, 1 << 17, &e), 0);
	header = header_of(&geo);
	assert_int_equal(shmbus_geometry_read(&read, &header, geo.file_size, any.path, 2 << 20, &e),
			 -EINVAL);
	assert_in_text(e.text, "lane_size=131072");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_out_of_range),
		cmocka_unit_test(test_huge_pages),
		cmocka_unit_test(test_read_back),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_damaged_switch),
		cmocka_unit_test(test_pages_that_do_not_fit),
	};

	return cmocka_run_group_tests_name("geometry", tests, NULL, NULL);
}
