/* SPDX-License-Identifier: Apache-2.0 */
/* Private to this room: protobuf bytes, one field after the other, and what the schema makes of each. */
#ifndef WIRE_CURSOR_H
#define WIRE_CURSOR_H

#include "wire/field.h"

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_LEN = 2, WIRE_32 = 5, TAG_MAX = (1 << 29) - 1 };

struct cursor {
    const uint8_t *at, *end;
};

/* One field as it stands on the wire. */
struct member {
    uint32_t number;
    unsigned wire;
    const uint8_t *start, *raw; /* of the tag, of what follows the tag */
    uint64_t value;             /* varint and fixed */
    struct str data;            /* length-delimited */
};

static inline struct cursor
cursor_of(struct str bytes)
{
    return (struct cursor){(const uint8_t *)bytes.ptr, (const uint8_t *)bytes.ptr + bytes.len};
}

static inline bool
read_varint(struct cursor *cursor, uint64_t *ret)
{
    const uint8_t *at = cursor->at;
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70 && at < cursor->end; shift += 7) {
        uint8_t byte = *at++;
        value |= (uint64_t)(byte & 0x7f) << shift; /* bits beyond 64 fall off, as everywhere */
        if (byte < 0x80) {
            cursor->at = at;
            *ret = value;
            return true;
        }
        if (shift == 63)
            break;
    }
    return false;
}

static inline bool
read_fixed(struct cursor *cursor, size_t size, uint64_t *ret)
{
    if ((size_t)(cursor->end - cursor->at) < size)
        return false;
    *ret = 0;
    for (size_t i = 0; i < size; i++)
        *ret |= (uint64_t)cursor->at[i] << (8 * i);
    cursor->at += size;
    return true;
}

/* NULL when a member was read, else what is wrong. */
static inline const char *
next_member(struct cursor *cursor, struct member *member)
{
    uint64_t tag, len;
    member->start = cursor->at;
    if (!read_varint(cursor, &tag))
        return "a field's number is cut off";
    if (tag >> 3 == 0 || tag >> 3 > TAG_MAX)
        return "a field's number is out of range";
    member->number = (uint32_t)(tag >> 3);
    member->wire = tag & 7;
    member->raw = cursor->at;
    switch (member->wire) {
    case WIRE_VARINT:
        return read_varint(cursor, &member->value) ? NULL : "a number is cut off or too long";
    case WIRE_64:
        return read_fixed(cursor, 8, &member->value) ? NULL : "a fixed number is cut off";
    case WIRE_32:
        return read_fixed(cursor, 4, &member->value) ? NULL : "a fixed number is cut off";
    case WIRE_LEN:
        if (!read_varint(cursor, &len))
            return "a length is cut off or too long";
        if (len > (size_t)(cursor->end - cursor->at))
            return "a length points past the end";
        member->data = str_n(cursor->at, (size_t)len);
        cursor->at += len;
        return NULL;
    default:
        return "a group or a wire type that does not exist";
    }
}

static inline unsigned
wire_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return WIRE_LEN;
    case PROTOBUF_C_TYPE_DOUBLE:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return WIRE_64;
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
        return WIRE_32;
    default:
        return WIRE_VARINT;
    }
}

static inline bool
enum_admits(const ProtobufCFieldDescriptor *field, uint64_t value)
{
    return field->type != PROTOBUF_C_TYPE_ENUM || field->label == PROTOBUF_C_LABEL_NONE ||
           enum_name(field->descriptor, (int32_t)value);
}

static inline bool
is_packed(const ProtobufCFieldDescriptor *field, const struct member *member)
{
    return field->label == PROTOBUF_C_LABEL_REPEATED && member->wire == WIRE_LEN &&
           wire_of(field->type) != WIRE_LEN;
}

/* The field that takes this member, or -1 when it is to be kept as unknown. */
static inline int
taker(const ProtobufCMessageDescriptor *type, const struct member *member)
{
    int index = field_by_number(type, member->number);
    if (index < 0)
        return -1;
    const ProtobufCFieldDescriptor *field = &type->fields[index];
    if (member->wire == wire_of(field->type))
        return member->wire != WIRE_VARINT || enum_admits(field, member->value) ? index : -1;
    return is_packed(field, member) ? index : -1;
}

static inline bool
read_value(struct cursor *cursor, unsigned wire, uint64_t *ret)
{
    return wire == WIRE_VARINT ? read_varint(cursor, ret) : read_fixed(cursor, wire == WIRE_64 ? 8 : 4, ret);
}

static inline int64_t
unzigzag(uint64_t value)
{
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

static inline void
store_number(const ProtobufCFieldDescriptor *field, uint64_t value, void *at)
{
    uint32_t narrow = (uint32_t)value;
    int64_t wide;
    switch (field->type) {
    case PROTOBUF_C_TYPE_SINT32:
        narrow = (uint32_t)unzigzag(narrow);
        break;
    case PROTOBUF_C_TYPE_SINT64:
        wide = unzigzag(value);
        memcpy(at, &wide, sizeof(wide));
        return;
    case PROTOBUF_C_TYPE_BOOL:
        *(protobuf_c_boolean *)at = value != 0;
        return;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_DOUBLE:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
        memcpy(at, &value, sizeof(value));
        return;
    default:
        break;
    }
    memcpy(at, &narrow, sizeof(narrow));
}

#endif
