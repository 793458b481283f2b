/* SPDX-License-Identifier: Apache-2.0 */
/* Private to this room: single JSON tokens into a buffer, without commas. */
#ifndef WIRE_JSON_TEXT_H
#define WIRE_JSON_TEXT_H

#include "base/buf.h"

void json_text_string(struct buf *out, struct str value); /* quoted and escaped */
void json_text_base64(struct buf *out, struct str value); /* quoted */
void json_text_int(struct buf *out, int64_t value);
void json_text_uint(struct buf *out, uint64_t value);
void json_text_double(struct buf *out, double value);

/* "key": for a trusted plain key. */
static inline void
json_text_key(struct buf *out, const char *key)
{
    size_t len = strlen(key);
    char *at = buf_reserve(out, len + 3);
    at[0] = '"';
    memcpy(at + 1, key, len);
    at[len + 1] = '"';
    at[len + 2] = ':';
    buf_added(out, len + 3);
}

#endif
