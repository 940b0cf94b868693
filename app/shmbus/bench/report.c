/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* Prints the results of shmbus bench as a table, as JSON or as CSV. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "bench.h"
#include "json.h"

static const double percents[] = { 50, 90, 99, 99.9 };

#define N_PERCENTS (sizeof(percents) / sizeof(percents[0]))

static int
compare(const void *a, const void *b)
{
	const double x = *(const double *)a;
	const double y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* What each receiver got, in the runs with one size. */
struct rates {
	double lowest_pps;
	double median_pps;
	double highest_pps;
};

static struct rates
rates_of(const struct bench_conf *conf, const struct bench_result *runs)
{
	double pps[BENCH_RUNS_MAX];
	uint32_t i;

	for (i = 0; i < conf->runs; i++)
		pps[i] = runs[i].rx_pps;
	qsort(pps, conf->runs, sizeof(pps[0]), compare);
	return (struct rates){
		.lowest_pps = pps[0],
		.median_pps = (pps[(conf->runs - 1) / 2] + pps[conf->runs / 2]) / 2,
		.highest_pps = pps[conf->runs - 1],
	};
}

static double
gbps(double pps, uint32_t size)
{
	return pps * size * 8 / 1e9;
}

/* ---- table */

static void
print_latency(const char *what, const struct histogram *h)
{
	unsigned int i;

	printf("%-10s %12" PRIu64 " %8" PRIu64, what, h->n, h->min);
	for (i = 0; i < N_PERCENTS; i++)
		printf(" %8" PRIu64, histogram_percentile(h, percents[i]));
	printf(" %8" PRIu64 "\n", h->max);
}

/* Returns the share of frames that were missed in the runs with one size, in percent. */
static double
missed_percent(const struct bench_conf *conf, const struct bench_result *runs)
{
	uint64_t sent = 0, missed = 0;
	uint32_t i;

	for (i = 0; i < conf->runs; i++) {
		sent += runs[i].sent * conf->receivers;
		missed += runs[i].missed;
	}
	return sent == 0 ? 0 : 100 * (double)missed / (double)sent;
}

static void
print_rates(const struct bench_conf *conf, const struct bench_result *results)
{
	const struct bench_result *runs;
	struct rates rx;
	uint32_t s;

	printf("bytes  each receiver gets                Gbit/s        missed\n");
	for (s = 0; s < conf->n_sizes; s++) {
		runs = &results[s * conf->runs];
		rx = rates_of(conf, runs);
		printf("%5" PRIu32 "  %7.3f Mpps  (%7.3f .. %7.3f) %9.2f  %11.4f %%\n", runs[0].size,
		       rx.median_pps / 1e6, rx.lowest_pps / 1e6, rx.highest_pps / 1e6,
		       gbps(rx.median_pps, runs[0].size), missed_percent(conf, runs));
	}
}

/* Returns how many times as many frames each receiver gets in place as copied; of medians. */
static double
ratio_of(const struct bench_conf *conf, const struct bench_found *found, uint32_t s)
{
	const double copying = rates_of(conf, &found->copying[s * conf->runs]).median_pps;

	return copying == 0 ? 0 : rates_of(conf, &found->runs[s * conf->runs]).median_pps / copying;
}

static void
print_ratios(const struct bench_conf *conf, const struct bench_found *found)
{
	struct rates copying, in_place;
	uint32_t s;

	printf("bytes      copied, Mpps                    in place, Mpps            in place : copied\n");
	for (s = 0; s < conf->n_sizes; s++) {
		copying = rates_of(conf, &found->copying[s * conf->runs]);
		in_place = rates_of(conf, &found->runs[s * conf->runs]);
		printf("%5" PRIu32 "  %8.3f  (%7.3f .. %7.3f)  %8.3f  (%7.3f .. %7.3f)  %12.2f\n",
		       found->runs[s * conf->runs].size, copying.median_pps / 1e6,
		       copying.lowest_pps / 1e6, copying.highest_pps / 1e6, in_place.median_pps / 1e6,
		       in_place.lowest_pps / 1e6, in_place.highest_pps / 1e6, ratio_of(conf, found, s));
	}
}

static void
print_table(const struct bench_conf *conf, const struct bench_found *found)
{
	const struct bench_latency *latencies = found->latencies;
	uint32_t s;

	printf("%s, %" PRIu32 " sender%s, %" PRIu32 " receiver%s, bursts of %" PRIu32
	       ", %s; medians of %" PRIu32 " run%s of %g s\n\n",
	       conf->format == SHMBUS_FORMAT_LANES ? "lanes" : "shmif", conf->senders,
	       conf->senders == 1 ? "" : "s", conf->receivers, conf->receivers == 1 ? "" : "s",
	       conf->burst, conf->zero_copy ? "frames written and read whole" : "copying receive",
	       conf->runs, conf->runs == 1 ? "" : "s", conf->seconds);
	if (conf->zero_copy)
		print_ratios(conf, found);
	else
		print_rates(conf, found->runs);
	for (s = 0; latencies != NULL && s < conf->n_sizes; s++) {
		printf("\n%5" PRIu32 " bytes, ns   frames      min      50%%      90%%      99%%    99.9%%"
		       "      max\n", latencies[s].size);
		print_latency("one way", &latencies[s].one_way);
		print_latency("round trip", &latencies[s].round_trip);
	}
}

/* ---- CSV: one table. The latencies of a size stand in the row of each run with this size. */

static void
print_csv_latency_names(const char *way)
{
	printf(",%s_frames,%s_min_ns,%s_p50_ns,%s_p90_ns,%s_p99_ns,%s_p99.9_ns,%s_max_ns", way, way, way,
	       way, way, way, way);
}

static void
print_csv_latency(const struct histogram *h)
{
	unsigned int i;

	printf(",%" PRIu64 ",%" PRIu64, h->n, h->min);
	for (i = 0; i < N_PERCENTS; i++)
		printf(",%" PRIu64, histogram_percentile(h, percents[i]));
	printf(",%" PRIu64, h->max);
}

static void
print_csv_row(const struct bench_conf *conf, const struct bench_found *found, uint32_t i,
	      bool in_place)
{
	const struct bench_result *r = in_place || !conf->zero_copy ? &found->runs[i] :
							      &found->copying[i];

	printf("%s,%" PRIu32 ",%" PRIu32 ",%" PRIu32 ",%" PRIu32 ",%" PRIu32 ",%.0f,%.0f,%.6f,%"
	       PRIu64 ",%" PRIu64 ",%" PRIu64,
	       conf->format == SHMBUS_FORMAT_LANES ? "lanes" : "shmif", conf->senders,
	       conf->receivers, conf->burst, r->size, i % conf->runs + 1, r->tx_pps, r->rx_pps,
	       gbps(r->rx_pps, r->size), r->sent, r->received, r->missed);
	if (found->latencies != NULL) {
		print_csv_latency(&found->latencies[i / conf->runs].one_way);
		print_csv_latency(&found->latencies[i / conf->runs].round_trip);
	}
	if (conf->zero_copy)
		printf(",%s", in_place ? "in place" : "copied");
	putchar('\n');
}

/* With zero_copy the last column is the way, and each run has two rows. */
static void
print_csv(const struct bench_conf *conf, const struct bench_found *found)
{
	uint32_t i;

	printf("format,senders,receivers,burst,size,run,tx_pps,rx_pps,rx_gbps,sent,received,missed");
	if (found->latencies != NULL) {
		print_csv_latency_names("one_way");
		print_csv_latency_names("round_trip");
	}
	puts(conf->zero_copy ? ",way" : "");
	for (i = 0; i < conf->n_sizes * conf->runs; i++) {
		print_csv_row(conf, found, i, false);
		if (conf->zero_copy)
			print_csv_row(conf, found, i, true);
	}
}

/* ---- JSON */

static json_t *
latency_json(const struct histogram *h)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
		"frames", json_number(h->n),
		"min_ns", json_number(h->min),
		"p50_ns", json_number(histogram_percentile(h, 50)),
		"p90_ns", json_number(histogram_percentile(h, 90)),
		"p99_ns", json_number(histogram_percentile(h, 99)),
		"p99.9_ns", json_number(histogram_percentile(h, 99.9)),
		"max_ns", json_number(h->max));
}

