/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON -> message, in one pass and without a tree. The text is driven through the descriptors: a field that
 * the schema does not know is skipped, null leaves a field unset, a key that comes twice counts as its last
 * value, a single value stands for a list of one (what a value becomes in its field is json_put.c's). What is wrong is said
 * with Mesos's sentences; a text that is not JSON at all is reported as such even when a field before was wrong too.
 */
#include <errno.h>

#include "wire/json_parse_inside.h"
#include "wire/limits.h"
#include "wire/message.h"

static int syntax_error(struct json_parse *parse) __attribute__((cold));
static int parse_value(struct json_parse *parse, const struct json_slot *slot, unsigned depth);

static int
syntax_error(struct json_parse *parse)
{
    return json_scan_error(&parse->scan, parse->err);
}

/* ---- messages ---- */

static void
note_missing(struct json_parse *parse, const struct place *place, const uint64_t *seen, size_t insert_at)
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
is_null(struct json_parse *parse)
{
    const struct json_scan *scan = &parse->scan;
    return scan->end - scan->at >= 4 && memcmp(scan->at, "null", 4) == 0;
}

static int
parse_member(struct json_parse *parse, ProtobufCMessage *message, const struct place *place, uint64_t *seen)
{
    struct str key;
    if (!json_scan_string(&parse->scan, parse->arena, &parse->budget, &key) ||
        !json_scan_take(&parse->scan, ':'))
        return syntax_error(parse);
    int index = field_by_name(place->type, key);
    if (index < 0)
        return json_scan_skip(&parse->scan, place->depth + 1) ? 0 : syntax_error(parse);
    struct json_slot slot = {message, &place->type->fields[index], place};
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
parse_members(struct json_parse *parse, ProtobufCMessage *message, const struct place *place)
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
message_make(struct json_parse *parse, const struct place *place)
{
    if (place->type->n_fields > FIELDS_MAX) {
        json_convert_error(parse, "type '%s' has too many fields", place->type->short_name);
        return NULL;
    }
    ProtobufCMessage *message = json_budget_alloc(parse, place->type->sizeof_message);
    if (message)
        place->type->message_init(message);
    return message;
}

static size_t
slot_count(const struct json_slot *slot)
{
    return slot->field->label == PROTOBUF_C_LABEL_REPEATED
               ? *(const size_t *)field_at(slot->message, slot->field->quantifier_offset)
               : 0;
}

static int
parse_object(struct json_parse *parse, const struct json_slot *slot, unsigned depth)
{
    if (!field_is_message(slot->field))
        return json_not_expecting(parse, slot, "object");
    struct place place = {slot->place, slot->field->descriptor, slot->field, slot_count(slot), depth};
    ProtobufCMessage *message = message_make(parse, &place);
    if (!message)
        return -EFBIG;
    int failed = parse_members(parse, message, &place);
    return failed ? failed : json_put(parse, slot, &message, sizeof(message));
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
map_sort(struct json_parse *parse, const struct json_slot *slot)
{
    size_t n = slot_count(slot), kept = 0;
    ProtobufCMessage **entries = *(ProtobufCMessage ***)field_at(slot->message, slot->field->offset);
    if (n < 2)
        return 0;
    struct numbered *numbered = json_budget_alloc(parse, n * sizeof(*numbered));
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
parse_entry(struct json_parse *parse, const struct json_slot *slot, unsigned depth)
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
    struct json_slot key_slot = {entry, &place.type->fields[0], &place},
                value_slot = {entry, &place.type->fields[1], &place};
    int failed = json_put_text(parse, &key_slot, key);
    if (!failed)
        failed = parse_value(parse, &value_slot, depth + 1);
    return failed ? failed : json_put(parse, slot, &entry, sizeof(entry));
}

static int
parse_map(struct json_parse *parse, const struct json_slot *slot, unsigned depth)
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
parse_array(struct json_parse *parse, const struct json_slot *slot, unsigned depth)
{
    if (slot->field->label != PROTOBUF_C_LABEL_REPEATED || field_is_map(slot->field))
        return json_not_expecting(parse, slot, "array");
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
parse_literal(struct json_parse *parse, const struct json_slot *slot)
{
    struct json_number number;
    switch (json_scan_literal(&parse->scan, &number)) {
    case JSON_LITERAL_NULL:
        return 0;
    case JSON_LITERAL_TRUE:
        return json_put_bool(parse, slot, true);
    case JSON_LITERAL_FALSE:
        return json_put_bool(parse, slot, false);
    case JSON_LITERAL_NUMBER:
        return json_put_number(parse, slot, &number);
    default:
        return syntax_error(parse);
    }
}

static int
parse_value(struct json_parse *parse, const struct json_slot *slot, unsigned depth)
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
        return json_put_string(parse, slot, text);
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
parse_top(struct json_parse *parse)
{
    struct place place = {.type = parse->top, .depth = 1};
    if (json_scan_peek(&parse->scan) != '{') {
        json_convert_error(parse, "Expecting a JSON object");
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
        json_convert_error(parse, "Missing required fields: %.*s", (int)parse->missing.len - 2,
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
    struct json_parse parse = {
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
