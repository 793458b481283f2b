/* SPDX-License-Identifier: Apache-2.0 */
/* Messages in protobuf's text format, fields by number: for the one error that shows two executors side by
 * side. */
#include <string.h>

#include "master/calls.h"

static void
indent(struct buf *out, unsigned depth)
{
    for (unsigned i = 0; i < depth; i++)
        buf_puts(out, "  ");
}

static void
put_bytes(struct buf *out, const void *data, size_t len)
{
    const unsigned char *p = data;
    buf_putc(out, '"');
    for (size_t i = 0; i < len; i++) {
        if (p[i] == '"' || p[i] == '\'' || p[i] == '\\')
            buf_printf(out, "\\%c", p[i]);
        else if (p[i] == '\n')
            buf_puts(out, "\\n");
        else if (p[i] < 0x20 || p[i] >= 0x7f)
            buf_printf(out, "\\%03o", p[i]);
        else
            buf_putc(out, (char)p[i]);
    }
    buf_putc(out, '"');
}

static void put_fields(struct buf *out, const ProtobufCMessage *message, unsigned depth);

static void
put_number(struct buf *out, const ProtobufCFieldDescriptor *field, const void *at)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_BOOL:
        buf_puts(out, *(const protobuf_c_boolean *)at ? "true" : "false");
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        buf_printf(out, "%.15g", *(const double *)at);
        break;
    case PROTOBUF_C_TYPE_FLOAT:
        buf_printf(out, "%.6g", (double)*(const float *)at);
        break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        buf_printf(out, "%u", *(const uint32_t *)at);
        break;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        buf_printf(out, "%d", *(const int32_t *)at);
        break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        buf_printf(out, "%llu", (unsigned long long)*(const uint64_t *)at);
        break;
    default:
        buf_printf(out, "%lld", (long long)*(const int64_t *)at);
    }
}

static void
put_value(struct buf *out, const ProtobufCFieldDescriptor *field, const void *at, unsigned depth)
{
    indent(out, depth);
    buf_puts(out, field->name);
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        buf_puts(out, " {\n");
        put_fields(out, *(const ProtobufCMessage *const *)at, depth + 1);
        indent(out, depth);
        buf_puts(out, "}\n");
        return;
    }
    buf_puts(out, ": ");
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        put_bytes(out, *(const char *const *)at, strlen(*(const char *const *)at));
    } else if (field->type == PROTOBUF_C_TYPE_BYTES) {
        const ProtobufCBinaryData *data = at;
        put_bytes(out, data->data, data->len);
    } else if (field->type == PROTOBUF_C_TYPE_ENUM) {
        const ProtobufCEnumValue *value =
            protobuf_c_enum_descriptor_get_value(field->descriptor, *(const int *)at);
        buf_puts(out, value ? value->name : "?");
    } else {
        put_number(out, field, at);
    }
    buf_putc(out, '\n');
}

static size_t
element_size(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_ENUM:
        return sizeof(int32_t);
    case PROTOBUF_C_TYPE_FLOAT:
        return sizeof(float);
    default:
        return sizeof(int64_t);
    }
}

static bool
is_set(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    const char *at = (const char *)message + field->offset;
    if (field->label == PROTOBUF_C_LABEL_REQUIRED)
        return true;
    if (field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE)
        return *(const void *const *)at != NULL && *(const void *const *)at != field->default_value;
    return *(const protobuf_c_boolean *)((const char *)message + field->quantifier_offset);
}

static void
put_fields(struct buf *out, const ProtobufCMessage *message, unsigned depth)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;
    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i]; /* sorted by number */
        const char *at = (const char *)message + field->offset;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            size_t count = *(const size_t *)((const char *)message + field->quantifier_offset);
            const char *items = *(const char *const *)at;
            for (size_t j = 0; j < count; j++)
                put_value(out, field, items + j * element_size(field), depth);
        } else if (is_set(message, field)) {
            put_value(out, field, at, depth);
        }
    }
}

void
message_to_text(struct buf *out, const ProtobufCMessage *message)
{
    put_fields(out, message, 0);
}
