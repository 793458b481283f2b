/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ATTACH_CONTAINER_INPUT: from a client's HTTP stream of ProcessIO records to the frames of the container's switchboard
 * (agent/switchboard.h). Nothing is kept: when the container is slow, the client is not read.
 */
#include "agent/containers.h"

#include <stdio.h>

#include "agent/switchboard.h"
#include "wire/recordio.h"

#define INPUT_RECORD_MAX (1u << 20) /* of the client */

typedef Mesos__V1__Agent__ProcessIO ProcessIO;

struct input {
    struct http_exchange *exchange;
    struct stream *stream;
    bool json, attached;
    bool ended; /* the client has said all; the switchboard is to take it */
};

static void
input_free(struct input *input)
{
    stream_close(input->stream);
    free(input);
}

static void
input_refuse(struct input *input, int status, const char *text)
{
    struct http_exchange *exchange = input->exchange;
    input_free(input);
    http_reply_text(exchange, status, "%s", text);
}

static void
on_input_gone(struct http_exchange *exchange, void *arg)
{
    (void)exchange;
    input_free(arg);
}

#define EXPECT(member) return "Expecting 'attach_container_input" member "' to be present"

static const char *
control_wrong(const Mesos__V1__Agent__ProcessIO__Control *control)
{
    if (!control)
        EXPECT(".process_io.control");
    if (!control->has_type)
        EXPECT(".process_io.control.type");
    if (control->type == MESOS__V1__AGENT__PROCESS_IO__CONTROL__TYPE__TTY_INFO && !control->tty_info)
        EXPECT(".process_io.control.tty_info");
    if (control->type == MESOS__V1__AGENT__PROCESS_IO__CONTROL__TYPE__HEARTBEAT && !control->heartbeat)
        EXPECT(".process_io.control.heartbeat");
    return NULL;
}

static const char *
data_wrong(const Mesos__V1__Agent__ProcessIO__Data *data)
{
    if (!data)
        EXPECT(".process_io.data");
    if (!data->has_type)
        EXPECT(".process_io.data.type");
    if (data->type != MESOS__V1__AGENT__PROCESS_IO__DATA__TYPE__STDIN)
        return "Expecting 'attach_container_input.process_io.data.type' to be STDIN";
    if (!data->has_data)
        EXPECT(".process_io.data.data");
    return NULL;
}

/* What is wrong with a record that follows the first; NULL: nothing. The names are those of the call's members. */
static const char *
input_wrong(const Mesos__V1__Agent__Call *call)
{
    const Mesos__V1__Agent__Call__AttachContainerInput *body = call->attach_container_input;
    const ProcessIO *io = body ? body->process_io : NULL;
    if (!body || call->type != MESOS__V1__AGENT__CALL__TYPE__ATTACH_CONTAINER_INPUT)
        EXPECT("");
    if (!body->has_type)
        EXPECT(".type");
    if (body->type != MESOS__V1__AGENT__CALL__ATTACH_CONTAINER_INPUT__TYPE__PROCESS_IO)
        return "Expecting 'attach_container_input.type' to be PROCESS_IO";
    if (!io)
        EXPECT(".process_io");
    if (!io->has_type)
        EXPECT(".process_io.type");
    if (io->type == MESOS__V1__AGENT__PROCESS_IO__TYPE__DATA)
        return data_wrong(io->data);
    if (io->type == MESOS__V1__AGENT__PROCESS_IO__TYPE__CONTROL)
        return control_wrong(io->control);
    return "Expecting 'attach_container_input.process_io.type' to be DATA or CONTROL";
}
#undef EXPECT

static void
send_input(struct input *input, const ProcessIO *io)
{
    if (io->type == MESOS__V1__AGENT__PROCESS_IO__TYPE__DATA) {
        const uint8_t *data = io->data->data.data;
        size_t left = io->data->data.len;
        do {
            size_t n = left < MESOS_IO_MAX ? left : MESOS_IO_MAX;
            switchboard_send(input->stream, MESOS_IO_STDIN, data, n);
            data += n;
            left -= n;
        } while (left);
    } else if (io->control->tty_info && io->control->tty_info->window_size) {
        const Mesos__V1__TTYInfo__WindowSize *size = io->control->tty_info->window_size;
        struct mesos_io_window window = {(uint16_t)(size->rows > UINT16_MAX ? UINT16_MAX : size->rows),
                                         (uint16_t)(size->columns > UINT16_MAX ? UINT16_MAX : size->columns)};
        switchboard_send(input->stream, MESOS_IO_WINDOW, &window, sizeof(window));
    }
}

/* False when the stream has been refused and input is gone. */
static bool
take_record(struct input *input, struct str record)
{
    struct err err = {0};
    auto_arena struct arena *arena = arena_new(0);
    const Mesos__V1__Agent__Call *call = operator_decode(record, input->json, arena, &err);
    const char *wrong = call ? input_wrong(call) : NULL;
    if (!call) {
        input_refuse(input, 400, err.text);
        return false;
    }
    if (wrong) {
        auto_free char *text = xasprintf("Failed to validate agent::Call: %s", wrong);
        input_refuse(input, 400, text);
        return false;
    }
    send_input(input, call->attach_container_input->process_io);
    return true;
}

