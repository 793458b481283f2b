/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a value of JSON becomes in the field that it stands for, for json_parse.c: numbers and booleans may be written as strings,
 * enums are names only, bytes are base64. All memory comes from the arena, within the budget. Reads no text but the value's.
 */
#include <errno.h>
#include <stdio.h>

#include "wire/json_parse_inside.h"

int
json_convert_error(struct json_parse *parse, const char *fmt, ...)
{
    char why[900];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, sizeof(why), fmt, ap);
    va_end(ap);
    return err_set(parse->err, -EINVAL, "Failed to convert JSON into %s protobuf: %s", parse->top->short_name,
                   why);
}

int
json_not_expecting(struct json_parse *parse, const struct json_slot *slot, const char *what)
{
    return json_convert_error(parse, "Not expecting a JSON %s for field '%s'", what, slot->field->name);
}

void *
json_budget_alloc(struct json_parse *parse, size_t size)
{
    size_t cost = size + 32;
    if (cost > parse->budget) {
        err_set(parse->err, -EFBIG,
                "Failed to convert JSON into %s protobuf: decoding needs more memory than one message may take",
                parse->top->short_name);
        return NULL;
    }
    parse->budget -= cost;
    return arena_alloc(parse->arena, size);
}

/* ---- where values go ---- */

/* The place of the next value: the field itself, or one more element. Lists grow at every power of two. */
static void *
slot_next(struct json_parse *parse, const struct json_slot *slot)
{
    void *at = field_at(slot->message, slot->field->offset);
    if (slot->field->label != PROTOBUF_C_LABEL_REPEATED)
        return at;
    size_t n = *(size_t *)field_at(slot->message, slot->field->quantifier_offset);
    size_t size = field_value_size(slot->field);
    char *array = *(char **)at;
    if (n == 0 || (n >= 4 && (n & (n - 1)) == 0)) {
        char *larger = json_budget_alloc(parse, (n ? 2 * n : 4) * size);
        if (!larger)
            return NULL;
        if (n)
            memcpy(larger, array, n * size);
        *(char **)at = array = larger;
    }
    return array + n * size;
}

static void
slot_done(const struct json_slot *slot)
{
    if (slot->field->label == PROTOBUF_C_LABEL_REPEATED)
        ++*(size_t *)field_at(slot->message, slot->field->quantifier_offset);
    else
        field_mark(slot->message, slot->field);
}

int
json_put(struct json_parse *parse, const struct json_slot *slot, const void *value, size_t size)
{
    void *at = slot_next(parse, slot);
    if (!at)
        return -EFBIG;
    memcpy(at, value, size);
    slot_done(slot);
    return 0;
}

/* ---- scalars ---- */

static int
out_of_range(struct json_parse *parse, const struct json_slot *slot, const struct json_number *number)
{
    return json_convert_error(parse, "Number %.*s is out of range for field '%s'", STR_ARG(number->text),
                              slot->field->name);
}

static int
put_int(struct json_parse *parse, const struct json_slot *slot, const struct json_number *number, int64_t min,
        int64_t max)
{
    int64_t value;
    if (json_number_i64(number, &value) || value < min || value > max)
        return out_of_range(parse, slot, number);
    int32_t narrow = (int32_t)value;
    return field_value_size(slot->field) == 8 ? json_put(parse, slot, &value, sizeof(value))
                                              : json_put(parse, slot, &narrow, sizeof(narrow));
}

static int
put_uint(struct json_parse *parse, const struct json_slot *slot, const struct json_number *number, uint64_t max)
{
    uint64_t value;
    if (json_number_u64(number, &value) || value > max)
        return out_of_range(parse, slot, number);
    uint32_t narrow = (uint32_t)value;
    return field_value_size(slot->field) == 8 ? json_put(parse, slot, &value, sizeof(value))
                                              : json_put(parse, slot, &narrow, sizeof(narrow));
}

