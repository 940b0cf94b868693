/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

/*
 * Device arguments: a parser for each kind of value, and one table with all keys. A
 * new key is a new line of the table. A parser only refuses a bad value; the message
 * takes the valid values from the table.
 */

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

struct key {
	const char *name;
	int (*parse)(const char *value, struct shmbus_args *args);
	const char *expects;
	enum shmbus_wire_format only; /* the format that has it; SHMBUS_WIRE_AUTO: all */
};

/* Parses a decimal number up to max. Text behind it is an error if rest is NULL. */
static int
parse_number(const char *value, uint64_t max, uint64_t *number, const char **rest)
{
	char *end;

	if (value[0] < '0' || value[0] > '9')
		return -EINVAL;
	errno = 0;
	*number = strtoull(value, &end, 10);
	if (errno != 0 || *number > max)
		return -EINVAL;
	if (rest != NULL)
		*rest = end;
	else if (*end != '\0')
		return -EINVAL;
	return 0;
}

static int
parse_u32(const char *value, uint32_t *number)
{
	uint64_t wide;

	if (parse_number(value, UINT32_MAX, &wide, NULL) != 0)
		return -EINVAL;
	*number = (uint32_t)wide;
	return 0;
}

static int
parse_switch(const char *value, bool *on)
{
	if (strcmp(value, "on") == 0 || strcmp(value, "1") == 0)
		*on = true;
	else if (strcmp(value, "off") == 0 || strcmp(value, "0") == 0)
		*on = false;
	else
		return -EINVAL;
	return 0;
}

static int
parse_path(const char *value, struct shmbus_args *args)
{
	return rte_strscpy(args->path, value, sizeof(args->path)) < 0 ? -ENAMETOOLONG : 0;
}

static int
parse_format(const char *value, struct shmbus_args *args)
{
	if (strcmp(value, "auto") == 0)
		args->format = SHMBUS_WIRE_AUTO;
	else if (strcmp(value, "lanes") == 0)
		args->format = SHMBUS_WIRE_LANES;
	else if (strcmp(value, "shmif") == 0)
		args->format = SHMBUS_WIRE_SHMIF;
	else
		return -EINVAL;
	return 0;
}

static int
parse_mac(const char *value, struct shmbus_args *args)
{
	if (rte_ether_unformat_addr(value, &args->mac) != 0 ||
	    !rte_is_valid_assigned_ether_addr(&args->mac))
		return -EINVAL;
	args->mac_given = true;
	return 0;
}

static int
parse_ports(const char *value, struct shmbus_args *args)
{
	return parse_u32(value, &args->ports) != 0 || args->ports == 0 ? -EINVAL : 0;
}

static int
parse_queues(const char *value, struct shmbus_args *args)
{
	return parse_u32(value, &args->queues) != 0 || args->queues == 0 ? -EINVAL : 0;
}

static int
parse_lane_size(const char *value, struct shmbus_args *args)
{
	const char *units = "KMG";
	const char *unit;
	const char *rest;
	unsigned int shift = 0;

	if (parse_number(value, UINT64_MAX, &args->lane_size, &rest) != 0)
		return -EINVAL;
	if (*rest != '\0') {
		unit = strchr(units, toupper((unsigned char)*rest));
		if (unit == NULL || rest[1] != '\0')
			return -EINVAL;
		shift = 10 * (unsigned int)(unit - units + 1);
	}
	if (args->lane_size == 0 || args->lane_size > UINT64_MAX >> shift)
		return -EINVAL;
	args->lane_size <<= shift;
	return 0;
}

static int
parse_mode(const char *value, struct shmbus_args *args)
{
	unsigned long mode;
	char *end;

	if (value[0] < '0' || value[0] > '7')
		return -EINVAL;
	mode = strtoul(value, &end, 8);
	/* The owner needs read and write permission to use the file. */
	if (*end != '\0' || mode > 0777 || (mode & 0600) != 0600)
		return -EINVAL;
	args->mode = (uint32_t)mode;
	return 0;
}

static int
parse_pause(const char *value, struct shmbus_args *args)
{
	return parse_switch(value, &args->pause);
}

static int
parse_pause_timeout(const char *value, struct shmbus_args *args)
{
	return parse_u32(value, &args->pause_timeout_ms);
}

static int
parse_carrier(const char *value, struct shmbus_args *args)
{
	if (strcmp(value, "bus") == 0)
		args->carrier = SHMBUS_CARRIER_BUS;
	else if (strcmp(value, "peer") == 0)
		args->carrier = SHMBUS_CARRIER_PEER;
	else
		return -EINVAL;
	return 0;
}