/* A record that is longer than anybody types is refused before it has come. */
static bool
too_long(const struct buf *body)
{
    struct str head = buf_str(body);
    uint64_t length;
    const char *end = memchr(head.ptr, '\n', head.len < 24 ? head.len : 24);
    if (!end)
        return head.len >= 24;
    return !str_to_u64(str_n(head.ptr, (size_t)(end - head.ptr)), &length) && length > INPUT_RECORD_MAX;
}

static void
on_input_body(struct http_exchange *exchange, struct buf *body, bool end, void *arg)
{
    struct input *input = arg;
    struct str record;
    struct err err = {0};
    size_t used;
    int rc = 0;
    while (body->len) {
        if (too_long(body)) {
            auto_free char *text = xasprintf("A record of ATTACH_CONTAINER_INPUT has at most %u bytes", INPUT_RECORD_MAX);
            input_refuse(input, 413, text);
            return;
        }
        rc = recordio_read(body, &record, &used, &err);
        if (rc <= 0)
            break;
        if (!take_record(input, record))
            return;
        buf_consume(body, used);
    }
    if (rc < 0 || (end && body->len)) {
        input_refuse(input, 400, rc < 0 ? err.text : "Received EOF in the middle of a record");
        return;
    }
    if (end) {
        input->ended = true;
        if (input->attached)
            stream_finish(input->stream);
    } else if (stream_queued(input->stream) > SWITCHBOARD_SLOW_BYTES) {
        http_exchange_pause_body(exchange, true);
    }
}

static void
on_input_drain(struct stream *stream, void *arg)
{
    struct input *input = arg;
    (void)stream;
    if (!input->ended)
        http_exchange_pause_body(input->exchange, false);
}

static void
on_input_data(struct stream *stream, struct buf *in, void *arg)
{
    struct input *input = arg;
    struct mesos_io_frame head;
    struct str bytes;
    int rc;
    while ((rc = switchboard_take(in, &head, &bytes)) > 0) {
        if (head.kind == MESOS_IO_REFUSED) {
            auto_free char *why = str_dup(bytes);
            input_refuse(input, 409, why);
            return;
        }
        if (head.kind == MESOS_IO_ATTACHED && !input->attached) {
            input->attached = true;
            if (input->ended)
                stream_finish(stream);
        }
        buf_consume(in, sizeof(head) + head.len);
    }
    if (rc < 0)
        input_refuse(input, 500, "the I/O switchboard speaks nonsense");
}

/* It has taken everything, or the container has ended before. */
static void
on_input_close(struct stream *stream, const struct err *err, void *arg)
{
    struct input *input = arg;
    struct http_exchange *exchange = input->exchange;
    bool whole = input->ended && input->attached && err->code == 0;
    (void)stream;
    if (!whole) {
        input_refuse(input, 500, "Disconnected");
        return;
    }
    input_free(input);
    operator_reply_done(exchange);
}

static const struct stream_handler input_handler = {
    .on_data = on_input_data, .on_drain = on_input_drain, .on_close = on_input_close};

/* The container that the first record names; NULL when it has been refused. */
static const char *
input_container(struct operator_call *op, const Mesos__V1__Agent__Call__AttachContainerInput *body)
{
    const char *wrong = NULL;
    if (!body->has_type || body->type != MESOS__V1__AGENT__CALL__ATTACH_CONTAINER_INPUT__TYPE__CONTAINER_ID)
        wrong = "Expecting 'attach_container_input.type' to be CONTAINER_ID in the first record";
    else if (!body->container_id)
        wrong = "Expecting 'attach_container_input.container_id' to be present";
    if (!wrong)
        return operator_container_id(op, body->container_id, "attach_container_input.container_id");
    http_reply_text(op->exchange, 400, "Failed to validate agent::Call: %s", wrong);
    return NULL;
}

void
operator_attach_container_input(struct operator_call *op)
{
    struct err err = {0};
    const char *id;
    if (!operator_containers_ready(op))
        return;
    if (!(id = input_container(op, op->call->attach_container_input)) ||
        !operator_admits(op, id, MESOS_ACTION_ATTACH_CONTAINER_INPUT))
        return;
    struct module *module = containerizer_of(op->agent, id);
    if (!module) {
        http_reply_text(op->exchange, 500, "Unknown container %s", id);
        return;
    }
    int fd = containerizer_attach(module, id, &err);
    if (fd < 0) {
        http_reply_text(op->exchange, 500, "%s", err.text);
        return;
    }
    operator_audit(op->agent, op->exchange, "ATTACH_CONTAINER_INPUT", id, NULL);
    struct input *input = xcalloc(1, sizeof(*input));
    input->exchange = op->exchange;
    input->json = op->json_in;
    http_exchange_on_gone(op->exchange, on_input_gone, input);
    http_exchange_on_body(op->exchange, on_input_body, input);
    input->stream = stream_adopt(op->agent->loop, fd, &input_handler, input);
    switchboard_attach(input->stream, MESOS_IO_INPUT);
}
