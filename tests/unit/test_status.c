/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Changes of the file of a bus, and the file status that follows. */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "shmbus_shmif_open.h"
#include "shmbus_status.h"
#include "station.h"
#include "tmpdir.h"

#define LANE 65536

static struct shmbus_error why;

#define assert_status(st, status) assert_int_equal(shmbus_status_of_bus(&(st)->bus, &why), status)

static void
begin(struct station *st, char **path)
{
	*path = tmpdir_new_path();
	station_join(st, *path, 4, 2, LANE);
	assert_status(st, SHMBUS_STATUS_INTACT);
}

static void
end(struct station *st, char *path)
{
	station_die(st);
	unlink(path);
	free(path);
}

/* None of these changes affects a port that has the file open. */
static void
test_well(void **state)
{
	char away[4200];
	struct station st;
	char *path;

	(void)state;
	begin(&st, &path);
	assert_int_equal(truncate(path, (off_t)st.bus.geo.file_size + 12345), 0);
	assert_status(&st, SHMBUS_STATUS_INTACT);
	assert_int_equal(chmod(path, 0), 0);
	assert_status(&st, SHMBUS_STATUS_INTACT);
	snprintf(away, sizeof(away), "%s.away", path);
	assert_int_equal(rename(path, away), 0);
	assert_status(&st, SHMBUS_STATUS_INTACT);
	unlink(away);
	end(&st, path);
}

static void
test_nameless(void **state)
{
	struct station st, other;
	char *path;

	(void)state;
	begin(&st, &path);
	assert_int_equal(unlink(path), 0);
	assert_status(&st, SHMBUS_STATUS_NAMELESS);
	assert_in_text(why.text, "deleted");
	station_join(&other, path, 4, 2, LANE);
	assert_status(&st, SHMBUS_STATUS_NAMELESS);
	assert_in_text(why.text, "another file");
	assert_status(&other, SHMBUS_STATUS_INTACT);
	station_die(&other);
	end(&st, path);
}

static void
test_truncated(void **state)
{
	struct station st;
	char text[32];
	char *path;

	(void)state;
	begin(&st, &path);
	assert_int_equal(truncate(path, (off_t)st.bus.geo.file_size - 1), 0);
	assert_status(&st, SHMBUS_STATUS_GONE);
	snprintf(text, sizeof(text), "%llu bytes of", (unsigned long long)st.bus.geo.file_size - 1);
	assert_in_text(why.text, text);
	/* As long again: what has not been touched meanwhile was not missed. */
	assert_int_equal(truncate(path, (off_t)st.bus.geo.file_size), 0);
	assert_status(&st, SHMBUS_STATUS_INTACT);
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(*(volatile uint8_t *)st.bus.control, 0);
	assert_int_equal(truncate(path, (off_t)st.bus.geo.file_size), 0);
	assert_status(&st, SHMBUS_STATUS_GONE);
	assert_in_text(why.text, "could not be accessed");
	assert_int_equal(truncate(path, 0), 0);
	end(&st, path);
}

/* Emptied, and made a bus by the next port, before the old one looked. */
static void
test_made_anew(void **state)
{
	struct station st, next;
	char *path;

	(void)state;
	begin(&st, &path);
	assert_int_equal(truncate(path, 0), 0);
	station_join(&next, path, 4, 2, LANE);
	assert_status(&next, SHMBUS_STATUS_INTACT);
	assert_status(&st, SHMBUS_STATUS_GONE);
	assert_in_text(why.text, "made anew");
	assert_true(shmbus_status_is_lost(&st.bus));
	assert_false(shmbus_status_is_lost(&next.bus));
	station_die(&next);
	end(&st, path);
}

/* So also if it is a smaller one, which is not to be removed; and of either format after the other. */
static void
test_made_another(void **state)
{
	struct station st, next;
	struct shmbus_error e;
	struct shmbus_shmif shmif;
	char *path;

	(void)state;
	begin(&st, &path);
	assert_int_equal(truncate(path, 0), 0);
	station_join(&next, path, 2, 1, LANE);
	assert_status(&st, SHMBUS_STATUS_GONE);
	assert_in_text(why.text, "made anew");
	assert_true(shmbus_status_is_lost(&st.bus));
	station_die(&st);
	/* The new one's tables are smaller than what is to come. */
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(shmbus_shmif_open(&shmif, path, SHMBUS_FILE_ANY, 0600, 1, &e), 0);
	assert_status(&next, SHMBUS_STATUS_GONE);
	assert_in_text(why.text, "made anew");
	assert_true(shmbus_status_is_lost(&next.bus));
	assert_int_equal(truncate(path, 0), 0);
	station_join(&st, path, 8, 2, 4 * LANE);
	assert_int_equal(shmbus_status_of_shmif(&shmif, &why), SHMBUS_STATUS_GONE);
	assert_in_text(why.text, "made anew");
	shmbus_shmif_close(&shmif);
	station_die(&next);
	end(&st, path);
}

