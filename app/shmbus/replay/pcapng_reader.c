/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "pcapng_format.h"
#include "pcapng_reader.h"

/* A longer block is damaged: no frame is that long. */
#define BLOCK_MAX (16u << 20)

/* What stands around the body of a block: type and length before it, the length behind it. */
#define HEAD 8u
#define FRAME 12u

#define IF_TSOFFSET 14u

/* The fixed fields of the blocks, in bytes. */
#define SECTION_FIELDS 16u
#define INTERFACE_FIELDS 8u
#define PACKET_FIELDS 20u
#define SIMPLE_FIELDS 4u

#define NS UINT64_C(1000000000)

struct interface {
	uint16_t link_type;
	uint32_t snaplen;    /* 0: no limit */
	uint8_t resolution;  /* of times, as IF_TSRESOL says */
	int64_t offset;      /* of times, in seconds */
};

struct pcapng_reader {
	FILE *in;
	bool big_endian; /* the section */
	struct interface *interfaces; /* of the section */
	uint32_t n;
	uint32_t room;
	/* of the last frame */
	uint64_t tstamp_ns;
	uint16_t link_type;
	uint8_t *body;      /* of the block */
	uint32_t len;
	uint32_t body_room;
};

struct pcapng_reader *
pcapng_reader_new(FILE *in)
{
	struct pcapng_reader *r = calloc(1, sizeof(*r));

	if (r != NULL)
		r->in = in;
	return r;
}

void
pcapng_reader_free(struct pcapng_reader *r)
{
	if (r == NULL)
		return;
	free(r->interfaces);
	free(r->body);
	free(r);
}

/* ---- numbers */

/* Returns the number in so many bytes, in the byte order of the section. */
static uint64_t
number_at(const struct pcapng_reader *r, const uint8_t *at, unsigned int size)
{
	uint64_t value = 0;
	unsigned int i;

	for (i = 0; i < size; i++)
		value = value << 8 | at[r->big_endian ? i : size - 1 - i];
	return value;
}

static uint16_t
u16_at(const struct pcapng_reader *r, const uint8_t *at)
{
	return (uint16_t)number_at(r, at, 2);
}

static uint32_t
u32_at(const struct pcapng_reader *r, const uint8_t *at)
{
	return (uint32_t)number_at(r, at, 4);
}

/* ---- times: numbers that are too large become the largest one */

static uint64_t
product(uint64_t a, uint64_t b)
{
	uint64_t result;

	return __builtin_mul_overflow(a, b, &result) ? UINT64_MAX : result;
}

static uint64_t
power_of_ten(unsigned int exponent)
{
	uint64_t power = 1;

	while (exponent-- != 0)
		power = product(power, 10);
	return power;
}

/* The resolution is a power of ten, or with the top bit a power of two: units per second. */
static uint64_t
ns_of(uint64_t units, uint8_t resolution)
{
	const unsigned int exponent = resolution & 0x7f;
	uint64_t seconds, part;

	if ((resolution & 0x80) == 0)
		return exponent <= 9 ? product(units, power_of_ten(9 - exponent)) :
		       units / power_of_ten(exponent - 9);
	if (exponent >= 64)
		return 0;
	seconds = units >> exponent;
	part = units & ((UINT64_C(1) << exponent) - 1);
	/* The product with 30 bits of ns must fit into 64 bits, so the lowest bits go first. */
	if (exponent > 32)
		part = (part >> (exponent - 32)) * NS >> 32;
	else
		part = part * NS >> exponent;
	seconds = product(seconds, NS);
	return seconds > UINT64_MAX - part ? UINT64_MAX : seconds + part;
}

static uint64_t
time_of(const struct interface *interface, uint64_t units)
{
	const uint64_t ns = ns_of(units, interface->resolution);
	const bool before = interface->offset < 0;
	uint64_t shift = before ? -(uint64_t)interface->offset : (uint64_t)interface->offset;

	shift = product(shift, NS);
	if (before)
		return ns > shift ? ns - shift : 0;
	return ns > UINT64_MAX - shift ? UINT64_MAX : ns + shift;
}

