/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Just enough of protobuf to read the few fields that concern allocation: one field after the other of packed bytes,
 * without the schema and without a copy. What is no protobuf ends the reading.
 */
#ifndef DRF_FIELDS_H
#define DRF_FIELDS_H

#include "base/str.h"

enum { FIELD_VARINT = 0, FIELD_64 = 1, FIELD_BYTES = 2, FIELD_32 = 5 };

struct field {
    uint32_t number;
    unsigned wire;
    uint64_t value; /* FIELD_VARINT and FIELD_64 */
    struct str data; /* FIELD_BYTES */
    struct str raw; /* all of it, with its tag */
};

static inline bool
field_varint(struct str *rest, uint64_t *ret)
{
    *ret = 0;
    for (unsigned shift = 0; shift < 64 && rest->len; shift += 7) {
        uint8_t byte = (uint8_t)*rest->ptr++;
        rest->len--;
        *ret |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

static inline bool
field_take(struct str *rest, size_t len, struct str *ret)
{
    if (len > rest->len)
        return false;
    *ret = str_n(rest->ptr, len);
    *rest = str_n(rest->ptr + len, rest->len - len);
    return true;
}

/* False at the end. */
static inline bool
field_next(struct str *rest, struct field *ret)
{
    const char *start = rest->ptr;
    struct str fixed;
    uint64_t tag, len;
    if (rest->len == 0 || !field_varint(rest, &tag))
        return false;
    *ret = (struct field){.number = (uint32_t)(tag >> 3), .wire = tag & 7};
    bool good = false;
    switch (ret->wire) {
    case FIELD_VARINT:
        good = field_varint(rest, &ret->value);
        break;
    case FIELD_64:
        good = field_take(rest, 8, &fixed);
        for (size_t i = 0; good && i < 8; i++)
            ret->value |= (uint64_t)(uint8_t)fixed.ptr[i] << (8 * i);
        break;
    case FIELD_32:
        good = field_take(rest, 4, &fixed);
        break;
    case FIELD_BYTES:
        good = field_varint(rest, &len) && len <= rest->len && field_take(rest, (size_t)len, &ret->data);
        break;
    default:
        break;
    }
    ret->raw = str_n(start, good ? (size_t)(rest->ptr - start) : 0);
    return good;
}

/* The last field of that number and of bytes; ptr NULL when there is none. */
static inline struct str
field_find(struct str message, uint32_t number)
{
    struct field field;
    struct str found = {0};
    while (field_next(&message, &field))
        if (field.number == number && field.wire == FIELD_BYTES)
            found = field.data;
    return found;
}

#endif
