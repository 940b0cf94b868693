/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/* shmbus info: prints the state of a bus, of its ports and of its rings. */

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include <shmbus.h>
#include <stddef.h>

#include "bus_state.h"
#include "cmd.h"
#include "json.h"
#include "options.h"
#include "say.h"
#include "units.h"

struct conf {
	bool json;
};

static const struct option_entry options[] = {
	{ "json", 'j', NULL, "print JSON, for programs",
	  .flag = offsetof(struct conf, json) },
	{ .name = NULL },
};

static void
print_bus(const struct shmbus_info *info)
{
	const time_t created = (time_t)(info->created_ns / 1000000000);
	char size[UNITS_LEN], used[UNITS_LEN], when[64];
	struct tm tm;

	printf("%s%s\n", info->path, info->nlink == 0 ? " (removed)" : "");
	units_bytes(info->lane_size, size);
	if (info->format == SHMBUS_FORMAT_LANES)
		printf("format   lanes, version %" PRIu32 "\n"
		       "geometry %" PRIu32 " ports with %" PRIu32 " queues, lanes of %s, frames up to %"
		       PRIu32 " bytes\n"
		       "deliver  %s\n",
		       info->version, info->ports, info->queues, size, info->frame_max,
		       bus_state_deliver(info));
	else
		printf("format   shmif (NetBSD), version %" PRIu32 "\n"
		       "geometry one ring of %s, frames up to %" PRIu32 " bytes\n",
		       info->version, size, info->frame_max);
	units_bytes(info->used, used);
	units_bytes(info->file_size, size);
	printf("memory   %s in use, of at most %s%s\n", used, size,
	       info->hugetlb ? ", in huge pages" : "");
	printf("mode     %04o\n", info->mode);
	if (info->created_ns != 0 && localtime_r(&created, &tm) != NULL &&
	    strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S %Z", &tm) != 0)
		printf("created  %s\n", when);
	if (info->format == SHMBUS_FORMAT_SHMIF)
		printf("header   lock %" PRIu32 ", spare 0x%08" PRIx32 ", first %" PRIu32 ", last %"
		       PRIu32 ", gen %" PRIu64 "\n",
		       info->lock, info->spare, info->first, info->last, info->gen);
}

/* Prints what the ports of a bus of lanes have counted: lines of at most 80 characters. */
static void
print_counters(const struct bus_state *state)
{
	const bool skips = state->info.deliver == SHMBUS_DELIVERY_SWITCH;
	const struct shmbus_peer_info *p;
	char tx[UNITS_LEN], rx[UNITS_LEN];
	unsigned int i;

	puts("\nport        tx frames    tx bytes       rx frames    rx bytes          missed");
	for (i = 0; i < state->n_peers; i++) {
		p = &state->peers[i];
		printf("%4" PRIu32 "  %15" PRIu64 "  %10s %15" PRIu64 "  %10s %15" PRIu64 "\n", p->slot,
		       p->tx_frames, units_bytes(p->tx_bytes, tx), p->rx_frames,
		       units_bytes(p->rx_bytes, rx), p->rx_missed);
	}
	if (!skips)
		return;
	puts("\nport          skipped    (frames for other ports)");
	for (i = 0; i < state->n_peers; i++)
		printf("%4" PRIu32 "  %15" PRIu64 "\n", state->peers[i].slot,
		       state->peers[i].rx_skipped);
}

static void
print_ports(const struct bus_state *state)
{
	const struct shmbus_peer_info *p;
	char mac[18], queues[24];
	unsigned int i;

	if (state->n_peers == 0) {
		puts("\nno ports");
		return;
	}
	if (state->info.format == SHMBUS_FORMAT_SHMIF) {
		puts("\nport  state     (NetBSD's leave no trace)");
		for (i = 0; i < state->n_peers; i++)
			printf("%4" PRIu32 "  %s\n", state->peers[i].slot,
			       bus_state_peer(state, &state->peers[i]));
		return;
	}
	puts("\nport  name              pid      state    mac                queues link pause");
	for (i = 0; i < state->n_peers; i++) {
		p = &state->peers[i];
		snprintf(queues, sizeof(queues), "%" PRIu32 "/%" PRIu32, p->tx_queues, p->rx_queues);
		printf("%4" PRIu32 "  %-16s  %-7" PRIu32 "  %-7s  %s  %-6s %-4s %s\n", p->slot, p->name,
		       p->pid, bus_state_peer(state, p), bus_state_mac(p->mac, mac), queues,
		       p->flags & SHMBUS_PEER_LINK_UP ? "up" : "down",
		       p->flags & SHMBUS_PEER_HOLDS ? "on" : "off");
	}
	print_counters(state);
}

static void
print_lanes(const struct bus_state *state)
{
	const struct shmbus_lane_info *l;
	unsigned int i;

	if (state->n_lanes == 0)
		return;
	if (state->info.format == SHMBUS_FORMAT_SHMIF) {
		printf("\nring  holds %" PRIu64 " frames\n", state->lanes[0].held);
		return;
	}
	puts("\nlane  port/queue        position generation        frames      held      pauses");
	for (i = 0; i < state->n_lanes; i++) {
		l = &state->lanes[i];
		printf("%4" PRIu32 "  %4" PRIu32 "/%-5" PRIu32 " %15" PRIu64 " %10" PRIu64 " %13" PRIu64
		       " %9" PRIu64 " %11" PRIu64 "\n",
		       l->lane, l->slot, l->queue, l->tail, l->generation, l->frames, l->held, l->pauses);
	}
}

static enum cmd_status
print_json(const struct bus_state *state)
{
	json_t *bus = bus_state_json(state);

	if (bus == NULL) {
		say("path=%s: out of memory", state->info.path);
		return CMD_FAILED;
	}
	json_print(bus, JSON_INDENT(2));
	json_decref(bus);
	return CMD_DONE;
}

static enum cmd_status
run(int n, char **operands, const void *c)
{
	const struct conf *conf = c;
	enum cmd_status status = CMD_FAILED;
	struct bus_state state;
	struct shmbus *bus;

	(void)n;
	if (shmbus_open(&bus, operands[0], NULL) != 0) {
		say("%s", shmbus_error_text());
		return CMD_FAILED;
	}
	if (bus_state_take(&state, bus) != 0)
		goto out_close;
	if (conf->json) {
		status = print_json(&state);
	} else {
		print_bus(&state.info);
		print_ports(&state);
		print_lanes(&state);
		status = CMD_DONE;
	}
	bus_state_free(&state);
out_close:
	shmbus_close(bus);
	return status;
}

const struct cmd cmd_info = {
	.name = "info",
	.operands = "PATH",
	.summary = "print the state of a bus, its ports and its rings",
	.about = "Prints the format and geometry of the bus PATH, the memory that it uses, its ports,\n"
		 "also dead ones, and its rings. Needs permission to read the file only, and does not\n"
		 "disturb the ports.\n",
	.options = options,
	.operands_min = 1,
	.operands_max = 1,
	.run = run,
	.defaults = &(const struct conf){ .json = false },
	.conf_size = sizeof(struct conf),
};