/* ---- blocks */

/* Reads so many bytes. Returns 1; 0: the stream ends before the first; or -errno. */
static int
take(struct pcapng_reader *r, void *to, uint32_t len, const char **why)
{
	const size_t n = fread(to, 1, len, r->in);

	if (n == len)
		return 1;
	if (ferror(r->in))
		return -EIO;
	if (n == 0)
		return 0;
	*why = "the file ends within a block";
	return -EBADMSG;
}

/* The same within a block, where the stream may not end. */
static int
take_more(struct pcapng_reader *r, void *to, uint32_t len, const char **why)
{
	const int ret = take(r, to, len, why);

	if (ret != 0)
		return ret;
	*why = "the file ends within a block";
	return -EBADMSG;
}

/* Reads the rest of a block of so many bytes in all. have: the bytes of the body that are there. */
static int
take_body(struct pcapng_reader *r, uint32_t total, uint32_t have, const char **why)
{
	uint8_t *body;
	int ret;

	if (total < FRAME + have || total > BLOCK_MAX || total % 4 != 0) {
		*why = "a block has a wrong length";
		return -EBADMSG;
	}
	r->len = total - FRAME;
	if (r->len + 4 > r->body_room) {
		body = realloc(r->body, r->len + 4);
		if (body == NULL)
			return -ENOMEM;
		r->body = body;
		r->body_room = r->len + 4;
	}
	ret = take_more(r, r->body + have, r->len + 4 - have, why);
	if (ret <= 0)
		return ret;
	if (u32_at(r, r->body + r->len) != total) {
		*why = "the two lengths of a block differ";
		return -EBADMSG;
	}
	return 1;
}

/* A section has its own byte order, and its own interfaces. */
static int
begin_section(struct pcapng_reader *r, const uint8_t head[HEAD], const char **why)
{
	uint8_t magic[4];
	int ret;

	ret = take_more(r, magic, sizeof(magic), why);
	if (ret <= 0)
		return ret;
	r->big_endian = magic[0] == (BYTE_ORDER_MAGIC >> 24);
	if (u32_at(r, magic) != BYTE_ORDER_MAGIC) {
		*why = "a section has no byte order";
		return -EBADMSG;
	}
	if (u32_at(r, head + 4) < FRAME + SECTION_FIELDS) {
		*why = "a block has a wrong length";
		return -EBADMSG;
	}
	ret = take_body(r, u32_at(r, head + 4), sizeof(magic), why);
	if (ret <= 0)
		return ret;
	if (u16_at(r, r->body + 4) != 1) {
		*why = "a section has another version than 1";
		return -EBADMSG;
	}
	r->n = 0;
	return 1;
}

/* Reads a block, whose type is *type. */
static int
take_block(struct pcapng_reader *r, uint32_t *type, const char **why)
{
	uint8_t head[HEAD];
	int ret;

	ret = take(r, head, sizeof(head), why);
	if (ret <= 0)
		return ret;
	*type = u32_at(r, head);
	if (*type == BLOCK_SECTION)
		return begin_section(r, head, why);
	return take_body(r, u32_at(r, head + 4), 0, why);
}

/* ---- interfaces */

static void
take_options(const struct pcapng_reader *r, struct interface *interface, uint32_t at)
{
	uint16_t code, len;

	while (at + 4 <= r->len) {
		code = u16_at(r, r->body + at);
		len = u16_at(r, r->body + at + 2);
		at += 4;
		if (code == OPT_END || len > r->len - at)
			return;
		if (code == IF_TSRESOL && len == 1)
			interface->resolution = r->body[at];
		if (code == IF_TSOFFSET && len == 8)
			interface->offset = (int64_t)number_at(r, r->body + at, 8);
		at += pcapng_padded(len);
	}
}

