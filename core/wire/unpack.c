/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protobuf bytes -> protobuf-c struct, in an arena. Each level is read twice: the scan checks its bytes
 * against the schema, counts repeated fields and finds missing ones, so that nothing is allocated for a level
 * that will be refused and every array is allocated once; the fill stores the values. protobuf-c's own
 * unpacker is not used on outside bytes: it recurses without a limit, expands small inputs a hundredfold and
 * keeps unknown enum numbers. As C++ protobuf does: an unknown field, a known one with a foreign wire type
 * and an unknown number of a closed enum are kept as unknown fields, and a singular message that comes twice
 * is merged.
 */
#include <errno.h>
#include <stdio.h>

#include "wire/cursor.h"
#include "wire/limits.h"
#include "wire/message.h"

struct unpack {
    struct arena *arena;
    size_t budget; /* bytes that may still be allocated */
    unsigned depth_max;
    struct err *err;
};

static int fail(struct unpack *unpack, const struct place *place, int code,
                const ProtobufCFieldDescriptor *field, const char *why) __attribute__((cold));
static ProtobufCMessage *unpack_level(struct unpack *unpack, const struct place *place, struct str bytes);

static int
fail(struct unpack *unpack, const struct place *place, int code, const ProtobufCFieldDescriptor *field,
     const char *why)
{
    char path[600];
    const struct place *top = place;
    place_print(place, path, sizeof(path));
    while (top->up)
        top = top->up;
    return err_set(unpack->err, code, "%s: %s%s%s: %s", top->type->short_name, path,
                   *path && field ? "." : "",
                   field   ? field->name
                   : *path ? ""
                           : "message",
                   why);
}

static void *
budget_alloc(struct unpack *unpack, const struct place *place, size_t size)
{
    /* What the arena adds for alignment and chunk heads is counted, or many small values would slip through.
     */
    size_t cost = size + 32;
    if (cost > unpack->budget) {
        fail(unpack, place, -EFBIG, NULL, "decoding needs more memory than one message may take");
        return NULL;
    }
    unpack->budget -= cost;
    return arena_alloc(unpack->arena, size);
}

/* Elements in a packed run, or -1 when it is damaged. */
static ptrdiff_t
packed_count(const ProtobufCFieldDescriptor *field, struct str data)
{
    struct cursor cursor = cursor_of(data);
    ptrdiff_t count = 0;
    uint64_t value;
    while (cursor.at < cursor.end) {
        if (!read_value(&cursor, wire_of(field->type), &value))
            return -1;
        count += enum_admits(field, value);
    }
    return count;
}

/* Counts every field of one level and says what is wrong with it. */
static int
scan(struct unpack *unpack, const struct place *place, struct str bytes, uint32_t *counts,
     size_t *ret_unknown)
{
    const ProtobufCMessageDescriptor *type = place->type;
    struct cursor cursor = cursor_of(bytes);
    struct member member;
    while (cursor.at < cursor.end) {
        const char *wrong = next_member(&cursor, &member);
        if (wrong)
            return fail(unpack, place, -EINVAL, NULL, wrong);
        int index = taker(type, &member);
        if (index < 0) {
            ++*ret_unknown;
            continue;
        }
        const ProtobufCFieldDescriptor *field = &type->fields[index];
        if (is_packed(field, &member)) {
            ptrdiff_t count = packed_count(field, member.data);
            if (count < 0)
                return fail(unpack, place, -EINVAL, field, "a packed list is cut off");
            counts[index] += (uint32_t)count;
            continue;
        }
        if (field->type == PROTOBUF_C_TYPE_STRING && member.data.len &&
            memchr(member.data.ptr, '\0', member.data.len))
            return fail(unpack, place, -EINVAL, field, "a string may not contain a NUL");
        counts[index]++;
    }
    for (unsigned i = 0; i < type->n_fields; i++) {
        if (type->fields[i].label == PROTOBUF_C_LABEL_REQUIRED && !counts[i])
            return fail(unpack, place, -EINVAL, &type->fields[i], "required, but missing");
    }
    return 0;
}

