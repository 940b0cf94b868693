/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The shmbus authors
 */

#ifndef PCAPNG_FORMAT_H
#define PCAPNG_FORMAT_H

/*
 * The numbers of pcapng, as specified by draft-ietf-opsawg-pcapng.
 *
 * A block consists of its type, its length, fixed fields, options, and its length
 * again. An option consists of a u16 code, a u16 length and a value. Values and
 * data are padded to 4 bytes. Numbers are in the byte order of the machine that wrote,
 * which the section header records.
 */

#include <stdint.h>

#define BLOCK_SECTION 0x0a0d0d0au /* the same in both byte orders */
#define BLOCK_INTERFACE 1u
#define BLOCK_PACKET_OLD 2u
#define BLOCK_PACKET_SIMPLE 3u
#define BLOCK_STATISTICS 5u
#define BLOCK_PACKET 6u

#define BYTE_ORDER_MAGIC 0x1a2b3c4du
#define LINK_ETHERNET 1u

#define OPT_END 0u
#define OPT_COMMENT 1u
#define SHB_USERAPPL 4u
#define IF_NAME 2u
#define IF_DESCRIPTION 3u
#define IF_MACADDR 6u
#define IF_TSRESOL 9u
#define EPB_DROPCOUNT 4u
#define EPB_QUEUE 6u
#define ISB_STARTTIME 2u
#define ISB_ENDTIME 3u
#define ISB_IFRECV 4u
#define ISB_IFDROP 5u
#define ISB_FILTERACCEPT 6u

static inline uint32_t
pcapng_padded(uint32_t len)
{
	return (len + 3) & ~3u;
}

#endif /* PCAPNG_FORMAT_H */