/* Words of nonsense in the header make no other bus. */
static void
test_nonsense(void **state)
{
	struct shmbus_header *header;
	struct station st;
	char *path;

	(void)state;
	begin(&st, &path);
	header = (struct shmbus_header *)(void *)st.bus.control;
	shmbus_store(&header->magic, UINT64_C(0x123456789));
	memset(header->id, 0x5a, sizeof(header->id));
	assert_status(&st, SHMBUS_STATUS_INTACT);
	assert_false(shmbus_status_is_lost(&st.bus));
	end(&st, path);
}

/* A hole, which reads as zeros: in the header, or where the port says that it is there. */
static void
test_punched(void **state)
{
	struct shmbus_header *header;
	struct station st;
	char *path;

	(void)state;
	begin(&st, &path);
	header = (struct shmbus_header *)(void *)st.bus.control;
	assert_int_equal(shmbus_status_of_port(&st.bus, st.port.slot, &why), SHMBUS_STATUS_INTACT);
	memset(shmbus_bus_port(&st.bus, st.port.slot), 0, sizeof(struct shmbus_port_entry));
	assert_int_equal(shmbus_status_of_port(&st.bus, st.port.slot, &why), SHMBUS_STATUS_GONE);
	assert_in_text(why.text, "hole");
	assert_status(&st, SHMBUS_STATUS_INTACT);
	/* One word of zeros more or less is just nonsense. */
	shmbus_store(&header->magic, 0);
	assert_status(&st, SHMBUS_STATUS_INTACT);
	memset(header, 0, sizeof(*header));
	assert_status(&st, SHMBUS_STATUS_GONE);
	assert_in_text(why.text, "hole");
	assert_true(shmbus_status_is_lost(&st.bus));
	end(&st, path);
}

static void
test_left(void **state)
{
	struct station st;
	char *path;

	(void)state;
	begin(&st, &path);
	shmbus_file_close(&st.bus.file);
	assert_status(&st, SHMBUS_STATUS_GONE);
	assert_in_text(why.text, "has left");
	assert_true(shmbus_status_is_lost(&st.bus));
	end(&st, path);
}

static void
test_shmif(void **state)
{
	char *path = tmpdir_new_path();
	struct shmbus_shmif bus;
	struct shmbus_error e;

	(void)state;
	assert_int_equal(shmbus_shmif_open(&bus, path, SHMBUS_FILE_ANY, 0600, 1, &e), 0);
	assert_int_equal(shmbus_status_of_shmif(&bus, &why), SHMBUS_STATUS_INTACT);
	assert_int_equal(truncate(path, SHMBUS_SHMIF_SIZE - 1), 0);
	assert_int_equal(shmbus_status_of_shmif(&bus, &why), SHMBUS_STATUS_GONE);
	assert_in_text(why.text, "1048575 bytes of 1048576");
	assert_int_equal(truncate(path, SHMBUS_SHMIF_SIZE), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(shmbus_status_of_shmif(&bus, &why), SHMBUS_STATUS_NAMELESS);
	shmbus_store(&shmbus_shmif_header(&bus)->magic, 1);
	assert_int_equal(shmbus_status_of_shmif(&bus, &why), SHMBUS_STATUS_NAMELESS);
	shmbus_store(&shmbus_shmif_header(&bus)->magic, 0);
	assert_int_equal(shmbus_status_of_shmif(&bus, &why), SHMBUS_STATUS_GONE);
	assert_in_text(why.text, "hole");
	shmbus_shmif_close(&bus);
	assert_int_equal(shmbus_status_of_shmif(&bus, &why), SHMBUS_STATUS_GONE);
	free(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_well),
		cmocka_unit_test(test_nameless),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_made_anew),
		cmocka_unit_test(test_made_another),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_punched),
		cmocka_unit_test(test_left),
		cmocka_unit_test(test_shmif),
	};

	return cmocka_run_group_tests_name("status", tests, tmpdir_create, tmpdir_remove);
}
