/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus_state.h"
#include "senders.h"

/* A frame carries the time at which its burst began, which may be before its owner attached. */
#define SLACK_NS (1000 * 1000)

/*
 * The most senders with an entry of their own, on a shmif bus and in a slot of lanes. A
 * process may invent numbers of senders, and an owner incarnations of its slot.
 */
#define SHMIF_MAX 256
#define SLOT_MAX 64

#define NOBODY -1

struct owner {
	bool known;
	struct shmbus_peer_info info;
	int sender; /* NOBODY until its first frame */
};

struct slot {
	struct owner now;
	struct owner before;
	unsigned int named; /* owners that are senders of their own, at most SLOT_MAX */
	int others;         /* the sender that stands for all other owners */
};

struct senders {
	struct shmbus *bus;
	char path[4096];
	bool lanes;
	struct slot *slots; /* [ports] */
	uint32_t ports;
	struct sender *list;
	unsigned int n;
	unsigned int room;
};

struct senders *
senders_new(struct shmbus *bus, const struct shmbus_info *info)
{
	struct senders *s = calloc(1, sizeof(*s));
	uint32_t i;

	if (s == NULL)
		return NULL;
	s->bus = bus;
	s->lanes = info->format == SHMBUS_FORMAT_LANES;
	memcpy(s->path, info->path, sizeof(s->path));
	s->ports = s->lanes ? info->ports : 0;
	s->slots = calloc(s->ports + 1, sizeof(*s->slots));
	if (s->slots == NULL) {
		senders_free(s);
		return NULL;
	}
	for (i = 0; i < s->ports; i++)
		s->slots[i].now.sender = s->slots[i].before.sender = s->slots[i].others = NOBODY;
	senders_refresh(s);
	return s;
}

void
senders_free(struct senders *s)
{
	if (s == NULL)
		return;
	free(s->slots);
	free(s->list);
	free(s);
}

void
senders_refresh(struct senders *s)
{
	struct shmbus_peer_info owner;
	struct slot *slot;
	uint32_t i;

	for (i = 0; i < s->ports; i++) {
		if (shmbus_get_owner(s->bus, i, &owner) != 0)
			continue;
		slot = &s->slots[i];
		if (slot->now.known && slot->now.info.incarnation != owner.incarnation) {
			slot->before = slot->now;
			slot->now.sender = NOBODY;
		}
		slot->now.known = true;
		slot->now.info = owner;
	}
}

/* Adds a sender without a name. Returns its number; NOBODY: out of memory. */
static int
add(struct senders *s, uint64_t id)
{
	const unsigned int room = s->room == 0 ? 16 : 2 * s->room;
	struct sender *list;

	if (s->n == s->room) {
		list = realloc(s->list, room * sizeof(*list));
		if (list == NULL)
			return NOBODY;
		s->list = list;
		s->room = room;
	}
	memset(&s->list[s->n], 0, sizeof(s->list[s->n]));
	s->list[s->n].id = id;
	return (int)s->n++;
}

/* ---- lanes */

static int
sender_others(struct senders *s, struct slot *slot, uint32_t number)
{
	struct sender *sender;

	if (slot->others != NOBODY)
		return slot->others;
	slot->others = add(s, 0);
	if (slot->others == NOBODY)
		return NOBODY;
	sender = &s->list[slot->others];
	snprintf(sender->name, sizeof(sender->name), "port/%" PRIu32, number);
	snprintf(sender->description, sizeof(sender->description), "other owners of port %" PRIu32
		 ", on the bus %.400s", number, s->path);
	return slot->others;
}

static int
sender_of(struct senders *s, struct slot *slot, struct owner *owner)
{
	struct sender *sender;

	if (owner->sender != NOBODY)
		return owner->sender;
	if (slot->named == SLOT_MAX)
		return sender_others(s, slot, owner->info.slot);
	owner->sender = add(s, owner->info.incarnation);
	if (owner->sender == NOBODY)
		return NOBODY;
	slot->named++;
	sender = &s->list[owner->sender];
	/* Many ports are called net_shmbus0; the number of the port makes the names unique. */
	snprintf(sender->name, sizeof(sender->name), "%s/%" PRIu32,
		 owner->info.name, owner->info.slot);
	snprintf(sender->description, sizeof(sender->description), "port %" PRIu32
		 ", pid %" PRIu32 ", on the bus %.400s", owner->info.slot, owner->info.pid, s->path);
	sender->has_mac = true;
	memcpy(sender->mac, owner->info.mac, sizeof(sender->mac));
	return owner->sender;
}

/* Returns whether a frame with this time can be the owner's. */
static bool
can_be(const struct owner *owner, uint64_t tstamp_ns)
{
	return owner->known && tstamp_ns + SLACK_NS >= owner->info.attached_ns;
}

static int
find_lanes(struct senders *s, const struct shmbus_meta *meta)
{
	struct slot *slot;

	if (meta->slot >= s->ports)
		return NOBODY;
	slot = &s->slots[meta->slot];
	if (!slot->now.known)
		senders_refresh(s);
	if (can_be(&slot->now, meta->tstamp_ns))
		return sender_of(s, slot, &slot->now);
	if (can_be(&slot->before, meta->tstamp_ns))
		return sender_of(s, slot, &slot->before);
	return sender_others(s, slot, meta->slot);
}

/* ---- shmif */

static int
find_shmif(struct senders *s, const struct shmbus_meta *meta)
{
	struct sender *sender;
	unsigned int i;
	int number;

	for (i = 0; i < s->n; i++)
		if (s->list[i].id == meta->sender || i + 1 == SHMIF_MAX)
			return (int)i;
	number = add(s, meta->sender);
	if (number == NOBODY)
		return NOBODY;
	sender = &s->list[number];
	if (number + 1 == SHMIF_MAX)
		snprintf(sender->name, sizeof(sender->name), "others");
	else
		snprintf(sender->name, sizeof(sender->name), "shmif-%016" PRIx64, meta->sender);
	snprintf(sender->description, sizeof(sender->description), "on the bus %.400s", s->path);
	return number;
}

int
senders_find(struct senders *s, const struct shmbus_meta *meta)
{
	return s->lanes ? find_lanes(s, meta) : find_shmif(s, meta);
}

unsigned int
senders_count(const struct senders *s)
{
	return s->n;
}

struct sender *
senders_get(struct senders *s, unsigned int number)
{
	return &s->list[number];
}
