/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing JSON straight into a buffer: for the legacy endpoints and message_to_json. Commas are placed by the writer;
 * nesting is checked by assert in debug builds.
 */
#ifndef WIRE_JSON_H
#define WIRE_JSON_H

#include "base/buf.h"

struct json {
    struct buf *out; /* borrowed */
    uint32_t depth;
    bool comma; /* the next value needs a comma before it */
};

/* jansson has functions of these four names: in programs that link both, the linker must not take one for the other. */
#define JSON_SYMBOL(name) __asm__("wire_" #name)

static inline struct json
json_on(struct buf *out)
{
    return (struct json){.out = out};
}
void json_object(struct json *json) JSON_SYMBOL(json_object); /* { */
void json_object_end(struct json *json);
void json_array(struct json *json) JSON_SYMBOL(json_array);
void json_array_end(struct json *json);
void json_key(struct json *json, const char *key); /* plain ASCII key, trusted */
void json_key_str(struct json *json, struct str key); /* escaped */
/* Escaped; invalid UTF-8 becomes U+FFFD. */
void json_string(struct json *json, struct str value) JSON_SYMBOL(json_string);
void json_text(struct json *json, const char *value);
void json_int(struct json *json, int64_t value);
void json_uint(struct json *json, uint64_t value);
void json_double(struct json *json, double value); /* shortest form that reads back the same: 4.0, 0.1, 1795221681.039094 */
void json_bool(struct json *json, bool value);
void json_null(struct json *json) JSON_SYMBOL(json_null);
void json_raw(struct json *json, struct str value); /* a whole JSON value made elsewhere */
/* key and value in one. */
void json_key_string(struct json *json, const char *key, struct str value);
void json_key_text(struct json *json, const char *key, const char *value);
void json_key_int(struct json *json, const char *key, int64_t value);
void json_key_double(struct json *json, const char *key, double value);
void json_key_bool(struct json *json, const char *key, bool value);

#endif
