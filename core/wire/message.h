/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages in and out: the only way that outside bytes become protobuf-c structs. Every level is scanned against the
 * schema (size, depth, memory budget, closed enums, required fields) before anything of it is built in the arena.
 */
#ifndef WIRE_MESSAGE_H
#define WIRE_MESSAGE_H

#include <protobuf-c/protobuf-c.h>
#include "base/arena.h"
#include "base/buf.h"

/* Protobuf bytes -> message in arena. NULL and err (-EINVAL, -EFBIG) naming the field path that is wrong; the text does
 * not begin as Mesos's answer to such a body does ("Failed to parse body into Call protobuf"). Unknown fields, fields
 * of a foreign wire type and unknown numbers of enums are kept as unknown fields, as C++ protobuf does: such an
 * enum is unset, or missing when it is required. A NUL in a string is refused, since the struct cannot hold it. */
void *message_unpack(const ProtobufCMessageDescriptor *type, struct str bytes, struct arena *arena,
                     struct err *err);
/* JSON text -> message in arena. Facts: unknown fields ignored, null = unset, required demanded, enums by name, bytes
 * in base64, numbers tolerant of strings and of 3.6e+06. The errors' texts are Mesos's whole answers: "Failed to parse
 * body into JSON: ..." and "Failed to convert JSON into Call protobuf: ...". */
void *message_from_json(const ProtobufCMessageDescriptor *type, struct str json, struct arena *arena,
                        struct err *err);
/* The same for bytes that were packed here: there is no limit, and it cannot fail. */
void *message_unpack_trusted(const ProtobufCMessageDescriptor *type, struct str bytes, struct arena *arena);
/* Appends packed bytes. The message is ours: cannot fail. */
void message_pack(struct buf *out, const void *message);
/* Appends one JSON object with Mesos's shape (set fields in the order of their declaration, unset ones too when they
 * have a declared default and are not deprecated, enums by name, bytes base64, doubles in shortest form, int64 as
 * numbers). */
void message_to_json(struct buf *out, const void *message);
/* Packed bytes -> JSON without building the message. The bytes must have passed message_unpack or be ours. */
int message_transcode(struct buf *out, const ProtobufCMessageDescriptor *type, struct str bytes);
/* A deep copy in arena, by way of its packed bytes. */
void *message_dup(const void *message, struct arena *arena);

#define MESSAGE_UNPACK(Type, prefix, bytes, arena, err)                                                            \
    ((Type *)message_unpack(&prefix##__descriptor, (bytes), (arena), (err)))
#define MESSAGE_FROM_JSON(Type, prefix, json, arena, err)                                                          \
    ((Type *)message_from_json(&prefix##__descriptor, (json), (arena), (err)))

#endif
