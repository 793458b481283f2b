/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A large message written member by member into one buffer, as JSON or as protobuf bytes, without a tree of structs: for
 * answers that hold a whole cluster. The caller knows the schema and gives each member's number and name; members are
 * written in the order in which JSON shows them. Small messages go through message.h.
 */
#ifndef WIRE_WRITER_H
#define WIRE_WRITER_H

#include <protobuf-c/protobuf-c.h>

#include "base/page.h"
#include "wire/json.h"

enum { WRITER_DEPTH = 8 };

struct writer {
    struct buf *out;  /* borrowed; appended to */
    struct json json; /* of use when is_json */
    bool is_json;
    unsigned depth;
    struct rope *rope; /* out is its tail, and pages are added to it between; or NULL */
    size_t begun[WRITER_DEPTH]; /* protobuf: where the open messages' contents begin, behind room for their lengths;
                                   in a rope: how many bytes there are before them ... */
    size_t pieces[WRITER_DEPTH]; /* ... and how many pieces */
};

static inline struct writer
writer_on(struct buf *out, bool json)
{
    return (struct writer){.out = out, .json = json_on(out), .is_json = json};
}

static inline struct writer
writer_on_rope(struct rope *rope, bool json)
{
    return (struct writer){.out = &rope->tail, .json = json_on(&rope->tail), .is_json = json, .rope = rope};
}

/* The outermost message. */
void writer_open(struct writer *writer);
void writer_close(struct writer *writer);
/* An embedded message whose members follow; at most WRITER_DEPTH deep. In a list, name is NULL. */
void writer_begin(struct writer *writer, uint32_t number, const char *name);
void writer_end(struct writer *writer);
/* The items of a repeated field, each with that field's number and name NULL. JSON shows the list even when it is empty. */
void writer_list(struct writer *writer, const char *name);
void writer_list_end(struct writer *writer);

void writer_enum(struct writer *writer, uint32_t number, const char *name, int value, const char *text);
void writer_double(struct writer *writer, uint32_t number, const char *name, double value);
/* A whole message made as a struct. */
void writer_message(struct writer *writer, uint32_t number, const char *name, const void *message);
/* The same from its packed bytes, which are ours or were checked. */
void writer_packed(struct writer *writer, uint32_t number, const char *name, const ProtobufCMessageDescriptor *type,
                   struct str bytes);

#endif
