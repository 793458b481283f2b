/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every type of the schema through every codec and back, with protobuf-c's own unpacker as the judge of
 * bytes; and what a hostile peer may send instead.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/descriptors.h"
#include "lib/synthetic.h"
#include "mesos/v1/mesos.pb-c.h"
#include "mesos/v1/scheduler/scheduler.pb-c.h"
#include "wire/limits.h"
#include "wire/message.h"
#include "wire/secrets.h"

enum { ROUNDS = 8 };

static void
append_varint(struct buf *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        buf_putc(out, (char)(value | 0x80));
    buf_putc(out, (char)value);
}

static void
append_len(struct buf *out, unsigned number, struct str data)
{
    append_varint(out, number << 3 | 2);
    append_varint(out, data.len);
    buf_append_str(out, data);
}

/* ---- round trips ---- */

static void
check_round_trip(const ProtobufCMessageDescriptor *type, uint64_t seed)
{
    auto_arena struct arena *arena = arena_new(0);
    auto_buf struct buf packed = {0}, again = {0}, json = {0}, direct = {0};
    struct err err = {0};
    void *message = synthetic_message(type, arena, &seed, 0, 0);
    message_pack(&packed, message);

    ProtobufCMessage *judge =
        protobuf_c_message_unpack(type, NULL, packed.len, (const uint8_t *)buf_str(&packed).ptr);
    assert_non_null(judge);
    void *ours = message_unpack(type, buf_str(&packed), arena, &err);
    if (!ours)
        fail_msg("%s: %s", type->name, err.text);
    message_pack(&again, ours);
    assert_true(str_eq(buf_str(&packed), buf_str(&again)));
    buf_clear(&again);
    message_pack(&again, judge);
    assert_true(str_eq(buf_str(&packed), buf_str(&again)));
    protobuf_c_message_free_unpacked(judge, NULL);

    message_to_json(&json, ours);
    assert_int_equal(message_transcode(&direct, type, buf_str(&packed)), 0);
    if (!str_eq(buf_str(&json), buf_str(&direct)))
        fail_msg("%s: %s\nis not\n%s", type->name, buf_cstr(&json), buf_cstr(&direct));
    ours = message_from_json(type, buf_str(&json), arena, &err);
    if (!ours)
        fail_msg("%s: %s: %s", type->name, buf_cstr(&json), err.text);
    buf_clear(&direct);
    message_to_json(&direct, ours);
    if (!str_eq(buf_str(&json), buf_str(&direct)))
        fail_msg("%s: %s\nbecame\n%s", type->name, buf_cstr(&json), buf_cstr(&direct));
}

static void
test_every_type_survives(void **state)
{
    size_t types = 0;
    for (; all_messages[types]; types++) {
        for (uint64_t round = 0; round < ROUNDS; round++)
            check_round_trip(all_messages[types], types * ROUNDS + round);
    }
    assert_true(types > 600);
}

static void
test_dup_is_deep(void **state)
{
    auto_arena struct arena *arena = arena_new(0), *other = arena_new(0);
    struct err err = {0};
    Mesos__V1__FrameworkInfo *info = MESSAGE_FROM_JSON(
        Mesos__V1__FrameworkInfo, mesos__v1__framework_info,
        STR_LIT("{\"user\":\"root\",\"name\":\"x\",\"roles\":[\"a\",\"b\"],\"id\":{\"value\":\"f\"}}"), arena,
        &err);
    assert_non_null(info);
    Mesos__V1__FrameworkInfo *copy = message_dup(info, other);
    info->user[0] = 'X';
    info->roles[1][0] = 'X';
    assert_string_equal(copy->user, "root");
    assert_string_equal(copy->roles[1], "b");
    assert_string_equal(copy->id->value, "f");
    assert_false(copy->has_checkpoint);
}

/* ---- what C++ protobuf does with odd but legal bytes ---- */

static void
test_unknown_enum_of_optional_field_is_unset_and_kept(void **state)
{
    auto_arena struct arena *arena = arena_new(0);
    auto_buf struct buf again = {0};
    struct str bytes = STR_LIT("\x10\xe7\x07"); /* type = 999 */
    Mesos__V1__Scheduler__Call *call =
        MESSAGE_UNPACK(Mesos__V1__Scheduler__Call, mesos__v1__scheduler__call, bytes, arena, NULL);
    assert_non_null(call);
    assert_false(call->has_type);
    message_pack(&again, call);
    assert_true(str_eq(buf_str(&again), bytes));
}

