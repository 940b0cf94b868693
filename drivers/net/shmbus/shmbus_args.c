/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Device arguments: one table with all keys, and a parser for each kind of value. A
 * new key is a new line of the table. A parser only refuses a bad value; the message
 * takes the valid values from the table.
 */

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_kvargs.h>
#include <rte_string_fns.h>

#include "shmbus_args.h"
#include "shmbus_log.h"

/* Kinds of ports. */
#define LANES (1u << 0)
#define SHMIF (1u << 1)
#define READONLY (1u << 2)
#define ALL (LANES | SHMIF | READONLY)

struct key {
	const char *name;
	unsigned int kinds; /* the ports for which the key has a meaning */
	int (*parse)(const struct key *key, const char *value, void *field);
	size_t field; /* offset in struct shmbus_args */
	const char *const *words; /* the valid values, up to NULL; or NULL */
	const char *expects;
};

/* ---- parsers */

/* Parses a number up to max. Text behind it is an error if rest is NULL. */
static int
parse_number(const char *value, int base, uint64_t max, uint64_t *number, const char **rest)
{
	char *end;

	if (value[0] < '0' || value[0] > '9')
		return -EINVAL;
	errno = 0;
	*number = strtoull(value, &end, base);
	if (errno != 0 || *number > max)
		return -EINVAL;
	if (rest != NULL)
		*rest = end;
	else if (*end != '\0')
		return -EINVAL;
	return 0;
}

static int
parse_u32(const struct key *key, const char *value, void *field)
{
	uint32_t *number = field;
	uint64_t wide;

	RTE_SET_USED(key);
	if (parse_number(value, 10, UINT32_MAX, &wide, NULL) != 0)
		return -EINVAL;
	*number = (uint32_t)wide;
	return 0;
}

/* Parses a number that must not be 0. */
static int
parse_count(const struct key *key, const char *value, void *field)
{
	const uint32_t *number = field;

	return parse_u32(key, value, field) != 0 || *number == 0 ? -EINVAL : 0;
}

/* Returns the index of value among the words of the key, or -EINVAL. */
static int
find_word(const struct key *key, const char *value)
{
	int i;

	for (i = 0; key->words[i] != NULL; i++)
		if (strcmp(key->words[i], value) == 0)
			return i;
	return -EINVAL;
}

/* The words of a flag mean false and true by turns. */
static int
parse_flag(const struct key *key, const char *value, void *field)
{
	const int word = find_word(key, value);
	bool *flag = field;

	if (word < 0)
		return word;
	*flag = word % 2 != 0;
	return 0;
}

static_assert(sizeof(enum shmbus_wire_format) == sizeof(unsigned int) &&
	      sizeof(enum shmbus_carrier) == sizeof(unsigned int) &&
	      sizeof(enum shmbus_deliver) == sizeof(unsigned int),
	      "parse_enum stores an unsigned int");

/* The words of an enum stand in the order of its values. */
static int
parse_enum(const struct key *key, const char *value, void *field)
{
	const int word = find_word(key, value);
	unsigned int *number = field;

	if (word < 0)
		return word;
	*number = (unsigned int)word;
	return 0;
}

/* The same, for an enum whose value 0 means that the key is not given. */
static int
parse_choice(const struct key *key, const char *value, void *field)
{
	const int word = find_word(key, value);
	unsigned int *number = field;

	if (word < 0)
		return word;
	*number = (unsigned int)word + 1;
	return 0;
}

static int
parse_numa(const struct key *key, const char *value, void *field)
{
	const int word = find_word(key, value);
	int *numa = field;
	uint64_t node;

	if (word >= 0)
		*numa = SHMBUS_NUMA_AUTO + word;
	else if (parse_number(value, 10, RTE_MAX_NUMA_NODES - 1, &node, NULL) == 0)
		*numa = (int)node;
	else
		return -EINVAL;
	return 0;
}

static int
parse_path(const struct key *key, const char *value, void *field)
{
	RTE_SET_USED(key);
	return rte_strscpy(field, value, PATH_MAX) < 0 ? -ENAMETOOLONG : 0;
}

