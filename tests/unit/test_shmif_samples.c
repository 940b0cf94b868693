/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Buses that NetBSD kernels wrote, beside what NetBSD's own dump tool made of
 * them: our reader gets the same frames, and what our writer makes of these
 * our reader gets again.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pcap/pcap.h>

#include "check.h"
#include "shmbus_shmif_monitor.h"
#include "shmif_side.h"
#include "tmpdir.h"

#define BIG (2u << 20)

struct frame {
	uint64_t us; /* the sender's uptime */
	uint32_t len;
	uint8_t bytes[SHMBUS_SHMIF_FRAME_MAX];
};

static size_t
unpack(const char *name, const char *kind, uint8_t *bytes)
{
	char command[512];
	size_t len;
	FILE *f;

	snprintf(command, sizeof(command), "xz -dc '%s/shmif_%s.%s.xz'", SAMPLES, name, kind);
	f = popen(command, "r");
	assert_non_null(f);
	len = fread(bytes, 1, BIG, f);
	assert_int_equal(pclose(f), 0);
	assert_true(len != 0 && len < BIG);
	return len;
}

/* The frames of the capture file; their number. */
static unsigned int
read_pcap(const char *name, struct frame **frames)
{
	uint8_t *bytes = malloc(BIG);
	char text[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *h;
	const u_char *data;
	unsigned int n = 0;
	pcap_t *pcap;

	assert_non_null(bytes);
	*frames = calloc(20000, sizeof(**frames));
	assert_non_null(*frames);
	pcap = pcap_fopen_offline(fmemopen(bytes, unpack(name, "pcap", bytes), "r"), text);
	assert_non_null(pcap);
	for (; pcap_next_ex(pcap, &h, &data) == 1; n++) {
		assert_true(n < 20000 && h->caplen == h->len && h->len <= SHMBUS_SHMIF_FRAME_MAX);
		(*frames)[n].us = (uint64_t)h->ts.tv_sec * 1000000 + (uint64_t)h->ts.tv_usec;
		(*frames)[n].len = h->len;
		memcpy((*frames)[n].bytes, data, h->len);
	}
	pcap_close(pcap);
	free(bytes);
	return n;
}

/* All that the ring holds, against the frames. */
static void
expect_by(int (*fetch)(const struct shmbus_shmif *bus, struct shmbus_shmif_reader *r),
	  struct side *s, const struct frame *frames, unsigned int n)
{
	struct shmbus_shmif_frame got;
	unsigned int i = 0;

	assert_int_equal(shmbus_shmif_monitor_start(&s->bus, &s->r, true), 0);
	while (shmbus_shmif_pending(&s->bus, &s->r)) {
		assert_int_equal(fetch(&s->bus, &s->r), 0);
		while (shmbus_shmif_has_next(&s->r)) {
			shmbus_shmif_next(&s->r, &got);
			if (got.len == 0)
				continue; /* what a new bus begins with */
			assert_true(i < n);
			assert_int_equal(got.len, frames[i].len);
			assert_int_equal(got.uptime_ns, frames[i].us * 1000);
			assert_memory_equal(got.data, frames[i].bytes, got.len);
			i++;
		}
	}
	assert_int_equal(i, n);
	assert_int_equal(s->r.corrupt, 0);
	assert_int_equal(s->r.overruns, 0);
}

/* With the lock, and without. */
static void
expect(struct side *s, const struct frame *frames, unsigned int n)
{
	expect_by(shmbus_shmif_fetch, s, frames, n);
	expect_by(shmbus_shmif_monitor_fetch, s, frames, n);
}

static void
write_again(struct side *s, const struct frame *frames, unsigned int n)
{
	unsigned int i;
	uint8_t *at;

	for (i = 0; i < n; i++) {
		shmbus_shmif_begin(&s->w, frames[i].us * 1000);
		at = shmbus_shmif_add(&s->w, 1, frames[i].len);
		assert_non_null(at);
		memcpy(at, frames[i].bytes, frames[i].len);
		assert_int_equal(shmbus_shmif_send(&s->bus, &s->w), 0);
	}
}

static void
sample(const char *name, unsigned int number)
{
	uint8_t *bytes = malloc(BIG);
	char *old = tmpdir_new_path();
	char *new = tmpdir_new_path();
	struct frame *frames;
	struct side s;
	unsigned int n;

	assert_non_null(bytes);
	n = read_pcap(name, &frames);
	assert_int_equal(n, number);
	file_write(old, 0, bytes, unpack(name, "bus", bytes));
	side_join(&s, old, 1);
	expect(&s, frames, n);
	side_leave(&s);
	/* One less, as a new bus begins with a record of no bytes, and all are to stay. */
	side_join(&s, new, 1);
	write_again(&s, frames, n - 1);
	expect(&s, frames, n - 1);
	side_leave(&s);
	unlink(old);
	unlink(new);
	free(old);
	free(new);
	free(frames);
	free(bytes);
}

static void
test_few(void **state)
{
	(void)state;
	sample("few", 11);
}

static void
test_wrapped(void **state)
{
	(void)state;
	sample("wrapped", 1404);
}

static void
test_header_split(void **state)
{
	(void)state;
	sample("hdrsplit", 11397);
}

static void
test_exact_end(void **state)
{
	(void)state;
	sample("exactend", 11522);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_few),
		cmocka_unit_test(test_wrapped),
		cmocka_unit_test(test_header_split),
		cmocka_unit_test(test_exact_end),
	};

	return cmocka_run_group_tests_name("shmif_samples", tests, tmpdir_create, tmpdir_remove);
}
