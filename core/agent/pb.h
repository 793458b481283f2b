/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protobuf fields appended by hand: for envelopes around bytes that are packed already, so that a task on its
 * way through the agent is not unpacked and packed again. Only for messages whose content is ours or has
 * passed message_unpack.
 */
#ifndef AGENT_PB_H
#define AGENT_PB_H

#include "base/buf.h"

static inline void
pb_varint(struct buf *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        buf_putc(out, (char)(value | 0x80));
    buf_putc(out, (char)value);
}

/* An enum, bool or integer field. */
static inline void
pb_uint(struct buf *out, unsigned field, uint64_t value)
{
    pb_varint(out, (uint64_t)field << 3);
    pb_varint(out, value);
}

/* A string, bytes or message field. */
static inline void
pb_bytes(struct buf *out, unsigned field, struct str value)
{
    pb_varint(out, (uint64_t)field << 3 | 2);
    pb_varint(out, value.len);
    buf_append_str(out, value);
}

static inline void
pb_text(struct buf *out, unsigned field, const char *value)
{
    pb_bytes(out, field, str_of(value));
}

/* An id message: every id has its text in field 1. */
static inline void
pb_id(struct buf *out, unsigned field, struct str value)
{
    size_t varint = value.len < 0x80 ? 1 : value.len < 0x4000 ? 2 : value.len < 0x200000 ? 3 : 4;
    pb_varint(out, (uint64_t)field << 3 | 2);
    pb_varint(out, 1 + varint + value.len);
    pb_bytes(out, 1, value);
}

#endif
