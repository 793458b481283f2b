/* SPDX-License-Identifier: Apache-2.0 */
/* Messages written as they are walked over. A message's length stands before it and is known after it: room for five
 * bytes is left, and what is not needed of it is closed at its end. */
#include "wire/writer.h"

#include <assert.h>

#include "wire/message.h"

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_LEN = 2, LENGTH_ROOM = 5 };

static size_t
put_varint(char *to, uint64_t value)
{
    size_t n = 0;
    for (; value >= 0x80; value >>= 7)
        to[n++] = (char)(value | 0x80);
    to[n++] = (char)value;
    return n;
}

static void
put_tag(struct writer *writer, uint32_t number, unsigned wire)
{
    buf_added(writer->out, put_varint(buf_reserve(writer->out, 10), (uint64_t)number << 3 | wire));
}

static void
put_key(struct writer *writer, const char *name)
{
    if (name)
        json_key(&writer->json, name);
}

void
writer_open(struct writer *writer)
{
    if (writer->is_json)
        json_object(&writer->json);
}

void
writer_close(struct writer *writer)
{
    assert(writer->depth == 0);
    if (writer->is_json)
        json_object_end(&writer->json);
}

void
writer_begin(struct writer *writer, uint32_t number, const char *name)
{
    if (writer->is_json) {
        put_key(writer, name);
        json_object(&writer->json);
        return;
    }
    assert(writer->depth < WRITER_DEPTH);
    put_tag(writer, number, WIRE_LEN);
    if (writer->rope) {
        rope_seal(writer->rope);
        writer->pieces[writer->depth] = writer->rope->count;
        writer->begun[writer->depth++] = writer->rope->bytes;
        return;
    }
    buf_reserve(writer->out, LENGTH_ROOM);
    buf_added(writer->out, LENGTH_ROOM);
    writer->begun[writer->depth++] = writer->out->len;
}

/* The length of what was added since goes before it. */
static void
end_in_rope(struct writer *writer, size_t begun, size_t piece)
{
    char length[10];
    rope_seal(writer->rope);
    rope_insert(writer->rope, piece, str_n(length, put_varint(length, writer->rope->bytes - begun)));
}

void
writer_end(struct writer *writer)
{
    if (writer->is_json) {
        json_object_end(&writer->json);
        return;
    }
    if (writer->rope) {
        writer->depth--;
        end_in_rope(writer, writer->begun[writer->depth], writer->pieces[writer->depth]);
        return;
    }
    size_t begun = writer->begun[--writer->depth], len = writer->out->len - begun;
    char length[10], *content = buf_data(writer->out) + begun;
    size_t used = put_varint(length, len);
    assert(used <= LENGTH_ROOM);
    memmove(content - LENGTH_ROOM + used, content, len);
    memcpy(content - LENGTH_ROOM, length, used);
    writer->out->len -= LENGTH_ROOM - used;
}

void
writer_list(struct writer *writer, const char *name)
{
    if (!writer->is_json)
        return;
    put_key(writer, name);
    json_array(&writer->json);
}

void
writer_list_end(struct writer *writer)
{
    if (writer->is_json)
        json_array_end(&writer->json);
}

void
writer_enum(struct writer *writer, uint32_t number, const char *name, int value, const char *text)
{
    if (writer->is_json) {
        put_key(writer, name);
        json_text(&writer->json, text);
        return;
    }
    put_tag(writer, number, WIRE_VARINT);
    buf_added(writer->out, put_varint(buf_reserve(writer->out, 10), (uint64_t)(int64_t)value));
}

void
writer_double(struct writer *writer, uint32_t number, const char *name, double value)
{
    if (writer->is_json) {
        put_key(writer, name);
        json_double(&writer->json, value);
        return;
    }
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    put_tag(writer, number, WIRE_64);
    for (int i = 0; i < 8; i++)
        buf_putc(writer->out, (char)(bits >> (8 * i)));
}

/* Tells the JSON writer that a value was put into the buffer behind its back. */
static void
json_value_follows(struct writer *writer)
{
    if (writer->json.comma)
        buf_putc(writer->out, ',');
    writer->json.comma = true;
}

void
writer_message(struct writer *writer, uint32_t number, const char *name, const void *message)
{
    if (writer->is_json) {
        put_key(writer, name);
        json_value_follows(writer);
        message_to_json(writer->out, message);
        return;
    }
    put_tag(writer, number, WIRE_LEN);
    buf_added(writer->out, put_varint(buf_reserve(writer->out, 10), protobuf_c_message_get_packed_size(message)));
    message_pack(writer->out, message);
}

void
writer_packed(struct writer *writer, uint32_t number, const char *name, const ProtobufCMessageDescriptor *type,
              struct str bytes)
{
    if (writer->is_json) {
        put_key(writer, name);
        json_value_follows(writer);
        message_transcode(writer->out, type, bytes);
        return;
    }
    put_tag(writer, number, WIRE_LEN);
    buf_added(writer->out, put_varint(buf_reserve(writer->out, 10), bytes.len));
    buf_append_str(writer->out, bytes);
}