static json_t *
run_json(const struct bench_result *r)
{
	return json_pack("{s:f, s:f, s:I, s:I, s:I}",
		"tx_pps", r->tx_pps,
		"rx_pps", r->rx_pps,
		"sent", json_number(r->sent),
		"received", json_number(r->received),
		"missed", json_number(r->missed));
}

/* Returns the rates of the runs with one size. NULL: out of memory. */
static json_t *
rates_json(const struct bench_conf *conf, const struct bench_result *runs)
{
	const double median = rates_of(conf, runs).median_pps;
	json_t *array = json_array();
	json_t *size;
	uint32_t i;

	size = json_pack("{s:I, s:f, s:f, s:o}",
		"size", (json_int_t)runs[0].size,
		"rx_pps", median,
		"rx_gbps", gbps(median, runs[0].size),
		"runs", array);
	for (i = 0; size != NULL && i < conf->runs; i++) {
		if (json_array_append_new(array, run_json(&runs[i])) != 0) {
			json_decref(size);
			return NULL;
		}
	}
	return size;
}

static json_t *
size_json(const struct bench_conf *conf, const struct bench_found *found, uint32_t s)
{
	const struct bench_latency *latency = found->latencies != NULL ? &found->latencies[s] : NULL;
	json_t *size = rates_json(conf, &found->runs[s * conf->runs]);

	if (size != NULL && conf->zero_copy &&
	    (json_object_set_new(size, "copied", rates_json(conf, &found->copying[s * conf->runs])) != 0 ||
	     json_object_set_new(size, "in_place_to_copied", json_real(ratio_of(conf, found, s))) != 0))
		goto err;
	if (size != NULL && latency != NULL &&
	    (json_object_set_new(size, "one_way", latency_json(&latency->one_way)) != 0 ||
	     json_object_set_new(size, "round_trip", latency_json(&latency->round_trip)) != 0))
		goto err;
	return size;

err:
	json_decref(size);
	return NULL;
}

static bool
print_json(const struct bench_conf *conf, const struct bench_found *found)
{
	json_t *sizes = json_array();
	json_t *all;
	bool ok;
	uint32_t s;

	all = json_pack("{s:s, s:I, s:I, s:I, s:b, s:b, s:f, s:o}",
		"format", conf->format == SHMBUS_FORMAT_LANES ? "lanes" : "shmif",
		"senders", (json_int_t)conf->senders,
		"receivers", (json_int_t)conf->receivers,
		"burst", (json_int_t)conf->burst,
		"pause", !conf->no_pause,
		"zero_copy", conf->zero_copy,
		"seconds", conf->seconds,
		"sizes", sizes);
	ok = all != NULL;
	for (s = 0; ok && s < conf->n_sizes; s++)
		ok = json_array_append_new(sizes, size_json(conf, found, s)) == 0;
	if (ok)
		json_print(all, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
	json_decref(all);
	return ok;
}

bool
bench_report(const struct bench_conf *conf, const struct bench_found *found)
{
	if (conf->json)
		return print_json(conf, found);
	if (conf->csv)
		print_csv(conf, found);
	else
		print_table(conf, found);
	return true;
}
