/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of the agent's operator API. Used by the default executor; decides nothing about tasks. */
#include "executor/agent_call.h"

#include "wire/http_client.h"
#include "wire/message.h"

enum { ANSWER_MAX_BYTES = 64 * 1024 };

struct agent_call {
    struct http_client *client;
    agent_call_done_fn *done;
    void *arg;
    struct buf answer;
};

void
agent_call_cancel(struct agent_call *call)
{
    if (!call)
        return;
    http_client_free(call->client);
    buf_fini(&call->answer);
    free(call);
}

static void
finish(struct agent_call *call, int status, struct str body)
{
    agent_call_done_fn *done = call->done;
    void *arg = call->arg;
    auto_buf struct buf kept = {0};
    buf_append_str(&kept, body);
    agent_call_cancel(call);
    done(status, buf_str(&kept), arg);
}

static void
on_head(const struct http_response *response, void *arg)
{
}

/* Answers are small; of a stream of output only an error's text is of use. */
static void
on_body(const struct http_response *response, void *arg)
{
    struct agent_call *call = arg;
    if (call->answer.len + response->body->len <= ANSWER_MAX_BYTES)
        buf_append_str(&call->answer, buf_str(response->body));
    buf_clear(response->body);
}

static void
on_stream(const struct http_response *response, void *arg)
{
    if (response->status == 200)
        buf_clear(response->body);
    else
        on_body(response, arg);
}

static void
on_response(const struct http_response *response, void *arg)
{
    struct agent_call *call = arg;
    finish(call, response->status, buf_str(&call->answer));
}

static void
on_error(const struct err *err, void *arg)
{
    finish(arg, 0, str_of(err->text));
}

/* "/slave(1)/api/v1/executor" -> "/slave(1)/api/v1". */
static char *
operator_target(const char *target)
{
    const char *last = strrchr(target, '/');
    return last ? xstrndup(target, (size_t)(last - target)) : xstrdup("/api/v1");
}

struct agent_call *
agent_call_start(struct loop *loop, const struct agent_link_options *options, const Mesos__V1__Agent__Call *message,
                 bool stream, agent_call_done_fn *done, void *arg)
{
    static const struct http_call_handler whole = {on_head, on_body, on_response, on_error};
    static const struct http_call_handler streamed = {on_head, on_stream, on_response, on_error};
    struct agent_call *call = xcalloc(1, sizeof(*call));
    struct http_header headers[6];
    auto_free char *authorization = NULL, *target = operator_target(options->target);
    auto_buf struct buf body = {0};
    size_t count = agent_link_headers(options, &authorization, headers);
    call->done = done;
    call->arg = arg;
    call->client = agent_link_client(loop, options);
    message_pack(&body, message);
    if (stream) {
        headers[0].value = STR_LIT("application/recordio");
        headers[count++] = (struct http_header){STR_LIT("Message-Accept"), STR_LIT("application/x-protobuf")};
    }
    headers[count++] = (struct http_header){STR_LIT("Connection"), STR_LIT("close")};
    http_client_send(call->client, "POST", target, headers, count, buf_str(&body), 0, stream ? &streamed : &whole,
                     call);
    return call;
}

Mesos__V1__ContainerID *
container_id_new(struct arena *arena, const char *id, Mesos__V1__ContainerID *parent)
{
    Mesos__V1__ContainerID *message = arena_alloc(arena, sizeof(*message));
    mesos__v1__container_id__init(message);
    message->value = arena_strdup(arena, str_of(id));
    message->parent = parent;
    return message;
}

struct agent_call *
agent_call_wait(struct loop *loop, const struct agent_link_options *options, Mesos__V1__ContainerID *id,
                agent_call_done_fn *done, void *arg)
{
    Mesos__V1__Agent__Call call = MESOS__V1__AGENT__CALL__INIT;
    Mesos__V1__Agent__Call__WaitNestedContainer body = MESOS__V1__AGENT__CALL__WAIT_NESTED_CONTAINER__INIT;
    call.has_type = true;
    call.type = MESOS__V1__AGENT__CALL__TYPE__WAIT_NESTED_CONTAINER;
    call.wait_nested_container = &body;
    body.container_id = id;
    return agent_call_start(loop, options, &call, false, done, arg);
}

struct agent_call *
agent_call_kill(struct loop *loop, const struct agent_link_options *options, Mesos__V1__ContainerID *id, int signo,
                agent_call_done_fn *done, void *arg)
{
    Mesos__V1__Agent__Call call = MESOS__V1__AGENT__CALL__INIT;
    Mesos__V1__Agent__Call__KillNestedContainer body = MESOS__V1__AGENT__CALL__KILL_NESTED_CONTAINER__INIT;
    call.has_type = true;
    call.type = MESOS__V1__AGENT__CALL__TYPE__KILL_NESTED_CONTAINER;
    call.kill_nested_container = &body;
    body.container_id = id;
    body.has_signal = signo != 0;
    body.signal = signo;
    return agent_call_start(loop, options, &call, false, done, arg);
}

struct agent_call *
agent_call_remove(struct loop *loop, const struct agent_link_options *options, Mesos__V1__ContainerID *id,
                  agent_call_done_fn *done, void *arg)
{
    Mesos__V1__Agent__Call call = MESOS__V1__AGENT__CALL__INIT;
    Mesos__V1__Agent__Call__RemoveNestedContainer body = MESOS__V1__AGENT__CALL__REMOVE_NESTED_CONTAINER__INIT;
    call.has_type = true;
    call.type = MESOS__V1__AGENT__CALL__TYPE__REMOVE_NESTED_CONTAINER;
    call.remove_nested_container = &body;
    body.container_id = id;
    return agent_call_start(loop, options, &call, false, done, arg);
}
