/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exchanges recorded from Apache Mesos go through the codecs: protobuf bodies come out byte for byte as they
 * went in, so do JSON bodies, and what Mesos refused is refused with its sentence.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/descriptors.h"
#include "lib/facts.h"
#include "wire/message.h"
#include "wire/recordio.h"

/* One side of an exchange. */
struct half {
    struct buf raw, body;
    struct str head, start; /* start: the first line */
};

struct totals {
    unsigned protobuf, json, refused, events;
};

static void
half_fini(struct half *half)
{
    buf_fini(&half->raw);
    buf_fini(&half->body);
}

static void
take_chunks(struct str rest, struct buf *out)
{
    while (rest.len) {
        struct str line = str_trim(str_cut(&rest, '\n'));
        if (!line.len)
            continue;
        size_t size = strtoul(line.ptr, NULL, 16);
        if (!size || size > rest.len)
            return; /* the end, or a stream that was recorded up to here */
        buf_append(out, rest.ptr, size);
        rest = str_n(rest.ptr + size, rest.len - size);
    }
}

static bool
head_has(const struct half *half, const char *what)
{
    return memmem(half->head.ptr, half->head.len, what, strlen(what)) != NULL;
}

/* false when there is no such file. */
static bool
half_read(struct half *half, const char *dir, const char *name)
{
    auto_free char *relative = xasprintf("traces/%s/%s", dir, name);
    auto_free char *path = facts_path(relative);
    FILE *there = fopen(path, "rb");
    if (!there)
        return false;
    fclose(there);
    facts_read(relative, &half->raw);
    struct str all = buf_str(&half->raw);
    const char *end = memmem(all.ptr, all.len, "\r\n\r\n", 4);
    assert_non_null(end);
    half->head = str_n(all.ptr, (size_t)(end - all.ptr) + 2);
    struct str rest = half->head, body = str_n(end + 4, all.len - (size_t)(end + 4 - all.ptr));
    half->start = str_trim(str_cut(&rest, '\n'));
    if (head_has(half, "Transfer-Encoding: chunked"))
        take_chunks(body, &half->body);
    else
        buf_append_str(&half->body, body);
    return true;
}

static bool
is_protobuf(const struct half *half)
{
    return head_has(half, "Content-Type: application/x-protobuf");
}

static bool
is_json(const struct half *half)
{
    return head_has(half, "Content-Type: application/json\r\n");
}

/* ---- one body ---- */

static void
check_protobuf(const ProtobufCMessageDescriptor *type, struct str bytes, const char *name)
{
    auto_arena struct arena *arena = arena_new(0);
    auto_buf struct buf packed = {0}, json = {0}, direct = {0}, again = {0};
    struct err err = {0};
    void *message = message_unpack(type, bytes, arena, &err);
    if (!message)
        fail_msg("%s: %s", name, err.text);
    message_pack(&packed, message);
    /* What Apache's master writes straight from its state has the fields of an agent in another order. */
    bool reordered = strncmp(type->name, "mesos.v1.master.", 16) == 0 && packed.len == bytes.len;
    if (!str_eq(buf_str(&packed), bytes) && !reordered)
        fail_msg("%s: packed again, %s has other bytes", name, type->name);
    message_to_json(&json, message);
    assert_int_equal(message_transcode(&direct, type, bytes), 0);
    if (!str_eq(buf_str(&json), buf_str(&direct)))
        fail_msg("%s: %s\nis not\n%s", name, buf_cstr(&json), buf_cstr(&direct));
    message = message_from_json(type, buf_str(&json), arena, &err);
    if (!message)
        fail_msg("%s: own JSON: %s", name, err.text);
    message_to_json(&again, message);
    if (!str_eq(buf_str(&json), buf_str(&again)))
        fail_msg("%s: %s\nbecame\n%s", name, buf_cstr(&json), buf_cstr(&again));
}

static struct str
take_number(struct str *s)
{
    const char *from = s->ptr;
    while (s->len && memchr("0123456789.-+e", *s->ptr, 14))
        *s = str_n(s->ptr + 1, s->len - 1);
    return str_n(from, (size_t)(s->ptr - from));
}

/* Byte for byte, but for numbers of seventeen digits: of several that read back as the same double, Mesos
 * does not always take the nearest. */