static int
store_data(struct unpack *unpack, const struct place *place, const ProtobufCFieldDescriptor *field,
           size_t index, struct str data, void *at)
{
    if (field_is_message(field)) {
        struct place inner = {place, field->descriptor, field, index, place->depth + 1};
        ProtobufCMessage *message = unpack_level(unpack, &inner, data);
        if (!message)
            return -EINVAL;
        *(void **)at = message;
        return 0;
    }
    char *copy = budget_alloc(unpack, place, data.len + 1);
    if (!copy)
        return -EFBIG;
    memcpy(copy, data.ptr, data.len);
    copy[data.len] = '\0';
    if (field->type == PROTOBUF_C_TYPE_STRING)
        *(char **)at = copy;
    else
        *(ProtobufCBinaryData *)at = (ProtobufCBinaryData){data.len, (uint8_t *)copy};
    return 0;
}

/* A singular message that comes several times is what its parts say one after the other. */
static int
join_parts(struct unpack *unpack, const struct place *place, const ProtobufCFieldDescriptor *field,
           struct str bytes, struct str *ret)
{
    struct cursor cursor = cursor_of(bytes);
    struct member member;
    char *joined = budget_alloc(unpack, place, bytes.len);
    size_t len = 0;
    if (!joined)
        return -EFBIG;
    while (cursor.at < cursor.end && !next_member(&cursor, &member)) {
        if (member.number != field->id || member.wire != WIRE_LEN)
            continue;
        memcpy(joined + len, member.data.ptr, member.data.len);
        len += member.data.len;
    }
    *ret = str_n(joined, len);
    return 0;
}

static void
append_packed(const ProtobufCFieldDescriptor *field, struct str data, char *array, size_t *n)
{
    struct cursor cursor = cursor_of(data);
    uint64_t value;
    while (cursor.at < cursor.end && read_value(&cursor, wire_of(field->type), &value)) {
        if (enum_admits(field, value))
            store_number(field, value, array + (*n)++ * field_value_size(field));
    }
}

static int
fill_repeated(struct unpack *unpack, const struct place *place, ProtobufCMessage *message,
              const ProtobufCFieldDescriptor *field, const struct member *member)
{
    size_t *n = field_at(message, field->quantifier_offset);
    char *array = *(char **)field_at(message, field->offset);
    if (is_packed(field, member)) {
        append_packed(field, member->data, array, n);
        return 0;
    }
    char *at = array + *n * field_value_size(field);
    if (member->wire == WIRE_LEN) {
        int failed = store_data(unpack, place, field, *n, member->data, at);
        if (failed)
            return failed;
    } else {
        store_number(field, member->value, at);
    }
    ++*n;
    return 0;
}

static int
fill_singular(struct unpack *unpack, const struct place *place, ProtobufCMessage *message,
              const ProtobufCFieldDescriptor *field, uint32_t *count, const struct member *member,
              struct str bytes)
{
    void *at = field_at(message, field->offset);
    struct str data = member->data;
    if (field_is_message(field) && *count != 1) {
        if (*count == 0)
            return 0; /* joined into the first */
        *count = 0;
        int failed = join_parts(unpack, place, field, bytes, &data);
        if (failed)
            return failed;
    }
    if (member->wire == WIRE_LEN) {
        int failed = store_data(unpack, place, field, 0, data, at);
        if (failed)
            return failed;
    } else {
        store_number(field, member->value, at);
    }
    field_mark(message, field);
    return 0;
}

static int
keep_unknown(struct unpack *unpack, const struct place *place, ProtobufCMessage *message,
             const struct member *member, const uint8_t *end)
{
    size_t len = (size_t)(end - member->raw);
    uint8_t *copy = budget_alloc(unpack, place, len ? len : 1);
    if (!copy)
        return -EFBIG;
    memcpy(copy, member->raw, len);
    message->unknown_fields[message->n_unknown_fields++] = (ProtobufCMessageUnknownField){
        .tag = member->number, .wire_type = (ProtobufCWireType)member->wire, .len = len, .data = copy};
    return 0;
}

