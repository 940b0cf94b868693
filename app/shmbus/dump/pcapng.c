/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <string.h>

#include "pcapng.h"
#include "pcapng_format.h"
#include "utf8.h"

/* Room for the fields, or the options, of a block. A longer text is cut behind a character. */
#define FIELDS_MAX 1024u
#define TEXT_MAX 256u

/* The fields or options of a block, collected before they are written. */
struct fields {
	uint8_t bytes[FIELDS_MAX];
	uint32_t len;
};

static void
put(struct fields *f, const void *value, uint32_t len)
{
	memcpy(f->bytes + f->len, value, len);
	memset(f->bytes + f->len + len, 0, pcapng_padded(len) - len);
	f->len += pcapng_padded(len);
}

static void
put_u16(struct fields *f, uint32_t a, uint32_t b)
{
	const uint16_t both[2] = { (uint16_t)a, (uint16_t)b };

	put(f, both, sizeof(both));
}

static void
put_u32(struct fields *f, uint32_t value)
{
	put(f, &value, sizeof(value));
}

/* The upper half of a time comes first, whatever the byte order. */
static void
put_time(struct fields *f, uint64_t ns)
{
	put_u32(f, (uint32_t)(ns >> 32));
	put_u32(f, (uint32_t)ns);
}

static void
option(struct fields *f, uint32_t code, const void *value, uint32_t len)
{
	put_u16(f, code, len);
	put(f, value, len);
}

/* Adds a text. pcapng demands UTF-8, so each invalid byte becomes a question mark. */
static void
option_text(struct fields *f, uint32_t code, const char *text)
{
	char clean[TEXT_MAX];

	option(f, code, clean, (uint32_t)utf8_copy(clean, sizeof(clean), text, "?"));
}

static void
option_u64(struct fields *f, uint32_t code, uint64_t value)
{
	option(f, code, &value, sizeof(value));
}

static void
option_time(struct fields *f, uint32_t code, uint64_t ns)
{
	put_u16(f, code, 8);
	put_time(f, ns);
}

static int
write_bytes(FILE *out, const void *bytes, size_t len)
{
	if (len != 0 && fwrite(bytes, len, 1, out) != 1)
		return errno != 0 ? -errno : -EIO;
	return 0;
}

/* Writes a block: its fields, the data of a packet, padding, and options. */
static int
write_block(FILE *out, uint32_t type, const struct fields *fields, const void *data,
	    uint32_t data_len, const struct fields *options)
{
	static const uint8_t zeros[4];
	const uint32_t pad = pcapng_padded(data_len) - data_len;
	const uint32_t total = 12 + fields->len + pcapng_padded(data_len) + options->len;
	const uint32_t head[2] = { type, total };
	int ret;

	errno = 0;
	ret = write_bytes(out, head, sizeof(head));
	if (ret == 0)
		ret = write_bytes(out, fields->bytes, fields->len);
	if (ret == 0)
		ret = write_bytes(out, data, data_len);
	if (ret == 0)
		ret = write_bytes(out, zeros, pad);
	if (ret == 0)
		ret = write_bytes(out, options->bytes, options->len);
	if (ret == 0)
		ret = write_bytes(out, &total, sizeof(total));
	return ret;
}

int
pcapng_begin(FILE *out, const char *application)
{
	const uint64_t length_unknown = UINT64_MAX;
	struct fields fields = { .len = 0 };
	struct fields options = { .len = 0 };

	put_u32(&fields, BYTE_ORDER_MAGIC);
	put_u16(&fields, 1, 0); /* version */
	put(&fields, &length_unknown, sizeof(length_unknown));
	option_text(&options, SHB_USERAPPL, application);
	put_u16(&options, OPT_END, 0);
	return write_block(out, BLOCK_SECTION, &fields, NULL, 0, &options);
}

int
pcapng_interface(FILE *out, const struct pcapng_interface *interface)
{
	const uint8_t nanoseconds = 9;
	struct fields fields = { .len = 0 };
	struct fields options = { .len = 0 };

	put_u16(&fields, LINK_ETHERNET, 0);
	put_u32(&fields, interface->snaplen);
	option_text(&options, IF_NAME, interface->name);
	option_text(&options, IF_DESCRIPTION, interface->description);
	if (interface->mac != NULL)
		option(&options, IF_MACADDR, interface->mac, 6);
	option(&options, IF_TSRESOL, &nanoseconds, 1);
	put_u16(&options, OPT_END, 0);
	return write_block(out, BLOCK_INTERFACE, &fields, NULL, 0, &options);
}

int
pcapng_packet(FILE *out, const struct pcapng_packet *packet)
{
	struct fields fields;
	struct fields options;

	fields.len = options.len = 0;
	put_u32(&fields, packet->interface);
	put_time(&fields, packet->tstamp_ns);
	put_u32(&fields, packet->captured);
	put_u32(&fields, packet->len);
	if (packet->dropped != 0)
		option_u64(&options, EPB_DROPCOUNT, packet->dropped);
	if (packet->queue != 0)
		option(&options, EPB_QUEUE, &packet->queue, sizeof(packet->queue));
	if (options.len != 0)
		put_u16(&options, OPT_END, 0);
	return write_block(out, BLOCK_PACKET, &fields, packet->data, packet->captured, &options);
}

int
pcapng_statistics(FILE *out, const struct pcapng_statistics *statistics)
{
	struct fields fields = { .len = 0 };
	struct fields options = { .len = 0 };

	put_u32(&fields, statistics->interface);
	put_time(&fields, statistics->last_ns);
	if (statistics->comment != NULL)
		option_text(&options, OPT_COMMENT, statistics->comment);
	if (statistics->received != 0) {
		option_time(&options, ISB_STARTTIME, statistics->first_ns);
		option_time(&options, ISB_ENDTIME, statistics->last_ns);
	}
	option_u64(&options, ISB_IFRECV, statistics->received);
	option_u64(&options, ISB_IFDROP, statistics->dropped);
	option_u64(&options, ISB_FILTERACCEPT, statistics->accepted);
	put_u16(&options, OPT_END, 0);
	return write_block(out, BLOCK_STATISTICS, &fields, NULL, 0, &options);
}
