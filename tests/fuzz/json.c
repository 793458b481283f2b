/* SPDX-License-Identifier: Apache-2.0 */
/* JSON bodies of calls. First byte: which type. What was read must read back the same from its own JSON. */
#include "fuzz/fuzz.h"
#include "mesos/v1/agent/agent.pb-c.h"
#include "mesos/v1/executor/executor.pb-c.h"
#include "mesos/v1/master/master.pb-c.h"
#include "mesos/v1/quota/quota.pb-c.h"
#include "mesos/v1/scheduler/scheduler.pb-c.h"
#include "wire/json_token.h"
#include "wire/message.h"

static const ProtobufCMessageDescriptor *const types[] = {
    &mesos__v1__scheduler__call__descriptor,     &mesos__v1__executor__call__descriptor,
    &mesos__v1__master__call__descriptor,        &mesos__v1__agent__call__descriptor,
    &mesos__v1__quota__quota_config__descriptor, &mesos__v1__resource_statistics__descriptor,
    &mesos__v1__container_id__descriptor,
};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_n(data, size);
    const ProtobufCMessageDescriptor *type = types[take_choice(&text, sizeof(types) / sizeof(types[0]))];
    auto_arena struct arena *arena = arena_new(0);
    auto_buf struct buf first = {0}, second = {0}, third = {0}, direct = {0}, packed = {0};
    struct err err = {0};
    void *message = message_from_json(type, text, arena, &err);
    if (!message) {
        must(err.code < 0 && err.text[0]);
        return 0;
    }
    must(json_check(text, &err));
    message_to_json(&first, message);
    message_pack(&packed, message);
    must(message_transcode(&direct, type, buf_str(&packed)) == 0);
    must(str_eq(buf_str(&first), buf_str(&direct)));
    must(message_unpack(type, buf_str(&packed), arena, &err));
    /* Bytes that are no UTF-8 have become U+FFFD in the first text, and keys of maps may have met over it. */
    message = message_from_json(type, buf_str(&first), arena, &err);
    must(message);
    message_to_json(&second, message);
    message = message_from_json(type, buf_str(&second), arena, &err);
    must(message);
    message_to_json(&third, message);
    must(str_eq(buf_str(&second), buf_str(&third)));
    return 0;
}
