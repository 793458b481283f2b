/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Message -> JSON as Mesos shows it: fields in the order of their declaration, set ones and also unset ones
 * that have a declared default and are not deprecated, enums by name, bytes in base64, maps as objects.
 */
#include "wire/field.h"
#include "wire/json_print.h"
#include "wire/json_text.h"
#include "wire/message.h"

static void print_message(struct buf *out, const ProtobufCMessage *message);

static void
print_enum(struct buf *out, const ProtobufCFieldDescriptor *field, int32_t value)
{
    const char *name = enum_name(field->descriptor, value);
    if (name)
        json_text_string(out, str_of(name));
    else
        json_text_int(out, value); /* only in proto3, whose enums are open */
}

void
json_print_value(struct buf *out, const ProtobufCFieldDescriptor *field, const void *at)
{
    const ProtobufCBinaryData *bytes = at;
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        json_text_int(out, *(const int32_t *)at);
        break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        json_text_uint(out, *(const uint32_t *)at);
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        json_text_int(out, *(const int64_t *)at);
        break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        json_text_uint(out, *(const uint64_t *)at);
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        json_text_double(out, *(const double *)at);
        break;
    case PROTOBUF_C_TYPE_FLOAT:
        json_text_double(out, (double)*(const float *)at);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        buf_append_str(out, *(const protobuf_c_boolean *)at ? STR_LIT("true") : STR_LIT("false"));
        break;
    case PROTOBUF_C_TYPE_ENUM:
        print_enum(out, field, *(const int32_t *)at);
        break;
    case PROTOBUF_C_TYPE_STRING:
        json_text_string(out, str_of(*(const char *const *)at));
        break;
    case PROTOBUF_C_TYPE_BYTES:
        json_text_base64(out, str_n(bytes->data, bytes->len));
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        print_message(out, *(const ProtobufCMessage *const *)at);
        break;
    }
}

static void
print_map(struct buf *out, const ProtobufCFieldDescriptor *field, const ProtobufCMessage *const *entries,
          size_t n)
{
    const ProtobufCMessageDescriptor *entry = field->descriptor;
    buf_putc(out, '{');
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_putc(out, ',');
        const char *key = *(const char *const *)field_at(entries[i], entry->fields[0].offset);
        json_text_string(out, str_of(key));
        buf_putc(out, ':');
        if (field_is_message(&entry->fields[1]) && !field_is_set(entries[i], &entry->fields[1]))
            buf_append_str(out, STR_LIT("{}"));
        else
            json_print_value(out, &entry->fields[1], field_at(entries[i], entry->fields[1].offset));
    }
    buf_putc(out, '}');
}

static void
print_repeated(struct buf *out, const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    size_t n = *(const size_t *)field_at(message, field->quantifier_offset), size = field_value_size(field);
    const char *array = *(const char *const *)field_at(message, field->offset);
    if (field_is_map(field)) {
        print_map(out, field, (const ProtobufCMessage *const *)(const void *)array, n);
        return;
    }
    buf_putc(out, '[');
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_putc(out, ',');
        json_print_value(out, field, array + i * size);
    }
    buf_putc(out, ']');
}

bool
json_shows_default(const ProtobufCFieldDescriptor *field)
{
    return field->default_value && field->label == PROTOBUF_C_LABEL_OPTIONAL &&
           !(field->flags & PROTOBUF_C_FIELD_FLAG_DEPRECATED);
}

static bool
is_shown(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    return field_is_set(message, field) || json_shows_default(field);
}

static void
print_message(struct buf *out, const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;
    const ProtobufCFieldDescriptor *shown[FIELDS_MAX];
    unsigned count = 0;
    for (unsigned i = 0; i < type->n_fields; i++) {
        if (is_shown(message, &type->fields[i]))
            shown[count++] = &type->fields[i];
    }
    fields_sort_declared(type, shown, count);
    buf_putc(out, '{');
    for (unsigned i = 0; i < count; i++) {
        if (i)
            buf_putc(out, ',');
        json_text_key(out, shown[i]->name);
        if (shown[i]->label == PROTOBUF_C_LABEL_REPEATED)
            print_repeated(out, message, shown[i]);
        else
            json_print_value(out, shown[i], field_at(message, shown[i]->offset));
    }
    buf_putc(out, '}');
}

void
message_to_json(struct buf *out, const void *message)
{
    print_message(out, message);
}