static int
parse_mac(const struct key *key, const char *value, void *field)
{
	struct rte_ether_addr *mac = field;

	RTE_SET_USED(key);
	return rte_ether_unformat_addr(value, mac) != 0 ||
	       !rte_is_valid_assigned_ether_addr(mac) ? -EINVAL : 0;
}

static int
parse_lane_size(const struct key *key, const char *value, void *field)
{
	const char *units = "KMG";
	uint64_t *size = field;
	const char *unit;
	const char *rest;
	unsigned int shift = 0;

	RTE_SET_USED(key);
	if (parse_number(value, 10, UINT64_MAX, size, &rest) != 0)
		return -EINVAL;
	if (*rest != '\0') {
		unit = strchr(units, toupper((unsigned char)*rest));
		if (unit == NULL || rest[1] != '\0')
			return -EINVAL;
		shift = 10 * (unsigned int)(unit - units + 1);
	}
	if (*size == 0 || *size > UINT64_MAX >> shift)
		return -EINVAL;
	*size <<= shift;
	return 0;
}

static int
parse_mode(const struct key *key, const char *value, void *field)
{
	uint32_t *mode = field;
	uint64_t bits;

	RTE_SET_USED(key);
	/* The owner needs read and write permission to use the file. */
	if (parse_number(value, 8, 0777, &bits, NULL) != 0 || (bits & 0600) != 0600)
		return -EINVAL;
	*mode = (uint32_t)bits;
	return 0;
}

/* ---- keys */

static const char *const switches[] = { "off", "on", "0", "1", NULL };
static const char *const formats[] = { "auto", "lanes", "shmif", NULL };
static const char *const delivers[] = { "hub", "switch", NULL };
static const char *const carriers[] = { "bus", "peer", NULL };
static const char *const nodes[] = { "auto", "none", NULL };
static const char *const ptypes[] = { "asked", "always", NULL };
static const char *const wakes[] = { "always", "never", NULL };

#define FIELD(name) offsetof(struct shmbus_args, name)

static const struct key keys[] = {
	{ "path", ALL, parse_path, FIELD(path), NULL,
	  "the name of a file, of less than " RTE_STR(PATH_MAX) " bytes" },
	{ "format", ALL, parse_enum, FIELD(format), formats, "auto, lanes or shmif" },
	{ "mac", ALL, parse_mac, FIELD(mac), NULL, "a unicast address such as b2:a0:00:00:00:01" },
	{ "ports", LANES | READONLY, parse_count, FIELD(ports), NULL,
	  "a number of slots from 1 to 256" },
	{ "queues", LANES | READONLY, parse_count, FIELD(queues), NULL,
	  "a number of queues from 1 to 64" },
	{ "lane_size", LANES | READONLY, parse_lane_size, FIELD(lane_size), NULL,
	  "a power of two in bytes, such as 65536, 256K or 4M" },
	{ "deliver", LANES | READONLY, parse_choice, FIELD(deliver), delivers, "hub or switch" },
	{ "mode", LANES | SHMIF, parse_mode, FIELD(mode), NULL,
	  "octal permission bits with 0600 among them, such as 0660" },
	{ "pause", LANES, parse_flag, FIELD(pause), switches, "on or off" },
	{ "pause_timeout_ms", LANES, parse_u32, FIELD(pause_timeout_ms), NULL,
	  "a number of milliseconds" },
	{ "carrier", LANES | READONLY, parse_enum, FIELD(carrier), carriers, "bus or peer" },
	{ "numa", LANES, parse_numa, FIELD(numa), nodes, "auto, none or the number of a node" },
	{ "unlink", LANES | SHMIF, parse_flag, FIELD(unlink), switches, "on or off" },
	{ "readonly", ALL, parse_flag, FIELD(readonly), switches, "on or off" },
	{ "mirror", LANES, parse_flag, FIELD(mirror), switches, "on or off" },
	{ "ptypes", ALL, parse_flag, FIELD(ptypes_always), ptypes, "asked or always" },
	{ "wake", SHMIF, parse_flag, FIELD(quiet), wakes, "always or never" },
	{ "lock_break_ms", SHMIF, parse_u32, FIELD(lock_break_ms), NULL,
	  "a number of milliseconds, 0 for never" },
};