static int
fill(struct unpack *unpack, const struct place *place, ProtobufCMessage *message, struct str bytes,
     uint32_t *counts)
{
    struct cursor cursor = cursor_of(bytes);
    struct member member;
    int failed = 0;
    while (!failed && cursor.at < cursor.end && !next_member(&cursor, &member)) {
        int index = taker(place->type, &member);
        if (index < 0) {
            failed = keep_unknown(unpack, place, message, &member, cursor.at);
            continue;
        }
        const ProtobufCFieldDescriptor *field = &place->type->fields[index];
        if (field->label == PROTOBUF_C_LABEL_REPEATED)
            failed = fill_repeated(unpack, place, message, field, &member);
        else
            failed = fill_singular(unpack, place, message, field, &counts[index], &member, bytes);
    }
    return failed;
}

static int
make_arrays(struct unpack *unpack, const struct place *place, ProtobufCMessage *message,
            const uint32_t *counts, size_t unknown)
{
    const ProtobufCMessageDescriptor *type = place->type;
    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];
        if (field->label != PROTOBUF_C_LABEL_REPEATED || !counts[i])
            continue;
        void *array = budget_alloc(unpack, place, counts[i] * field_value_size(field));
        if (!array)
            return -EFBIG;
        *(void **)field_at(message, field->offset) = array;
    }
    if (!unknown)
        return 0;
    message->unknown_fields = budget_alloc(unpack, place, unknown * sizeof(*message->unknown_fields));
    return message->unknown_fields ? 0 : -EFBIG;
}

static ProtobufCMessage *
unpack_level(struct unpack *unpack, const struct place *place, struct str bytes)
{
    uint32_t counts[FIELDS_MAX];
    size_t unknown = 0;
    if (place->depth > unpack->depth_max) {
        fail(unpack, place, -EINVAL, NULL, "nested too deep");
        return NULL;
    }
    if (place->type->n_fields > FIELDS_MAX) {
        fail(unpack, place, -EINVAL, NULL, "its type has too many fields");
        return NULL;
    }
    memset(counts, 0, place->type->n_fields * sizeof(counts[0]));
    if (scan(unpack, place, bytes, counts, &unknown))
        return NULL;
    ProtobufCMessage *message = budget_alloc(unpack, place, place->type->sizeof_message);
    if (!message)
        return NULL;
    place->type->message_init(message);
    if (make_arrays(unpack, place, message, counts, unknown) || fill(unpack, place, message, bytes, counts))
        return NULL;
    return message;
}

void *
message_unpack(const ProtobufCMessageDescriptor *type, struct str bytes, struct arena *arena, struct err *err)
{
    if (bytes.len > LIMIT_MESSAGE_BYTES) {
        err_set(err, -EFBIG, "%s: %zu bytes are more than the %d that a message may have", type->short_name,
                bytes.len, (int)LIMIT_MESSAGE_BYTES);
        return NULL;
    }
    if (!bytes.len)
        bytes.ptr = "";
    struct unpack unpack = {
        .arena = arena, .budget = LIMIT_MESSAGE_MEMORY, .depth_max = LIMIT_DEPTH, .err = err};
    struct place top = {.type = type, .depth = 1};
    return unpack_level(&unpack, &top, bytes);
}

void *
message_unpack_trusted(const ProtobufCMessageDescriptor *type, struct str bytes, struct arena *arena)
{
    struct err err = {0};
    /* What came in at the limit may stand deeper in a message of ours. */
    struct unpack unpack = {
        .arena = arena, .budget = SIZE_MAX / 2, .depth_max = 2 * LIMIT_DEPTH, .err = &err};
    struct place top = {.type = type, .depth = 1};
    void *message = unpack_level(&unpack, &top, bytes.len ? bytes : STR_LIT(""));
    if (!message) {
        fprintf(stderr, "cannot unpack what was packed here: %s\n", err.text);
        abort();
    }
    return message;
}