static bool
json_same(struct str a, struct str b)
{
    while (a.len && b.len) {
        struct str x = take_number(&a), y = take_number(&b);
        double p, q;
        if (!str_eq(x, y) && (x.len < 17 || str_to_double(x, &p) || str_to_double(y, &q) || p != q))
            return false;
        if (!a.len || !b.len)
            break;
        if (*a.ptr != *b.ptr)
            return false;
        a = str_n(a.ptr + 1, a.len - 1);
        b = str_n(b.ptr + 1, b.len - 1);
    }
    return a.len == 0 && b.len == 0;
}

/* The state that Apache's master tells operators is not made from messages: it shows empty lists, and a field
 * of agents that the v1 schema does not have. */
static bool
is_from_state(struct str text)
{
    return memmem(text.ptr, text.len, ":[]", 3) || memmem(text.ptr, text.len, "\"agent_info\"", 12);
}

static void
check_json(const ProtobufCMessageDescriptor *type, struct str text, const char *name)
{
    auto_arena struct arena *arena = arena_new(0);
    auto_buf struct buf json = {0}, direct = {0}, packed = {0};
    struct err err = {0};
    void *message = message_from_json(type, text, arena, &err);
    if (!message)
        fail_msg("%s: %s", name, err.text);
    message_to_json(&json, message);
    if (is_from_state(text))
        return;
    if (!json_same(buf_str(&json), text))
        fail_msg("%s: %s\nbecame\n%s", name, str_dup(text), buf_cstr(&json));
    message_pack(&packed, message);
    assert_int_equal(message_transcode(&direct, type, buf_str(&packed)), 0);
    if (!json_same(buf_str(&direct), text))
        fail_msg("%s: transcoded: %s", name, buf_cstr(&direct));
}

static void
check_body(const ProtobufCMessageDescriptor *type, const struct half *half, struct str body, const char *name,
           struct totals *totals)
{
    if (is_protobuf(half)) {
        check_protobuf(type, body, name);
        totals->protobuf++;
    } else {
        check_json(type, body, name);
        totals->json++;
    }
}

static void
check_stream(const ProtobufCMessageDescriptor *type, struct half *half, const char *name,
             struct totals *totals)
{
    struct err err = {0};
    struct str record;
    size_t used;
    int got;
    while ((got = recordio_read(&half->body, &record, &used, &err)) > 0) {
        check_body(type, half, record, name, totals);
        totals->events++;
        buf_consume(&half->body, used);
    }
    if (got < 0)
        fail_msg("%s: %s", name, err.text);
}

/* ---- one exchange ---- */

static const ProtobufCMessageDescriptor *
api_type(struct str target, const char *what)
{
    bool scheduler = str_eq(target, STR_LIT("/api/v1/scheduler"));
    auto_free char *name = xasprintf("mesos.v1.%s.%s", scheduler ? "scheduler" : "master", what);
    return message_type(name);
}

/* What Mesos answered to a body that it could not read. */
static bool
is_codec_error(struct str text)
{
    return str_starts(text, STR_LIT("Failed to parse body into ")) ||
           str_starts(text, STR_LIT("Failed to convert JSON into "));
}

static void
check_refused(const ProtobufCMessageDescriptor *type, const struct half *request, struct str why,
              const char *name)
{
    auto_arena struct arena *arena = arena_new(0);
    struct err err = {0};
    if (is_protobuf(request)) {
        assert_null(message_unpack(type, buf_str(&request->body), arena, &err));
        return;
    }
    assert_null(message_from_json(type, buf_str(&request->body), arena, &err));
    if (!str_is(why, err.text))
        fail_msg("%s: %s\nshould be\n%.*s", name, err.text, STR_ARG(why));
}

static void
check_api_request(const ProtobufCMessageDescriptor *type, const struct half *request, const char *name,
                  struct totals *totals)
{
    auto_arena struct arena *arena = arena_new(0);
    struct err err = {0};
    if (!request->body.len || (!is_protobuf(request) && !is_json(request)))
        return;
    if (is_protobuf(request)) {
        check_protobuf(type, buf_str(&request->body), name);
        totals->protobuf++;
        return;
    }
    if (!message_from_json(type, buf_str(&request->body), arena, &err))
        fail_msg("%s: %s", name, err.text);
    totals->json++;
}

