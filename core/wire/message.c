/* SPDX-License-Identifier: Apache-2.0 */
/* Messages out, copied and lent to protobuf-c. What comes in is the work of unpack.c and json_parse.c. */
#include "wire/message.h"

void
message_pack(struct buf *out, const void *message)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    protobuf_c_message_pack(message, (uint8_t *)buf_reserve(out, size));
    buf_added(out, size);
}

void *
message_dup(const void *message, struct arena *arena)
{
    auto_buf struct buf packed = {0};
    message_pack(&packed, message);
    return message_unpack_trusted(((const ProtobufCMessage *)message)->descriptor, buf_str(&packed), arena);
}
