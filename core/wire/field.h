/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to the codecs of this room: how a field of a protobuf-c struct is found, asked and filled by its
 * descriptor. Only the codecs may know this much about protobuf-c's layout.
 */
#ifndef WIRE_FIELD_H
#define WIRE_FIELD_H

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/buf.h"

enum {
    FIELDS_MAX = 128, /* fields of one message type; the schema stays well below, and a test says so */
};

static inline void *
field_at(const void *message, uint32_t offset)
{
    return (char *)(uintptr_t)message + offset;
}

static inline bool
field_is_message(const ProtobufCFieldDescriptor *field)
{
    return field->type == PROTOBUF_C_TYPE_MESSAGE;
}

static inline bool
field_is_oneof(const ProtobufCFieldDescriptor *field)
{
    return field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF;
}

/* Where in a message a codec is, for error texts; a chain up the stack. */
struct place {
    const struct place *up; /* NULL at the top */
    const ProtobufCMessageDescriptor *type;
    const ProtobufCFieldDescriptor *field; /* of the level above, in which this one stands; NULL at the top */
    size_t index;                          /* when that field is repeated */
    unsigned depth;                        /* 1 at the top */
};
/* "accept.operations[0].launch"; empty at the top. */
void place_print(const struct place *place, char *out, size_t size);

/* Bytes of one value as the struct holds it. */
size_t field_value_size(const ProtobufCFieldDescriptor *field);
/* Is it set (repeated: not empty; without presence: not zero)? */
bool field_is_set(const void *message, const ProtobufCFieldDescriptor *field);
/* Notes that a singular field is about to be set: its has flag, or the case of its oneof. */
void field_mark(void *message, const ProtobufCFieldDescriptor *field);
/* Back to unset and to its default. */
void field_clear(void *message, const ProtobufCFieldDescriptor *field);
/* The index of the field with this number, or -1. */
int field_by_number(const ProtobufCMessageDescriptor *type, uint32_t number);
/* The index of the field with this name, or -1. */
int field_by_name(const ProtobufCMessageDescriptor *type, struct str name);
/* The name of an enum value, or NULL. */
const char *enum_name(const ProtobufCEnumDescriptor *type, int32_t value);
/* The number of an enum name: true and *ret. */
bool enum_number(const ProtobufCEnumDescriptor *type, struct str name, int32_t *ret);
/* Is it the entry type of a map? protoc-c makes a message of key and value of it, named <Field>Entry. */
bool field_is_map(const ProtobufCFieldDescriptor *field);
/* Sorts `count` pointers to fields of one type into the order of their declaration, in which JSON shows them.
 */
void fields_sort_declared(const ProtobufCMessageDescriptor *type, const ProtobufCFieldDescriptor **fields,
                          unsigned count);

#endif
