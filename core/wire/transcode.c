/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packed bytes -> JSON without the struct between. The wire has fields by number, JSON in the order of
 * declaration, so each level first notes where its members are and then writes them.
 */
#include <errno.h>

#include "wire/cursor.h"
#include "wire/json_print.h"
#include "wire/json_text.h"
#include "wire/limits.h"
#include "wire/message.h"

enum { MEMBERS_INLINE = 48, NONE = -1 };

/* One member, chained to the next one of its field. */
struct noted {
    struct member member;
    int32_t next;
};

struct level {
    const ProtobufCMessageDescriptor *type;
    struct noted *noted;
    size_t count, room;
    int32_t first[FIELDS_MAX], last[FIELDS_MAX]; /* by field */
    struct noted inline_noted[MEMBERS_INLINE];
};

static int print_level(struct buf *out, const ProtobufCMessageDescriptor *type, struct str bytes,
                       unsigned depth);

static void
level_note(struct level *level, int index, const struct member *member)
{
    if (level->count == level->room) {
        struct noted *larger = xmalloc(2 * level->room * sizeof(*larger));
        memcpy(larger, level->noted, level->count * sizeof(*larger));
        if (level->noted != level->inline_noted)
            free(level->noted);
        level->noted = larger;
        level->room *= 2;
    }
    int32_t at = (int32_t)level->count++;
    level->noted[at] = (struct noted){*member, NONE};
    if (level->first[index] == NONE)
        level->first[index] = at;
    else
        level->noted[level->last[index]].next = at;
    level->last[index] = at;
}

static int
level_read(struct level *level, struct str bytes)
{
    struct cursor cursor = cursor_of(bytes);
    struct member member = {0};
    while (cursor.at < cursor.end) {
        if (next_member(&cursor, &member))
            return -EINVAL;
        int index = taker(level->type, &member);
        if (index >= 0)
            level_note(level, index, &member);
    }
    return 0;
}

static int
print_member(struct buf *out, const ProtobufCFieldDescriptor *field, const struct member *member,
             unsigned depth)
{
    uint64_t number = 0;
    if (field_is_message(field))
        return print_level(out, field->descriptor, member->data, depth + 1);
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        json_text_string(out, member->data);
    } else if (field->type == PROTOBUF_C_TYPE_BYTES) {
        json_text_base64(out, member->data);
    } else {
        store_number(field, member->value, &number);
        json_print_value(out, field, &number);
    }
    return 0;
}

static int
print_packed(struct buf *out, const ProtobufCFieldDescriptor *field, struct str data, bool *comma)
{
    struct cursor cursor = cursor_of(data);
    struct member member = {0};
    while (cursor.at < cursor.end) {
        if (!read_value(&cursor, wire_of(field->type), &member.value))
            return -EINVAL;
        if (!enum_admits(field, member.value))
            continue;
        if (*comma)
            buf_putc(out, ',');
        *comma = true;
        print_member(out, field, &member, 0);
    }
    return 0;
}

static int
print_entry(struct buf *out, const ProtobufCFieldDescriptor *field, struct str bytes, unsigned depth)
{
    const ProtobufCMessageDescriptor *type = field->descriptor;
    struct cursor cursor = cursor_of(bytes);
    struct member member = {0}, key = {.data = STR_LIT("")}, value = {.data = STR_LIT("")};
    while (cursor.at < cursor.end) {
        if (next_member(&cursor, &member))
            return -EINVAL;
        int index = taker(type, &member);
        if (index == 0)
            key = member;
        else if (index == 1)
            value = member;
    }
    json_text_string(out, key.data);
    buf_putc(out, ':');
    return print_member(out, &type->fields[1], &value, depth);
}

