/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Checks that every receiver has received or missed each frame that was sent.
 *
 * On lanes a station counts exactly how many frames it missed. On shmif a station
 * only knows whether it was overrun. A station that was overrun has missed all frames
 * that it did not receive. A station that was not overrun must have received all.
 */

#include "bench.h"

static uint64_t
differ(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

void
bench_account(struct bench_result *result, uint32_t format, const struct bench_receipt *receipt)
{
	uint64_t missed = receipt->missed;

	if (format == SHMBUS_FORMAT_SHMIF)
		missed = receipt->overruns != 0 && receipt->received < result->sent ?
			 result->sent - receipt->received : 0;
	result->received += receipt->received;
	result->missed += missed;
	result->bad += receipt->bad;
	result->unaccounted += differ(result->sent, receipt->received + missed);
}
