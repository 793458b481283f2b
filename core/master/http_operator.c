/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST /api/v1: decodes an operator's call, checks its shape and hands it to its operator_*.c. Statuses and texts are
 * Mesos's, as recorded.
 */
#include <errno.h>

#include "master/http.h"
#include "master/operator.h"
#include "master/orderer.h"
#include "wire/message.h"

typedef Mesos__V1__Master__Call Call;

struct call_row {
    Mesos__V1__Master__Call__Type type;
    const char *name, *member;
    size_t member_at; /* of the pointer that must be set */
    void (*function)(struct operator_call *op);
    const char *what; /* without a function: what it comes with */
};

/* Calls without a member of their own: the type, which is always there, takes its place. */
#define NO_BODY           type
#define MEMBER_AT(member) offsetof(Call, member)

static const struct call_row calls[] = {
#define CALL(NAME, name, member)                                                                             \
    {MESOS__V1__MASTER__CALL__TYPE__##NAME, #NAME, #member, MEMBER_AT(member), operator_##name, NULL},
#define LATER(NAME, member, what)                                                                            \
    {MESOS__V1__MASTER__CALL__TYPE__##NAME, #NAME, #member, MEMBER_AT(member), NULL, what},
#include "master/operator_calls.def"
#undef CALL
#undef LATER
};

static const struct call_row *
find_row(Mesos__V1__Master__Call__Type type)
{
    for (size_t i = 0; i < ARRAY_LEN(calls); i++)
        if (calls[i].type == type)
            return &calls[i];
    return NULL;
}

/* Whether the call has the member that its type says it has. */
static bool
has_member(const struct call_row *row, const Call *call)
{
    return row->member_at == offsetof(Call, type) || *(void *const *)((const char *)call + row->member_at);
}

/* Each of them would change something. */
static void
refuse_later(struct operator_call *op, const struct call_row *row)
{
    if (!operator_later_admits(op))
        return;
    audit_order(op->master, op->exchange, row->name, operator_later_object(op), "not built yet");
    operator_reply_later(op->exchange, row->name, row->what);
}

void
http_operator(struct http_exchange *exchange, void *arg)
{
    const struct http_request *request = http_exchange_request(exchange);
    struct operator_call op = {.master = arg, .exchange = exchange, .arena = request->arena};
    struct str body = buf_str(&request->body);
    struct err err = {0};
    bool json;
    if (!http_content_type(exchange, &json))
        return;
    Call *call = json ? MESSAGE_FROM_JSON(Call, mesos__v1__master__call, body, request->arena, &err)
                      : MESSAGE_UNPACK(Call, mesos__v1__master__call, body, request->arena, &err);
    if (!call) {
        http_reply_text(exchange, 400, "%s%s", json ? "" : "Failed to parse body into Call protobuf: ", err.text);
        return;
    }
    if (!call->has_type) {
        http_reply_text(exchange, 400, "Failed to validate master::Call: Expecting 'type' to be present");
        return;
    }
    const struct call_row *row = find_row(call->type);
    if (row && !has_member(row, call)) {
        http_reply_text(exchange, 400, "Failed to validate master::Call: Expecting '%s' to be present",
                        row->member);
        return;
    }
    int accept = http_accept_type(exchange);
    if (accept < 0)
        return;
    op.call = call;
    op.json = accept > 0;
    if (!row)
        http_reply_text(exchange, 501, "501 Not Implemented.");
    else if (row->function)
        row->function(&op);
    else
        refuse_later(&op, row);
}

void
operator_answer(struct operator_call *op, Mesos__V1__Master__Response *response,
                Mesos__V1__Master__Response__Type type)
{
    response->has_type = true;
    response->type = type;
    operator_reply(op->exchange, response, op->json);
}

/* An answer that waits for its pages; in the request's arena. */
struct written {
    struct operator_call op;
    Mesos__V1__Master__Response__Type type;
    const char *type_name, *name;
    uint32_t number;
    void (*write)(struct writer *writer, struct master *master, struct sight *sight);
};

static void
answer_written(struct http_exchange *exchange, void *arg)
{
    struct written *written = arg;
    bool json = written->op.json;
    auto_sight struct sight *sight = sight_of(written->op.master, exchange);
    auto_rope struct rope rope = {0};
    struct writer writer = writer_on_rope(&rope, json);
    writer_open(&writer);
    writer_enum(&writer, 1, "type", (int)written->type, written->type_name);
    writer_begin(&writer, written->number, written->name);
    written->write(&writer, written->op.master, sight);
    writer_end(&writer);
    writer_close(&writer);
    http_reply_rope(exchange, json ? "application/json" : "application/x-protobuf", &rope);
}

void
operator_answer_written(struct operator_call *op, Mesos__V1__Master__Response__Type type, const char *type_name,
                        uint32_t number, const char *name,
                        void (*write)(struct writer *writer, struct master *master, struct sight *sight))
{
    struct written *written = arena_alloc(op->arena, sizeof(*written));
    *written = (struct written){*op, type, type_name, name, number, write};
    views_await(op->master->views, op->json ? VIEW_JSON : VIEW_PROTO, op->exchange, answer_written, written);
}

void
operator_write_sheets(struct writer *writer, const struct sheets *sheets, struct sight *sight)
{
    bool first = !writer->json.comma;
    sheets_show(sheets, writer->is_json ? VIEW_JSON : VIEW_PROTO, sight, writer->rope, &first);
    writer->json.comma = !first;
}
