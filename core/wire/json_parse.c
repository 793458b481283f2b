/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON -> message, in one pass and without a tree. The text is driven through the descriptors: a field that
 * the schema does not know is skipped, null leaves a field unset, a key that comes twice counts as its last
 * value, a single value stands for a list of one, numbers and booleans may be written as strings, enums are
 * names only. What is wrong is said with Mesos's sentences; a text that is not JSON at all is reported as
 * such even when a field before was wrong too.
 */
#include <errno.h>
#include <stdio.h>

#include "wire/field.h"
#include "wire/json_token.h"
#include "wire/limits.h"
#include "wire/message.h"

struct parse {
    struct json_scan scan;
    struct arena *arena;
    size_t budget;
    const ProtobufCMessageDescriptor *top;
    struct err *err;
    struct buf missing; /* paths of required fields, joined by ", " */
};

/* What is being filled: one field of one message. */
struct slot {
    ProtobufCMessage *message;
    const ProtobufCFieldDescriptor *field;
    const struct place *place; /* of the message */
};

static int convert_error(struct parse *parse, const char *fmt, ...) PRINTF_LIKE(2, 3) __attribute__((cold));
static int not_expecting(struct parse *parse, const struct slot *slot, const char *what)
    __attribute__((cold));
static int syntax_error(struct parse *parse) __attribute__((cold));
static int parse_value(struct parse *parse, const struct slot *slot, unsigned depth);

static int
convert_error(struct parse *parse, const char *fmt, ...)
{
    char why[900];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, sizeof(why), fmt, ap);
    va_end(ap);
    return err_set(parse->err, -EINVAL, "Failed to convert JSON into %s protobuf: %s", parse->top->short_name,
                   why);
}

static int
not_expecting(struct parse *parse, const struct slot *slot, const char *what)
{
    return convert_error(parse, "Not expecting a JSON %s for field '%s'", what, slot->field->name);
}

static int
syntax_error(struct parse *parse)
{
    return json_scan_error(&parse->scan, parse->err);
}

