/* SPDX-License-Identifier: Apache-2.0 */
/* Fields by descriptor: the little that protobuf-c keeps to itself. Called by the codecs for every field, so
 * it is lean. */
#include "wire/field.h"

#include <stdio.h>

size_t
field_value_size(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return 8;
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    default:
        return 4;
    }
}

static bool
pointer_is_set(const void *message, const ProtobufCFieldDescriptor *field)
{
    const void *value = *(const void *const *)field_at(message, field->offset);
    return value && value != field->default_value;
}

/* A field without presence (proto3) is set when it is not zero. */
static bool
value_is_set(const void *message, const ProtobufCFieldDescriptor *field)
{
    static const ProtobufCBinaryData zero;
    const void *value = field_at(message, field->offset);
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        const char *text = *(const char *const *)value;
        return text && *text;
    }
    if (field->type == PROTOBUF_C_TYPE_BYTES)
        return ((const ProtobufCBinaryData *)value)->len > 0;
    return memcmp(value, &zero, field_value_size(field)) != 0;
}

bool
field_is_set(const void *message, const ProtobufCFieldDescriptor *field)
{
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return *(const size_t *)field_at(message, field->quantifier_offset) > 0;
    if (field_is_oneof(field))
        return *(const uint32_t *)field_at(message, field->quantifier_offset) == field->id;
    bool by_pointer = field->type == PROTOBUF_C_TYPE_MESSAGE || field->type == PROTOBUF_C_TYPE_STRING;
    switch (field->label) {
    case PROTOBUF_C_LABEL_REQUIRED:
        return !by_pointer || *(const void *const *)field_at(message, field->offset);
    case PROTOBUF_C_LABEL_OPTIONAL:
        return by_pointer ? pointer_is_set(message, field)
                          : *(const protobuf_c_boolean *)field_at(message, field->quantifier_offset);
    default:
        return value_is_set(message, field);
    }
}

void
field_mark(void *message, const ProtobufCFieldDescriptor *field)
{
    if (field_is_oneof(field))
        *(uint32_t *)field_at(message, field->quantifier_offset) = field->id;
    else if (field->label == PROTOBUF_C_LABEL_OPTIONAL && field->type != PROTOBUF_C_TYPE_MESSAGE &&
             field->type != PROTOBUF_C_TYPE_STRING)
        *(protobuf_c_boolean *)field_at(message, field->quantifier_offset) = 1;
}

void
field_clear(void *message, const ProtobufCFieldDescriptor *field)
{
    void *value = field_at(message, field->offset);
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        *(size_t *)field_at(message, field->quantifier_offset) = 0;
        *(void **)value = NULL;
        return;
    }
    if (field_is_oneof(field)) {
        if (!field_is_set(message, field))
            return; /* the union holds another member now */
        *(uint32_t *)field_at(message, field->quantifier_offset) = 0;
    } else if (field->label == PROTOBUF_C_LABEL_OPTIONAL && field->type != PROTOBUF_C_TYPE_MESSAGE &&
               field->type != PROTOBUF_C_TYPE_STRING) {
        *(protobuf_c_boolean *)field_at(message, field->quantifier_offset) = 0;
    }
    if (field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE)
        memcpy(value, &field->default_value, sizeof(void *));
    else if (field->default_value)
        memcpy(value, field->default_value, field_value_size(field));
    else
        memset(value, 0, field_value_size(field));
}

int
field_by_number(const ProtobufCMessageDescriptor *type, uint32_t number)
{
    /* Most messages number their fields 1, 2, 3... */
    if (number - 1 < type->n_fields && type->fields[number - 1].id == number)
        return (int)number - 1;
    unsigned low = 0, high = type->n_fields;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (type->fields[middle].id < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < type->n_fields && type->fields[low].id == number ? (int)low : -1;
}

static int
name_cmp(struct str name, const char *other)
{
    int order = strncmp(name.ptr, other, name.len);
    return order ? order : other[name.len] ? -1 : 0;
}

int
field_by_name(const ProtobufCMessageDescriptor *type, struct str name)
{
    if (!name.len || memchr(name.ptr, '\0', name.len))
        return -1;
    unsigned low = 0, high = type->n_fields;
    while (low < high) {
        unsigned middle = (low + high) / 2, index = type->fields_sorted_by_name[middle];
        int order = name_cmp(name, type->fields[index].name);
        if (order == 0)
            return (int)index;
        if (order > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

const char *
enum_name(const ProtobufCEnumDescriptor *type, int32_t value)
{
    if (value >= 0 && (uint32_t)value < type->n_values && type->values[value].value == value)
        return type->values[value].name;
    const ProtobufCEnumValue *found = protobuf_c_enum_descriptor_get_value(type, value);
    return found ? found->name : NULL;
}

bool
enum_number(const ProtobufCEnumDescriptor *type, struct str name, int32_t *ret)
{
    if (!name.len || memchr(name.ptr, '\0', name.len))
        return false;
    unsigned low = 0, high = type->n_value_names;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        int order = name_cmp(name, type->values_by_name[middle].name);
        if (order == 0) {
            *ret = type->values[type->values_by_name[middle].index].value;
            return true;
        }
        if (order > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

bool
field_is_map(const ProtobufCFieldDescriptor *field)
{
    if (field->label != PROTOBUF_C_LABEL_REPEATED || !field_is_message(field))
        return false;
    const ProtobufCMessageDescriptor *entry = field->descriptor;
    return entry->n_fields == 2 && str_ends(str_of(entry->short_name), STR_LIT("Entry")) &&
           strcmp(entry->fields[0].name, "key") == 0 && strcmp(entry->fields[1].name, "value") == 0 &&
           entry->fields[0].type == PROTOBUF_C_TYPE_STRING &&
           entry->fields[0].label != PROTOBUF_C_LABEL_REQUIRED;
}

/* protobuf-c keeps fields by number, but lays the struct out as declared. A oneof is the exception: its
 * members share one place at the end, and the messages that have one declare their fields by number. */
void
fields_sort_declared(const ProtobufCMessageDescriptor *type, const ProtobufCFieldDescriptor **fields,
                     unsigned count)
{
    for (unsigned i = 1; i < count; i++) {
        const ProtobufCFieldDescriptor *field = fields[i];
        if (field->offset >= fields[i - 1]->offset)
            continue;
        unsigned j = i;
        for (; j > 0 && fields[j - 1]->offset > field->offset; j--) {
            if (field_is_oneof(fields[j - 1]))
                break;
            fields[j] = fields[j - 1];
        }
        fields[j] = field;
    }
}

void
place_print(const struct place *place, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    if (place->up && place->up->field) {
        place_print(place->up, out, size);
        used = strlen(out);
    }
    if (!place->field || used >= size)
        return;
    if (place->field->label == PROTOBUF_C_LABEL_REPEATED)
        snprintf(out + used, size - used, "%s%s[%zu]", used ? "." : "", place->field->name, place->index);
    else
        snprintf(out + used, size - used, "%s%s", used ? "." : "", place->field->name);
}