static int
print_list(struct buf *out, const struct level *level, int index, unsigned depth)
{
    const ProtobufCFieldDescriptor *field = &level->type->fields[index];
    bool map = field_is_map(field), comma = false;
    int failed = 0;
    buf_putc(out, map ? '{' : '[');
    for (int32_t at = level->first[index]; at != NONE && !failed; at = level->noted[at].next) {
        const struct member *member = &level->noted[at].member;
        if (is_packed(field, member)) {
            failed = print_packed(out, field, member->data, &comma);
            continue;
        }
        if (comma)
            buf_putc(out, ',');
        comma = true;
        failed =
            map ? print_entry(out, field, member->data, depth + 1) : print_member(out, field, member, depth);
    }
    buf_putc(out, map ? '}' : ']');
    return failed;
}

/* A message in several parts is their bytes in a row; of any other value the last one counts. */
static int
print_singular(struct buf *out, const struct level *level, int index, unsigned depth)
{
    const ProtobufCFieldDescriptor *field = &level->type->fields[index];
    int32_t first = level->first[index];
    if (!field_is_message(field) || first == level->last[index])
        return print_member(out, field, &level->noted[level->last[index]].member, depth);
    auto_buf struct buf joined = {0};
    for (int32_t at = first; at != NONE; at = level->noted[at].next)
        buf_append_str(&joined, level->noted[at].member.data);
    return print_level(out, field->descriptor, buf_str(&joined), depth + 1);
}

/* Of a oneof the member that came last is the one that is set. */
static bool
is_overruled(const struct level *level, unsigned index)
{
    const ProtobufCFieldDescriptor *field = &level->type->fields[index];
    if (!field_is_oneof(field))
        return false;
    for (unsigned i = 0; i < level->type->n_fields; i++) {
        const ProtobufCFieldDescriptor *other = &level->type->fields[i];
        if (field_is_oneof(other) && other->quantifier_offset == field->quantifier_offset &&
            level->last[i] > level->last[index])
            return true;
    }
    return false;
}

static int
print_fields(struct buf *out, const struct level *level, unsigned depth)
{
    const ProtobufCMessageDescriptor *type = level->type;
    const ProtobufCFieldDescriptor *shown[FIELDS_MAX];
    unsigned count = 0;
    int failed = 0;
    for (unsigned i = 0; i < type->n_fields; i++) {
        if (level->first[i] != NONE ? !is_overruled(level, i) : json_shows_default(&type->fields[i]))
            shown[count++] = &type->fields[i];
    }
    fields_sort_declared(type, shown, count);
    for (unsigned i = 0; i < count && !failed; i++) {
        int index = (int)(shown[i] - type->fields);
        if (i)
            buf_putc(out, ',');
        json_text_key(out, shown[i]->name);
        if (level->first[index] == NONE && shown[i]->type == PROTOBUF_C_TYPE_STRING)
            json_text_string(out, str_of(shown[i]->default_value));
        else if (level->first[index] == NONE)
            json_print_value(out, shown[i], shown[i]->default_value);
        else if (shown[i]->label == PROTOBUF_C_LABEL_REPEATED)
            failed = print_list(out, level, index, depth);
        else
            failed = print_singular(out, level, index, depth);
    }
    return failed;
}

static int
print_level(struct buf *out, const ProtobufCMessageDescriptor *type, struct str bytes, unsigned depth)
{
    struct level level;
    if (depth > 2 * LIMIT_DEPTH || type->n_fields > FIELDS_MAX)
        return -EINVAL;
    level.type = type;
    level.noted = level.inline_noted;
    level.count = 0;
    level.room = MEMBERS_INLINE;
    memset(level.first, 0xff, type->n_fields * sizeof(level.first[0]));
    memset(level.last, 0xff, type->n_fields * sizeof(level.last[0]));
    int failed = level_read(&level, bytes.len ? bytes : STR_LIT(""));
    buf_putc(out, '{');
    if (!failed)
        failed = print_fields(out, &level, depth);
    buf_putc(out, '}');
    if (level.noted != level.inline_noted)
        free(level.noted);
    return failed;
}

int
message_transcode(struct buf *out, const ProtobufCMessageDescriptor *type, struct str bytes)
{
    return print_level(out, type, bytes, 1);
}