static void *
budget_alloc(struct parse *parse, size_t size)
{
    size_t cost = size + 32;
    if (cost > parse->budget) {
        err_set(
            parse->err, -EFBIG,
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
slot_next(struct parse *parse, const struct slot *slot)
{
    void *at = field_at(slot->message, slot->field->offset);
    if (slot->field->label != PROTOBUF_C_LABEL_REPEATED)
        return at;
    size_t n = *(size_t *)field_at(slot->message, slot->field->quantifier_offset);
    size_t size = field_value_size(slot->field);
    char *array = *(char **)at;
    if (n == 0 || (n >= 4 && (n & (n - 1)) == 0)) {
        char *larger = budget_alloc(parse, (n ? 2 * n : 4) * size);
        if (!larger)
            return NULL;
        if (n)
            memcpy(larger, array, n * size);
        *(char **)at = array = larger;
    }
    return array + n * size;
}

static void
slot_done(const struct slot *slot)
{
    if (slot->field->label == PROTOBUF_C_LABEL_REPEATED)
        ++*(size_t *)field_at(slot->message, slot->field->quantifier_offset);
    else
        field_mark(slot->message, slot->field);
}

static int
put(struct parse *parse, const struct slot *slot, const void *value, size_t size)
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
out_of_range(struct parse *parse, const struct slot *slot, const struct json_number *number)
{
    return convert_error(parse, "Number %.*s is out of range for field '%s'", STR_ARG(number->text),
                         slot->field->name);
}

static int
put_int(struct parse *parse, const struct slot *slot, const struct json_number *number, int64_t min,
        int64_t max)
{
    int64_t value;
    if (json_number_i64(number, &value) || value < min || value > max)
        return out_of_range(parse, slot, number);
    int32_t narrow = (int32_t)value;
    return field_value_size(slot->field) == 8 ? put(parse, slot, &value, sizeof(value))
                                              : put(parse, slot, &narrow, sizeof(narrow));
}

static int
put_uint(struct parse *parse, const struct slot *slot, const struct json_number *number, uint64_t max)
{
    uint64_t value;
    if (json_number_u64(number, &value) || value > max)
        return out_of_range(parse, slot, number);
    uint32_t narrow = (uint32_t)value;
    return field_value_size(slot->field) == 8 ? put(parse, slot, &value, sizeof(value))
                                              : put(parse, slot, &narrow, sizeof(narrow));
}

static int
put_number(struct parse *parse, const struct slot *slot, const struct json_number *number)
{
    float narrow;
    switch (slot->field->type) {
    case PROTOBUF_C_TYPE_DOUBLE:
        return put(parse, slot, &number->value, sizeof(number->value));
    case PROTOBUF_C_TYPE_FLOAT:
        narrow = (float)number->value;
        return __builtin_isfinite(narrow) ? put(parse, slot, &narrow, sizeof(narrow))
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
        return not_expecting(parse, slot, "number");
    }
}

static int
put_bool(struct parse *parse, const struct slot *slot, bool value)
{
    protobuf_c_boolean flag = value;
    if (slot->field->type != PROTOBUF_C_TYPE_BOOL)
        return not_expecting(parse, slot, "boolean");
    return put(parse, slot, &flag, sizeof(flag));
}

static int
put_text(struct parse *parse, const struct slot *slot, struct str text)
{
    if (text.len && memchr(text.ptr, '\0', text.len))
        return convert_error(parse, "A string may not contain a NUL character, but field '%s' does",
                             slot->field->name);
    char *copy = budget_alloc(parse, text.len + 1);
    if (!copy)
        return -EFBIG;
    if (text.len)
        memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return put(parse, slot, &copy, sizeof(copy));
}

static int
put_bytes(struct parse *parse, const struct slot *slot, struct str text)
{
    char bad;
    ProtobufCBinaryData bytes = {.data = budget_alloc(parse, text.len / 4 * 3 + 4)};
    if (!bytes.data)
        return -EFBIG;
    if (!json_base64_decode(text, bytes.data, &bytes.len, &bad))
        return convert_error(parse, "Failed to base64 decode bytes field '%s': Invalid character '%c'",
                             slot->field->name, bad);
    return put(parse, slot, &bytes, sizeof(bytes));
}

/* An unknown name leaves the field unset, as if a newer peer spoke; only a required field cannot do without.
 */
static int
put_enum(struct parse *parse, const struct slot *slot, struct str name)
{
    int32_t value;
    if (enum_number(slot->field->descriptor, name, &value))
        return put(parse, slot, &value, sizeof(value));
    if (slot->field->label == PROTOBUF_C_LABEL_REQUIRED)
        return convert_error(parse, "Failed to find enum for '%.*s'", name.len > 200 ? 200 : (int)name.len,
                             name.ptr);
    return 0;
}

static int
put_string(struct parse *parse, const struct slot *slot, struct str text)
{
    struct json_number number;
    switch (slot->field->type) {
    case PROTOBUF_C_TYPE_STRING:
        return put_text(parse, slot, text);
    case PROTOBUF_C_TYPE_BYTES:
        return put_bytes(parse, slot, text);
    case PROTOBUF_C_TYPE_ENUM:
        return put_enum(parse, slot, text);
    case PROTOBUF_C_TYPE_MESSAGE:
        return not_expecting(parse, slot, "string");
    case PROTOBUF_C_TYPE_BOOL:
        if (str_is(text, "true") || str_is(text, "false"))
            return put_bool(parse, slot, str_is(text, "true"));
        return convert_error(parse, "Failed to parse '%.*s' as a JSON boolean for field '%s'",
                             text.len > 200 ? 200 : (int)text.len, text.ptr, slot->field->name);
    default:
        if (json_number_of(str_trim(text), &number))
            return put_number(parse, slot, &number);
        return convert_error(parse, "Failed to parse '%.*s' as a JSON number for field '%s'",
                             text.len > 200 ? 200 : (int)text.len, text.ptr, slot->field->name);
    }
}

/* ---- messages ---- */

static void
note_missing(struct parse *parse, const struct place *place, const uint64_t *seen, size_t insert_at)
{
    char path[600];
    auto_buf struct buf own = {0};
    place_print(place, path, sizeof(path));
    for (unsigned i = 0; i < place->type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &place->type->fields[i];
        if (field->label == PROTOBUF_C_LABEL_REQUIRED && !(seen[i / 64] >> i % 64 & 1) &&
            parse->missing.len < 4096)
            buf_printf(&own, "%s%s%s, ", path, *path ? "." : "", field->name);
    }
    if (!own.len)
        return;
    /* What the levels inside miss has been noted already, but is said after this. */
    buf_reserve(&parse->missing, own.len);
    char *at = buf_data(&parse->missing) + insert_at;
    memmove(at + own.len, at, parse->missing.len - insert_at);
    memcpy(at, buf_data(&own), own.len);
    buf_added(&parse->missing, own.len);
}

static bool
is_null(struct parse *parse)
{
    const struct json_scan *scan = &parse->scan;
    return scan->end - scan->at >= 4 && memcmp(scan->at, "null", 4) == 0;
}

static int
parse_member(struct parse *parse, ProtobufCMessage *message, const struct place *place, uint64_t *seen)
{
    struct str key;
    if (!json_scan_string(&parse->scan, parse->arena, &parse->budget, &key) ||
        !json_scan_take(&parse->scan, ':'))
        return syntax_error(parse);
    int index = field_by_name(place->type, key);
    if (index < 0)
        return json_scan_skip(&parse->scan, place->depth + 1) ? 0 : syntax_error(parse);
    struct slot slot = {message, &place->type->fields[index], place};
    uint64_t bit = UINT64_C(1) << index % 64;
    if (seen[index / 64] & bit)
        field_clear(message, slot.field);
    /* A required scalar of the struct cannot tell whether it is set: the bit does. */
    json_scan_space(&parse->scan);
    if (is_null(parse)) {
        seen[index / 64] &= ~bit;
        parse->scan.at += 4;
        return 0;
    }
    seen[index / 64] |= bit;
    return parse_value(parse, &slot, place->depth + 1);
}

/* The members of an object, after its brace. */
static int
parse_members(struct parse *parse, ProtobufCMessage *message, const struct place *place)
{
    uint64_t seen[FIELDS_MAX / 64] = {0};
    size_t missing_before = parse->missing.len;
    if (!json_scan_take(&parse->scan, '}')) {
        do {
            int failed = parse_member(parse, message, place, seen);
            if (failed)
                return failed;
        } while (json_scan_take(&parse->scan, ','));
        if (!json_scan_take(&parse->scan, '}'))
            return syntax_error(parse);
    }
    for (unsigned i = 0; i < place->type->n_fields; i++) {
        if (place->type->fields[i].label == PROTOBUF_C_LABEL_REQUIRED && !(seen[i / 64] >> i % 64 & 1)) {
            note_missing(parse, place, seen, missing_before);
            break;
        }
    }
    return 0;
}

static ProtobufCMessage *
message_make(struct parse *parse, const struct place *place)
{
    if (place->type->n_fields > FIELDS_MAX) {
        convert_error(parse, "type '%s' has too many fields", place->type->short_name);
        return NULL;
    }
    ProtobufCMessage *message = budget_alloc(parse, place->type->sizeof_message);
    if (message)
        place->type->message_init(message);
    return message;
}

static size_t
slot_count(const struct slot *slot)
{
    return slot->field->label == PROTOBUF_C_LABEL_REPEATED
               ? *(const size_t *)field_at(slot->message, slot->field->quantifier_offset)
               : 0;
}

static int
parse_object(struct parse *parse, const struct slot *slot, unsigned depth)
{
    if (!field_is_message(slot->field))
        return not_expecting(parse, slot, "object");
    struct place place = {slot->place, slot->field->descriptor, slot->field, slot_count(slot), depth};
    ProtobufCMessage *message = message_make(parse, &place);
    if (!message)
        return -EFBIG;
    int failed = parse_members(parse, message, &place);
    return failed ? failed : put(parse, slot, &message, sizeof(message));
}

/* ---- maps ---- */

static const char *
entry_key(const ProtobufCMessage *entry)
{
    return *(const char *const *)field_at(entry, entry->descriptor->fields[0].offset);
}

struct numbered {
    ProtobufCMessage *entry;
    size_t index;
};

static int
numbered_cmp(const void *a, const void *b)
{
    const struct numbered *x = a, *y = b;
    int order = strcmp(entry_key(x->entry), entry_key(y->entry));
    return order ? order : x->index < y->index ? -1 : 1;
}

/* In the order of their keys, as Mesos has them; of equal keys the last one stays. */
static int
map_sort(struct parse *parse, const struct slot *slot)
{
    size_t n = slot_count(slot), kept = 0;
    ProtobufCMessage **entries = *(ProtobufCMessage ***)field_at(slot->message, slot->field->offset);
    if (n < 2)
        return 0;
    struct numbered *numbered = budget_alloc(parse, n * sizeof(*numbered));
    if (!numbered)
        return -EFBIG;
    for (size_t i = 0; i < n; i++)
        numbered[i] = (struct numbered){entries[i], i};
    qsort(numbered, n, sizeof(*numbered), numbered_cmp);
    for (size_t i = 0; i < n; i++) {
        if (i + 1 < n && strcmp(entry_key(numbered[i].entry), entry_key(numbered[i + 1].entry)) == 0)
            continue;
        entries[kept++] = numbered[i].entry;
    }
    *(size_t *)field_at(slot->message, slot->field->quantifier_offset) = kept;
    return 0;
}

static int
parse_entry(struct parse *parse, const struct slot *slot, unsigned depth)
{
    struct str key;
    struct place place = {slot->place, slot->field->descriptor, slot->field, slot_count(slot), depth};
    if (!json_scan_string(&parse->scan, parse->arena, &parse->budget, &key) ||
        !json_scan_take(&parse->scan, ':'))
        return syntax_error(parse);
    json_scan_space(&parse->scan);
    if (is_null(parse)) {
        parse->scan.at += 4;
        return 0;
    }
    ProtobufCMessage *entry = message_make(parse, &place);
    if (!entry)
        return -EFBIG;
    struct slot key_slot = {entry, &place.type->fields[0], &place},
                value_slot = {entry, &place.type->fields[1], &place};
    int failed = put_text(parse, &key_slot, key);
    if (!failed)
        failed = parse_value(parse, &value_slot, depth + 1);
    return failed ? failed : put(parse, slot, &entry, sizeof(entry));
}

static int
parse_map(struct parse *parse, const struct slot *slot, unsigned depth)
{
    if (json_scan_take(&parse->scan, '}'))
        return 0;
    do {
        int failed = parse_entry(parse, slot, depth);
        if (failed)
            return failed;
    } while (json_scan_take(&parse->scan, ','));
    if (!json_scan_take(&parse->scan, '}'))
        return syntax_error(parse);
    return map_sort(parse, slot);
}

/* ---- any value ---- */

static int
parse_array(struct parse *parse, const struct slot *slot, unsigned depth)
{
    if (slot->field->label != PROTOBUF_C_LABEL_REPEATED || field_is_map(slot->field))
        return not_expecting(parse, slot, "array");
    if (json_scan_take(&parse->scan, ']'))
        return 0;
    do {
        int failed = parse_value(parse, slot, depth + 1);
        if (failed)
            return failed;
    } while (json_scan_take(&parse->scan, ','));
    return json_scan_take(&parse->scan, ']') ? 0 : syntax_error(parse);
}

static int
parse_literal(struct parse *parse, const struct slot *slot)
{
    struct json_number number;
    switch (json_scan_literal(&parse->scan, &number)) {
    case JSON_LITERAL_NULL:
        return 0;
    case JSON_LITERAL_TRUE:
        return put_bool(parse, slot, true);
    case JSON_LITERAL_FALSE:
        return put_bool(parse, slot, false);
    case JSON_LITERAL_NUMBER:
        return put_number(parse, slot, &number);
    default:
        return syntax_error(parse);
    }
}

static int
parse_value(struct parse *parse, const struct slot *slot, unsigned depth)
{
    struct str text;
    int c = json_scan_peek(&parse->scan);
    if (depth > LIMIT_DEPTH && (c == '{' || c == '[')) {
        parse->scan.too_deep = true;
        return syntax_error(parse);
    }
    switch (c) {
    case '"':
        if (!json_scan_string(&parse->scan, parse->arena, &parse->budget, &text))
            return syntax_error(parse);
        return put_string(parse, slot, text);
    case '{':
        parse->scan.at++;
        return field_is_map(slot->field) ? parse_map(parse, slot, depth) : parse_object(parse, slot, depth);
    case '[':
        parse->scan.at++;
        return parse_array(parse, slot, depth);
    default:
        return parse_literal(parse, slot);
    }
}

static void *
parse_top(struct parse *parse)
{
    struct place place = {.type = parse->top, .depth = 1};
    if (json_scan_peek(&parse->scan) != '{') {
        convert_error(parse, "Expecting a JSON object");
        return NULL;
    }
    parse->scan.at++;
    ProtobufCMessage *message = message_make(parse, &place);
    if (!message || parse_members(parse, message, &place))
        return NULL;
    if (json_scan_peek(&parse->scan) >= 0) {
        json_scan_trailing(&parse->scan, parse->err);
        return NULL;
    }
    if (parse->missing.len) {
        convert_error(parse, "Missing required fields: %.*s", (int)parse->missing.len - 2,
                      buf_data(&parse->missing));
        return NULL;
    }
    return message;
}

void *
message_from_json(const ProtobufCMessageDescriptor *type, struct str json, struct arena *arena,
                  struct err *err)
{
    struct err own;
    if (json.len > LIMIT_MESSAGE_BYTES) {
        err_set(err, -EFBIG,
                "Failed to parse body into JSON: %zu bytes are more than the %d that a message may have",
                json.len, (int)LIMIT_MESSAGE_BYTES);
        return NULL;
    }
    struct parse parse = {
        .scan = json_scan_of(json),
        .arena = arena,
        .budget = LIMIT_MESSAGE_MEMORY,
        .top = type,
        .err = err ? err : &own,
    };
    void *message = parse_top(&parse);
    buf_fini(&parse.missing);
    /* A field was refused; but is the whole text JSON? That question comes first. */
    if (!message && !json_check(json, &own))
        *parse.err = own;
    return message;
}