static int
take_interface(struct pcapng_reader *r, const char **why)
{
	struct interface *interfaces;
	struct interface *new;

	if (r->len < INTERFACE_FIELDS) {
		*why = "the block of an interface is too short";
		return -EBADMSG;
	}
	if (r->n == r->room) {
		interfaces = realloc(r->interfaces, (2 * (size_t)r->room + 8) * sizeof(*interfaces));
		if (interfaces == NULL)
			return -ENOMEM;
		r->interfaces = interfaces;
		r->room = 2 * r->room + 8;
	}
	new = &r->interfaces[r->n++];
	*new = (struct interface){
		.link_type = u16_at(r, r->body),
		.snaplen = u32_at(r, r->body + 4),
		.resolution = 6,
	};
	take_options(r, new, INTERFACE_FIELDS);
	return 0;
}

/* ---- frames */

static int
take_data(struct pcapng_reader *r, uint32_t fields, uint32_t number, uint64_t units,
	  struct capture_frame *frame, const char **why)
{
	if (number >= r->n) {
		*why = "a frame has an interface that is not there";
		return -EBADMSG;
	}
	if (frame->captured > r->len - fields) {
		*why = "a frame is longer than its block";
		return -EBADMSG;
	}
	r->tstamp_ns = time_of(&r->interfaces[number], units);
	frame->data = r->body + fields;
	r->link_type = r->interfaces[number].link_type;
	frame->tstamp_ns = r->tstamp_ns;
	return 1;
}

/* The two blocks with times. The older one has an interface of 16 bits. */
static int
take_packet(struct pcapng_reader *r, bool old, struct capture_frame *frame, const char **why)
{
	uint64_t units;

	if (r->len < PACKET_FIELDS) {
		*why = "the block of a frame is too short";
		return -EBADMSG;
	}
	units = (uint64_t)u32_at(r, r->body + 4) << 32 | u32_at(r, r->body + 8);
	frame->captured = u32_at(r, r->body + 12);
	frame->len = u32_at(r, r->body + 16);
	return take_data(r, PACKET_FIELDS, old ? u16_at(r, r->body) : u32_at(r, r->body), units,
			 frame, why);
}

/* The block without a time is of the first interface. Its snap length tells what was captured. */
static int
take_simple(struct pcapng_reader *r, struct capture_frame *frame, const char **why)
{
	const uint64_t before_ns = r->tstamp_ns;
	int ret;

	if (r->len < SIMPLE_FIELDS) {
		*why = "the block of a frame is too short";
		return -EBADMSG;
	}
	frame->len = u32_at(r, r->body);
	frame->captured = frame->len;
	if (r->n != 0 && r->interfaces[0].snaplen != 0 && frame->captured > r->interfaces[0].snaplen)
		frame->captured = r->interfaces[0].snaplen;
	ret = take_data(r, SIMPLE_FIELDS, 0, 0, frame, why);
	r->tstamp_ns = before_ns;
	frame->tstamp_ns = before_ns;
	return ret;
}

int
pcapng_reader_begin(struct pcapng_reader *r, const char **why)
{
	uint8_t head[HEAD];
	int ret;

	ret = take_more(r, head, sizeof(head), why);
	if (ret <= 0)
		return ret;
	if (u32_at(r, head) != BLOCK_SECTION) {
		*why = "the file does not begin with a section";
		return -EBADMSG;
	}
	return begin_section(r, head, why);
}

uint16_t
pcapng_reader_link_type(const struct pcapng_reader *r)
{
	return r->link_type;
}

int
pcapng_reader_next(struct pcapng_reader *r, struct capture_frame *frame, const char **why)
{
	uint32_t type;
	int ret;

	for (;;) {
		ret = take_block(r, &type, why);
		if (ret <= 0)
			return ret;
		if (type == BLOCK_PACKET || type == BLOCK_PACKET_OLD)
			return take_packet(r, type == BLOCK_PACKET_OLD, frame, why);
		if (type == BLOCK_PACKET_SIMPLE)
			return take_simple(r, frame, why);
		if (type == BLOCK_INTERFACE)
			ret = take_interface(r, why);
		if (ret < 0)
			return ret;
	}
}
