/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include "steps.h"

#define SWITCH (1u << STRESS_SWITCH)
#define LANES (1u << STRESS_LANES | SWITCH)
#define SHMIF (1u << STRESS_SHMIF)
#define BOTH (LANES | SHMIF)

static const struct {
	const char *name;
	unsigned int formats;
	enum step_kind kind;
} steps[SHMBUS_STEP_COUNT] = {
#define DESCRIBE(name, format, kind, meaning) { #name, format, STEP_##kind },
	SHMBUS_STEPS_LIST(DESCRIBE)
#undef DESCRIBE
};

const char *
step_name(enum shmbus_step step)
{
	return steps[step].name;
}

enum step_kind
step_kind(enum shmbus_step step)
{
	return steps[step].kind;
}

bool
step_is_of(enum shmbus_step step, enum stress_format format)
{
	return steps[step].formats & (1u << format);
}

enum step_place
step_place(enum shmbus_step step)
{
	switch (step) {
	case SHMBUS_STEP_file_create:
	case SHMBUS_STEP_file_unlink:
	case SHMBUS_STEP_create_truncate:
	case SHMBUS_STEP_create_sign:
	case SHMBUS_STEP_create_extend:
	case SHMBUS_STEP_create_allocate:
	case SHMBUS_STEP_create_header:
	case SHMBUS_STEP_create_magic:
	case SHMBUS_STEP_shmif_create_header:
	case SHMBUS_STEP_shmif_create_extend:
	case SHMBUS_STEP_shmif_create_allocate:
		return PLACE_GENESIS;
	case SHMBUS_STEP_shmif_number_drop:
	case SHMBUS_STEP_shmif_take_over:
	case SHMBUS_STEP_shmif_taken_over:
	case SHMBUS_STEP_shmif_redo_last:
	case SHMBUS_STEP_shmif_redo_gen:
	case SHMBUS_STEP_shmif_inherit:
		return PLACE_HEIR;
	case SHMBUS_STEP_shmif_drop_claim:
	case SHMBUS_STEP_attach_end_intr:
		return PLACE_FORGED;
	case SHMBUS_STEP_reader_look_at_roster:
	case SHMBUS_STEP_sender_look_at_entries:
		return PLACE_DRIVER;
	default:
		return step_kind(step) == STEP_REPAIR ? PLACE_FORGED : PLACE_TRAFFIC;
	}
}
