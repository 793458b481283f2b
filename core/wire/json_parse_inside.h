/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the reader of JSON: a parse under way and the field that is being filled, as json_parse.c and json_put.c see them.
 * For nobody else. */
#ifndef WIRE_JSON_PARSE_INSIDE_H
#define WIRE_JSON_PARSE_INSIDE_H

#include "wire/field.h"
#include "wire/json_token.h"

struct json_parse {
    struct json_scan scan;
    struct arena *arena;
    size_t budget;
    const ProtobufCMessageDescriptor *top;
    struct err *err;
    struct buf missing; /* paths of required fields, joined by ", " */
};

/* What is being filled: one field of one message. */
struct json_slot {
    ProtobufCMessage *message;
    const ProtobufCFieldDescriptor *field;
    const struct place *place; /* of the message */
};

/* json_put.c */
/* Sets parse->err to a sentence of Mesos's; -EINVAL. */
int json_convert_error(struct json_parse *parse, const char *fmt, ...) PRINTF_LIKE(2, 3) __attribute__((cold));
/* The same: such a value is not for that field. */
int json_not_expecting(struct json_parse *parse, const struct json_slot *slot, const char *what) __attribute__((cold));
/* From the arena, not cleared; NULL with parse->err when the budget of the message is spent. */
void *json_budget_alloc(struct json_parse *parse, size_t size);
/* The value goes into the slot, or behind the others of a list: 0, or a negative errno with parse->err. The first takes it as it
 * is in memory, the others convert it to the field's type. Strings are copied. */
int json_put(struct json_parse *parse, const struct json_slot *slot, const void *value, size_t size);
int json_put_number(struct json_parse *parse, const struct json_slot *slot, const struct json_number *number);
int json_put_bool(struct json_parse *parse, const struct json_slot *slot, bool value);
int json_put_text(struct json_parse *parse, const struct json_slot *slot, struct str text); /* the field is a string */
int json_put_string(struct json_parse *parse, const struct json_slot *slot, struct str text);

#endif