static void
check_api(struct str target, struct half *request, const char *dir, const char *name, struct totals *totals)
{
    auto_free char *stem = str_dup(str_n(name, strlen(name) - 4)), *response_name = xasprintf("%s.res", stem);
    struct half response = {0};
    bool answered = half_read(&response, dir, response_name);
    struct str body = buf_str(&response.body);
    if (answered && is_codec_error(body)) {
        check_refused(api_type(target, "Call"), request, body, name);
        totals->refused++;
    } else if (str_starts(request->start, STR_LIT("POST ")) &&
               !(answered && memmem(response.start.ptr, response.start.len, " 415 ", 5))) {
        check_api_request(api_type(target, "Call"), request, name, totals);
    }
    bool plain = answered && !head_has(&response, "Content-Encoding: gzip");
    if (plain && (is_protobuf(&response) || is_json(&response))) {
        if (head_has(&response, "Transfer-Encoding: chunked"))
            check_stream(api_type(target, "Event"), &response, name, totals);
        else
            check_body(api_type(target, "Response"), &response, body, name, totals);
    }
    half_fini(&response);
}

static void
check_exchange(const char *dir, const char *name, struct totals *totals)
{
    struct half request = {0};
    assert_true(half_read(&request, dir, name));
    struct str line = request.start;
    str_cut(&line, ' ');
    struct str target = str_cut(&line, ' ');
    if (str_eq(target, STR_LIT("/api/v1/scheduler")) || str_eq(target, STR_LIT("/api/v1")) ||
        str_eq(target, STR_LIT("/master/api/v1"))) {
        check_api(target, &request, dir, name, totals);
    } else {
        const char *slash = memrchr(target.ptr, '/', target.len);
        auto_free char *type_name = str_dup(str_n(slash + 1, target.len - (size_t)(slash + 1 - target.ptr)));
        const ProtobufCMessageDescriptor *type = message_type(type_name);
        if (!type)
            fail_msg("%s: no type %s", name, type_name);
        check_protobuf(type, buf_str(&request.body), name);
        totals->protobuf++;
    }
    half_fini(&request);
}

static int
is_request(const struct dirent *entry)
{
    return str_ends(str_of(entry->d_name), STR_LIT(".req"));
}

static struct totals
replay(const char *dir)
{
    auto_free char *relative = xasprintf("traces/%s", dir), *path = facts_path(relative);
    struct dirent **entries;
    struct totals totals = {0};
    int n = scandir(path, &entries, is_request, alphasort);
    assert_true(n > 0);
    for (int i = 0; i < n; i++) {
        check_exchange(dir, entries[i]->d_name, &totals);
        free(entries[i]);
    }
    free(entries);
    print_message("%s: %u protobuf bodies, %u JSON bodies, %u of them stream records, %u refusals\n", dir,
                  totals.protobuf, totals.json, totals.events, totals.refused);
    return totals;
}

static void
test_agent_registration(void **state)
{
    struct totals totals = replay("01-agent-registration");
    assert_true(totals.protobuf >= 30);
    assert_true(totals.json >= 10);
}

static void
test_scheduler_json(void **state)
{
    struct totals totals = replay("02-v1-scheduler-json");
    assert_true(totals.json >= 150);
}

static void
test_scheduler_errors(void **state)
{
    struct totals totals = replay("02b-v1-scheduler-errors");
    assert_true(totals.refused >= 13);
    assert_true(totals.json >= 100);
}

static void
test_scheduler_protobuf(void **state)
{
    struct totals totals = replay("03-v1-scheduler-protobuf");
    assert_true(totals.protobuf >= 30);
    assert_true(totals.refused >= 3);
}

static void
test_libprocess(void **state)
{
    struct totals totals = replay("04-command-executor-libprocess");
    assert_true(totals.protobuf >= 80);
}

static void
test_operator(void **state)
{
    struct totals totals = replay("06-operator-master-reads");
    assert_true(totals.protobuf >= 30);
    assert_true(totals.json >= 60);
}

static void
test_v0_driver(void **state)
{
    struct totals totals = replay("08-v0-scheduler-driver");
    assert_true(totals.protobuf >= 80);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agent_registration), cmocka_unit_test(test_scheduler_json),
        cmocka_unit_test(test_scheduler_errors),   cmocka_unit_test(test_scheduler_protobuf),
        cmocka_unit_test(test_libprocess),         cmocka_unit_test(test_operator),
        cmocka_unit_test(test_v0_driver),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
