/* SPDX-License-Identifier: Apache-2.0 */
/* See packed.h. */
#include "packed.h"

static void
put_varint(struct buf *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        buf_putc(out, (char)(value | 0x80));
    buf_putc(out, (char)value);
}

void
packed_uint(struct buf *out, unsigned field, uint64_t value)
{
    put_varint(out, (uint64_t)field << 3 | PACKED_VARINT);
    put_varint(out, value);
}

void
packed_double(struct buf *out, unsigned field, double value)
{
    unsigned char bytes[sizeof value];
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(bits >> 8 * i);
    put_varint(out, (uint64_t)field << 3 | PACKED_FIXED64);
    buf_append(out, bytes, sizeof bytes);
}

void
packed_bytes(struct buf *out, unsigned field, struct str value)
{
    put_varint(out, (uint64_t)field << 3 | PACKED_BYTES);
    put_varint(out, value.len);
    buf_append_str(out, value);
}

static bool
get_varint(struct str *rest, uint64_t *ret)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && rest->len > 0; shift += 7) {
        unsigned char byte = (unsigned char)*rest->ptr;
        *rest = str_n(rest->ptr + 1, rest->len - 1);
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret = value;
            return true;
        }
    }
    return false;
}

static bool
get_fixed(struct str *rest, size_t len, uint64_t *ret)
{
    if (rest->len < len)
        return false;
    *ret = 0;
    for (size_t i = 0; i < len; i++)
        *ret |= (uint64_t)(unsigned char)rest->ptr[i] << 8 * i;
    *rest = str_n(rest->ptr + len, rest->len - len);
    return true;
}

bool
packed_next(struct str *rest, struct packed_field *ret)
{
    uint64_t key;
    if (!get_varint(rest, &key) || key >> 3 == 0 || key >> 3 > 536870911)
        return false;
    *ret = (struct packed_field){.number = (unsigned)(key >> 3), .type = (unsigned)(key & 7)};
    switch (ret->type) {
    case PACKED_VARINT:
        return get_varint(rest, &ret->value);
    case PACKED_FIXED64:
        return get_fixed(rest, 8, &ret->value);
    case PACKED_FIXED32:
        return get_fixed(rest, 4, &ret->value);
    case PACKED_BYTES:
        if (!get_varint(rest, &ret->value) || ret->value > rest->len)
            return false;
        ret->bytes = str_n(rest->ptr, (size_t)ret->value);
        *rest = str_n(rest->ptr + ret->value, rest->len - (size_t)ret->value);
        return true;
    default:
        return false;
    }
}

double
packed_to_double(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

bool
packed_find(struct str message, unsigned number, struct packed_field *ret)
{
    struct packed_field field;
    bool found = false;
    while (packed_next(&message, &field)) {
        if (field.number != number)
            continue;
        *ret = field;
        found = true;
    }
    return found;
}