static const struct key *
find_key(const char *name)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(keys); i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

static int
unknown_key(const char *name, const char *value)
{
	char known[320] = "";
	unsigned int i;

	for (i = 0; i < RTE_DIM(keys); i++) {
		if (i != 0)
			rte_strlcat(known, ", ", sizeof(known));
		rte_strlcat(known, keys[i].name, sizeof(known));
	}
	SHMBUS_LOG(ERR, "%s=%s: no such device argument; there are %s", name, value, known);
	return -EINVAL;
}

static int
take_one(const char *name, const char *value, void *opaque)
{
	const struct key *key = find_key(name);
	struct shmbus_args *args = opaque;
	uint32_t bit;
	int ret;

	if (value == NULL)
		value = "";
	if (key == NULL)
		return unknown_key(name, value);
	bit = UINT32_C(1) << (key - keys);
	if (args->given & bit) {
		SHMBUS_LOG(ERR, "%s=%s: given twice; give it once", name, value);
		return -EINVAL;
	}
	args->given |= bit;
	ret = key->parse(key, value, (uint8_t *)args + key->field);
	if (ret != 0)
		SHMBUS_LOG(ERR, "%s=%.128s: not understood; the value is %s", name, value, key->expects);
	return ret;
}

/* Returns the first given key without a meaning for ports of this kind, or NULL. */
static const struct key *
find_meaningless(const struct shmbus_args *args, unsigned int kind)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(keys); i++)
		if ((args->given & UINT32_C(1) << i) && (keys[i].kinds & kind) == 0)
			return &keys[i];
	return NULL;
}

/* Refuses keys that a readonly port has no use for: it creates no file and sends nothing. */
static int
check_readonly(const struct shmbus_args *args)
{
	const struct key *key = args->readonly ? find_meaningless(args, READONLY) : NULL;

	if (key == NULL)
		return 0;
	SHMBUS_LOG(ERR, "readonly=on: %s= has no meaning for such a port; leave it out", key->name);
	return -EINVAL;
}

int
shmbus_args_parse(struct shmbus_args *args, const char *params)
{
	struct rte_kvargs *list;
	unsigned int i;
	int ret = 0;

	memset(args, 0, sizeof(*args));
	rte_strscpy(args->path, SHMBUS_PATH_DEFAULT, sizeof(args->path));
	args->pause = true;
	args->pause_timeout_ms = SHMBUS_PAUSE_TIMEOUT_MS_DEFAULT;
	args->numa = SHMBUS_NUMA_AUTO;
	args->lock_break_ms = SHMBUS_LOCK_BREAK_MS_DEFAULT;
	if (params == NULL || params[0] == '\0')
		return 0;
	list = rte_kvargs_parse(params, NULL);
	if (list == NULL) {
		SHMBUS_LOG(ERR, "%s: not a list of key=value, separated by commas", params);
		return -EINVAL;
	}
	for (i = 0; i < list->count && ret == 0; i++)
		ret = take_one(list->pairs[i].key, list->pairs[i].value, args);
	rte_kvargs_free(list);
	if (ret == 0 && args->path[0] == '\0' && args->format != SHMBUS_WIRE_SHMIF) {
		SHMBUS_LOG(ERR, "path= is empty (a shell variable that is not set?): give the path of a bus file, or leave path= out for " SHMBUS_PATH_DEFAULT);
		ret = -EINVAL;
	}
	return ret == 0 ? check_readonly(args) : ret;
}

int
shmbus_args_suit(const struct shmbus_args *args, enum shmbus_wire_format format)
{
	const bool shmif = format == SHMBUS_WIRE_SHMIF;
	const struct key *key = find_meaningless(args, shmif ? SHMIF : LANES);

	if (key == NULL)
		return 0;
	SHMBUS_LOG(ERR, "path=%s: %s= has no meaning on a %s bus; leave it out", args->path,
		   key->name, shmif ? "shmif" : "lanes");
	return -EINVAL;
}