static void
test_unknown_enum_of_required_field_is_missing(void **state)
{
    auto_arena struct arena *arena = arena_new(0);
    struct err err = {0};
    struct str bytes = STR_LIT("\x0a\x04"
                               "cpus\x10\x63"); /* a Resource of type 99 */
    assert_null(message_unpack(&mesos__v1__resource__descriptor, bytes, arena, &err));
    assert_string_equal(err.text, "Resource: type: required, but missing");
}

static void
test_foreign_wire_type_is_unknown(void **state)
{
    auto_arena struct arena *arena = arena_new(0);
    auto_buf struct buf again = {0};
    struct str bytes = STR_LIT("\x12\x02hi\x08\x07"); /* type as bytes, framework_id as number */
    Mesos__V1__Scheduler__Call *call =
        MESSAGE_UNPACK(Mesos__V1__Scheduler__Call, mesos__v1__scheduler__call, bytes, arena, NULL);
    assert_non_null(call);
    assert_false(call->has_type);
    assert_null(call->framework_id);
    message_pack(&again, call);
    assert_true(str_eq(buf_str(&again), bytes));
}

static void
test_message_in_two_parts_is_merged(void **state)
{
    auto_arena struct arena *arena = arena_new(0);
    auto_buf struct buf bytes = {0}, json = {0}, direct = {0};
    struct err err = {0};
    append_len(&bytes, 1,
               STR_LIT("\x0a\x01"
                       "h"));                           /* MachineInfo.id: hostname */
    append_len(&bytes, 3, STR_LIT("\x0a\x02\x08\x07")); /* unavailability: start */
    append_len(&bytes, 1,
               STR_LIT("\x12\x01"
                       "i"));                           /* id again: ip */
    append_len(&bytes, 3, STR_LIT("\x12\x02\x08\x09")); /* unavailability again: duration */
    Mesos__V1__MachineInfo *info =
        MESSAGE_UNPACK(Mesos__V1__MachineInfo, mesos__v1__machine_info, buf_str(&bytes), arena, &err);
    if (!info)
        fail_msg("%s", err.text);
    assert_string_equal(info->id->hostname, "h");
    assert_string_equal(info->id->ip, "i");
    assert_int_equal(info->unavailability->start->nanoseconds, 7);
    assert_int_equal(info->unavailability->duration->nanoseconds, 9);
    message_to_json(&json, info);
    assert_int_equal(message_transcode(&direct, &mesos__v1__machine_info__descriptor, buf_str(&bytes)), 0);
    assert_string_equal(buf_cstr(&json), buf_cstr(&direct));
}

static void
test_last_scalar_counts(void **state)
{
    auto_arena struct arena *arena = arena_new(0);
    Mesos__V1__TimeInfo *time =
        MESSAGE_UNPACK(Mesos__V1__TimeInfo, mesos__v1__time_info, STR_LIT("\x08\x01\x08\x02"), arena, NULL);
    assert_non_null(time);
    assert_int_equal(time->nanoseconds, 2);
}

static void
test_packed_and_unpacked_lists(void **state)
{
    auto_arena struct arena *arena = arena_new(0);
    auto_buf struct buf bytes = {0};
    append_varint(&bytes, 1 << 3);
    append_varint(&bytes, 1001);
    append_len(&bytes, 1, STR_LIT("\xea\x07\xeb\x07\x7f")); /* 1002, 1003 and one that does not exist */
    Mesos__V1__CapabilityInfo *info =
        MESSAGE_UNPACK(Mesos__V1__CapabilityInfo, mesos__v1__capability_info, buf_str(&bytes), arena, NULL);
    assert_non_null(info);
    assert_int_equal(info->n_capabilities, 3);
    assert_int_equal(info->capabilities[2], 1003);
}

/* ---- hostile bytes ---- */

static void
test_truncated_anywhere(void **state)
{
    for (size_t i = 0; all_messages[i]; i++) {
        auto_arena struct arena *arena = arena_new(0);
        auto_buf struct buf packed = {0}, scratch = {0};
        uint64_t seed = i;
        message_pack(&packed, synthetic_message(all_messages[i], arena, &seed, 2, 0));
        for (size_t len = 0; len < packed.len && len < 200; len++) {
            /* A copy of exactly that length, so that a sanitizer sees a byte too many. */
            auto_free uint8_t *part = xmalloc(len + 1);
            uint8_t *cut = part + 1;
            memcpy(cut, buf_data(&packed), len);
            ProtobufCMessage *judge = protobuf_c_message_unpack(all_messages[i], NULL, len, cut);
            struct err err = {0};
            void *ours = message_unpack(all_messages[i], str_n(cut, len), arena, &err);
            /* The judge forgives a required field that has a default: C++ protobuf does not. */
            bool by_default = str_ends(str_of(err.text), STR_LIT("port: required, but missing")) ||
                              str_ends(str_of(err.text), STR_LIT("status: required, but missing")) ||
                              str_ends(str_of(err.text), STR_LIT("promised: required, but missing"));
            if (!judge != !ours && !by_default)
                fail_msg("%s cut at %zu: %s", all_messages[i]->name, len, ours ? "accepted" : err.text);
            protobuf_c_message_free_unpacked(judge, NULL);
            buf_clear(&scratch);
            message_transcode(&scratch, all_messages[i], str_n(cut, len));
        }
    }
}

