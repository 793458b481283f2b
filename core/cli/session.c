/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the output of a session and its end. */
#include "cli/session.h"
#include "cli/login.h"
#include "cli/tls.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "wire/http_client.h"
#include "wire/recordio.h"

enum { MOST_REFUSAL_BYTES = 4096, WAIT_MS = 5000, LIFETIME_MS = INT32_MAX };

static void
fail(struct session *session, const char *what, const struct err *err)
{
    if (session->done)
        return;
    err_set(&session->err, err->code ? err->code : -ECONNRESET, "%s: %s", what,
            err->code ? err->text : "the connection was closed");
    session->done = true;
}

static int
exit_code_of(int status)
{
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : EXIT_FAILURE;
}

/* Done when the output has ended and, if it is wanted, the exit status is there. */
static void
finish_when_complete(struct session *session)
{
    if (session->output_ended && (session->exit_known || !session->waits || !session->waiter))
        session->done = true;
}

static void
on_waited(const struct http_response *response, void *arg)
{
    struct session *session = arg;
    json_t *answer = json_loadb(response->body->len ? buf_data(response->body) : "", response->body->len, 0, NULL);
    json_t *status = json_object_get(json_object_get(answer, "wait_nested_container"), "exit_status");

    if (response->status == 200 && json_is_integer(status)) {
        session->exit_code = exit_code_of((int)json_integer_value(status));
        session->exit_known = true;
    }
    json_decref(answer);
    if (!session->exit_known)
        session->waits = false;
    finish_when_complete(session);
}

static void
on_wait_error(const struct err *err, void *arg)
{
    struct session *session = arg;

    session->waits = false;
    finish_when_complete(session);
}

static const struct http_call_handler wait_handler = {.on_response = on_waited, .on_error = on_wait_error};

static void
send_json(struct http_client *client, json_t *call, const struct http_call_handler *handler, bool stream, struct session *session)
{
    struct http_header headers[4] = {
        {STR_LIT("Content-Type"), STR_LIT("application/json")},
        {STR_LIT("Accept"), stream ? STR_LIT("application/recordio") : STR_LIT("application/json")},
        {STR_LIT("Message-Accept"), STR_LIT("application/json")}};
    auto_free char *text = json_dumps(call, JSON_COMPACT);

    json_decref(call);
    http_client_send(client, "POST", "/api/v1", headers, cli_login_header(session->cli, headers, stream ? 3 : 2), str_of(text),
                     stream ? CLI_TIMEOUT_MS : LIFETIME_MS, handler, session);
}

static void
on_head(const struct http_response *response, void *arg)
{
    struct session *session = arg;

    session->status = response->status;
    if (response->status != 200)
        return;
    if (session->waits) {
        session->waiter = cli_client(session->cli, &session->agent);
        send_json(session->waiter,
                  json_pack("{s:s,s:{s:O}}", "type", "WAIT_NESTED_CONTAINER", "wait_nested_container", "container_id",
                            session->container_id),
                  &wait_handler, false, session);
    }
    if (session->tty)
        session_raw(session);
    if (session->input || session->no_input)
        session_input_start(session);
}

static void
print_record(struct str record)
{
    json_t *message = json_loadb(record.ptr, record.len, 0, NULL);
    json_t *data = json_object_get(message, "data");
    auto_buf struct buf bytes = {0};

    if (json_is_object(data) && base64_decode(&bytes, str_of(cli_text(data, "data"))) == 0) {
        FILE *to = strcmp(cli_text(data, "type"), "STDERR") == 0 ? stderr : stdout;

        fwrite(buf_data(&bytes), 1, bytes.len, to);
        fflush(to);
    }
    json_decref(message);
}

static void
on_records(const struct http_response *response, void *arg)
{
    struct session *session = arg;
    struct str record;
    struct err err = {0};
    size_t used;
    int got = 0;

    if (response->status != 200) {
        if (session->refusal.len < MOST_REFUSAL_BYTES)
            buf_append_str(&session->refusal, buf_str(response->body));
        buf_consume(response->body, response->body->len);
        return;
    }
    while ((got = recordio_read(response->body, &record, &used, &err)) > 0) {
        print_record(record);
        buf_consume(response->body, used);
    }
    if (got < 0)
        fail(session, session->agent.host, &err);
}

static void
on_output_end(const struct http_response *response, void *arg)
{
    struct session *session = arg;
    struct str why = str_trim(buf_str(&session->refusal));
    struct err err;

    session->output_ended = true;
    if (session->status == 200) {
        finish_when_complete(session);
        return;
    }
    err_set(&err, -EPROTO, "answers %d %s%s%.*s", session->status, http_status_text(session->status),
            why.len ? ": " : "", (int)(why.len < 500 ? why.len : 500), why.ptr);
    fail(session, session->agent.host, &err);
}

static void
on_output_error(const struct err *err, void *arg)
{
    struct session *session = arg;

    session->output_ended = true;
    fail(session, session->agent.host, err);
}

static const struct http_call_handler output_handler = {
    .on_head = on_head, .on_body = on_records, .on_response = on_output_end, .on_error = on_output_error};

static bool
is_done(void *arg)
{
    return ((struct session *)arg)->done;
}

static bool
output_has_ended(void *arg)
{
    return ((struct session *)arg)->done || ((struct session *)arg)->output_ended;
}

/* A signal ends us, but not before the terminal is what it was. */
static void
on_signal(int signo, void *arg)
{
    struct session *session = arg;

    session->exit_code = 128 + signo;
    session->exit_known = true;
    session->done = true;
}

static void
on_resize(int signo, void *arg)
{
    struct session *session = arg;

    loop_timer_start(&session->heartbeat, 0); /* tells the size as well */
}

static int
result(struct session *session)
{
    if (session->err.code)
        return cli_fail(&session->err);
    if (session->exit_known)
        return session->exit_code;
    if (session->status == 200 && session->waiter) {
        fputs("mesos: the agent did not tell how the command ended\n", stderr);
        return EXIT_FAILURE;
    }
    return 0;
}

int
session_run(struct session *session, json_t *call)
{
    struct loop *loop = session->cli->loop;
    int code;

    loop_signal(loop, SIGTERM, on_signal, session, NULL);
    loop_signal(loop, SIGHUP, on_signal, session, NULL);
    if (session->tty)
        loop_signal(loop, SIGWINCH, on_resize, session, NULL);
    session->output = cli_client(session->cli, &session->agent);
    send_json(session->output, call, &output_handler, true, session);
    while (!loop_run_until(loop, output_has_ended, session, LIFETIME_MS))
        ;
    loop_run_until(loop, is_done, session, WAIT_MS);
    session_input_stop(session);
    session_cooked(session);
    http_client_free(session->output);
    http_client_free(session->waiter);
    code = result(session);
    buf_fini(&session->refusal);
    json_decref(session->container_id);
    return code;
}
