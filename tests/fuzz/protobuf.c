/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protobuf bodies of any type of the schema; the first two bytes say which. What was read must pack to bytes
 * that read the same, and the two ways to JSON must agree.
 */
#include "fuzz/fuzz.h"
#include "lib/descriptors.h"
#include "wire/message.h"

static const ProtobufCMessageDescriptor *
take_type(struct str *input)
{
    size_t count = 0;
    while (all_messages[count])
        count++;
    size_t high = take_choice(input, 256), low = take_choice(input, 256);
    return all_messages[(high << 8 | low) % count];
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str bytes = str_n(data, size);
    const ProtobufCMessageDescriptor *type = take_type(&bytes);
    auto_arena struct arena *arena = arena_new(0);
    auto_buf struct buf first = {0}, second = {0}, json = {0}, direct = {0};
    struct err err = {0};
    void *message = message_unpack(type, bytes, arena, &err);
    if (!message) {
        must(err.code < 0 && err.text[0]);
        message_transcode(&direct, type, bytes);
        return 0;
    }
    message_pack(&first, message);
    void *again = message_unpack(type, buf_str(&first), arena, &err);
    must(again);
    message_pack(&second, again);
    must(str_eq(buf_str(&first), buf_str(&second)));
    message_to_json(&json, message);
    must(message_transcode(&direct, type, buf_str(&first)) == 0);
    must(str_eq(buf_str(&json), buf_str(&direct)));
    return 0;
}