/* A ContainerID in a ContainerID in ...; the innermost first. */
static void
nest(struct buf *out, size_t levels)
{
    for (size_t i = 0; i < levels; i++) {
        auto_buf struct buf outer = {0};
        append_len(&outer, 1, STR_LIT("c"));
        if (out->len)
            append_len(&outer, 2, buf_str(out));
        struct buf swap = *out;
        *out = outer;
        outer = swap;
    }
}

static void
test_nesting_is_limited(void **state)
{
    auto_arena struct arena *arena = arena_new(0);
    auto_buf struct buf at_limit = {0}, above = {0}, far = {0};
    struct err err = {0};
    nest(&at_limit, LIMIT_DEPTH);
    assert_non_null(message_unpack(&mesos__v1__container_id__descriptor, buf_str(&at_limit), arena, &err));
    nest(&above, LIMIT_DEPTH + 1);
    assert_null(message_unpack(&mesos__v1__container_id__descriptor, buf_str(&above), arena, &err));
    assert_int_equal(err.code, -EINVAL);
    assert_non_null(strstr(err.text, "nested too deep"));
    /* Ours may hold a little more, or what a peer may send could not be kept inside a larger message. */
    assert_non_null(message_unpack_trusted(&mesos__v1__container_id__descriptor, buf_str(&above), arena));
    nest(&far, 10000);
    assert_null(message_unpack(&mesos__v1__container_id__descriptor, buf_str(&far), arena, &err));
    buf_clear(&above);
    assert_true(message_transcode(&above, &mesos__v1__container_id__descriptor, buf_str(&far)) < 0);
}

static void
test_size_is_limited(void **state)
{
    auto_arena struct arena *arena = arena_new(0);
    struct err err = {0};
    auto_free char *much = calloc(1, LIMIT_MESSAGE_BYTES + 1);
    assert_null(
        message_unpack(&mesos__v1__labels__descriptor, str_n(much, LIMIT_MESSAGE_BYTES + 1), arena, &err));
    assert_int_equal(err.code, -EFBIG);
    assert_null(
        message_from_json(&mesos__v1__labels__descriptor, str_n(much, LIMIT_MESSAGE_BYTES + 1), arena, &err));
    assert_int_equal(err.code, -EFBIG);
}

static void
test_memory_is_limited(void **state)
{
    /* Two bytes each, a hundred and more in memory. */
    enum { COUNT = 8 << 20 };
    auto_arena struct arena *arena = arena_new(0);
    struct err err = {0};
    auto_free char *bytes = xmalloc(2 * COUNT);
    for (size_t i = 0; i < COUNT; i++)
        memcpy(bytes + 2 * i, "\x0a", 2);
    assert_null(
        message_unpack(&mesos__v1__container_status__descriptor, str_n(bytes, 2 * COUNT), arena, &err));
    assert_int_equal(err.code, -EFBIG);
    assert_true(arena_bytes(arena) < (size_t)LIMIT_MESSAGE_MEMORY + (2 << 20));
    for (size_t i = 0; i < COUNT; i++)
        memcpy(bytes + 2 * i, "\x98\x06", 2); /* an unknown field whose number alone is cut: 2 bytes of tag */
    assert_null(
        message_unpack(&mesos__v1__container_status__descriptor, str_n(bytes, 2 * COUNT - 1), arena, &err));
}

