/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ATTACH_CONTAINER_OUTPUT and LAUNCH_NESTED_CONTAINER_SESSION: from the frames of a container's switchboard
 * (agent/switchboard.h) to a client's HTTP stream of ProcessIO records. Nothing is kept: when the client is slow, the
 * container is not read.
 */
#include "agent/containers.h"

#include <stdio.h>

#include "agent/switchboard.h"
#include "wire/recordio.h"

#define NS_PER_MS 1000000LL

typedef Mesos__V1__Agent__ProcessIO ProcessIO;

struct output {
    struct agent *agent;
    struct module *module;
    char *container_id;
    struct http_exchange *exchange;
    struct stream *stream; /* to the switchboard */
    bool json, record_type; /* record_type: application/recordio, else the encoding's own */
    bool session;           /* the container ends with its client */
    bool started;           /* the head of the answer is sent */
    struct loop_timer heartbeat;
};

static void
output_free(struct output *output)
{
    loop_timer_stop(&output->heartbeat);
    stream_close(output->stream);
    free(output->container_id);
    free(output);
}

static void
session_destroy(const struct output *output)
{
    log_info("session of container %s is over: destroying it", output->container_id);
    operator_session_destroy(output->module, output->container_id);
}

static void
on_output_gone(struct http_exchange *exchange, void *arg)
{
    struct output *output = arg;
    (void)exchange;
    if (output->session)
        session_destroy(output);
    output_free(output);
}

static void
write_record(struct output *output, const ProcessIO *io)
{
    auto_buf struct buf record = {0};
    auto_buf struct buf out = {0};
    if (output->json)
        message_to_json(&record, io);
    else
        message_pack(&record, io);
    recordio_write(&out, buf_str(&record));
    if (http_stream_write(output->exchange, buf_str(&out)) &&
        http_stream_queued(output->exchange) > SWITCHBOARD_SLOW_BYTES)
        stream_pause(output->stream); /* until on_sent */
}

static void
on_sent(struct http_exchange *exchange, void *arg)
{
    struct output *output = arg;
    (void)exchange;
    stream_resume(output->stream);
}

static void
write_data(struct output *output, uint32_t kind, struct str bytes)
{
    ProcessIO io = MESOS__V1__AGENT__PROCESS_IO__INIT;
    Mesos__V1__Agent__ProcessIO__Data data = MESOS__V1__AGENT__PROCESS_IO__DATA__INIT;
    union {
        const char *from;
        uint8_t *to;
    } content = {.from = bytes.ptr};
    io.has_type = data.has_type = data.has_data = true;
    io.type = MESOS__V1__AGENT__PROCESS_IO__TYPE__DATA;
    io.data = &data;
    data.type = kind == MESOS_IO_STDOUT ? MESOS__V1__AGENT__PROCESS_IO__DATA__TYPE__STDOUT
                                        : MESOS__V1__AGENT__PROCESS_IO__DATA__TYPE__STDERR;
    data.data.data = content.to;
    data.data.len = bytes.len;
    write_record(output, &io);
}

static void
on_heartbeat(void *arg)
{
    struct output *output = arg;
    ProcessIO io = MESOS__V1__AGENT__PROCESS_IO__INIT;
    Mesos__V1__Agent__ProcessIO__Control control = MESOS__V1__AGENT__PROCESS_IO__CONTROL__INIT;
    Mesos__V1__Agent__ProcessIO__Control__Heartbeat heartbeat =
        MESOS__V1__AGENT__PROCESS_IO__CONTROL__HEARTBEAT__INIT;
    Mesos__V1__DurationInfo interval = MESOS__V1__DURATION_INFO__INIT;
    interval.nanoseconds = output->agent->options->http_heartbeat_interval_ns;
    heartbeat.interval = &interval;
    control.has_type = io.has_type = true;
    control.type = MESOS__V1__AGENT__PROCESS_IO__CONTROL__TYPE__HEARTBEAT;
    control.heartbeat = &heartbeat;
    io.type = MESOS__V1__AGENT__PROCESS_IO__TYPE__CONTROL;
    io.control = &control;
    loop_timer_start(&output->heartbeat, interval.nanoseconds / NS_PER_MS);
    write_record(output, &io);
}

static void
output_start(struct output *output)
{
    const char *encoding = output->json ? "application/json" : "application/x-protobuf";
    struct http_header header = {STR_LIT("Message-Content-Type"), str_of(encoding)};
    output->started = true;
    http_stream_on_drain(output->exchange, on_sent, output);
    http_stream_start(output->exchange, 200, &header, output->record_type ? 1 : 0,
                      output->record_type ? "application/recordio" : encoding);
    loop_timer_start(&output->heartbeat, output->agent->options->http_heartbeat_interval_ns / NS_PER_MS);
}