static int
parse_numa(const char *value, struct shmbus_args *args)
{
	uint64_t node;

	if (strcmp(value, "auto") == 0)
		args->numa = SHMBUS_NUMA_AUTO;
	else if (strcmp(value, "none") == 0)
		args->numa = SHMBUS_NUMA_NONE;
	else if (parse_number(value, RTE_MAX_NUMA_NODES - 1, &node, NULL) == 0)
		args->numa = (int)node;
	else
		return -EINVAL;
	return 0;
}

static int
parse_unlink(const char *value, struct shmbus_args *args)
{
	return parse_switch(value, &args->unlink);
}

static int
parse_readonly(const char *value, struct shmbus_args *args)
{
	return parse_switch(value, &args->readonly);
}

static int
parse_wake(const char *value, struct shmbus_args *args)
{
	if (strcmp(value, "always") == 0)
		args->quiet = false;
	else if (strcmp(value, "never") == 0)
		args->quiet = true;
	else
		return -EINVAL;
	return 0;
}

static int
parse_ptypes(const char *value, struct shmbus_args *args)
{
	if (strcmp(value, "asked") == 0)
		args->ptypes_always = false;
	else if (strcmp(value, "always") == 0)
		args->ptypes_always = true;
	else
		return -EINVAL;
	return 0;
}

static int
parse_lock_break(const char *value, struct shmbus_args *args)
{
	return parse_u32(value, &args->lock_break_ms);
}

#define ANY SHMBUS_WIRE_AUTO
#define LANES SHMBUS_WIRE_LANES
#define SHMIF SHMBUS_WIRE_SHMIF

static const struct key keys[] = {
	{ "path", parse_path, "the name of a file, of less than " RTE_STR(PATH_MAX) " bytes", ANY },
	{ "format", parse_format, "auto, lanes or shmif", ANY },
	{ "mac", parse_mac, "a unicast address such as b2:a0:00:00:00:01", ANY },
	{ "ports", parse_ports, "a number of slots from 1 to 256", LANES },
	{ "queues", parse_queues, "a number of queues from 1 to 64", LANES },
	{ "lane_size", parse_lane_size, "a power of two in bytes, such as 65536, 256K or 4M", LANES },
	{ "mode", parse_mode, "octal permission bits with 0600 among them, such as 0660", ANY },
	{ "pause", parse_pause, "on or off", LANES },
	{ "pause_timeout_ms", parse_pause_timeout, "a number of milliseconds", LANES },
	{ "carrier", parse_carrier, "bus or peer", LANES },
	{ "numa", parse_numa, "auto, none or the number of a node", LANES },
	{ "unlink", parse_unlink, "on or off", ANY },
	{ "readonly", parse_readonly, "on or off", ANY },
	{ "ptypes", parse_ptypes, "asked or always", ANY },
	{ "wake", parse_wake, "always or never", SHMIF },
	{ "lock_break_ms", parse_lock_break, "a number of milliseconds, 0 for never", SHMIF },
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
	char known[256] = "";
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
	ret = key->parse(value, args);
	if (ret != 0)
		SHMBUS_LOG(ERR, "%s=%.128s: not understood; the value is %s", name, value, key->expects);
	return ret;
}

/* Refuses keys that a readonly port has no use for: it creates no file and sends nothing. */
static int
check_readonly(const struct shmbus_args *args)
{
	static const char *const others[] = { "mode", "pause", "pause_timeout_ms", "numa", "unlink",
					      "wake", "lock_break_ms" };
	unsigned int i;

	if (!args->readonly)
		return 0;
	for (i = 0; i < RTE_DIM(others); i++) {
		if (!(args->given & UINT32_C(1) << (find_key(others[i]) - keys)))
			continue;
		SHMBUS_LOG(ERR, "readonly=on: %s= has no meaning for such a port; leave it out",
			   others[i]);
		return -EINVAL;
	}
	return 0;
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
		SHMBUS_LOG(ERR, "path=: only a port with format=shmif can be without a bus; give a path");
		ret = -EINVAL;
	}
	return ret == 0 ? check_readonly(args) : ret;
}

int
shmbus_args_suit(const struct shmbus_args *args, enum shmbus_wire_format format)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(keys); i++) {
		if (!(args->given & UINT32_C(1) << i) || keys[i].only == ANY ||
		    keys[i].only == format)
			continue;
		SHMBUS_LOG(ERR, "path=%s: %s= has no meaning on a %s bus; leave it out", args->path,
			   keys[i].name, format == SHMIF ? "shmif" : "lanes");
		return -EINVAL;
	}
	return 0;
}