static void
test_malformed(void **state)
{
    static const struct {
        struct str bytes;
        const char *why;
    } cases[] = {
        {STR_LIT("\x00"), "out of range"},                     /* field number 0 */
        {STR_LIT("\x80\x80\x80\x80\x80\x01"), "out of range"}, /* beyond 29 bits */
        {STR_LIT("\x0b"), "group"},                            /* groups */
        {STR_LIT("\x0c"), "group"},
        {STR_LIT("\x0f"), "group"}, /* wire type 7 */
        {STR_LIT("\x10"), "cut off"},
        {STR_LIT("\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), "too long"},
        {STR_LIT("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "past the end"},
        {STR_LIT("\x0a\x05"
                 "abc"),
         "past the end"},
        {STR_LIT("\x09\x01\x02"), "cut off"},
        {STR_LIT("\x0d\x01\x02"), "cut off"},
        {STR_LIT("\x0a\x02\x0a\x05"), "framework_id: a length points past the end"},
        {STR_LIT("\x0a\x00"), "framework_id.value: required, but missing"},
        {STR_LIT("\x0a\x04\x0a\x02"
                 "a\0"),
         "framework_id.value: a string may not contain a NUL"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        auto_arena struct arena *arena = arena_new(0);
        struct err err = {0};
        assert_null(message_unpack(&mesos__v1__scheduler__call__descriptor, cases[i].bytes, arena, &err));
        assert_int_equal(err.code, -EINVAL);
        if (!strstr(err.text, cases[i].why))
            fail_msg("case %zu: '%s' does not say '%s'", i, err.text, cases[i].why);
    }
}

static void
test_errors_name_the_place(void **state)
{
    auto_arena struct arena *arena = arena_new(0);
    auto_buf struct buf operations = {0}, accept = {0}, call = {0};
    struct err err = {0};
    /* accept.operations[1].launch.task_infos[0] lacks everything */
    append_len(&operations, 2, STR_LIT("\x0a\x00"));
    append_len(&accept, 2, STR_LIT(""));
    append_len(&accept, 2, buf_str(&operations));
    append_len(&call, 4, buf_str(&accept));
    assert_null(message_unpack(&mesos__v1__scheduler__call__descriptor, buf_str(&call), arena, &err));
    assert_string_equal(err.text,
                        "Call: accept.operations[1].launch.task_infos[0].name: required, but missing");
}

/* In lists and deep inside; the original goes on as it was, and references are names. */
static void
test_secrets_are_hidden(void **state)
{
    static const char said[] =
        "{\"name\":\"t\",\"task_id\":{\"value\":\"t\"},\"agent_id\":{\"value\":\"a\"},\"command\":{\"environment\":{\"variables\":["
        "{\"name\":\"A\",\"value\":\"plain\"},{\"name\":\"B\",\"type\":\"SECRET\",\"secret\":{\"type\":\"VALUE\","
        "\"value\":{\"data\":\"aHVudGVyMg==\"}}},{\"name\":\"C\",\"type\":\"SECRET\",\"secret\":{"
        "\"type\":\"REFERENCE\",\"reference\":{\"name\":\"vault\"}}}]}},"
        "\"container\":{\"type\":\"MESOS\",\"volumes\":[{\"mode\":\"RW\",\"container_path\":\"x\",\"source\":{\"type\":\"SECRET\","
        "\"secret\":{\"type\":\"VALUE\",\"value\":{\"data\":\"aHVudGVyMg==\"}}}}]}}";
    auto_arena struct arena *arena = arena_new(0);
    auto_buf struct buf before = {0}, hidden = {0}, after = {0};
    Mesos__V1__TaskInfo *task = MESSAGE_FROM_JSON(Mesos__V1__TaskInfo, mesos__v1__task_info, STR_LIT(said), arena, NULL);
    assert_non_null(task);
    const Mesos__V1__TaskInfo *shown = secrets_hidden(task, arena);
    message_to_json(&before, task);
    message_to_json(&hidden, shown);
    assert_true(strstr(buf_cstr(&before), "aHVudGVyMg=="));
    assert_true(!strstr(buf_cstr(&hidden), "aHVudGVyMg=="));
    assert_true(strstr(buf_cstr(&hidden), "\"plain\"") && strstr(buf_cstr(&hidden), "\"vault\""));
    assert_ptr_equal(secrets_hidden(shown, arena), shown);
    secrets_hide(task);
    message_to_json(&after, task);
    assert_true(str_eq(buf_str(&after), buf_str(&hidden)));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_secrets_are_hidden),
        cmocka_unit_test(test_every_type_survives),
        cmocka_unit_test(test_dup_is_deep),
        cmocka_unit_test(test_unknown_enum_of_optional_field_is_unset_and_kept),
        cmocka_unit_test(test_unknown_enum_of_required_field_is_missing),
        cmocka_unit_test(test_foreign_wire_type_is_unknown),
        cmocka_unit_test(test_message_in_two_parts_is_merged),
        cmocka_unit_test(test_last_scalar_counts),
        cmocka_unit_test(test_packed_and_unpacked_lists),
        cmocka_unit_test(test_truncated_anywhere),
        cmocka_unit_test(test_nesting_is_limited),
        cmocka_unit_test(test_size_is_limited),
        cmocka_unit_test(test_memory_is_limited),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_errors_name_the_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