/* The switchboard says no more. whole: because the container has ended. */
static void
output_end(struct output *output, bool whole, const char *why)
{
    struct http_exchange *exchange = output->exchange;
    if (output->session && !whole)
        session_destroy(output);
    if (!output->started)
        http_reply_text(exchange, 500, "%s", why);
    else if (whole)
        http_stream_end(exchange);
    else
        http_exchange_abort(exchange);
    output_free(output);
}

static void
on_output_data(struct stream *stream, struct buf *in, void *arg)
{
    struct output *output = arg;
    struct mesos_io_frame head;
    struct str bytes;
    int rc;
    (void)stream;
    while ((rc = switchboard_take(in, &head, &bytes)) > 0) {
        bool over = head.kind == MESOS_IO_END;
        if (head.kind == MESOS_IO_ATTACHED && !output->started) {
            output_start(output);
        } else if (head.kind == MESOS_IO_REFUSED || (over && !output->started)) {
            auto_free char *why = str_dup(over ? STR_LIT("Disconnected") : bytes);
            output_end(output, over, why);
            return;
        } else if (over) {
            output_end(output, true, NULL);
            return;
        } else if (head.kind == MESOS_IO_STDOUT || head.kind == MESOS_IO_STDERR) {
            write_data(output, head.kind, bytes);
        }
        buf_consume(in, sizeof(head) + head.len);
    }
    if (rc < 0)
        output_end(output, false, "the I/O switchboard speaks nonsense");
}

static void
on_output_close(struct stream *stream, const struct err *err, void *arg)
{
    (void)stream;
    (void)err;
    output_end(arg, false, "Disconnected");
}

static const struct stream_handler output_handler = {.on_data = on_output_data, .on_close = on_output_close};

/* Answers by itself when it cannot; output is gone then. */
static void
output_attach(struct output *output)
{
    struct err err = {0};
    int fd = containerizer_attach(output->module, output->container_id, &err);
    if (fd < 0) {
        if (output->session)
            session_destroy(output);
        http_reply_text(output->exchange, 500, "%s", err.text);
        output_free(output);
        return;
    }
    http_exchange_on_gone(output->exchange, on_output_gone, output);
    output->stream = stream_adopt(output->agent->loop, fd, &output_handler, output);
    switchboard_attach(output->stream, output->session ? MESOS_IO_SESSION : MESOS_IO_OUTPUT);
}

static struct output *
output_new(struct operator_call *op, const char *container_id)
{
    struct output *output = xcalloc(1, sizeof(*output));
    output->agent = op->agent;
    output->exchange = op->exchange;
    output->json = op->json;
    output->record_type = op->stream_out;
    output->container_id = xstrdup(container_id);
    loop_timer_init(&output->heartbeat, op->agent->loop, on_heartbeat, output);
    return output;
}

void
operator_attach_container_output(struct operator_call *op)
{
    const char *id;
    if (!operator_containers_ready(op) ||
        !(id = operator_container_id(op, op->call->attach_container_output->container_id,
                                     "attach_container_output.container_id")) ||
        !operator_admits(op, id, MESOS_ACTION_ATTACH_CONTAINER_OUTPUT))
        return;
    struct module *module = containerizer_of(op->agent, id);
    if (!module) {
        http_reply_text(op->exchange, 500, "Unknown container %s", id);
        return;
    }
    struct output *output = output_new(op, id);
    output->module = module;
    output_attach(output);
}

/* ---- sessions ---- */

static void
on_session_launched(struct http_exchange *exchange, struct module *module, void *arg)
{
    struct output *output = arg;
    (void)exchange;
    output->module = module;
    output_attach(output);
}

static void
on_session_dropped(void *arg)
{
    output_free(arg);
}

void
operator_launch_nested_container_session(struct operator_call *op)
{
    const Mesos__V1__Agent__Call__LaunchNestedContainerSession *body = op->call->launch_nested_container_session;
    struct container_wish wish = {.command = body->command, .container = body->container, .debug = true};
    if (!operator_containers_ready(op) ||
        !(wish.id = operator_nested_id(op, body->container_id, "launch_nested_container_session.container_id")))
        return;
    struct output *output = output_new(op, wish.id);
    output->session = true;
    operator_launch(op, &wish, on_session_launched, output, on_session_dropped);
}
