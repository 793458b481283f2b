/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packed protobuf fields by hand, for modules that read or write a few of them and need not carry the whole schema. The
 * reader takes what anybody wrote: it stops at the first field that is damaged, and never reads beyond the end.
 */
#ifndef COMMON_PACKED_H
#define COMMON_PACKED_H

#include "base/buf.h"

enum { PACKED_VARINT = 0, PACKED_FIXED64 = 1, PACKED_BYTES = 2, PACKED_FIXED32 = 5 };

struct packed_field {
    unsigned number, type;
    uint64_t value; /* of numbers */
    struct str bytes; /* of PACKED_BYTES */
};

void packed_uint(struct buf *out, unsigned field, uint64_t value); /* integers, bools, enums */
void packed_double(struct buf *out, unsigned field, double value);
void packed_bytes(struct buf *out, unsigned field, struct str value); /* texts and messages, too */
/* Takes the next field off *rest; false at the end. */
bool packed_next(struct str *rest, struct packed_field *ret);
double packed_to_double(uint64_t bits);
/* The last field of that number in a message; false when it has none. */
bool packed_find(struct str message, unsigned number, struct packed_field *ret);

#endif