int
json_put_number(struct json_parse *parse, const struct json_slot *slot, const struct json_number *number)
{
    float narrow;
    switch (slot->field->type) {
    case PROTOBUF_C_TYPE_DOUBLE:
        return json_put(parse, slot, &number->value, sizeof(number->value));
    case PROTOBUF_C_TYPE_FLOAT:
        narrow = (float)number->value;
        return __builtin_isfinite(narrow) ? json_put(parse, slot, &narrow, sizeof(narrow))
                                          : out_of_range(parse, slot, number);
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        return put_int(parse, slot, number, INT32_MIN, INT32_MAX);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return put_int(parse, slot, number, INT64_MIN, INT64_MAX);
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        return put_uint(parse, slot, number, UINT32_MAX);
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return put_uint(parse, slot, number, UINT64_MAX);
    default:
        return json_not_expecting(parse, slot, "number");
    }
}

int
json_put_bool(struct json_parse *parse, const struct json_slot *slot, bool value)
{
    protobuf_c_boolean flag = value;
    if (slot->field->type != PROTOBUF_C_TYPE_BOOL)
        return json_not_expecting(parse, slot, "boolean");
    return json_put(parse, slot, &flag, sizeof(flag));
}

int
json_put_text(struct json_parse *parse, const struct json_slot *slot, struct str text)
{
    if (text.len && memchr(text.ptr, '\0', text.len))
        return json_convert_error(parse, "A string may not contain a NUL character, but field '%s' does",
                                  slot->field->name);
    char *copy = json_budget_alloc(parse, text.len + 1);
    if (!copy)
        return -EFBIG;
    if (text.len)
        memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return json_put(parse, slot, &copy, sizeof(copy));
}

static int
put_bytes(struct json_parse *parse, const struct json_slot *slot, struct str text)
{
    char bad;
    ProtobufCBinaryData bytes = {.data = json_budget_alloc(parse, text.len / 4 * 3 + 4)};
    if (!bytes.data)
        return -EFBIG;
    if (!json_base64_decode(text, bytes.data, &bytes.len, &bad))
        return json_convert_error(parse, "Failed to base64 decode bytes field '%s': Invalid character '%c'",
                                  slot->field->name, bad);
    return json_put(parse, slot, &bytes, sizeof(bytes));
}

/* An unknown name leaves the field unset, as if a newer peer spoke; only a required field cannot do without.
 */
static int
put_enum(struct json_parse *parse, const struct json_slot *slot, struct str name)
{
    int32_t value;
    if (enum_number(slot->field->descriptor, name, &value))
        return json_put(parse, slot, &value, sizeof(value));
    if (slot->field->label == PROTOBUF_C_LABEL_REQUIRED)
        return json_convert_error(parse, "Failed to find enum for '%.*s'", name.len > 200 ? 200 : (int)name.len,
                                  name.ptr);
    return 0;
}

int
json_put_string(struct json_parse *parse, const struct json_slot *slot, struct str text)
{
    struct json_number number;
    switch (slot->field->type) {
    case PROTOBUF_C_TYPE_STRING:
        return json_put_text(parse, slot, text);
    case PROTOBUF_C_TYPE_BYTES:
        return put_bytes(parse, slot, text);
    case PROTOBUF_C_TYPE_ENUM:
        return put_enum(parse, slot, text);
    case PROTOBUF_C_TYPE_MESSAGE:
        return json_not_expecting(parse, slot, "string");
    case PROTOBUF_C_TYPE_BOOL:
        if (str_is(text, "true") || str_is(text, "false"))
            return json_put_bool(parse, slot, str_is(text, "true"));
        return json_convert_error(parse, "Failed to parse '%.*s' as a JSON boolean for field '%s'",
                                  text.len > 200 ? 200 : (int)text.len, text.ptr, slot->field->name);
    default:
        if (json_number_of(str_trim(text), &number))
            return json_put_number(parse, slot, &number);
        return json_convert_error(parse, "Failed to parse '%.*s' as a JSON number for field '%s'",
                                  text.len > 200 ? 200 : (int)text.len, text.ptr, slot->field->name);
    }
}
